#include "engine/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

heft_status batch_builder_init(struct batch_builder *builder, int n_rows_max, int n_spans_max,
                               heft_error *error)
{
    size_t n = (size_t)n_rows_max;
    *builder = (struct batch_builder){.n_rows_max = n_rows_max,
                                      .n_spans_max = n_spans_max,
                                      .tokens = calloc(n, sizeof *builder->tokens),
                                      .positions = calloc(n, sizeof *builder->positions),
                                      .spans = calloc((size_t)n_spans_max, sizeof *builder->spans),
                                      .wanted_rows = calloc(n, sizeof *builder->wanted_rows),
                                      .wanted_logits = calloc(n, sizeof *builder->wanted_logits)};
    if (!builder->tokens || !builder->positions || !builder->spans || !builder->wanted_rows ||
        !builder->wanted_logits)
        return error_set(error, HEFT_INTERNAL, "no memory for batches of %d rows", n_rows_max);
    batch_builder_reset(builder);
    return HEFT_OK;
}

uint64_t batch_builder_bytes(int n_rows_max, int n_spans_max)
{
    const struct batch_builder *b = NULL;
    size_t row = sizeof *b->tokens + sizeof *b->positions + sizeof *b->wanted_rows +
                 sizeof *b->wanted_logits;
    return (uint64_t)n_rows_max * row + (uint64_t)n_spans_max * sizeof *b->spans;
}

void batch_builder_reset(struct batch_builder *builder)
{
    builder->n_wanted = 0;
    builder->batch = (struct batch){
        .spans = builder->spans, .tokens = builder->tokens, .positions = builder->positions};
}

void batch_builder_free(struct batch_builder *builder)
{
    free(builder->tokens);
    free(builder->positions);
    free(builder->spans);
    free(builder->wanted_rows);
    free(builder->wanted_logits);
}

int batch_add(struct batch_builder *builder, const struct kv_cache *kv, int position,
              const int32_t *tokens, int n_tokens)
{
    struct batch *batch = &builder->batch;
    int room = builder->n_rows_max - batch->n_rows, n = n_tokens < room ? n_tokens : room;
    if (n <= 0 || batch->n_spans == builder->n_spans_max) return 0;
    builder->spans[batch->n_spans++] = (struct span){
        .kv = kv, .first_row = batch->n_rows, .n_rows = n, .first_position = position};
    memcpy(builder->tokens + batch->n_rows, tokens, (size_t)n * sizeof *tokens);
    for (int i = 0; i < n; i++) builder->positions[batch->n_rows + i] = position + i;
    batch->n_rows += n;
    return n;
}

void batch_want(struct batch_builder *builder, int back, float *logits)
{
    builder->wanted_rows[builder->n_wanted] = builder->batch.n_rows - 1 - back;
    builder->wanted_logits[builder->n_wanted++] = logits;
}
