#include "backend/cpu/peaks.h"

#include <string.h>

#include "backend/cpu/kernels.h"
#include "backend/cpu/kernels/peak_kernels.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"

enum { REPEATS = 5, CACHE_LINE = 64 };

/* Long enough that starting the workers does not count. */
static const double least_seconds = 0.05;

struct measure {
    struct peak_kernels kernels;
    uint8_t *buffer;
    size_t n_bytes;
    peak_compute *compute;
    int64_t n_rounds;
    double total[PEAK_THREADS_MOST]; /* operations of each worker */
};

static const char *best_tier(void);
static size_t buffer_bytes(void);
static heft_status measure_with(struct measure *measure, int n_threads, int column,
                                struct peaks *out, heft_error *error);
static double read_rate(struct measure *measure, struct pool *pool);
static double compute_rate(struct measure *measure, struct pool *pool, peak_compute *compute);
static double compute_once(struct measure *measure, struct pool *pool, double *seconds);

heft_status peaks_measure(int n_threads, struct peaks *out, heft_error *error)
{
    struct measure measure = {.n_bytes = buffer_bytes()};
    *out = (struct peaks){.tier = best_tier(), .buffer_bytes = measure.n_bytes};
    peak_kernels_fill_c(&measure.kernels);
    peak_kernels_fill_arch(&measure.kernels, out->tier);
    measure.buffer = memory_take(measure.n_bytes);
    if (!measure.buffer)
        return error_set(error, HEFT_DOES_NOT_FIT, "no memory for measuring: %zu bytes",
                         measure.n_bytes);
    heft_status status = measure_with(&measure, n_threads, 1, out, error);
    if (status == HEFT_OK) status = measure_with(&measure, 1, 0, out, error);
    memory_give(measure.buffer, measure.n_bytes);
    return status;
}

static const char *best_tier(void)
{
    const char *const *tiers = kernels_tiers();
    while (tiers[1]) tiers++;
    return *tiers;
}

static size_t buffer_bytes(void)
{
    const uint64_t most = (uint64_t)2 << 30, least = (uint64_t)64 << 20;
    uint64_t quarter = memory_available() / 4;
    if (quarter > most) quarter = most;
    return (size_t)(quarter < least ? least : quarter);
}

static heft_status measure_with(struct measure *measure, int n_threads, int column,
                                struct peaks *out, heft_error *error)
{
    struct pool *pool;
    heft_status status = pool_open(n_threads, &pool, error);
    if (status != HEFT_OK) return status;
    if (pool_n_threads(pool) > PEAK_THREADS_MOST) {
        pool_close(pool);
        return error_set(error, HEFT_USAGE, "peaks are measured with at most %d threads",
                         PEAK_THREADS_MOST);
    }
    if (column == 1) out->n_threads = pool_n_threads(pool);
    out->read_gbs[column] = read_rate(measure, pool) * 1e-9;
    out->f32_gops[column] = compute_rate(measure, pool, measure->kernels.f32) * 1e-9;
    out->int8_gops[column] = compute_rate(measure, pool, measure->kernels.int8) * 1e-9;
    if (measure->kernels.bf16)
        out->bf16_gops[column] = compute_rate(measure, pool, measure->kernels.bf16) * 1e-9;
    pool_close(pool);
    return HEFT_OK;
}

/* The part of the buffer that belongs to a worker. */
static uint8_t *part_of(const struct measure *measure, const struct worker *worker, size_t *n_bytes)
{
    size_t part = measure->n_bytes / (size_t)worker->n_workers / CACHE_LINE * CACHE_LINE;
    *n_bytes = part;
    return measure->buffer + part * (size_t)worker->index;
}

/* Pages that were never written are all the same page of zeros, which would be read from the cache.
 */
static void touch_job(const struct worker *worker, void *argument)
{
    size_t n_bytes;
    uint8_t *part = part_of(argument, worker, &n_bytes);
    memset(part, worker->index + 1, n_bytes);
}

static void read_job(const struct worker *worker, void *argument)
{
    struct measure *measure = argument;
    size_t n_bytes;
    const uint8_t *part = part_of(measure, worker, &n_bytes);
    measure->total[worker->index] = (double)measure->kernels.read(part, n_bytes);
}

static void compute_job(const struct worker *worker, void *argument)
{
    struct measure *measure = argument;
    uint8_t sink[PEAK_SINK_BYTES];
    measure->total[worker->index] = measure->compute(measure->n_rounds, sink);
}

static double read_rate(struct measure *measure, struct pool *pool)
{
    double best = 0;
    pool_run(pool, touch_job, measure);
    for (int i = 0; i < REPEATS; i++) {
        uint64_t start = clock_ns();
        pool_run(pool, read_job, measure);
        double seconds = (double)(clock_ns() - start) * 1e-9;
        double rate = (double)measure->n_bytes / seconds;
        if (rate > best) best = rate;
    }
    return best;
}

static double compute_rate(struct measure *measure, struct pool *pool, peak_compute *compute)
{
    double best = 0, seconds = 0;
    measure->compute = compute;
    for (measure->n_rounds = 1 << 16; seconds < least_seconds; measure->n_rounds *= 2)
        compute_once(measure, pool, &seconds);
    for (int i = 0; i < REPEATS; i++) {
        double operations = compute_once(measure, pool, &seconds);
        if (operations / seconds > best) best = operations / seconds;
    }
    return best;
}

static double compute_once(struct measure *measure, struct pool *pool, double *seconds)
{
    uint64_t start = clock_ns();
    pool_run(pool, compute_job, measure);
    *seconds = (double)(clock_ns() - start) * 1e-9;
    double operations = 0;
    for (int i = 0; i < pool_n_threads(pool); i++) operations += measure->total[i];
    return operations;
}
