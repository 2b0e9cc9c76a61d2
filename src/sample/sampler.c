#include "sample/sampler.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/rng.h"
#include "sample/candidates.h"
#include "sample/dry.h"
#include "sample/history.h"
#include "sample/penalties.h"

/* How far "all that are remembered" goes, and the longest window that can be asked for. */
enum { HISTORY_DEFAULT = 1 << 16, HISTORY_MAX = 1 << 20 };

struct sampler {
    heft_sampling sampling; /* its pointers are not ours: biases are copied below */
    int n_vocab;
    struct rng rng;
    struct history history;
    struct penalties penalties;
    struct dry dry;
    heft_logit_bias *biases;
    struct candidate *candidates; /* [n_vocab] */
    float *heap;                  /* [top_k] */
};

static heft_status check(const heft_sampling *sampling, int n_vocab, heft_error *error);
static heft_status check_biases(const heft_sampling *sampling, int n_vocab, heft_error *error);
static heft_status create_parts(struct sampler *sampler, const int32_t *breakers, int n_breakers,
                                heft_error *error);
static int window_of(int last_n);
static void adjust(struct sampler *sampler, float *logits);
static void make_finite(float *logits, int n);
static float bounded(float logit);
static int32_t highest(const float *logits, int n);
static int32_t draw(struct sampler *sampler, const float *logits);
static double log_sum_exp(const float *logits, int n);

heft_status sampler_create(const heft_sampling *sampling, int n_vocab, const int32_t *dry_breakers,
                           int n_dry_breakers, struct sampler **out, heft_error *error)
{
    *out = NULL;
    heft_status status = check(sampling, n_vocab, error);
    if (status != HEFT_OK) return status;
    struct sampler *sampler = calloc(1, sizeof *sampler);
    if (!sampler) return error_set(error, HEFT_DOES_NOT_FIT, "no memory for a sampler");
    sampler->sampling = *sampling;
    sampler->n_vocab = n_vocab;
    if (sampler->sampling.top_k > n_vocab) sampler->sampling.top_k = n_vocab;
    status = create_parts(sampler, dry_breakers, n_dry_breakers, error);
    if (status != HEFT_OK) {
        sampler_free(sampler);
        return status;
    }
    sampler_reset(sampler);
    *out = sampler;
    return HEFT_OK;
}

void sampler_free(struct sampler *sampler)
{
    if (!sampler) return;
    penalties_free(&sampler->penalties);
    dry_free(&sampler->dry);
    free(sampler->history.tokens);
    free(sampler->biases);
    free(sampler->candidates);
    free(sampler->heap);
    free(sampler);
}

void sampler_reset(struct sampler *sampler)
{
    sampler->rng.state = sampler->sampling.seed;
    history_clear(&sampler->history);
    penalties_reset(&sampler->penalties);
}

void sampler_accept(struct sampler *sampler, int32_t token)
{
    if (token < 0 || token >= sampler->n_vocab) return;
    penalties_accept(&sampler->penalties, &sampler->history, token);
    history_add(&sampler->history, token);
}

int32_t sampler_pick(struct sampler *sampler, float *logits)
{
    adjust(sampler, logits);
    int32_t token = sampler->sampling.temperature > 0 ? draw(sampler, logits)
                                                      : highest(logits, sampler->n_vocab);
    sampler_accept(sampler, token);
    return token;
}

float sampler_logprobs(const float *logits, int n_vocab, int n, int32_t *tokens, float *logprobs)
{
    for (int i = 0; i < n; i++) {
        tokens[i] = -1;
        logprobs[i] = -INFINITY;
    }
    int n_best = 0;
    for (int token = 0; token < n_vocab && n > 0; token++) {
        float logit = bounded(logits[token]);
        if (n_best == n && !(logit > logprobs[n - 1])) continue;
        int at = n_best < n ? n_best++ : n - 1;
        for (; at > 0 && logit > logprobs[at - 1]; at--) {
            tokens[at] = tokens[at - 1];
            logprobs[at] = logprobs[at - 1];
        }
        tokens[at] = token;
        logprobs[at] = logit;
    }
    double normaliser = log_sum_exp(logits, n_vocab);
    for (int i = 0; i < n_best; i++)
        if (logprobs[i] > -INFINITY) logprobs[i] = (float)(logprobs[i] - normaliser);
    return (float)normaliser;
}

static heft_status check(const heft_sampling *s, int n_vocab, heft_error *error)
{
    const struct {
        const char *name;
        double value, least, most;
    } fields[] = {
        {"temperature", s->temperature, 0, 100},
        {"top_k", s->top_k, 0, INT_MAX},
        {"top_p", s->top_p, 0, 1},
        {"min_p", s->min_p, 0, 1},
        {"typical_p", s->typical_p, 0, 1},
        {"repeat_penalty", s->repeat_penalty, 0.01, 100},
        {"presence_penalty", s->presence_penalty, -100, 100},
        {"frequency_penalty", s->frequency_penalty, -100, 100},
        {"penalty_last_n", s->penalty_last_n, -1, HISTORY_MAX},
        {"dry_multiplier", s->dry_multiplier, 0, 100},
        {"dry_base", s->dry_base, 1, 100},
        {"dry_allowed_length", s->dry_allowed_length, 1, HISTORY_MAX},
        {"dry_last_n", s->dry_last_n, -1, HISTORY_MAX},
        {"xtc_probability", s->xtc_probability, 0, 1},
        {"xtc_threshold", s->xtc_threshold, 0, 1},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        /* The caller's 0.01 is a float and so a little less than ours. */
        bool inside =
            fields[i].value >= (float)fields[i].least && fields[i].value <= fields[i].most;
        if (!inside)
            return error_set(error, HEFT_USAGE, "%s is %g, but must be between %g and %.10g",
                             fields[i].name, fields[i].value, fields[i].least, fields[i].most);
    }
    return check_biases(s, n_vocab, error);
}

static heft_status check_biases(const heft_sampling *sampling, int n_vocab, heft_error *error)
{
    if (n_vocab <= 0) return error_set(error, HEFT_USAGE, "a vocabulary of %d tokens", n_vocab);
    if (sampling->n_biases < 0 || (sampling->n_biases > 0 && !sampling->biases))
        return error_set(error, HEFT_USAGE, "n_biases is %d without biases", sampling->n_biases);
    for (int i = 0; i < sampling->n_biases; i++) {
        heft_logit_bias bias = sampling->biases[i];
        if (bias.token < 0 || bias.token >= n_vocab)
            return error_set(error, HEFT_USAGE, "biases: token %d is not between 0 and %d",
                             bias.token, n_vocab - 1);
        if (isnan(bias.bias) || bias.bias == INFINITY)
            return error_set(error, HEFT_USAGE,
                             "biases: the bias of token %d must be a number or -inf", bias.token);
    }
    return HEFT_OK;
}

static heft_status create_parts(struct sampler *sampler, const int32_t *breakers, int n_breakers,
                                heft_error *error)
{
    const heft_sampling *sampling = &sampler->sampling;
    int penalty_window = penalties_wanted(sampling) ? window_of(sampling->penalty_last_n) : 0;
    int dry_window = dry_wanted(sampling) ? window_of(sampling->dry_last_n) : 0;
    struct history *history = &sampler->history;
    history->capacity = penalty_window > dry_window ? penalty_window : dry_window;

    /* calloc(0) may be NULL: ask for one more where a count may be 0. */
    history->tokens = calloc((size_t)history->capacity + 1, sizeof *history->tokens);
    sampler->biases = calloc((size_t)sampling->n_biases + 1, sizeof *sampler->biases);
    sampler->candidates = calloc((size_t)sampler->n_vocab, sizeof *sampler->candidates);
    sampler->heap = calloc((size_t)sampling->top_k + 1, sizeof *sampler->heap);
    if (!history->tokens || !sampler->biases || !sampler->candidates || !sampler->heap)
        return error_set(error, HEFT_DOES_NOT_FIT, "no memory for a sampler of %d tokens",
                         sampler->n_vocab);
    for (int i = 0; i < sampling->n_biases; i++) sampler->biases[i] = sampling->biases[i];

    heft_status status = HEFT_OK;
    if (penalty_window > 0)
        status = penalties_create(&sampler->penalties, sampling, penalty_window, sampler->n_vocab,
                                  error);
    if (status == HEFT_OK && dry_window > 0)
        status = dry_create(&sampler->dry, sampling, dry_window, sampler->n_vocab, breakers,
                            n_breakers, error);
    return status;
}

static int window_of(int last_n)
{
    return last_n < 0 ? HISTORY_DEFAULT : last_n;
}

static void adjust(struct sampler *sampler, float *logits)
{
    for (int i = 0; i < sampler->sampling.n_biases; i++)
        logits[sampler->biases[i].token] += sampler->biases[i].bias;
    penalties_apply(&sampler->penalties, logits);
    dry_apply(&sampler->dry, &sampler->history, logits);
    make_finite(logits, sampler->n_vocab);
}

static void make_finite(float *logits, int n)
{
    for (int i = 0; i < n; i++) logits[i] = bounded(logits[i]);
}

/* A number or -inf, so that logit - max is never NaN as long as one token is possible. */
static float bounded(float logit)
{
    if (isnan(logit)) return -INFINITY;
    return logit > FLT_MAX ? FLT_MAX : logit;
}

static int32_t highest(const float *logits, int n)
{
    int32_t best = 0;
    for (int32_t i = 1; i < n; i++)
        if (logits[i] > logits[best]) best = i;
    return best;
}

static int32_t draw(struct sampler *sampler, const float *logits)
{
    const heft_sampling *sampling = &sampler->sampling;
    struct candidate *list = sampler->candidates;
    int n = candidates_collect(list, logits, sampler->n_vocab, sampling->top_k, sampler->heap);
    if (n == 0) return 0;
    if (sampling->typical_p < 1) n = candidates_typical(list, n, sampling->typical_p);
    if (sampling->top_p < 1) n = candidates_top_p(list, n, sampling->top_p);
    if (sampling->min_p > 0) n = candidates_min_p(list, n, sampling->min_p);
    if (sampling->xtc_probability > 0 && rng_uniform(&sampler->rng) < sampling->xtc_probability)
        n = candidates_exclude_top(list, n, sampling->xtc_threshold);
    return candidates_draw(list, n, sampling->temperature, rng_uniform(&sampler->rng));
}

static double log_sum_exp(const float *logits, int n)
{
    float max = -INFINITY;
    for (int i = 0; i < n; i++) max = fmaxf(max, bounded(logits[i]));
    if (max == -INFINITY) return max;
    double sum = 0;
    for (int i = 0; i < n; i++) sum += exp((double)bounded(logits[i]) - max);
    return max + log(sum);
}
