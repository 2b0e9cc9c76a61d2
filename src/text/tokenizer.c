#include "text/tokenizer.h"

#include <stdlib.h>

#include "base/error.h"
#include "text/encode.h"
#include "text/ends.h"
#include "text/shield.h"

static heft_status create(struct tokenizer *tokenizer, const struct vocab_source *source,
                          heft_error *error);
static heft_status check_id(const struct vocab_source *source, int32_t id, const char *name,
                            heft_error *error);
static heft_status check_ids(const struct vocab_source *source, heft_error *error);
static bool has_token(const struct tokenizer *tokenizer, int32_t token);

heft_status tokenizer_create(const struct vocab_source *source, struct tokenizer **out,
                             heft_error *error)
{
    *out = NULL;
    struct tokenizer *tokenizer = calloc(1, sizeof *tokenizer);
    if (!tokenizer) return error_set(error, HEFT_DOES_NOT_FIT, "no memory for the tokenizer");
    heft_status status = create(tokenizer, source, error);
    if (status == HEFT_OK)
        *out = tokenizer;
    else
        tokenizer_free(tokenizer);
    return status;
}

void tokenizer_free(struct tokenizer *tokenizer)
{
    if (!tokenizer) return;
    pretokenizer_free(tokenizer->pretokenizer);
    special_free(&tokenizer->special);
    bpe_free(&tokenizer->bpe);
    spm_free(&tokenizer->spm);
    tokens_free(&tokenizer->tokens);
    free(tokenizer);
}

int tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t n_bytes, int flags,
                     int32_t *tokens, int cap)
{
    if (flags & ~(HEFT_ADD_SPECIAL | HEFT_PARSE_SPECIAL | HEFT_ADD_BOS)) return -1;
    return encode(tokenizer, (struct slice){text, n_bytes}, flags, tokens, cap);
}

void tokenizer_shield(const struct tokenizer *tokenizer, struct slice text, struct buffer *out)
{
    shield_raise(&tokenizer->special, &tokenizer->tokens, text, out);
}

int tokenizer_encode_shielded(const struct tokenizer *tokenizer, struct slice text, int32_t *tokens,
                              int cap)
{
    return encode(tokenizer, text, HEFT_PARSE_SPECIAL | ENCODE_SHIELDED, tokens, cap);
}

int tokenizer_decode(const struct tokenizer *tokenizer, int32_t token, bool special, char *text,
                     int cap)
{
    struct slice piece = tokenizer_piece(tokenizer, token, special);
    size_t n = cap < 0 ? 0 : piece.n_bytes < (size_t)cap ? piece.n_bytes : (size_t)cap;
    if (n) memcpy(text, piece.data, n);
    return (int)piece.n_bytes;
}

struct slice tokenizer_piece(const struct tokenizer *tokenizer, int32_t token, bool special)
{
    if (!has_token(tokenizer, token)) return (struct slice){"", 0};
    uint8_t type = tokenizer->tokens.items[token].type;
    if (!special && (type == TOKEN_CONTROL || type == TOKEN_UNKNOWN)) return (struct slice){"", 0};
    return tokens_piece(&tokenizer->tokens, token);
}

int tokenizer_n_tokens(const struct tokenizer *tokenizer)
{
    return tokenizer->tokens.n;
}

int32_t tokenizer_find(const struct tokenizer *tokenizer, struct slice text)
{
    return tokens_find(&tokenizer->tokens, text.data, text.n_bytes);
}

bool tokenizer_is_end(const struct tokenizer *tokenizer, int32_t token)
{
    return has_token(tokenizer, token) && tokenizer->tokens.items[token].is_end;
}

enum token_type tokenizer_type(const struct tokenizer *tokenizer, int32_t token)
{
    return has_token(tokenizer, token) ? (enum token_type)tokenizer->tokens.items[token].type
                                       : TOKEN_UNUSED;
}

int32_t tokenizer_bos(const struct tokenizer *tokenizer)
{
    return tokenizer->bos;
}

int32_t tokenizer_eos(const struct tokenizer *tokenizer)
{
    return tokenizer->eos;
}

bool tokenizer_adds_bos(const struct tokenizer *tokenizer)
{
    return tokenizer->add_bos;
}

bool tokenizer_adds_eos(const struct tokenizer *tokenizer)
{
    return tokenizer->add_eos;
}

bool tokenizer_adds_space(const struct tokenizer *tokenizer)
{
    return tokenizer->add_space_prefix;
}

size_t tokenizer_bytes(const struct tokenizer *tokenizer)
{
    return sizeof *tokenizer + tokens_memory(&tokenizer->tokens) +
           special_memory(&tokenizer->special) + bpe_memory(&tokenizer->bpe) +
           spm_memory(&tokenizer->spm, &tokenizer->tokens);
}

static heft_status create(struct tokenizer *tokenizer, const struct vocab_source *source,
                          heft_error *error)
{
    tokenizer->kind = source->kind;
    heft_status status = tokens_create(&tokenizer->tokens, source, error);
    if (status == HEFT_OK) status = check_ids(source, error);
    if (status == HEFT_OK) ends_correct_types(&tokenizer->tokens, source);
    if (status == HEFT_OK) status = special_create(&tokenizer->special, &tokenizer->tokens, error);
    if (status == HEFT_OK && source->kind == VOCAB_BPE) {
        status = pretokenizer_create(source->pre, &tokenizer->pretokenizer, error);
        if (status == HEFT_OK)
            status = bpe_create(&tokenizer->bpe, source, &tokenizer->tokens, error);
    }
    if (status == HEFT_OK && source->kind == VOCAB_SPM)
        status = spm_create(&tokenizer->spm, source, &tokenizer->tokens, error);
    if (status != HEFT_OK) return status;
    tokenizer->bos = source->bos;
    tokenizer->eos = source->eos;
    /* Text must not give a control token, though GPT-2 for one has <|endoftext|> as its unknown. */
    bool has_unknown =
        source->unknown >= 0 && tokenizer->tokens.items[source->unknown].type != TOKEN_CONTROL;
    tokenizer->unknown = has_unknown ? source->unknown : -1;
    tokenizer->add_bos = source->add_bos && source->bos >= 0;
    tokenizer->add_eos = source->add_eos && source->eos >= 0;
    tokenizer->add_space_prefix = source->kind == VOCAB_SPM && source->add_space_prefix;
    ends_mark(&tokenizer->tokens, source);
    return HEFT_OK;
}

static heft_status check_ids(const struct vocab_source *source, heft_error *error)
{
    heft_status status = check_id(source, source->bos, "bos", error);
    if (status == HEFT_OK) status = check_id(source, source->eos, "eos", error);
    if (status == HEFT_OK) status = check_id(source, source->eot, "eot", error);
    if (status == HEFT_OK) status = check_id(source, source->eom, "eom", error);
    if (status == HEFT_OK) status = check_id(source, source->unknown, "unknown", error);
    if (status == HEFT_OK) status = check_id(source, source->pad, "padding", error);
    return status;
}

static heft_status check_id(const struct vocab_source *source, int32_t id, const char *name,
                            heft_error *error)
{
    if (id >= -1 && id < source->n_tokens) return HEFT_OK;
    return error_set(error, HEFT_BAD_FILE, "the %s token is %d, but the vocabulary has %d tokens",
                     name, id, source->n_tokens);
}

static bool has_token(const struct tokenizer *tokenizer, int32_t token)
{
    return token >= 0 && token < tokenizer->tokens.n;
}
