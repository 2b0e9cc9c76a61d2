/* Fused stages against stages composed from steps, layer by layer, on models of every kind: the
 * same numbers in every buffer, the same choice of experts, the same bytes in the cache. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/stage.h"
#include "engine/kv.h"
#include "model/model.h"
#include "model_file.h"

enum { MAX_ROWS = 200, N_CTX = 256, N_LOGITS = 8 };

static const char like[] = "tests/golden/data/llama-a.gguf";

struct kind {
    const char *name;
    struct model_shape shape;
};

static const struct kind KINDS[] = {
    {"grouped, dense, F32",
     {.n_layers = 2,
      .d_model = 96,
      .n_heads = 6,
      .n_kv_heads = 2,
      .d_k = 32,
      .d_v = 64,
      .d_ff = 160,
      .d_rope = 16}},
    {"grouped, dense, Q8_0",
     {.n_layers = 2,
      .d_model = 96,
      .n_heads = 3,
      .n_kv_heads = 3,
      .d_k = 32,
      .d_v = 32,
      .d_ff = 160,
      .d_rope = 32,
      .dtype = DTYPE_Q8_0}},
    {"grouped, experts, Q4_K",
     {.n_layers = 2,
      .d_model = 256,
      .n_heads = 4,
      .n_kv_heads = 1,
      .d_k = 64,
      .d_v = 64,
      .d_ff = 256,
      .d_rope = 64,
      .n_experts = 8,
      .n_used = 2,
      .d_ff_expert = 256,
      .dtype = DTYPE_Q4_K}},
    {"latent, dense",
     {.n_layers = 2,
      .d_model = 64,
      .n_heads = 4,
      .d_k = 48,
      .d_v = 32,
      .d_ff = 96,
      .kv_rank = 32,
      .d_rope = 32}},
    {"latent, query latent, groups of experts",
     {.n_layers = 3,
      .d_model = 64,
      .n_heads = 4,
      .d_k = 64,
      .d_v = 32,
      .d_ff = 96,
      .q_rank = 32,
      .kv_rank = 64,
      .d_rope = 32,
      .n_dense_layers = 1,
      .n_experts = 16,
      .n_used = 4,
      .n_groups = 4,
      .n_groups_used = 2,
      .n_shared = 2,
      .d_ff_expert = 32,
      .sigmoid = true,
      .dtype = DTYPE_Q8_0}},
    {"latent, whole kv_b, experts",
     {.n_layers = 2,
      .d_model = 64,
      .n_heads = 4,
      .d_k = 48,
      .d_v = 32,
      .d_ff = 96,
      .kv_rank = 64,
      .d_rope = 16,
      .whole_kv_b = true,
      .n_experts = 8,
      .n_used = 3,
      .n_shared = 1,
      .d_ff_expert = 48}},
};

/* One model on two backends: as it is, and with its stages taken away. */
struct pair {
    struct gguf *file;
    struct model *model;
    struct limits limits;
    struct backend *backends[2];
    struct backend_ops composed;
    struct kv *kv[2];
};

static void pair_open_model(struct pair *pair, struct model_shape shape)
{
    char path[] = "/tmp/heft-stage-XXXXXX";
    heft_error error;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    shape.n_ctx = N_CTX;
    struct model_file *file = model_file_make(&shape, like);
    model_file_write(file, path);
    model_file_free(file);
    if (gguf_open(path, &pair->file, &error) != HEFT_OK) fail_msg("%s", error.message);
    if (model_open(pair->file, &pair->model, &error) != HEFT_OK) fail_msg("%s", error.message);
    unlink(path);
}

static void pair_open(struct pair *pair, const struct kind *kind, enum dtype cache, int n_threads)
{
    heft_error error;
    *pair = (struct pair){0};
    pair_open_model(pair, kind->shape);
    pair->limits = model_limits(pair->model, MAX_ROWS, N_LOGITS);
    for (int i = 0; i < 2; i++) {
        struct backend_options options = {.n_threads = n_threads};
        assert_int_equal(backend_open_cpu(&options, &pair->backends[i], &error), HEFT_OK);
        struct backend *on = pair->backends[i];
        assert_int_equal(on->ops->prepare(on, &pair->limits, &error), HEFT_OK);
        assert_int_equal(kv_create(on, pair->model, cache, N_CTX, &pair->kv[i], &error), HEFT_OK);
    }
    pair->composed = *pair->backends[1]->ops;
    pair->composed.stage_qkv = NULL;
    pair->composed.stage_project = NULL;
    pair->composed.stage_up = pair->composed.stage_down = NULL;
    pair->backends[1]->ops = &pair->composed;
}

static void pair_close(struct pair *pair)
{
    for (int i = 0; i < 2; i++) {
        kv_free(pair->kv[i]);
        pair->backends[i]->ops->close(pair->backends[i]);
    }
    model_close(pair->model);
    gguf_close(pair->file);
}

/* Products add their bias before or after the residual, hence not always the same bits. */
static void same_floats(struct pair *pair, const char *what, size_t offset, int64_t n)
{
    const float *lists[2];
    for (int i = 0; i < 2; i++) {
        const struct activations *a = pair->backends[i]->ops->activations(pair->backends[i]);
        memcpy(&lists[i], (const char *)a + offset, sizeof lists[i]);
    }
    for (int64_t i = 0; i < n; i++) {
        double difference = fabs(lists[0][i] - lists[1][i]) / (1 + fabs(lists[0][i]));
        if (!(difference < 1e-6))
            fail_msg("%s[%ld]: %g fused, %g composed", what, (long)i, lists[0][i], lists[1][i]);
    }
}

#define SAME(field, width)                                                                         \
    same_floats(pair, #field, offsetof(struct activations, field), (int64_t)batch->n_rows *(width))

static void same_choice(const struct pair *pair, int n)
{
    const int32_t *ids[2];
    for (int i = 0; i < 2; i++)
        ids[i] = pair->backends[i]->ops->activations(pair->backends[i])->expert_ids;
    assert_memory_equal(ids[0], ids[1], (size_t)n * sizeof **ids);
}

static void compare_attention(struct pair *pair, const struct batch *batch)
{
    const struct limits *limits = &pair->limits;
    SAME(q, limits->q_width);
    SAME(k, limits->k_width);
    SAME(v, limits->v_width);
    SAME(o, limits->o_width);
}

static void compare_feed_forward(struct pair *pair, const struct feed_forward *ffn,
                                 const struct batch *batch)
{
    const struct limits *limits = &pair->limits;
    if (ffn->dense.d_ff) SAME(gated, ffn->dense.d_ff);
    if (!ffn->experts.d_ff) return;
    SAME(router_logits, limits->n_experts);
    same_choice(pair, batch->n_rows * limits->n_used);
    SAME(expert_weights, limits->n_used);
    SAME(expert_gated, limits->n_used * limits->d_ff_expert);
}

/* Activations are compared while they are alive: they may share memory. */
static void run_layer(struct pair *pair, const struct layer *layer, const struct batch *batches)
{
    const struct batch *batch = &batches[0];
    for (int i = 0; i < 2; i++) {
        stage_qkv(pair->backends[i], &layer->attention, &batches[i]);
        stage_attend(pair->backends[i], &layer->attention, &batches[i]);
    }
    compare_attention(pair, batch);
    for (int i = 0; i < 2; i++) {
        stage_project(pair->backends[i], &layer->attention, &layer->ffn, batch->n_rows);
        stage_up(pair->backends[i], &layer->ffn, batch->n_rows);
    }
    compare_feed_forward(pair, &layer->ffn, batch);
    for (int i = 0; i < 2; i++) stage_down(pair->backends[i], &layer->ffn, batch->n_rows);
    SAME(x, pair->limits.d_model);
}

/* Rows that continue the cache at `first`. Each layer begins with the same input on both. */
static void run_rows(struct pair *pair, int first, int n_rows)
{
    int32_t tokens[MAX_ROWS], positions[MAX_ROWS];
    for (int i = 0; i < n_rows; i++) {
        tokens[i] = (first + i) * 31 % 272;
        positions[i] = first + i;
    }
    struct span spans[2];
    struct batch batches[2];
    for (int i = 0; i < 2; i++) {
        struct backend *on = pair->backends[i];
        spans[i] =
            (struct span){.kv = &pair->kv[i]->cache, .n_rows = n_rows, .first_position = first};
        batches[i] = (struct batch){n_rows, 1, &spans[i], tokens, positions};
        on->ops->embed(on, &pair->model->embedding, &batches[i]);
    }
    size_t x_bytes = (size_t)n_rows * (size_t)pair->limits.d_model * sizeof(float);
    for (int l = 0; l < pair->model->description.n_layers; l++) {
        const struct layer *layer = &pair->model->layers[l];
        run_layer(pair, layer, batches);
        memcpy(pair->backends[1]->ops->activations(pair->backends[1])->x,
               pair->backends[0]->ops->activations(pair->backends[0])->x, x_bytes);
    }
    assert_memory_equal(pair->kv[0]->memory, pair->kv[1]->memory, pair->kv[0]->n_bytes);
}

/* Blocks of Q8_0 hold 32 values. */
static bool can_cache(const struct kind *kind, enum dtype cache)
{
    return cache != DTYPE_Q8_0 || kind->shape.kv_rank == 0 || kind->shape.d_rope % 32 == 0;
}

static void test_fused_is_composed(void **state)
{
    static const enum dtype caches[] = {DTYPE_F32, DTYPE_F16, DTYPE_Q8_0};
    static const int n_rows[] = {200, 33, 7, 2, 3, 1};
    const struct kind *kind = *state;
    for (int c = 0; c < 3; c++)
        for (int n_threads = 1; n_threads <= 3 && can_cache(kind, caches[c]); n_threads += 2) {
            struct pair pair;
            pair_open(&pair, kind, caches[c], n_threads);
            for (int i = 0, first = 0; i < 6; first += n_rows[i++])
                run_rows(&pair, first, n_rows[i]);
            pair_close(&pair);
        }
}

/* ---- the router ---- */

/* Whatever the scores are, a row visits n_used different experts. */
static void test_router_chooses_different(void **state)
{
    (void)state;
    enum { N_EXPERTS = 16, N_USED = 4 };
    static const float values[] = {0, 1, -1, 1e30f, -1e30f, NAN, INFINITY, -INFINITY};
    struct pair pair;
    pair_open(&pair, &KINDS[4], DTYPE_F32, 1);
    struct backend *on = pair.backends[0];
    const struct activations *a = on->ops->activations(on);
    struct router router = pair.model->layers[2].ffn.router;
    for (unsigned mix = 0; mix < 512; mix++) {
        for (int e = 0; e < N_EXPERTS; e++) a->router_logits[e] = values[(mix >> (e % 3 * 3) & 7)];
        router.score = mix % 2 ? ROUTER_SOFTMAX : ROUTER_SIGMOID;
        router.group_by_best = mix % 3 == 0;
        on->ops->route(on, &router, 1);
        bool seen[N_EXPERTS] = {false};
        for (int i = 0; i < N_USED; i++) {
            assert_in_range(a->expert_ids[i], 0, N_EXPERTS - 1);
            assert_false(seen[a->expert_ids[i]]);
            seen[a->expert_ids[i]] = true;
        }
    }
    pair_close(&pair);
}

int main(void)
{
    enum { N_KINDS = sizeof KINDS / sizeof *KINDS };
    struct CMUnitTest tests[N_KINDS + 1] = {cmocka_unit_test(test_router_chooses_different)};
    for (int i = 0; i < N_KINDS; i++)
        tests[1 + i] = (struct CMUnitTest){KINDS[i].name, test_fused_is_composed, NULL, NULL,
                                           (void *)&KINDS[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
