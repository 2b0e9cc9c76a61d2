#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/pretokenize.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "text/utf8.h"

/* Patterns are written so that a match needs no backtracking to speak of; these bounds only matter
 * where the JIT compiler is missing and the interpreter counts every step. */
enum { MATCH_LIMIT = 100000000, HEAP_LIMIT_KIB = 262144 };

struct pretokenizer {
    int n_patterns;
    pcre2_code *patterns[PRETYPE_MAX_PATTERNS];
    bool has_jit[PRETYPE_MAX_PATTERNS];
    bool composes;
    pcre2_match_context *limits;
};

struct split {
    const struct pretokenizer *pretokenizer;
    const char *text;
    pcre2_match_data *match;
    pretokenizer_word *word;
    void *context;
};

static heft_status compile(struct pretokenizer *pretokenizer, const char *pattern,
                           heft_error *error);
static bool split_piece(const struct split *split, int stage, size_t start, size_t n_bytes);
static bool find(const struct split *split, int stage, const char *piece, size_t n_bytes,
                 size_t from, size_t *start, size_t *end);
static bool is_vowel_separator(const char *text, int length);
static size_t first_unmatchable(const char *text, size_t n_bytes);
static char *matchable_copy(const char *text, size_t n_bytes, size_t n_good);

heft_status pretokenizer_create(const char *name, struct pretokenizer **out, heft_error *error)
{
    *out = NULL;
    const struct pretype *type = pretype_find(name);
    if (!type)
        return error_set(error, HEFT_BAD_FILE,
                         "tokenizer.ggml.pre is \"%.64s\", a pre-tokenizer that is not supported",
                         name);
    struct pretokenizer *pretokenizer = calloc(1, sizeof *pretokenizer);
    if (pretokenizer) pretokenizer->limits = pcre2_match_context_create(NULL);
    if (!pretokenizer || !pretokenizer->limits) {
        pretokenizer_free(pretokenizer);
        return error_set(error, HEFT_DOES_NOT_FIT, "no memory for the pre-tokenizer");
    }
    pretokenizer->composes = type->flags & PRETYPE_COMPOSE;
    pcre2_set_match_limit(pretokenizer->limits, MATCH_LIMIT);
    pcre2_set_heap_limit(pretokenizer->limits, HEAP_LIMIT_KIB);
    for (int i = 0; type->patterns[i]; i++) {
        heft_status status = compile(pretokenizer, type->patterns[i], error);
        if (status != HEFT_OK) {
            pretokenizer_free(pretokenizer);
            return status;
        }
    }
    *out = pretokenizer;
    return HEFT_OK;
}

void pretokenizer_free(struct pretokenizer *pretokenizer)
{
    if (!pretokenizer) return;
    for (int i = 0; i < pretokenizer->n_patterns; i++) pcre2_code_free(pretokenizer->patterns[i]);
    pcre2_match_context_free(pretokenizer->limits);
    free(pretokenizer);
}

bool pretokenizer_composes(const struct pretokenizer *pretokenizer)
{
    return pretokenizer->composes;
}

bool pretokenizer_split(const struct pretokenizer *pretokenizer, const char *text, size_t n_bytes,
                        pretokenizer_word *word, void *context)
{
    size_t n_good = first_unmatchable(text, n_bytes);
    char *copy = n_good < n_bytes ? matchable_copy(text, n_bytes, n_good) : NULL;
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    bool done = false;
    if (match && (copy || n_good == n_bytes)) {
        struct split split = {pretokenizer, copy ? copy : text, match, word, context};
        done = split_piece(&split, 0, 0, n_bytes);
    }
    pcre2_match_data_free(match);
    free(copy);
    return done;
}

static heft_status compile(struct pretokenizer *pretokenizer, const char *pattern,
                           heft_error *error)
{
    int code;
    size_t offset;
    uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY;
    pcre2_code *compiled =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, &code, &offset, NULL);
    if (!compiled) {
        char reason[128] = "";
        pcre2_get_error_message(code, (PCRE2_UCHAR *)reason, sizeof reason);
        return error_set(error, HEFT_INTERNAL, "a pre-tokenizer pattern is wrong at %zu: %s",
                         offset, reason);
    }
    int index = pretokenizer->n_patterns++;
    pretokenizer->patterns[index] = compiled;
    pretokenizer->has_jit[index] = pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE) == 0;
    return HEFT_OK;
}

/* The recursion is as deep as there are patterns. */
static bool split_piece(const struct split *split, int stage, size_t start, size_t n_bytes)
{
    if (stage == split->pretokenizer->n_patterns)
        return split->word(split->context, start, n_bytes);
    for (size_t at = 0; at < n_bytes;) {
        size_t from = n_bytes, to = n_bytes;
        if (!find(split, stage, split->text + start, n_bytes, at, &from, &to)) return false;
        if (from > at && !split_piece(split, stage + 1, start + at, from - at)) return false;
        if (to > from && !split_piece(split, stage + 1, start + from, to - from)) return false;
        at = to;
    }
    return true;
}

/* False without memory. Every other failure counts as "no match", which leaves *start and *end
 * alone: the rest of the piece then stays whole. */
static bool find(const struct split *split, int stage, const char *piece, size_t n_bytes,
                 size_t from, size_t *start, size_t *end)
{
    const struct pretokenizer *pretokenizer = split->pretokenizer;
    const pcre2_code *pattern = pretokenizer->patterns[stage];
    uint32_t options = PCRE2_NOTEMPTY | PCRE2_NO_UTF_CHECK;
    int n = pretokenizer->has_jit[stage]
                ? pcre2_jit_match(pattern, (PCRE2_SPTR)piece, n_bytes, from, PCRE2_NOTEMPTY,
                                  split->match, pretokenizer->limits)
                : pcre2_match(pattern, (PCRE2_SPTR)piece, n_bytes, from, options, split->match,
                              pretokenizer->limits);
    if (n == PCRE2_ERROR_NOMEMORY) return false;
    const size_t *range = pcre2_get_ovector_pointer(split->match);
    if (n < 0 || range[0] < from || range[1] <= range[0]) return true;
    *start = range[0];
    *end = range[1];
    return true;
}

/* U+180E, a space to PCRE2 but to nobody else since Unicode 6.3. */
static bool is_vowel_separator(const char *text, int length)
{
    return length == 3 && memcmp(text, "\xE1\xA0\x8E", 3) == 0;
}

/* How much of the text the patterns can be shown as it is. */
static size_t first_unmatchable(const char *text, size_t n_bytes)
{
    size_t i = 0;
    while (i < n_bytes) {
        int length = utf8_next(text + i, n_bytes - i);
        if (length <= 0 || is_vowel_separator(text + i, length)) break;
        i += (size_t)length;
    }
    return i;
}

/* Bytes that are not UTF-8 become U+001A, "substitute"; U+180E becomes U+200B, which is of the same
 * category. Lengths stay. */
static char *matchable_copy(const char *text, size_t n_bytes, size_t n_good)
{
    char *copy = malloc(n_bytes);
    if (!copy) return NULL;
    memcpy(copy, text, n_bytes);
    for (size_t i = n_good; i < n_bytes;) {
        int length = utf8_next(text + i, n_bytes - i);
        if (length <= 0) copy[i] = 0x1A;
        if (is_vowel_separator(text + i, length)) memcpy(copy + i, "\xE2\x80\x8B", 3);
        i += length > 0 ? (size_t)length : 1;
    }
    return copy;
}
