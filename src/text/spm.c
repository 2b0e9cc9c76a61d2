#include "text/spm.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "text/utf8.h"

static const char space_mark[] = "\xE2\x96\x81";
enum { MARK_BYTES = sizeof space_mark - 1 };

struct spm_word {
    const struct spm *spm;
    const struct tokens *tokens;
    const char *text;
};

static bool is_made_from_text(const struct tokens *tokens, int32_t id);
static uint32_t score_rank(float score);
static bool crosses_space(struct slice text);
static bool is_mark(const char *text, size_t n_bytes);
static int32_t find(const struct spm *spm, const struct tokens *tokens, const char *text,
                    size_t n_bytes);
static uint32_t pair_rank(const void *vocabulary, struct symbol *left, const struct symbol *right,
                          uint32_t end);

heft_status spm_create(struct spm *spm, const struct vocab_source *source,
                       const struct tokens *tokens, heft_error *error)
{
    *spm = (struct spm){.words_apart = true,
                        .remove_extra_whitespaces = source->remove_extra_whitespaces};
    memset(spm->byte_ids, 0xFF, sizeof spm->byte_ids);
    spm->ranks = malloc((size_t)tokens->n * sizeof *spm->ranks);
    if (!spm->ranks)
        return error_set(error, HEFT_DOES_NOT_FIT, "no memory for %d scores", tokens->n);
    for (int32_t id = 0; id < tokens->n; id++) {
        struct slice text = tokens_text(tokens, id);
        float score = source->scores ? source->scores[id] : 0;
        if (isnan(score)) {
            spm_free(spm);
            return error_set(error, HEFT_BAD_FILE, "the score of token %d is not a number", id);
        }
        spm->ranks[id] = MERGE_NONE;
        int byte = tokens->items[id].type == TOKEN_BYTE ? tokens_byte_value(text) : -1;
        if (byte >= 0 && spm->byte_ids[byte] < 0) spm->byte_ids[byte] = id;
        if (!is_made_from_text(tokens, id)) continue;
        spm->ranks[id] = score_rank(score);
        if (text.n_bytes > spm->max_token_bytes) spm->max_token_bytes = text.n_bytes;
        if (crosses_space(text)) spm->words_apart = false;
    }
    return HEFT_OK;
}

void spm_free(struct spm *spm)
{
    free(spm->ranks);
    *spm = (struct spm){0};
}

void spm_escape(const struct spm *spm, struct slice text, bool add_space, struct buffer *out)
{
    bool extra = spm->remove_extra_whitespaces;
    if (extra)
        while (text.n_bytes && text.data[text.n_bytes - 1] == ' ') text.n_bytes--;
    size_t i = 0;
    if (extra)
        while (i < text.n_bytes && text.data[i] == ' ') i++;
    if (i == text.n_bytes) return;
    if (add_space) buffer_append(out, space_mark, MARK_BYTES);
    while (i < text.n_bytes) {
        const char *space = memchr(text.data + i, ' ', text.n_bytes - i);
        size_t end = space ? (size_t)(space - text.data) : text.n_bytes;
        buffer_append(out, text.data + i, end - i);
        if (end == text.n_bytes) return;
        buffer_append(out, space_mark, MARK_BYTES);
        /* The text does not end in a space if extra ones are removed. */
        for (i = end + 1; extra && text.data[i] == ' ';) i++;
    }
}

size_t spm_word_length(const struct spm *spm, struct slice escaped)
{
    if (!spm->words_apart) return escaped.n_bytes;
    size_t i = 0;
    while (is_mark(escaped.data + i, escaped.n_bytes - i)) i += MARK_BYTES;
    while (i < escaped.n_bytes && !is_mark(escaped.data + i, escaped.n_bytes - i)) i++;
    return i;
}

bool spm_encode(const struct spm *spm, const struct tokens *tokens, struct slice word,
                struct merger *merger)
{
    if (word.n_bytes > INT32_MAX || !merger_begin(merger, word.n_bytes)) return false;
    for (size_t i = 0; i < word.n_bytes;) {
        int length = utf8_next(word.data + i, word.n_bytes - i);
        size_t n = length > 0 ? (size_t)length : 1;
        merger_add(merger, (uint32_t)i, find(spm, tokens, word.data + i, n));
        i += n;
    }
    struct spm_word vocabulary = {spm, tokens, word.data};
    merger_run(merger, (uint32_t)word.n_bytes, pair_rank, &vocabulary);
    return true;
}

size_t spm_memory(const struct spm *spm, const struct tokens *tokens)
{
    return spm->ranks ? (size_t)tokens->n * sizeof *spm->ranks : 0;
}

/* Control, unknown, byte and unused tokens never come from text, whatever it says: <s> in a user's
 * message is three characters. */
static bool is_made_from_text(const struct tokens *tokens, int32_t id)
{
    uint8_t type = tokens->items[id].type;
    return (type == TOKEN_NORMAL || type == TOKEN_USER_DEFINED) && tokens->items[id].n_text > 0;
}

/* Order-preserving: a higher score gives a lower rank. No number gives MERGE_NONE. */
static uint32_t score_rank(float score)
{
    uint32_t bits;
    score += 0.0F; /* -0 becomes 0 */
    memcpy(&bits, &score, sizeof bits);
    return bits >> 31 ? bits : ~bits & 0x7FFFFFFFu;
}

/* Whether a space follows something else than a space. */
static bool crosses_space(struct slice text)
{
    bool other = false;
    for (size_t i = 0; i < text.n_bytes;) {
        if (!is_mark(text.data + i, text.n_bytes - i)) {
            other = true;
            i++;
        } else if (other) {
            return true;
        } else {
            i += MARK_BYTES;
        }
    }
    return false;
}

static bool is_mark(const char *text, size_t n_bytes)
{
    return n_bytes >= MARK_BYTES && memcmp(text, space_mark, MARK_BYTES) == 0;
}

static int32_t find(const struct spm *spm, const struct tokens *tokens, const char *text,
                    size_t n_bytes)
{
    if (n_bytes > spm->max_token_bytes) return -1;
    int32_t id = tokens_find(tokens, text, n_bytes);
    return id >= 0 && spm->ranks[id] != MERGE_NONE ? id : -1;
}

static uint32_t pair_rank(const void *vocabulary, struct symbol *left, const struct symbol *right,
                          uint32_t end)
{
    (void)right;
    const struct spm_word *word = vocabulary;
    left->merged = find(word->spm, word->tokens, word->text + left->start, end - left->start);
    return left->merged < 0 ? MERGE_NONE : word->spm->ranks[left->merged];
}
