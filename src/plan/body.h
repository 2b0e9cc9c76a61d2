/* What the builders of anatomy.c have in common: reading numbers, adding tensors. */
#pragma once

#include <jansson.h>

#include "plan/geometry.h"

struct body {
    const json_t *shape, *moe; /* `moe` NULL: dense */
    struct geometry *out;
    int64_t d_model;
    int layer;      /* that pieces are added to */
    char wrong[64]; /* the first field that makes no sense; "" */
    bool no_memory;
};

/* Reads the sizes every kind has into *out. */
struct body body_of(const json_t *shape, struct geometry *out);

/* 0 for what is absent, and for numbers that would overflow a product of three. */
int64_t body_int(struct body *body, const char *key);
int64_t body_number(struct body *body, const json_t *object, const char *key);
bool body_has(const struct body *body, const char *key);
bool body_is(const struct body *body, const char *key); /* true, or a text */

/* Whether layer `index` is one of `n_chosen` that are spread evenly over `n`. */
bool body_among(int64_t index, int64_t n_chosen, int64_t n);

void body_matrix(struct body *body, enum part part, enum role role, int64_t n_cols, int64_t n_rows);
void body_kept(struct body *body, int64_t n_values);

/* Embedding, last norm, and a head unless it is the embedding. */
void body_ends(struct body *body);

void body_attention(struct body *body, int64_t heads, int64_t kv_heads, int64_t d_k, int64_t d_v);
void body_latent(struct body *body, int64_t heads);
void body_dense(struct body *body, enum part part, int64_t d_ff);
void body_experts(struct body *body);
void body_feed_forward(struct body *body); /* experts, or dense in the leading layers */

/* Networks of their own kind. */
void body_build_nemotron(struct body *body);
void body_build_deepseek4(struct body *body);
void body_build_kimi3(struct body *body);
