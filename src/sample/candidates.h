/* Tokens that may still be picked. Each function keeps some of them, moves those to the front and
 * returns how many; at least one is always kept. */
#pragma once

#include <stdint.h>

struct candidate {
    int32_t token;
    float logit; /* finite */
    float p;     /* scratch of the functions below: probability among the candidates */
    float rank;  /* scratch: what is being sorted by */
};

/* The `k` highest logits (0: all), in token order; equal logits: the lower token. Tokens with -inf
 * are left out, so that 0 may be returned. `heap` has room for k floats. */
int candidates_collect(struct candidate *list, const float *logits, int n_vocab, int k,
                       float *heap);

/* The smallest set of likely tokens with probability `p` together. */
int candidates_top_p(struct candidate *list, int n, float p);

/* Those at least `min_p` times as likely as the likeliest. */
int candidates_min_p(struct candidate *list, int n, float min_p);

/* Locally typical sampling (Meister and others, 2022): those whose surprise is nearest to the mean
 * surprise, until they have probability `p` together. */
int candidates_typical(struct candidate *list, int n, float p);

/* "Exclude top choices": of those with at least probability `threshold`, only the least likely. */
int candidates_exclude_top(struct candidate *list, int n, float threshold);

/* Draws by softmax(logit / temperature); `uniform` in [0, 1). */
int32_t candidates_draw(struct candidate *list, int n, float temperature, double uniform);
