/* Speed of the kernels as a share of what the machine can do: decode kernels of its memory
 * bandwidth, prefill kernels of its arithmetic. Peak and kernels take turns, so that a busy machine
 * slows both. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend/cpu/kernels/peak_kernels.h"
#include "base/memory.h"
#include "check.h"

enum {
    K = 4096,
    ROUNDS = 7,
    MAX_THREADS = 64,
    FEW = 4,
    WIDE_ROWS = 4096,
    WIDE_COLUMNS = 512,
    PEAK_ROUNDS = 2000000
};

static const size_t WEIGHT_BYTES = (size_t)640 << 20; /* far more than the caches hold */

enum work { READ_MEMORY, COMPUTE, MULTIPLY };

struct job {
    enum work work;
    peak_read *read;
    peak_compute *compute;
    matmul_kernel *run;
    struct matmul m;
    int n_rows, task_rows;
    const char *memory;
    void *scratch[MAX_THREADS];
    int n_threads;
};

struct part {
    const struct job *job;
    int thread;
    double done;    /* multiply-adds of peaks */
    double seconds; /* of the processor: what other programs take does not count */
};

static double thread_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void *run_part(void *argument)
{
    struct part *part = argument;
    uint8_t sink[PEAK_SINK_BYTES];
    double start = thread_seconds();
    const struct job *job = part->job;
    size_t bytes = WEIGHT_BYTES / (size_t)job->n_threads / 4096 * 4096;
    int tiles = job->n_rows / NARROW_TASK_ROWS;
    int first = tiles * part->thread / job->n_threads * NARROW_TASK_ROWS;
    int end = tiles * (part->thread + 1) / job->n_threads * NARROW_TASK_ROWS;
    switch (job->work) {
    case READ_MEMORY:
        part->done =
            (double)(job->read((const uint8_t *)job->memory + bytes * (size_t)part->thread, bytes) &
                     1);
        break;
    case COMPUTE:
        part->done = job->compute(PEAK_ROUNDS, sink) / 2;
        break;
    case MULTIPLY:
        for (int row = first, n = job->task_rows; row < end; row += n)
            job->run(&job->m, row, end - row < n ? end - row : n, job->scratch[part->thread]);
        break;
    }
    part->seconds = thread_seconds() - start;
    return NULL;
}

/* Seconds of the slowest thread; `done` becomes the multiply-adds of all. */
static double run_job(const struct job *job, double *done)
{
    pthread_t threads[MAX_THREADS];
    struct part parts[MAX_THREADS];
    double seconds = 0;
    for (int i = 0; i < job->n_threads; i++) {
        parts[i] = (struct part){.job = job, .thread = i};
        if (pthread_create(&threads[i], NULL, run_part, &parts[i])) abort();
    }
    *done = 0;
    for (int i = 0; i < job->n_threads; i++) {
        pthread_join(threads[i], NULL);
        *done += parts[i].done;
        if (parts[i].seconds > seconds) seconds = parts[i].seconds;
    }
    return seconds;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *samples)
{
    double sorted[ROUNDS];
    memcpy(sorted, samples, sizeof sorted);
    qsort(sorted, ROUNDS, sizeof *sorted, compare);
    return sorted[ROUNDS / 2];
}

static double spread(const double *samples)
{
    double sorted[ROUNDS];
    memcpy(sorted, samples, sizeof sorted);
    qsort(sorted, ROUNDS, sizeof *sorted, compare);
    return (sorted[ROUNDS - 2] - sorted[1]) / sorted[ROUNDS / 2];
}

/* One kernel against one peak, in turns. Rates are in billions a second, of bytes or multiply-adds.
 */
static void compare_with(const struct job *peak, double peak_amount, const struct job *job,
                         double amount, const char *label)
{
    double peaks[ROUNDS], rates[ROUNDS], done;
    for (int i = 0; i < ROUNDS; i++) {
        double seconds = run_job(peak, &done);
        peaks[i] = (peak_amount > 0 ? peak_amount : done) / seconds / 1e9;
        rates[i] = amount / run_job(job, &done) / 1e9;
    }
    double rate = median(rates), limit = median(peaks);
    printf("  %-10s %7.1f of %7.1f  %5.1f %%  (spread %.0f %%)", label, rate, limit,
           100 * rate / limit, 100 * spread(rates));
}

struct bench {
    char *weights, *columns;
    float *x, *y;
    void *scratch[MAX_THREADS];
    int n_threads;
};

/* As many random rows as fit a small weight, again and again. */
static int fill_weights(struct bench *b, enum dtype dtype)
{
    struct check check = {.rng = {7}};
    size_t row_bytes = dtype_bytes(dtype, K);
    int n_rows = (int)(WEIGHT_BYTES / row_bytes) / NARROW_TASK_ROWS * NARROW_TASK_ROWS;
    struct weight few = weight_random(&check, dtype, 64, K);
    for (int r = 0; r < n_rows; r++)
        memcpy(b->weights + row_bytes * (size_t)r, few.rows + few.row_bytes * (size_t)(r % 64),
               row_bytes);
    weight_free(&few);
    return n_rows;
}

static struct job multiply_job(const struct bench *b, const struct kernels *kernels,
                               struct matmul_choice choice, enum dtype dtype, int n_rows,
                               int n_columns)
{
    bool floats = choice.format == COLUMN_F32, pairs = column_is_paired(choice.format);
    size_t column_bytes = kernels_column_bytes(choice.format, K);
    for (int c = 0; c < n_columns && !floats; c += pairs ? COLUMNS_PAIRED : 1) {
        const float *x = b->x + (size_t)K * (size_t)c;
        char *out = b->columns + column_bytes * (size_t)c;
        if (pairs)
            kernels->pair[choice.format](x, K, COLUMNS_PAIRED, out, K);
        else
            kernels->quantize[choice.format](x, out, K);
    }
    struct job job = {.work = MULTIPLY,
                      .run = choice.run,
                      .n_rows = n_rows,
                      .task_rows = pairs ? MANY_TASK_ROWS : NARROW_TASK_ROWS,
                      .n_threads = b->n_threads};
    job.m = (struct matmul){.rows = b->weights,
                            .row_bytes = dtype_bytes(dtype, K),
                            .k = K,
                            .columns = floats ? (char *)b->x : b->columns,
                            .column_bytes = column_bytes,
                            .n_columns = n_columns,
                            .y = b->y,
                            .y_stride = (size_t)n_rows};
    memcpy(job.scratch, b->scratch, sizeof job.scratch);
    return job;
}

static void bench_many(const struct bench *b, const struct kernels *kernels, enum dtype dtype,
                       struct matmul_choice choice, peak_compute *peak, const char *label)
{
    struct job limit = {.work = COMPUTE, .compute = peak, .n_threads = b->n_threads};
    struct job job = multiply_job(b, kernels, choice, dtype, WIDE_ROWS, WIDE_COLUMNS);
    compare_with(&limit, 0, &job, (double)WIDE_ROWS * K * WIDE_COLUMNS, label);
}

static void bench_type(struct bench *b, const struct kernels *kernels,
                       const struct peak_kernels *peaks, enum dtype dtype)
{
    struct job read = {
        .work = READ_MEMORY, .read = peaks->read, .memory = b->weights, .n_threads = b->n_threads};
    size_t part = WEIGHT_BYTES / (size_t)b->n_threads / 4096 * 4096;
    double read_bytes = (double)(part * (size_t)b->n_threads);
    int n_rows = fill_weights(b, dtype);
    double weight_bytes = (double)dtype_bytes(dtype, K) * n_rows;

    printf("%-11s %-7s", kernels->name, dtype_name(dtype));
    struct job one = multiply_job(b, kernels, kernels->narrow[dtype], dtype, n_rows, 1);
    compare_with(&read, read_bytes, &one, weight_bytes, "GB/s");
    struct job few = multiply_job(b, kernels, kernels->narrow[dtype], dtype, n_rows, FEW);
    compare_with(&read, read_bytes, &few, weight_bytes, "x4 GB/s");
    bool integers = kernels->wide[dtype].format != COLUMN_F32;
    bench_many(b, kernels, dtype, kernels->wide[dtype], integers ? peaks->int8 : peaks->f32,
               integers ? "GMAC/s int8" : "GMAC/s f32");
    if (kernels->many[dtype])
        bench_many(b, kernels, dtype,
                   (struct matmul_choice){kernels->many[dtype], kernels_many_format(dtype, false)},
                   peaks->bf16, "GMAC/s bf16");
    printf("\n");
    fflush(stdout);
}

/* In large pages, as the weights of a model lie. */
static void *take_pages(size_t n_bytes)
{
    void *pages = memory_take(n_bytes);
    if (pages) return pages;
    fprintf(stderr, "bench: no memory for %zu bytes\n", n_bytes);
    exit(1);
}

/* Plain C is the reference and has no speed to speak of. */
int bench(int n_threads, const char *only_tier, const char *only_type)
{
    struct bench b = {.n_threads = n_threads > 0 ? n_threads : (int)sysconf(_SC_NPROCESSORS_ONLN)};
    if (b.n_threads > MAX_THREADS) b.n_threads = MAX_THREADS;
    const size_t columns_bytes = kernels_columns_bytes(COLUMN_SPLIT_PAIRS, WIDE_COLUMNS, K);
    b.weights = take_pages(WEIGHT_BYTES + 4096);
    b.x = check_alloc((size_t)K * WIDE_COLUMNS * sizeof *b.x);
    b.columns = take_pages(columns_bytes);
    b.y = check_alloc(WEIGHT_BYTES / 512 * FEW * sizeof *b.y);
    struct check check = {.rng = {8}};
    for (int i = 0; i < K * WIDE_COLUMNS; i++) b.x[i] = check_float(&check);
    struct kernels highest;
    kernels_init(&highest, NULL);
    for (int i = 0; i < b.n_threads; i++) b.scratch[i] = take_pages(highest.scratch_bytes);
    printf("%d threads; medians of %d rounds\n", b.n_threads, ROUNDS);
    for (const char *const *tier = kernels_tiers(); *tier; tier++) {
        if (strcmp(*tier, "c") == 0 || (only_tier && strcmp(*tier, only_tier) != 0)) continue;
        struct kernels kernels;
        struct peak_kernels peaks;
        kernels_init(&kernels, *tier);
        peak_kernels_fill_c(&peaks);
        peak_kernels_fill_arch(&peaks, *tier);
        if (!only_type || strcmp(only_type, "attend") == 0) bench_attend(&kernels, &peaks);
        for (int dtype = 0; dtype < DTYPE_LIMIT; dtype++)
            if (kernels.narrow[dtype].run &&
                (!only_type || strcmp(only_type, dtype_name((enum dtype)dtype)) == 0))
                bench_type(&b, &kernels, &peaks, (enum dtype)dtype);
    }
    for (int i = 0; i < b.n_threads; i++) memory_give(b.scratch[i], highest.scratch_bytes);
    free(b.y);
    memory_give(b.columns, columns_bytes);
    free(b.x);
    memory_give(b.weights, WEIGHT_BYTES + 4096);
    return 0;
}
