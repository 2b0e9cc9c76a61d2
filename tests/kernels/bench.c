/* Speed of the kernels as a share of what the machine can do: decode kernels of its memory
 * bandwidth, prefill kernels of its arithmetic. Peak and kernels take turns, so that a busy machine
 * slows both. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "peak.h"

enum { K = 4096, ROUNDS = 7, MAX_THREADS = 64, WIDE_ROWS = 1024, WIDE_COLUMNS = 256, FEW = 4 };

static const size_t WEIGHT_BYTES = (size_t)640 << 20; /* far more than the caches hold */

enum work { READ_MEMORY, ADD_FLOATS, ADD_BYTES, MULTIPLY };

struct job {
    enum work work;
    matmul_kernel *run;
    struct matmul m;
    int n_rows;
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
    double start = thread_seconds();
    const struct job *job = part->job;
    size_t bytes = WEIGHT_BYTES / (size_t)job->n_threads / 4096 * 4096;
    int tiles = job->n_rows / 64, first = tiles * part->thread / job->n_threads;
    int end = tiles * (part->thread + 1) / job->n_threads;
    switch (job->work) {
    case READ_MEMORY:
        part->done = (double)(peak_read(job->memory + bytes * (size_t)part->thread, bytes) & 1);
        break;
    case ADD_FLOATS:
        part->done = peak_float(2000000);
        break;
    case ADD_BYTES:
        part->done = peak_byte(2000000);
        break;
    case MULTIPLY:
        job->run(&job->m, 64 * first, 64 * (end - first), job->scratch[part->thread]);
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
    int n_rows = (int)(WEIGHT_BYTES / row_bytes) / 64 * 64;
    struct weight few = weight_random(&check, dtype, 64, K);
    for (int r = 0; r < n_rows; r++)
        memcpy(b->weights + row_bytes * (size_t)r, few.rows + few.row_bytes * (size_t)(r % 64),
               row_bytes);
    weight_free(&few);
    return n_rows;
}

static struct job multiply_job(const struct bench *b, const struct kernels *kernels,
                               enum dtype dtype, bool wide, int n_rows, int n_columns)
{
    struct matmul_choice choice = wide ? kernels->wide[dtype] : kernels->narrow[dtype];
    bool floats = choice.format == COLUMN_F32;
    size_t column_bytes = kernels_column_bytes(choice.format, K);
    for (int c = 0; c < n_columns && !floats; c++)
        kernels->quantize[choice.format](b->x + (size_t)K * (size_t)c,
                                         b->columns + column_bytes * (size_t)c, K);
    struct job job = {
        .work = MULTIPLY, .run = choice.run, .n_rows = n_rows, .n_threads = b->n_threads};
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

static void bench_type(struct bench *b, const struct kernels *kernels, enum dtype dtype)
{
    struct job read = {.work = READ_MEMORY, .memory = b->weights, .n_threads = b->n_threads};
    struct job bytes = {.work = ADD_BYTES, .n_threads = b->n_threads};
    struct job floats = {.work = ADD_FLOATS, .n_threads = b->n_threads};
    size_t part = WEIGHT_BYTES / (size_t)b->n_threads / 4096 * 4096;
    double read_bytes = (double)(part * (size_t)b->n_threads);
    int n_rows = fill_weights(b, dtype);
    double weight_bytes = (double)dtype_bytes(dtype, K) * n_rows;

    printf("%-11s %-7s", kernels->name, dtype_name(dtype));
    struct job one = multiply_job(b, kernels, dtype, false, n_rows, 1);
    compare_with(&read, read_bytes, &one, weight_bytes, "GB/s");
    struct job few = multiply_job(b, kernels, dtype, false, n_rows, FEW);
    compare_with(&read, read_bytes, &few, weight_bytes, "x4 GB/s");
    struct job wide = multiply_job(b, kernels, dtype, true, WIDE_ROWS, WIDE_COLUMNS);
    bool integers = kernels->wide[dtype].format != COLUMN_F32;
    compare_with(integers ? &bytes : &floats, 0, &wide, (double)WIDE_ROWS * K * WIDE_COLUMNS,
                 integers ? "GMAC/s int" : "GMAC/s");
    printf("\n");
    fflush(stdout);
}

/* Plain C is the reference and has no speed to speak of. */
int bench(int n_threads, const char *only_tier, const char *only_type)
{
    struct bench b = {.n_threads = n_threads > 0 ? n_threads : (int)sysconf(_SC_NPROCESSORS_ONLN)};
    if (b.n_threads > MAX_THREADS) b.n_threads = MAX_THREADS;
    b.weights = check_alloc(WEIGHT_BYTES + 4096);
    b.x = check_alloc((size_t)K * WIDE_COLUMNS * sizeof *b.x);
    b.columns = check_alloc((size_t)K * WIDE_COLUMNS * 2);
    b.y = check_alloc(WEIGHT_BYTES / 512 * FEW * sizeof *b.y);
    struct check check = {.rng = {8}};
    for (int i = 0; i < K * WIDE_COLUMNS; i++) b.x[i] = check_float(&check);
    for (int i = 0; i < b.n_threads; i++) b.scratch[i] = check_alloc(kernels_scratch_bytes(K));
    printf("%d threads; medians of %d rounds\n", b.n_threads, ROUNDS);
    for (const char *const *tier = kernels_tiers(); *tier; tier++) {
        if (strcmp(*tier, "c") == 0 || (only_tier && strcmp(*tier, only_tier) != 0)) continue;
        struct kernels kernels;
        kernels_init(&kernels, *tier);
        for (int dtype = 0; dtype < DTYPE_LIMIT; dtype++)
            if (kernels.narrow[dtype].run &&
                (!only_type || strcmp(only_type, dtype_name((enum dtype)dtype)) == 0))
                bench_type(&b, &kernels, (enum dtype)dtype);
    }
    for (int i = 0; i < b.n_threads; i++) free(b.scratch[i]);
    free(b.y);
    free(b.columns);
    free(b.x);
    free(b.weights);
    return 0;
}
