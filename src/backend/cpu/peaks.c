#include "backend/cpu/peaks.h"

#include "backend/cpu/bandwidth.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/kernels/peak_kernels.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"

enum { REPEATS = 5 };

/* Long enough that starting the workers does not count. */
static const double least_seconds = 0.05;

struct measure {
    struct peak_kernels kernels;
    size_t n_bytes; /* to read */
    peak_compute *compute;
    int64_t n_rounds;
    double total[PEAK_THREADS_MOST]; /* operations of each worker */
};

static size_t buffer_bytes(void);
static heft_status measure_with(struct measure *measure, int n_threads, int column,
                                struct peaks *out, heft_error *error);
static heft_status read_rates(size_t n_bytes, int n_threads, double gbs[2], heft_error *error);
static double compute_rate(struct measure *measure, struct pool *pool, peak_compute *compute);
static double compute_once(struct measure *measure, struct pool *pool, double *seconds);

heft_status peaks_measure(int n_threads, struct peaks *out, heft_error *error)
{
    struct measure measure = {.n_bytes = buffer_bytes()};
    *out = (struct peaks){.tier = kernels_best_tier(), .buffer_bytes = measure.n_bytes};
    peak_kernels_fill_c(&measure.kernels);
    peak_kernels_fill_arch(&measure.kernels, out->tier);
    heft_status status = read_rates(measure.n_bytes, n_threads, out->read_gbs, error);
    if (status == HEFT_OK) status = measure_with(&measure, n_threads, 1, out, error);
    if (status == HEFT_OK) status = measure_with(&measure, 1, 0, out, error);
    return status;
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
    if (column == 1) out->n_threads = pool_n_threads(pool);
    out->f32_gops[column] = compute_rate(measure, pool, measure->kernels.f32) * 1e-9;
    out->int8_gops[column] = compute_rate(measure, pool, measure->kernels.int8) * 1e-9;
    if (measure->kernels.bf16)
        out->bf16_gops[column] = compute_rate(measure, pool, measure->kernels.bf16) * 1e-9;
    pool_close(pool);
    return HEFT_OK;
}

/* Of one thread, then of all. */
static heft_status read_rates(size_t n_bytes, int n_threads, double gbs[2], heft_error *error)
{
    struct bandwidth *bandwidth;
    heft_status status = bandwidth_open(n_threads, n_bytes, &bandwidth, error);
    if (status != HEFT_OK) return status;
    for (int together = 0; together < 2; together++)
        for (int i = 0; i < REPEATS; i++) {
            double rate = bandwidth_measure(bandwidth, !together) * 1e-9;
            if (i == 0 || rate > gbs[together]) gbs[together] = rate;
        }
    bandwidth_close(bandwidth);
    return HEFT_OK;
}

static void compute_job(const struct worker *worker, void *argument)
{
    struct measure *measure = argument;
    uint8_t sink[PEAK_SINK_BYTES];
    measure->total[worker->index] = measure->compute(measure->n_rounds, sink);
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
