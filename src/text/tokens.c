#include "text/tokens.h"

#include <stdlib.h>

#include "base/error.h"
#include "text/alphabet.h"
#include "text/utf8.h"

/* Longer texts only occur in damaged files, and 32-bit offsets then hold all of them. */
enum { MAX_TOKEN_BYTES = 65535 };

static heft_status allocate(struct tokens *tokens, const struct vocab_source *source,
                            heft_error *error);
static uint8_t token_type(const struct vocab_source *source, int id);
static bool is_symbol(const struct vocab_source *source, int id, uint8_t type);
static uint32_t write_piece(const struct vocab_source *source, int id, const struct token *token,
                            char *out);
static uint32_t write_bpe_piece(struct slice text, char *out);
static uint32_t write_spm_piece(struct slice text, char *out);
static void insert(struct tokens *tokens, int32_t id);

heft_status tokens_create(struct tokens *tokens, const struct vocab_source *source,
                          heft_error *error)
{
    *tokens = (struct tokens){0};
    heft_status status = allocate(tokens, source, error);
    if (status != HEFT_OK) {
        tokens_free(tokens);
        return status;
    }
    for (int id = 0; id < source->n_tokens; id++) {
        struct token *token = &tokens->items[id];
        struct slice text = source->tokens[id];
        token->type = token_type(source, id);
        token->is_symbol = is_symbol(source, id, token->type);
        token->text = (uint32_t)tokens->n_bytes;
        token->n_text = (uint32_t)text.n_bytes;
        if (text.n_bytes) memcpy(tokens->bytes + token->text, text.data, text.n_bytes);
        token->piece = token->text + token->n_text;
        token->n_piece = write_piece(source, id, token, tokens->bytes + token->piece);
        tokens->n_bytes = (size_t)token->piece + token->n_piece;
        if (token->n_text) insert(tokens, id);
    }
    return HEFT_OK;
}

void tokens_free(struct tokens *tokens)
{
    free(tokens->items);
    free(tokens->bytes);
    free(tokens->slots);
    *tokens = (struct tokens){0};
}

int32_t tokens_find(const struct tokens *tokens, const char *text, size_t n_bytes)
{
    if (n_bytes == 0 || n_bytes > MAX_TOKEN_BYTES) return -1;
    uint32_t slot = (uint32_t)hash_bytes(&tokens->key, text, n_bytes) & tokens->mask;
    for (;; slot = (slot + 1) & tokens->mask) {
        int32_t id = tokens->slots[slot];
        if (id < 0) return -1;
        const struct token *token = &tokens->items[id];
        if (token->n_text == n_bytes && memcmp(tokens->bytes + token->text, text, n_bytes) == 0)
            return id;
    }
}

int tokens_byte_value(struct slice text)
{
    static const char digits[] = "0123456789ABCDEF0123456789abcdef";
    if (text.n_bytes != 6 || memcmp(text.data, "<0x", 3) != 0 || text.data[5] != '>') return -1;
    const char *high = memchr(digits, text.data[3], sizeof digits - 1);
    const char *low = memchr(digits, text.data[4], sizeof digits - 1);
    return high && low ? (int)((high - digits) % 16 * 16 + (low - digits) % 16) : -1;
}

size_t tokens_memory(const struct tokens *tokens)
{
    return (size_t)tokens->n * sizeof *tokens->items + tokens->n_bytes +
           ((size_t)tokens->mask + 1) * sizeof *tokens->slots;
}

static heft_status allocate(struct tokens *tokens, const struct vocab_source *source,
                            heft_error *error)
{
    if (source->n_tokens <= 0 || !source->tokens)
        return error_set(error, HEFT_BAD_FILE, "the vocabulary has no tokens");
    if (source->n_tokens > INT32_MAX / 4)
        return error_set(error, HEFT_BAD_FILE, "the vocabulary has %d tokens, which is too many",
                         source->n_tokens);
    uint64_t n_bytes = 0;
    for (int id = 0; id < source->n_tokens; id++) {
        size_t n = source->tokens[id].n_bytes;
        if (n > MAX_TOKEN_BYTES)
            return error_set(error, HEFT_BAD_FILE, "token %d has %zu bytes; at most %d make sense",
                             id, n, MAX_TOKEN_BYTES);
        n_bytes += 2 * n; /* a piece is never longer than its text */
    }
    if (n_bytes > UINT32_MAX)
        return error_set(error, HEFT_BAD_FILE, "the texts of the tokens have more than 2 GiB");
    uint32_t n_slots = hash_slots((uint32_t)source->n_tokens);
    tokens->n = source->n_tokens;
    tokens->mask = n_slots - 1;
    tokens->key = hash_key_create();
    tokens->items = calloc((size_t)source->n_tokens, sizeof *tokens->items);
    tokens->bytes = malloc(n_bytes ? (size_t)n_bytes : 1);
    tokens->slots = malloc(n_slots * sizeof *tokens->slots);
    if (!tokens->items || !tokens->bytes || !tokens->slots)
        return error_set(error, HEFT_DOES_NOT_FIT, "no memory for a vocabulary of %d tokens",
                         source->n_tokens);
    memset(tokens->slots, 0xFF, n_slots * sizeof *tokens->slots);
    return HEFT_OK;
}

/* Types that nobody has defined are taken as normal, as other readers do. */
static uint8_t token_type(const struct vocab_source *source, int id)
{
    bool is_byte = source->kind == VOCAB_SPM && tokens_byte_value(source->tokens[id]) >= 0;
    if (!source->types) return is_byte ? TOKEN_BYTE : TOKEN_NORMAL;
    int32_t type = source->types[id];
    if (type < TOKEN_NORMAL || type > TOKEN_BYTE) return TOKEN_NORMAL;
    return type == TOKEN_BYTE && !is_byte ? TOKEN_NORMAL : (uint8_t)type;
}

/* Converters give a score of -1000 to the tokens that were added to a SentencePiece vocabulary
 * later, by tools which cut a text at them before SentencePiece sees it. */
static bool is_symbol(const struct vocab_source *source, int id, uint8_t type)
{
    const float added_score = -1000;
    return source->kind == VOCAB_SPM && type == TOKEN_USER_DEFINED &&
           !(source->scores && source->scores[id] <= added_score);
}

static uint32_t write_piece(const struct vocab_source *source, int id, const struct token *token,
                            char *out)
{
    struct slice text = source->tokens[id];
    uint8_t type = token->is_symbol ? TOKEN_NORMAL : token->type;
    if (type == TOKEN_BYTE) {
        *out = (char)tokens_byte_value(text);
        return 1;
    }
    /* Tokens that were added to a vocabulary are written as they read. */
    if (type == TOKEN_CONTROL || type == TOKEN_USER_DEFINED || type == TOKEN_UNKNOWN) {
        if (text.n_bytes) memcpy(out, text.data, text.n_bytes);
        return (uint32_t)text.n_bytes;
    }
    return source->kind == VOCAB_BPE ? write_bpe_piece(text, out) : write_spm_piece(text, out);
}

/* What is not in the byte alphabet, invalid UTF-8 included, stays as it is. */
static uint32_t write_bpe_piece(struct slice text, char *out)
{
    uint32_t n_out = 0;
    for (size_t i = 0; i < text.n_bytes;) {
        int length = utf8_next(text.data + i, text.n_bytes - i);
        int byte = length > 0 ? alphabet_byte(utf8_code(text.data + i, length)) : -1;
        if (byte >= 0) {
            out[n_out++] = (char)byte;
            i += (size_t)length;
        } else {
            size_t n = length > 0 ? (size_t)length : 1;
            memcpy(out + n_out, text.data + i, n);
            n_out += (uint32_t)n;
            i += n;
        }
    }
    return n_out;
}

static uint32_t write_spm_piece(struct slice text, char *out)
{
    uint32_t n_out = 0;
    for (size_t i = 0; i < text.n_bytes;) {
        if (text.n_bytes - i >= 3 && memcmp(text.data + i, "\xE2\x96\x81", 3) == 0) {
            out[n_out++] = ' ';
            i += 3;
        } else {
            out[n_out++] = text.data[i++];
        }
    }
    return n_out;
}

static void insert(struct tokens *tokens, int32_t id)
{
    struct slice text = tokens_text(tokens, id);
    uint32_t slot = (uint32_t)hash_bytes(&tokens->key, text.data, text.n_bytes) & tokens->mask;
    while (tokens->slots[slot] >= 0) {
        if (slice_equal(tokens_text(tokens, tokens->slots[slot]), text)) return;
        slot = (slot + 1) & tokens->mask;
    }
    tokens->slots[slot] = id;
}
