#include "sample/penalties.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

bool penalties_wanted(const heft_sampling *sampling)
{
    bool neutral = sampling->repeat_penalty == 1 && sampling->presence_penalty == 0 &&
                   sampling->frequency_penalty == 0;
    return !neutral && sampling->penalty_last_n != 0;
}

heft_status penalties_create(struct penalties *penalties, const heft_sampling *sampling, int window,
                             int n_vocab, heft_error *error)
{
    *penalties = (struct penalties){
        .repeat = sampling->repeat_penalty,
        .presence = sampling->presence_penalty,
        .frequency = sampling->frequency_penalty,
        .window = window,
        .n_vocab = n_vocab,
        .counts = calloc((size_t)n_vocab, sizeof *penalties->counts),
    };
    if (!penalties->counts)
        return error_set(error, HEFT_DOES_NOT_FIT, "no memory for the penalties of %d tokens",
                         n_vocab);
    return HEFT_OK;
}

void penalties_free(struct penalties *penalties)
{
    free(penalties->counts);
    penalties->counts = NULL;
}

void penalties_reset(struct penalties *penalties)
{
    if (penalties->counts)
        memset(penalties->counts, 0, (size_t)penalties->n_vocab * sizeof *penalties->counts);
}

void penalties_accept(struct penalties *penalties, const struct history *history, int32_t token)
{
    if (!penalties->counts) return;
    if (history->n_tokens >= penalties->window)
        penalties->counts[history_back(history, penalties->window - 1)]--;
    penalties->counts[token]++;
}

void penalties_apply(const struct penalties *penalties, float *logits)
{
    if (!penalties->counts) return;
    for (int i = 0; i < penalties->n_vocab; i++) {
        int32_t count = penalties->counts[i];
        if (count == 0) continue;
        /* Dividing a negative logit would make the token more likely. */
        float logit = logits[i] > 0 ? logits[i] / penalties->repeat : logits[i] * penalties->repeat;
        logits[i] = logit - (float)count * penalties->frequency - penalties->presence;
    }
}
