/* The texts are sorted, so that those which share a beginning stand together: each byte of a text
 * narrows a range down. A file can make neither the search in a range slow nor the table large, as
 * it could with a tree of bytes. */
#include "text/special.h"

#include <stdlib.h>

#include "base/error.h"

/* Bounds the work for each byte of a text; real ones have at most some dozens of bytes. */
enum { MAX_SPECIAL_BYTES = 1024 };

static bool is_special(const struct token *token);
static heft_status check_lengths(struct special *special, const struct tokens *tokens,
                                 heft_error *error);
static void collect(struct special *special, const struct tokens *tokens);
static void sort(struct special *special, struct special_text *room, const char *bytes);
static int compare(const struct special_text *a, const struct special_text *b, const char *bytes);
static void drop_twins(struct special *special, const char *bytes);
static void index_first_bytes(struct special *special, const char *bytes);
static struct special_match longest_at(const struct special *special, const struct tokens *tokens,
                                       struct slice text, size_t start, int kinds);
static uint32_t first_from(const struct special *special, const char *bytes, uint32_t low,
                           uint32_t high, size_t depth, int byte);
static int kind_of(const struct token *token);

heft_status special_create(struct special *special, const struct tokens *tokens, heft_error *error)
{
    *special = (struct special){0};
    heft_status status = check_lengths(special, tokens, error);
    if (status != HEFT_OK || special->n_texts == 0) return status;
    size_t n_bytes = special->n_texts * sizeof *special->texts;
    struct special_text *room = malloc(n_bytes);
    special->texts = malloc(n_bytes);
    if (!special->texts || !room) {
        free(room);
        special_free(special);
        return error_set(error, HEFT_DOES_NOT_FIT, "no memory for the special tokens");
    }
    collect(special, tokens);
    sort(special, room, tokens->bytes);
    free(room);
    drop_twins(special, tokens->bytes);
    index_first_bytes(special, tokens->bytes);
    return HEFT_OK;
}

void special_free(struct special *special)
{
    free(special->texts);
    *special = (struct special){0};
}

struct special_match special_find(const struct special *special, const struct tokens *tokens,
                                  struct slice text, size_t from, int kinds)
{
    for (size_t i = from; special->n_texts && i < text.n_bytes; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        if (special->begin[byte] == special->begin[byte + 1]) continue;
        struct special_match match = longest_at(special, tokens, text, i, kinds);
        if (match.token >= 0) return match;
    }
    return (struct special_match){text.n_bytes, 0, -1};
}

size_t special_memory(const struct special *special)
{
    return (size_t)special->n_texts * sizeof *special->texts;
}

static bool is_special(const struct token *token)
{
    return token->n_text > 0 && (token->type == TOKEN_CONTROL ||
                                 token->type == TOKEN_USER_DEFINED || token->type == TOKEN_UNKNOWN);
}

/* Counts them, too. */
static heft_status check_lengths(struct special *special, const struct tokens *tokens,
                                 heft_error *error)
{
    for (int32_t id = 0; id < tokens->n; id++) {
        if (!is_special(&tokens->items[id])) continue;
        uint32_t n_bytes = tokens->items[id].n_text;
        if (n_bytes > MAX_SPECIAL_BYTES)
            return error_set(error, HEFT_BAD_FILE,
                             "the special token %d has %u bytes; at most %d make sense", id,
                             n_bytes, MAX_SPECIAL_BYTES);
        special->n_texts++;
    }
    return HEFT_OK;
}

static void collect(struct special *special, const struct tokens *tokens)
{
    uint32_t n = 0;
    for (int32_t id = 0; id < tokens->n; id++) {
        const struct token *token = &tokens->items[id];
        if (is_special(token))
            special->texts[n++] = (struct special_text){token->text, token->n_text, id};
    }
}

/* Merges ever longer runs; of equal texts the one with the lower id comes first. */
static void sort(struct special *special, struct special_text *room, const char *bytes)
{
    struct special_text *from = special->texts, *to = room;
    size_t n = special->n_texts;
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t begin = 0; begin < n; begin += 2 * width) {
            size_t middle = begin + width < n ? begin + width : n;
            size_t end = begin + 2 * width < n ? begin + 2 * width : n;
            for (size_t i = begin, j = middle, k = begin; k < end; k++) {
                bool left = j == end || (i < middle && compare(&from[i], &from[j], bytes) <= 0);
                to[k] = left ? from[i++] : from[j++];
            }
        }
        struct special_text *other = from;
        from = to;
        to = other;
    }
    if (from != special->texts) memcpy(special->texts, from, n * sizeof *from);
}

static int compare(const struct special_text *a, const struct special_text *b, const char *bytes)
{
    uint32_t n_common = a->n_bytes < b->n_bytes ? a->n_bytes : b->n_bytes;
    int order = memcmp(bytes + a->text, bytes + b->text, n_common);
    return order ? order : (a->n_bytes > b->n_bytes) - (a->n_bytes < b->n_bytes);
}

/* Of two tokens with one text the first counts. */
static void drop_twins(struct special *special, const char *bytes)
{
    uint32_t n = 1;
    for (uint32_t i = 1; i < special->n_texts; i++)
        if (compare(&special->texts[i], &special->texts[n - 1], bytes) != 0)
            special->texts[n++] = special->texts[i];
    special->n_texts = n;
}

static void index_first_bytes(struct special *special, const char *bytes)
{
    uint32_t i = 0;
    for (int byte = 0; byte < 256; byte++) {
        special->begin[byte] = i;
        while (i < special->n_texts && (uint8_t)bytes[special->texts[i].text] == byte) i++;
    }
    special->begin[256] = i;
}

/* The range [low, high) has the texts that begin with the `depth` bytes behind `start`. */
static struct special_match longest_at(const struct special *special, const struct tokens *tokens,
                                       struct slice text, size_t start, int kinds)
{
    struct special_match match = {start, 0, -1};
    uint8_t first = (uint8_t)text.data[start];
    uint32_t low = special->begin[first], high = special->begin[first + 1];
    for (size_t depth = 1; low < high; depth++) {
        const struct special_text *shortest = &special->texts[low];
        if (shortest->n_bytes == depth) {
            if (kinds & kind_of(&tokens->items[shortest->token]))
                match = (struct special_match){start, depth, shortest->token};
            low++;
        }
        if (start + depth == text.n_bytes) break;
        int byte = (uint8_t)text.data[start + depth];
        low = first_from(special, tokens->bytes, low, high, depth, byte);
        high = first_from(special, tokens->bytes, low, high, depth, byte + 1);
    }
    return match;
}

/* The first text in [low, high) whose byte at `depth` is `byte` or more. Looks in steps that double
 * from the low end, since there is where it mostly is when a range is narrow. */
static uint32_t first_from(const struct special *special, const char *bytes, uint32_t low,
                           uint32_t high, size_t depth, int byte)
{
    if (low < high && (uint8_t)bytes[special->texts[high - 1].text + depth] < byte) return high;
    for (uint32_t step = 1; low < high; step *= 2) {
        uint32_t at = high - low > step ? low + step - 1 : low + (high - low - 1) / 2;
        if ((uint8_t)bytes[special->texts[at].text + depth] >= byte) {
            high = at;
            break;
        }
        low = at + 1;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if ((uint8_t)bytes[special->texts[middle].text + depth] < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int kind_of(const struct token *token)
{
    if (token->type != TOKEN_USER_DEFINED) return SPECIAL_CONTROL;
    return token->is_symbol ? SPECIAL_SYMBOL : SPECIAL_ADDED;
}
