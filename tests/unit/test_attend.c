/* Attention against sums in double over the unpacked cache: grouped and latent, absorbed and
 * expanded, every type of cache, deep contexts that are split over their keys, batches of spans at
 * different depths, one to five threads. What no row may see is NaN: rows behind the last of a
 * span, as a rewind leaves them, and for the rows before it that last one too. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/backend.h"
#include "backend/cpu/kernels.h"
#include "base/rng.h"

enum { N_CTX = 2304, MAX_ROWS = 512, MAX_SPANS = 6 };

/* Of one span: so many rows behind so many keys; the last has no rows. */
struct part {
    int n_rows, first_position;
};

struct scene {
    const char *name;
    struct part parts[MAX_SPANS];
};

static const struct scene SCENES[] = {
    {"deep decode", {{1, 2100}}},
    {"shallow decode", {{1, 0}}},
    {"decode of several", {{1, 1300}, {1, 17}, {1, 0}, {1, 900}}},
    {"prefill", {{150, 0}}},
    {"prefill behind keys", {{140, 500}}},
    {"everything", {{1, 2100}, {70, 10}, {5, 300}, {100, 0}, {1, 0}, {90, 400}}},
};

static const struct attention SHAPES[] = {
    {.n_heads = 4, .n_kv_heads = 4, .d_k = 32, .d_v = 32},
    {.n_heads = 12, .n_kv_heads = 2, .d_k = 64, .d_v = 96},
    {.n_heads = 40, .n_kv_heads = 1, .d_k = 32, .d_v = 32},
    {.kind = ATTENTION_LATENT,
     .n_heads = 4,
     .n_kv_heads = 1,
     .d_k = 64,
     .d_v = 32,
     .kv_rank = 64,
     .d_nope = 32,
     .d_rope = 32},
    {.kind = ATTENTION_LATENT,
     .n_heads = 3,
     .n_kv_heads = 1,
     .d_k = 48,
     .d_v = 64,
     .kv_rank = 96,
     .d_nope = 16,
     .d_rope = 32,
     .k_b_rows_are_keys = true},
    {.kind = ATTENTION_LATENT,
     .n_heads = 34,
     .n_kv_heads = 1,
     .d_k = 64,
     .d_v = 32,
     .kv_rank = 32,
     .d_nope = 32,
     .d_rope = 32},
};

struct world {
    struct attention attention;
    enum dtype dtype;
    int k_width, v_width; /* of a cached row */
    float *k_b, *v_b;
    struct kv_layer layers[MAX_SPANS];
    struct kv_cache caches[MAX_SPANS];
    struct span spans[MAX_SPANS];
    struct batch batch;
    float *q;
    double *expected; /* [n_rows, n_heads, d_v] */
};

static float *random_floats(struct rng *rng, size_t n, double width)
{
    float *values = malloc(n * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < n; i++) values[i] = (float)((rng_uniform(rng) - 0.5) * width);
    return values;
}

static void *random_rows(struct rng *rng, enum dtype dtype, size_t n_rows, int width)
{
    size_t n = n_rows * (size_t)width;
    float *values = random_floats(rng, n, 2);
    void *rows = malloc(dtype_bytes(dtype, (int64_t)n));
    assert_non_null(rows);
    dtype_pack(dtype, values, rows, (int64_t)n);
    free(values);
    return rows;
}

static void make_latent(struct world *world, struct rng *rng)
{
    struct attention *a = &world->attention;
    int heads = a->n_heads, rank = a->kv_rank;
    world->k_b = random_floats(rng, (size_t)(heads * rank * a->d_nope), 0.5);
    world->v_b = random_floats(rng, (size_t)(heads * rank * a->d_v), 0.5);
    int rows = a->k_b_rows_are_keys ? a->d_nope : rank,
        cols = a->k_b_rows_are_keys ? rank : a->d_nope;
    size_t row = (size_t)cols * sizeof(float), v_row = (size_t)rank * sizeof(float);
    a->k_b = (struct weight){.data = world->k_b,
                             .n_slices = heads,
                             .n_rows = rows,
                             .n_cols = cols,
                             .row_bytes = row,
                             .slice_bytes = row * (size_t)rows};
    a->v_b = (struct weight){.data = world->v_b,
                             .n_slices = heads,
                             .n_rows = a->d_v,
                             .n_cols = rank,
                             .row_bytes = v_row,
                             .slice_bytes = v_row * (size_t)a->d_v};
}

/* All ones are NaN in every type of cache. */
static void spoil_rows(struct world *world, int span, int first, int n_rows)
{
    const struct attention *a = &world->attention;
    for (int head = 0; head < a->n_kv_heads; head++) {
        size_t row = (size_t)head * N_CTX + (size_t)first;
        size_t k = dtype_bytes(world->dtype, world->k_width),
               v = dtype_bytes(world->dtype, world->v_width);
        memset((char *)world->layers[span].k + row * k, 0xff, (size_t)n_rows * k);
        if (v) memset((char *)world->layers[span].v + row * v, 0xff, (size_t)n_rows * v);
    }
}

static void make_world(struct world *world, const struct attention *shape, enum dtype dtype,
                       const struct scene *scene)
{
    struct rng rng = {.state = 7};
    bool latent = shape->kind == ATTENTION_LATENT;
    *world = (struct world){.attention = *shape, .dtype = dtype};
    world->attention.scale = 1.0f / sqrtf((float)shape->d_k);
    world->k_width = latent ? shape->kv_rank + shape->d_rope : shape->d_k;
    world->v_width = latent ? 0 : shape->d_v;
    if (latent) make_latent(world, &rng);
    size_t n_rows = (size_t)shape->n_kv_heads * N_CTX;
    for (int s = 0; s < MAX_SPANS && scene->parts[s].n_rows; s++) {
        world->layers[s].k = random_rows(&rng, dtype, n_rows, world->k_width);
        if (!latent) world->layers[s].v = random_rows(&rng, dtype, n_rows, world->v_width);
        world->caches[s] = (struct kv_cache){dtype, N_CTX, &world->layers[s]};
        world->spans[s] = (struct span){&world->caches[s], world->batch.n_rows,
                                        scene->parts[s].n_rows, scene->parts[s].first_position};
        int n_cached = scene->parts[s].first_position + scene->parts[s].n_rows;
        spoil_rows(world, s, n_cached, N_CTX - n_cached);
        world->batch.n_rows += scene->parts[s].n_rows;
        world->batch.n_spans++;
    }
    world->batch.spans = world->spans;
    size_t n = (size_t)(world->batch.n_rows * shape->n_heads);
    world->q = random_floats(&rng, n * (size_t)shape->d_k, 6);
    world->expected = calloc(n * (size_t)shape->d_v, sizeof *world->expected);
    assert_non_null(world->expected);
}

static void free_world(struct world *world)
{
    for (int s = 0; s < world->batch.n_spans; s++) {
        free(world->layers[s].k);
        free(world->layers[s].v);
    }
    free(world->k_b);
    free(world->v_b);
    free(world->q);
    free(world->expected);
}

/* ---- the reference ---- */

/* Key and value of one head at one position, as the formulas have them. */
static void key_and_value(const struct world *world, const struct span *span, int head,
                          int position, double *k, double *v)
{
    const struct attention *a = &world->attention;
    const struct kv_layer *layer = &span->kv->layers[0];
    float k_row[1024], v_row[1024];
    int kv_head = head / (a->n_heads / a->n_kv_heads);
    size_t row = (size_t)kv_head * N_CTX + (size_t)position;
    dtype_unpack(world->dtype,
                 (const char *)layer->k + row * dtype_bytes(world->dtype, world->k_width), k_row,
                 world->k_width);
    if (a->kind == ATTENTION_GROUPED) {
        dtype_unpack(world->dtype, (const char *)layer->v + row * dtype_bytes(world->dtype, a->d_v),
                     v_row, a->d_v);
        for (int i = 0; i < a->d_k; i++) k[i] = k_row[i];
        for (int i = 0; i < a->d_v; i++) v[i] = v_row[i];
        return;
    }
    int rank = a->kv_rank;
    const float *k_b = world->k_b + (size_t)(head * rank * a->d_nope);
    const float *v_b = world->v_b + (size_t)(head * rank * a->d_v);
    for (int i = 0; i < a->d_nope; i++) {
        k[i] = 0;
        for (int r = 0; r < rank; r++)
            k[i] += (double)k_row[r] *
                    (a->k_b_rows_are_keys ? k_b[i * rank + r] : k_b[r * a->d_nope + i]);
    }
    for (int i = 0; i < a->d_rope; i++) k[a->d_nope + i] = k_row[rank + i];
    for (int i = 0; i < a->d_v; i++) {
        v[i] = 0;
        for (int r = 0; r < rank; r++) v[i] += (double)k_row[r] * v_b[i * rank + r];
    }
}

/* Scores are small enough for their exponentials to be summed as they are. */
static void expect_head(struct world *world, const struct span *span, int head, double *sums)
{
    const struct attention *a = &world->attention;
    double k[1024], v[1024];
    memset(sums, 0, (size_t)span->n_rows * sizeof *sums);
    for (int position = 0; position < span->first_position + span->n_rows; position++) {
        key_and_value(world, span, head, position, k, v);
        int first = position > span->first_position ? position - span->first_position : 0;
        for (int row = first; row < span->n_rows; row++) {
            size_t vector = (size_t)((span->first_row + row) * a->n_heads + head);
            const float *q = world->q + vector * (size_t)a->d_k;
            double score = 0, *out = world->expected + vector * (size_t)a->d_v;
            for (int i = 0; i < a->d_k; i++) score += q[i] * k[i];
            double p = exp(score * a->scale);
            sums[row] += p;
            for (int i = 0; i < a->d_v; i++) out[i] += p * v[i];
        }
    }
    for (int row = 0; row < span->n_rows; row++) {
        double *out = world->expected +
                      (size_t)((span->first_row + row) * a->n_heads + head) * (size_t)a->d_v;
        for (int i = 0; i < a->d_v; i++) out[i] /= sums[row];
    }
}

static void expect(struct world *world)
{
    double sums[MAX_ROWS];
    for (int s = 0; s < world->batch.n_spans; s++)
        for (int head = 0; head < world->attention.n_heads; head++)
            expect_head(world, &world->spans[s], head, sums);
}

/* ---- comparing ---- */

static struct limits limits_of(const struct world *world)
{
    const struct attention *a = &world->attention;
    bool latent = a->kind == ATTENTION_LATENT;
    return (struct limits){.n_rows = world->batch.n_rows,
                           .n_logits = 1,
                           .d_model = 1024,
                           .d_ff = 512, /* enough work for a row to be shared by the threads */
                           .n_vocab = 32,
                           .q_width = a->n_heads * a->d_k,
                           .k_width = a->n_kv_heads * world->k_width,
                           .v_width = a->n_kv_heads * world->v_width,
                           .o_width = a->n_heads * a->d_v,
                           .n_heads = a->n_heads,
                           .d_k_max = world->k_width,
                           .d_v_max = latent ? a->kv_rank : a->d_v,
                           .kv_rank = a->kv_rank,
                           .d_nope = a->d_nope};
}

static bool is_last_of_span(const struct world *world, size_t row)
{
    for (int s = 0; s < world->batch.n_spans; s++)
        if ((int)row == world->spans[s].first_row + world->spans[s].n_rows - 1) return true;
    return false;
}

static void compare(const struct world *world, const float *o, bool last_spoiled, double tolerance,
                    const char *name)
{
    size_t width = (size_t)(world->attention.n_heads * world->attention.d_v);
    for (size_t row = 0; row < (size_t)world->batch.n_rows; row++) {
        if (last_spoiled && is_last_of_span(world, row)) continue;
        for (size_t i = row * width; i < (row + 1) * width; i++)
            if (!(fabs(o[i] - world->expected[i]) < tolerance))
                fail_msg("%s, %s, row %zu: %g, expected %g", name, dtype_name(world->dtype), row,
                         o[i], world->expected[i]);
    }
}

/* The highest tier, or the highest below those that multiply matrices of bfloat16. */
static const char *tier_of(bool matrices)
{
    const char *const *tiers = kernels_tiers();
    int i = 0;
    while (tiers[i + 1]) i++;
    for (struct kernels kernels; !matrices && i > 0; i--)
        if (kernels_init(&kernels, tiers[i]) && !kernels.many[DTYPE_Q8_0]) break;
    return tiers[i];
}

/* Where queries, keys and values are floats, there is next to no rounding. For keys of Q8_0 the
 * queries are rounded to 8 bits too; matrices round all to as many. */
static double tolerance_of(const char *tier, enum dtype dtype)
{
    struct kernels kernels;
    assert_true(kernels_init(&kernels, tier));
    bool rounds = kernels.many[DTYPE_Q8_0] && dtype != DTYPE_F32;
    return dtype == DTYPE_Q8_0 ? 3e-2 : rounds ? 1e-2 : 1e-5;
}

static void attend_with(struct world *world, const char *tier, int n_threads, bool last_spoiled,
                        const char *name)
{
    struct backend_options options = {.n_threads = n_threads, .cpu_tier = tier};
    struct limits limits = limits_of(world);
    struct backend *on;
    heft_error error;
    assert_int_equal(backend_open_cpu(&options, &on, &error), HEFT_OK);
    assert_int_equal(on->ops->prepare(on, &limits, &error), HEFT_OK);
    const struct activations *a = on->ops->activations(on);
    size_t n_rows = (size_t)world->batch.n_rows, n = n_rows * (size_t)limits.o_width;
    float *first = malloc(n * sizeof *first);
    assert_non_null(first);
    for (int run = 0; run < 2; run++) {
        memcpy(a->q, world->q, n_rows * (size_t)limits.q_width * sizeof(float));
        memset(a->o, 0xff, n * sizeof(float));
        on->ops->attend(on, &world->attention, &world->batch);
        if (run == 0) memcpy(first, a->o, n * sizeof *first);
    }
    if (memcmp(first, a->o, n * sizeof *first) != 0)
        fail_msg("%s, %d threads: not the same twice", name, n_threads);
    compare(world, first, last_spoiled, tolerance_of(tier, world->dtype), name);
    free(first);
    on->ops->close(on);
}

static void test_attention(void **state)
{
    static const enum dtype dtypes[] = {DTYPE_F32, DTYPE_F16, DTYPE_Q8_0};
    static const int n_threads[] = {1, 2, 3, 5};
    const struct scene *scene = *state;
    for (size_t i = 0; i < sizeof SHAPES / sizeof *SHAPES; i++)
        for (int d = 0; d < 3; d++) {
            struct world world;
            make_world(&world, &SHAPES[i], dtypes[d], scene);
            expect(&world);
            for (int t = 0; t < 4; t++)
                attend_with(&world, tier_of(true), n_threads[t], false, scene->name);
            attend_with(&world, tier_of(false), 2, false, scene->name);
            for (int s = 0; s < world.batch.n_spans; s++) {
                const struct span *span = &world.spans[s];
                spoil_rows(&world, s, span->first_position + span->n_rows - 1, 1);
            }
            attend_with(&world, tier_of(true), 2, true, scene->name);
            attend_with(&world, tier_of(false), 2, true, scene->name);
            free_world(&world);
        }
}

int main(void)
{
    enum { N_SCENES = sizeof SCENES / sizeof *SCENES };
    struct CMUnitTest tests[N_SCENES];
    for (int i = 0; i < N_SCENES; i++)
        tests[i] =
            (struct CMUnitTest){SCENES[i].name, test_attention, NULL, NULL, (void *)&SCENES[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
