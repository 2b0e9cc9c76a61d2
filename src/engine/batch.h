/* Gathers the rows of a step: tokens of several sessions, as many as are computed together. */
#pragma once

#include "backend/backend.h"

struct batch_builder {
    int n_rows_max, n_spans_max;
    int n_wanted;
    int32_t *tokens, *positions; /* [n_rows_max] */
    struct span *spans;          /* [n_spans_max] */
    int32_t *wanted_rows;        /* [n_rows_max] rows whose logits are wanted */
    float **wanted_logits;       /* [n_rows_max] where they go */
    struct batch batch;
};

heft_status batch_builder_init(struct batch_builder *builder, int n_rows_max, int n_spans_max,
                               heft_error *error);
uint64_t batch_builder_bytes(int n_rows_max, int n_spans_max);
void batch_builder_reset(struct batch_builder *builder);
void batch_builder_free(struct batch_builder *builder);

/* Appends up to n_tokens that continue `kv` at `position`; returns how many had room. */
int batch_add(struct batch_builder *builder, const struct kv_cache *kv, int position,
              const int32_t *tokens, int n_tokens);

/* The logits of the row `back` rows before the newest go to `logits`. Ask in ascending order of
 * rows. */
void batch_want(struct batch_builder *builder, int back, float *logits);
