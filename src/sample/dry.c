#include "sample/dry.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"

static bool breaks(const struct dry *dry, int32_t token);
static int copy_recent(struct dry *dry, const struct history *history);
static int tokens_since_breaker(const struct dry *dry, int n);
static void match_suffixes(const int32_t *recent, int32_t *matched, int n);
static void find_longest(struct dry *dry, int n, int limit);
static double penalty_of(const struct dry *dry, int length);

bool dry_wanted(const heft_sampling *sampling)
{
    return sampling->dry_multiplier > 0 && sampling->dry_last_n != 0;
}

heft_status dry_create(struct dry *dry, const heft_sampling *sampling, int window, int n_vocab,
                       const int32_t *breakers, int n_breakers, heft_error *error)
{
    *dry = (struct dry){
        .multiplier = sampling->dry_multiplier,
        .base = sampling->dry_base,
        .allowed_length = sampling->dry_allowed_length,
        .window = window,
        .is_breaker = calloc((size_t)n_vocab / 8 + 1, 1),
        .recent = malloc((size_t)window * sizeof *dry->recent),
        .matched = malloc((size_t)window * sizeof *dry->matched),
        .longest = calloc((size_t)n_vocab, sizeof *dry->longest),
    };
    if (!dry->is_breaker || !dry->recent || !dry->matched || !dry->longest) {
        dry_free(dry);
        return error_set(error, HEFT_DOES_NOT_FIT, "no memory for DRY over the last %d tokens",
                         window);
    }
    for (int i = 0; i < n_breakers; i++)
        if (breakers[i] >= 0 && breakers[i] < n_vocab)
            dry->is_breaker[breakers[i] / 8] |= (uint8_t)(1 << breakers[i] % 8);
    return HEFT_OK;
}

void dry_free(struct dry *dry)
{
    free(dry->is_breaker);
    free(dry->recent);
    free(dry->matched);
    free(dry->longest);
    *dry = (struct dry){0};
}

void dry_apply(struct dry *dry, const struct history *history, float *logits)
{
    if (!dry->longest) return;
    int n = copy_recent(dry, history);
    int limit = tokens_since_breaker(dry, n);
    if (limit < dry->allowed_length) return;
    match_suffixes(dry->recent, dry->matched, n);
    find_longest(dry, n, limit);
    for (int i = 0; i + 1 < n; i++) {
        int32_t token = dry->recent[i];
        if (dry->longest[token] == 0) continue;
        logits[token] -= (float)penalty_of(dry, dry->longest[token]);
        dry->longest[token] = 0;
    }
}

static bool breaks(const struct dry *dry, int32_t token)
{
    return dry->is_breaker[token / 8] >> token % 8 & 1;
}

static int copy_recent(struct dry *dry, const struct history *history)
{
    int n = history->n_tokens < dry->window ? history->n_tokens : dry->window;
    for (int i = 0; i < n; i++) dry->recent[i] = history_back(history, i);
    return n;
}

/* A repeated sequence cannot reach back over the newest breaker. */
static int tokens_since_breaker(const struct dry *dry, int n)
{
    int i = 0;
    while (i < n && !breaks(dry, dry->recent[i])) i++;
    return i;
}

/* matched[i]: how many tokens before and at age i equal the newest tokens. This is the Z function
 * of the reversed history, linear because [left, right) is the match that reaches furthest so far
 * and its inside is known from the beginning. */
static void match_suffixes(const int32_t *recent, int32_t *matched, int n)
{
    int left = 0, right = 0;
    for (int i = 1; i < n; i++) {
        int length = 0;
        if (i < right) length = matched[i - left] < right - i ? matched[i - left] : right - i;
        while (i + length < n && recent[length] == recent[i + length]) length++;
        matched[i] = length;
        if (i + length > right) {
            left = i;
            right = i + length;
        }
    }
}

/* The token that followed a match would repeat it. */
static void find_longest(struct dry *dry, int n, int limit)
{
    for (int i = 1; i < n; i++) {
        int length = dry->matched[i] < limit ? dry->matched[i] : limit;
        int32_t *longest = &dry->longest[dry->recent[i - 1]];
        if (length >= dry->allowed_length && length > *longest) *longest = length;
    }
}

static double penalty_of(const struct dry *dry, int length)
{
    /* Far beyond any logit, and finite as a float. */
    const double most = 1e30;
    return fmin(dry->multiplier * pow(dry->base, length - dry->allowed_length), most);
}
