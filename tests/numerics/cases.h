/* Which models the numbers are measured on, and with which tokens. */
#pragma once

#include <stdint.h>

#include "heft.h"
#include "tensor/dtype.h"

enum { N_POSITIONS = 512, AS_IT_IS = DTYPE_LIMIT };

struct numeric_case {
    char model[32]; /* "llama-blocks", "demo" */
    char path[64];
    int dtype;             /* that the matrices are packed to, or AS_IT_IS */
    const int32_t *tokens; /* [n_texts, N_POSITIONS] */
    int n_texts;
    heft_kv_type kv_type;
    bool is_trained; /* else the weights are of chance */
    bool knows_text; /* the perplexity has a bound too */
    bool must_hold;  /* below the bounds as it is, whatever the reason might be */
};

/* The demo model as it is shipped answers all texts, packed to other types the first few. */
enum { N_ANSWER_TEXTS = 8, N_FEW_TEXTS = 4 };

struct cases {
    int n;
    struct numeric_case list[128];
    int32_t noise[N_POSITIONS], article[N_POSITIONS], answers[N_ANSWER_TEXTS * N_POSITIONS];
};

/* `few`: the smallest models only, for sanitizers and plain C. */
struct cases *cases_make(bool few);
void cases_free(struct cases *cases);
