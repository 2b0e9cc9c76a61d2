/* Logits -> token. The stages and their order are those of heft_sampling; temperature 0 takes the
 * highest logit after bias, penalties and DRY. */
#pragma once

#include "heft.h"

struct sampler;

/* Everything is copied. `dry_breakers` are the tokens that end a repeated sequence (any order, may
 * be NULL): whoever knows the vocabulary finds them for sampling->dry_breakers. */
heft_status sampler_create(const heft_sampling *sampling, int n_vocab, const int32_t *dry_breakers,
                           int n_dry_breakers, struct sampler **out, heft_error *error);
void sampler_free(struct sampler *sampler);

/* Forgets the tokens and starts the random numbers again. */
void sampler_reset(struct sampler *sampler);

/* Remembers a token; ids outside the vocabulary are ignored. */
void sampler_accept(struct sampler *sampler, int32_t token);

/* Changes the logits, picks a token and accepts it. NaN counts as -inf; token 0 if all are -inf. */
int32_t sampler_pick(struct sampler *sampler, float *logits);

/* See heft_logprobs. Entries beyond the vocabulary are token -1 with -inf. */
float sampler_logprobs(const float *logits, int n_vocab, int n, int32_t *tokens, float *logprobs);
