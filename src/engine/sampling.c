#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/engine.h"
#include "sample/sampler.h"

/* The public sampler is the sampler: only the vocabulary's part is added here. */
struct heft_sampler {
    struct sampler *sampler;
};

static const char *const DEFAULT_BREAKERS[] = {"\n", ":", "\"", "*"};

static heft_status find_breakers(const heft_engine *engine, const heft_sampling *sampling,
                                 int32_t **out, int *n, heft_error *error);
static bool holds(struct slice piece, const char *text);

heft_sampling heft_sampling_default(void)
{
    return (heft_sampling){.temperature = 0.8f,
                           .top_k = 40,
                           .top_p = 0.95f,
                           .min_p = 0.05f,
                           .typical_p = 1,
                           .repeat_penalty = 1,
                           .penalty_last_n = 64,
                           .dry_base = 1.75f,
                           .dry_allowed_length = 2,
                           .dry_last_n = -1,
                           .xtc_threshold = 0.1f};
}

heft_status heft_sampler_create(const heft_engine *engine, const heft_sampling *sampling,
                                heft_sampler **out, heft_error *error)
{
    if (!engine->model)
        return error_set(error, HEFT_USAGE, "this engine was opened for its vocabulary only");
    heft_sampler *sampler = calloc(1, sizeof *sampler);
    if (!sampler) return error_set(error, HEFT_INTERNAL, "no memory for a sampler");
    int32_t *breakers = NULL;
    int n_breakers = 0;
    heft_status status = HEFT_OK;
    if (sampling->dry_multiplier > 0)
        status = find_breakers(engine, sampling, &breakers, &n_breakers, error);
    if (status == HEFT_OK)
        status = sampler_create(sampling, engine->model->description.n_vocab, breakers, n_breakers,
                                &sampler->sampler, error);
    free(breakers);
    if (status != HEFT_OK) {
        free(sampler);
        return status;
    }
    *out = sampler;
    return HEFT_OK;
}

void heft_sampler_free(heft_sampler *sampler)
{
    if (!sampler) return;
    sampler_free(sampler->sampler);
    free(sampler);
}

void heft_sampler_reset(heft_sampler *sampler)
{
    sampler_reset(sampler->sampler);
}

void heft_sampler_accept(heft_sampler *sampler, int32_t token)
{
    sampler_accept(sampler->sampler, token);
}

int32_t heft_sampler_pick(heft_sampler *sampler, float *logits)
{
    return sampler_pick(sampler->sampler, logits);
}

float heft_logprobs(const float *logits, int n_vocab, int n, int32_t *tokens, float *logprobs)
{
    return sampler_logprobs(logits, n_vocab, n, tokens, logprobs);
}

/* Every token whose text holds one of the strings ends a sequence. */
static heft_status find_breakers(const heft_engine *engine, const heft_sampling *sampling,
                                 int32_t **out, int *n, heft_error *error)
{
    const char *const *strings = sampling->dry_breakers ? sampling->dry_breakers : DEFAULT_BREAKERS;
    int n_strings = sampling->dry_breakers
                        ? sampling->n_dry_breakers
                        : (int)(sizeof DEFAULT_BREAKERS / sizeof *DEFAULT_BREAKERS);
    int n_tokens = tokenizer_n_tokens(engine->tokenizer);
    *out = calloc((size_t)n_tokens + 1, sizeof **out);
    if (!*out) return error_set(error, HEFT_INTERNAL, "no memory for the DRY breakers");
    for (int32_t token = 0; token < n_tokens; token++) {
        struct slice piece = tokenizer_piece(engine->tokenizer, token, false);
        for (int i = 0; i < n_strings; i++) {
            if (!holds(piece, strings[i])) continue;
            (*out)[(*n)++] = token;
            break;
        }
    }
    return HEFT_OK;
}

static bool holds(struct slice piece, const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; n > 0 && i + n <= piece.n_bytes; i++)
        if (memcmp(piece.data + i, text, n) == 0) return true;
    return false;
}
