/* Speed of attention of a task of a prompt, in one thread, as a share of the peak of floats. Peak
 * and kernel take turns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/cpu/kernels/peak_kernels.h"
#include "check.h"

enum { ATTEND_ROUNDS = 7, PEAK_WORK = 500000 };

/* Widths of a head, and how many query vectors share its keys. */
struct shape {
    const char *name;
    int group, d_k, d_v, rank, d_nope, n_columns;
};

static const struct shape shapes[] = {
    {"32 on 8", 4, 128, 128, 0, 0, 256},
    {"48 on 8", 6, 128, 128, 0, 0, 252},
    {"96 on 8", 12, 128, 128, 0, 0, 252},
    {"latent, absorbed", 128, 576, 512, 0, 0, 256},
    {"latent, expanded", 1, 192, 128, 512, 128, 512},
};

static const int depths[] = {256, 2048, 8192}; /* keys before those of the task */

struct work {
    const struct kernels *kernels;
    enum dtype dtype;
    struct attend a;
    int32_t index[512], visible[512];
    float base[512], sum[512], *q, *out;
    char *k, *v, *slices;
    void *scratch;
};

static double thread_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *samples)
{
    qsort(samples, ATTEND_ROUNDS, sizeof *samples, compare);
    return samples[ATTEND_ROUNDS / 2];
}

static char *random_cache(struct check *check, enum dtype dtype, int n_rows, int n)
{
    size_t bytes = dtype_bytes(dtype, n);
    char *rows = check_alloc(bytes * (size_t)n_rows + 4096);
    float values[1024];
    for (int r = 0; r < n_rows; r++) {
        for (int i = 0; i < n; i++) values[i] = check_float(check);
        dtype_pack(dtype, values, rows + (size_t)r * bytes, n);
    }
    return rows;
}

static void work_make(struct work *work, const struct kernels *kernels, enum dtype dtype,
                      const struct shape *shape, int depth)
{
    struct check check = {.rng = {9}};
    int n = shape->n_columns, n_keys = depth + (n - 1) / shape->group + 1;
    int d_row = shape->rank ? shape->rank + shape->d_k - shape->d_nope : shape->d_k;
    bool shared = shape->rank || shape->d_k != shape->d_v;
    *work = (struct work){.kernels = kernels, .dtype = dtype};
    work->k = random_cache(&check, dtype, n_keys, d_row);
    work->v = shared ? NULL : random_cache(&check, dtype, n_keys, shape->d_v);
    if (shape->rank)
        work->slices = random_cache(&check, DTYPE_F16, shape->d_nope + shape->d_v, shape->rank);
    work->q = check_alloc((size_t)n * (size_t)shape->d_k * sizeof(float));
    work->out = check_alloc((size_t)n * (size_t)shape->d_v * sizeof(float));
    for (int i = 0; i < n * shape->d_k; i++) work->q[i] = check_float(&check);
    for (int c = 0; c < n; c++) {
        work->index[c] = c;
        work->visible[c] = depth + c / shape->group + 1;
    }
    work->a = (struct attend){
        .q = work->q,
        .column_index = work->index,
        .out = work->out,
        .n_columns = n,
        .d_k = shape->d_k,
        .d_v = shape->d_v,
        .scale = 0.1f,
        .k = work->k,
        .v = work->v ? work->v : work->k,
        .k_bytes = dtype_bytes(dtype, d_row),
        .v_bytes = dtype_bytes(dtype, shared ? d_row : shape->d_v),
        .n_keys = n_keys,
        .latent = {shape->rank, shape->d_nope, work->slices,
                   work->slices + (size_t)shape->d_nope * dtype_bytes(DTYPE_F16, shape->rank),
                   DTYPE_F16, DTYPE_F16, true},
        .n_visible = work->visible,
        .base = work->base,
        .sum = work->sum};
    size_t bytes = kernels->attend_bytes[dtype](&work->a);
    work->scratch = check_alloc(bytes > kernels->scratch_bytes ? bytes : kernels->scratch_bytes);
}

static void work_free(struct work *work)
{
    void *pieces[] = {work->k, work->v, work->slices, work->q, work->out, work->scratch};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) free(pieces[i]);
}

/* Of what the columns see; the keys and values of latent rows are made for all columns at once. */
static double multiply_adds(const struct work *work)
{
    const struct attend *a = &work->a;
    double n = 0;
    for (int c = 0; c < a->n_columns; c++) n += (double)a->n_visible[c] * (a->d_k + a->d_v);
    return n + (double)a->n_keys * a->latent.rank * (a->latent.d_nope + a->d_v);
}

static double run_peak(const struct peak_kernels *peaks)
{
    uint8_t sink[PEAK_SINK_BYTES];
    double start = thread_seconds(), done = peaks->f32(PEAK_WORK, sink) / 2;
    return done / (thread_seconds() - start) / 1e9;
}

static double run_kernel(struct work *work)
{
    double start = thread_seconds();
    work->kernels->attend[work->dtype](&work->a, work->scratch);
    return multiply_adds(work) / (thread_seconds() - start) / 1e9;
}

static void bench_shape(const struct kernels *kernels, const struct peak_kernels *peaks,
                        enum dtype dtype, const struct shape *shape)
{
    printf("%-11s %-5s %-17s", kernels->name, dtype_name(dtype), shape->name);
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
        struct work work;
        double rates[ATTEND_ROUNDS], limits[ATTEND_ROUNDS];
        work_make(&work, kernels, dtype, shape, depths[i]);
        for (int r = 0; r < ATTEND_ROUNDS; r++) {
            limits[r] = run_peak(peaks);
            rates[r] = run_kernel(&work);
        }
        double rate = median(rates), limit = median(limits);
        printf("  at %4d: %6.1f of %6.1f GMAC/s %5.1f %%", depths[i], rate, limit,
               100 * rate / limit);
        work_free(&work);
    }
    printf("\n");
    fflush(stdout);
}

void bench_attend(const struct kernels *kernels, const struct peak_kernels *peaks)
{
    static const enum dtype types[] = {DTYPE_F32, DTYPE_F16, DTYPE_Q8_0};
    for (int t = 0; t < 3; t++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes && kernels->attend[types[t]]; s++)
            bench_shape(kernels, peaks, types[t], &shapes[s]);
}
