#include "backend/cpu/cpu.h"

#include <math.h>
#include <string.h>

/* Few rows are cut into parts, so that all threads have something to do. */
enum { PARTS_OF_A_ROW = 8, ROWS_WORTH_PARTS = 32, MAX_ROTATED = 1024 };

/* Cosines and sines of one position. */
struct turn {
    float cos[MAX_ROTATED / 2], sin[MAX_ROTATED / 2];
};

static float query_scale(const struct temperature *temperature, int position);
static void turn_make(struct turn *turn, const struct rope *rope, int position);
static void head_finish(const struct cpu *cpu, float *x, int head, int width,
                        const struct norm *norm, const struct rope *rope, const struct turn *turn,
                        float clip);
static void row_part(struct cpu *cpu, const struct rope_append *work, const struct span *span,
                     int row, int part, int n_parts);
static void append_grouped(const struct cpu *cpu, const struct attention *attention,
                           const struct span *span, int row, int head, const struct turn *turn);
static void append_latent(const struct cpu *cpu, const struct attention *attention,
                          const struct span *span, int row, const struct turn *turn);
static void clamp(float *x, float limit, int n);

void rope_append_run(struct cpu *cpu, const struct worker *worker, struct phase *phase)
{
    (void)worker;
    const struct rope_append *work = phase->arguments;
    const struct batch *batch = work->batch;
    int n_parts = batch->n_rows < ROWS_WORTH_PARTS ? PARTS_OF_A_ROW : 1;
    const struct span *span = batch->spans; /* items are claimed upwards, so it never goes back */
    for (;;) {
        int item = pool_claim(&phase->counter, 1);
        int row = item / n_parts;
        if (row >= batch->n_rows) return;
        while (row >= span->first_row + span->n_rows) span++;
        row_part(cpu, work, span, row, item % n_parts, n_parts);
    }
}

/* Query heads are dealt out over the parts; so are the heads of keys and values. */
static void row_part(struct cpu *cpu, const struct rope_append *work, const struct span *span,
                     int row, int part, int n_parts)
{
    const struct attention *attention = work->attention;
    struct turn turn;
    turn_make(&turn, &attention->rope, work->batch->positions[row]);
    float scale = query_scale(&attention->temperature, work->batch->positions[row]);
    float *queries = cpu->a.q + (size_t)row * (size_t)attention->n_heads * (size_t)attention->d_k;
    for (int head = part; head < attention->n_heads; head += n_parts) {
        float *q = queries + (size_t)head * (size_t)attention->d_k;
        head_finish(cpu, q, head, attention->d_k, &attention->q_norm, &attention->rope, &turn,
                    attention->clip);
        if (scale != 1) cpu->kernels.scale(q, scale, attention->d_k);
    }
    if (attention->kind == ATTENTION_LATENT) {
        if (part == 0) append_latent(cpu, attention, span, row, &turn);
        return;
    }
    for (int head = part; head < attention->n_kv_heads; head += n_parts)
        append_grouped(cpu, attention, span, row, head, &turn);
}

static float query_scale(const struct temperature *temperature, int position)
{
    if (temperature->length == 0) return 1;
    return 1 + temperature->scale * (float)log1p(position / temperature->length);
}

static void turn_make(struct turn *turn, const struct rope *rope, int position)
{
    if (rope->style == ROPE_NONE) return;
    for (int i = 0; i < rope->n_rot / 2; i++) {
        double angle = position * rope->frequencies[i];
        turn->cos[i] = (float)cos(angle) * rope->magnitude;
        turn->sin[i] = (float)sin(angle) * rope->magnitude;
    }
}

/* Clip, norm and rotation of one head, in this order. */
static void head_finish(const struct cpu *cpu, float *x, int head, int width,
                        const struct norm *norm, const struct rope *rope, const struct turn *turn,
                        float clip)
{
    const struct kernels *kernels = &cpu->kernels;
    if (clip > 0) clamp(x, clip, width);
    const float *weight =
        norm->weight && norm->per_head ? norm->weight + head * norm->n : norm->weight;
    if (norm->kind == NORM_RMS)
        kernels->rms_norm(x, weight, norm->eps, x, width);
    else if (norm->kind == NORM_LAYER)
        kernels->layer_norm(x, weight, norm->bias, norm->eps, x, width);
    if (rope->style == ROPE_PAIRS)
        kernels->rope_pairs(x + rope->offset, turn->cos, turn->sin, rope->n_rot);
    else if (rope->style == ROPE_HALVES)
        kernels->rope_halves(x + rope->offset, turn->cos, turn->sin, rope->n_rot);
}

static void append_grouped(const struct cpu *cpu, const struct attention *attention,
                           const struct span *span, int row, int head, const struct turn *turn)
{
    const struct kv_cache *kv = span->kv;
    const struct kv_layer *layer = &kv->layers[attention->layer];
    size_t d_k = (size_t)attention->d_k, d_v = (size_t)attention->d_v;
    size_t vector = (size_t)row * (size_t)attention->n_kv_heads + (size_t)head;
    float *k = cpu->a.k + vector * d_k, *v = cpu->a.v + vector * d_v;
    head_finish(cpu, k, head, attention->d_k, &attention->k_norm, &attention->rope, turn,
                attention->clip);
    if (attention->clip > 0) clamp(v, attention->clip, attention->d_v);
    size_t at =
        (size_t)head * (size_t)kv->n_ctx + (size_t)(span->first_position + row - span->first_row);
    cpu->kernels.store[kv->dtype](k, (char *)layer->k + at * dtype_bytes(kv->dtype, attention->d_k),
                                  attention->d_k);
    cpu->kernels.store[kv->dtype](v, (char *)layer->v + at * dtype_bytes(kv->dtype, attention->d_v),
                                  attention->d_v);
}

/* The latent part is normalised, the tail rotated; both make one row of the cache. */
static void append_latent(const struct cpu *cpu, const struct attention *attention,
                          const struct span *span, int row, const struct turn *turn)
{
    const struct kv_cache *kv = span->kv;
    int width = attention->kv_rank + attention->d_rope;
    float *k = cpu->a.k + (size_t)row * (size_t)width;
    struct rope tail = attention->rope;
    tail.offset = 0;
    cpu->kernels.rms_norm(k, attention->kv_a_norm.weight, attention->kv_a_norm.eps, k,
                          attention->kv_rank);
    head_finish(cpu, k + attention->kv_rank, 0, attention->d_rope, &(struct norm){0}, &tail, turn,
                0);
    size_t at = (size_t)(span->first_position + row - span->first_row);
    cpu->kernels.store[kv->dtype](
        k, (char *)kv->layers[attention->layer].k + at * dtype_bytes(kv->dtype, width), width);
}

static void clamp(float *x, float limit, int n)
{
    for (int i = 0; i < n; i++) x[i] = fminf(fmaxf(x[i], -limit), limit);
}
