/* Repeat, presence and frequency penalties: how often a token occurs in a window decides how much
 * its logit is lowered. */
#pragma once

#include "heft.h"
#include "sample/history.h"

struct penalties {
    float repeat, presence, frequency;
    int window;
    int n_vocab;
    int32_t *counts; /* [n_vocab] occurrences inside the window; NULL: the stage is off */
};

bool penalties_wanted(const heft_sampling *sampling);

/* `window` is the number of tokens looked back on. */
heft_status penalties_create(struct penalties *penalties, const heft_sampling *sampling, int window,
                             int n_vocab, heft_error *error);
void penalties_free(struct penalties *penalties);
void penalties_reset(struct penalties *penalties);

/* To be called before `token` is added to `history`, whose capacity is at least the window. */
void penalties_accept(struct penalties *penalties, const struct history *history, int32_t token);

void penalties_apply(const struct penalties *penalties, float *logits);
