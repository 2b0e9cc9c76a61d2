/* Kullback-Leibler divergence of logits from those of another run, row by row. */
#pragma once

#include "cli/npy.h"

struct divergence {
    struct npy_map base;
    float *row;     /* [n_vocab] of the base */
    double *values; /* [n_rows] in nats */
    int64_t n_values, n_same_top;
};

struct divergence_summary {
    double mean, median, p99, most;
    double same_top; /* share of rows whose likeliest token is that of the base */
};

/* The file must have `n_rows` rows of `n_vocab` logits. */
heft_status divergence_open(struct divergence *divergence, const char *path, int64_t n_rows,
                            int n_vocab, heft_error *error);
void divergence_add(struct divergence *divergence, int64_t row, const float *logits);

/* Sorts the values. */
struct divergence_summary divergence_summarise(struct divergence *divergence);
void divergence_close(struct divergence *divergence);
