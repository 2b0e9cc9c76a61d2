/* How far the logits of one run are from those of another over the same tokens. Both are [n_texts,
 * N_POSITIONS, n_vocab]. */
#pragma once

#include "cases.h"

struct distance {
    double mean;       /* over the positions, of the divergence of Kullback and Leibler, in nats */
    double worst;      /* of a position */
    double deviation;  /* of the mean, from how the positions differ */
    double perplexity; /* its relative change */
};

struct distance distance_between(const struct numeric_case *of, const float *exact,
                                 const float *found, int n_vocab);

double distance_perplexity(const struct numeric_case *of, const float *logits, int n_vocab);

/* Root mean square of the differences, as a share of that of the logits from their mean. */
double distance_relative(const struct numeric_case *of, const float *exact, const float *found,
                         int n_vocab);
