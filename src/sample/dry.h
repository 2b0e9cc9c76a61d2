/* DRY ("don't repeat yourself"): lowers the logits of tokens that would go on with a sequence which
 * occurred before, the more the longer the repeated sequence is. Breakers (line ends, quotes ...)
 * end a sequence, so that the frame of a dialogue may repeat. */
#pragma once

#include "heft.h"
#include "sample/history.h"

struct dry {
    float multiplier;
    double base;
    int allowed_length; /* sequences shorter than this may repeat */
    int window;
    uint8_t *is_breaker; /* [n_vocab], one bit each */
    int32_t *recent;     /* [window] the history, newest first */
    int32_t *matched;    /* [window] */
    int32_t *longest;    /* [n_vocab] per token; all 0 between calls; NULL: the stage is off */
};

bool dry_wanted(const heft_sampling *sampling);

/* `window` is the number of tokens looked back on. */
heft_status dry_create(struct dry *dry, const heft_sampling *sampling, int window, int n_vocab,
                       const int32_t *breakers, int n_breakers, heft_error *error);
void dry_free(struct dry *dry);
void dry_apply(struct dry *dry, const struct history *history, float *logits);
