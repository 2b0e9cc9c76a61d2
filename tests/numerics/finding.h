/* What is found of a case: how far its runs are from floats, and where that is much, why. */
#pragma once

#include "cases.h"
#include "distance.h"

#define MOST_DIVERGENCE 1e-3
#define MOST_PERPLEXITY 1e-3 /* of texts that the model knows; of noise it says nothing */

enum { FINDING_PATH = 64, FINDING_TYPES = 128 };
enum way { SINGLY, AT_ONCE, N_WAYS };

enum verdict {
    VERDICT_NONE,      /* no bound: F32, or types of three bits and less */
    VERDICT_YES,       /* below the bounds */
    VERDICT_CHOICES,   /* below them where all experts are taken: rounding turns choices */
    VERDICT_MAGNIFIED, /* not even then, but weights of chance magnify every disturbance */
    VERDICT_NO
};

struct finding {
    const struct numeric_case *of;
    char found[FINDING_PATH], exact[FINDING_PATH]; /* files; removed by the caller */
    char types[FINDING_TYPES];
    double perplexity; /* of floats */
    struct distance ways[N_WAYS];
    struct distance all_experts[N_WAYS]; /* zeros where they were not needed, or there are none */
    double magnification;                /* 0: not measured */
    enum verdict verdict;
};

/* Writes the files and names them and the types. */
void finding_files(struct finding *finding);

/* Logits of floats with the same weights; the caller frees them. */
float *finding_exact(const struct finding *finding, int *n_vocab);

/* Changes the files. */
void finding_measure(struct finding *finding);

/* "Q4_K": what the matrices were packed to or are, or "mix". */
const char *finding_type(const struct finding *finding);

/* False where activations are not rounded: with weights of floats, but for prompts of halves on a
 * machine that multiplies matrices of bfloat16. */
bool finding_rounds(const struct finding *finding, enum way way);

/* The mean of the worse way. */
double finding_worse(const struct distance ways[N_WAYS]);
