/* The logits of a model file over given tokens. */
#pragma once

#include "cases.h"

struct run {
    const char *path;
    const struct numeric_case *of; /* the tokens */
    heft_kv_type kv_type;
    bool singly; /* a token of a few texts at a time, as answers are written; else a text at once */
};

/* [n_texts, N_POSITIONS, n_vocab]; the caller frees them. */
float *run_logits(const struct run *run, int *n_vocab);
