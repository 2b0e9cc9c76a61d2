#include "backend/cpu/bandwidth.h"

#include <stdlib.h>
#include <string.h>

#include "backend/cpu/kernels.h"
#include "backend/cpu/kernels/peak_kernels.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"

enum { CACHE_LINE = 64 };

struct bandwidth {
    struct pool *pool;
    peak_read *read;
    uint8_t *buffer;
    size_t n_bytes;
    bool alone;                       /* one thread reads it all */
    uint64_t sums[PEAK_THREADS_MOST]; /* of each worker, so that nothing is left unread */
};

static pool_job touch_job, read_job;

heft_status bandwidth_open(int n_threads, size_t n_bytes, struct bandwidth **out, heft_error *error)
{
    struct bandwidth *bandwidth = calloc(1, sizeof *bandwidth);
    if (!bandwidth) return error_set(error, HEFT_INTERNAL, "no memory for measuring");
    struct peak_kernels kernels;
    peak_kernels_fill_c(&kernels);
    peak_kernels_fill_arch(&kernels, kernels_best_tier());
    bandwidth->read = kernels.read;
    bandwidth->n_bytes = n_bytes;
    heft_status status = pool_open(n_threads, &bandwidth->pool, error);
    if (status == HEFT_OK && pool_n_threads(bandwidth->pool) > PEAK_THREADS_MOST)
        status = error_set(error, HEFT_USAGE, "peaks are measured with at most %d threads",
                           PEAK_THREADS_MOST);
    if (status == HEFT_OK && !(bandwidth->buffer = memory_take(n_bytes)))
        status = error_set(error, HEFT_DOES_NOT_FIT, "no memory for measuring: %zu bytes", n_bytes);
    if (status != HEFT_OK) {
        bandwidth_close(bandwidth);
        return status;
    }
    pool_run(bandwidth->pool, touch_job, bandwidth);
    *out = bandwidth;
    return HEFT_OK;
}

void bandwidth_close(struct bandwidth *bandwidth)
{
    if (!bandwidth) return;
    if (bandwidth->buffer) memory_give(bandwidth->buffer, bandwidth->n_bytes);
    if (bandwidth->pool) pool_close(bandwidth->pool);
    free(bandwidth);
}

double bandwidth_measure(struct bandwidth *bandwidth, bool alone)
{
    bandwidth->alone = alone;
    uint64_t start = clock_ns();
    pool_run(bandwidth->pool, read_job, bandwidth);
    return (double)bandwidth->n_bytes / ((double)(clock_ns() - start) * 1e-9);
}

/* The part of the buffer that belongs to a worker. */
static uint8_t *part_of(const struct bandwidth *bandwidth, const struct worker *worker,
                        size_t *n_bytes)
{
    *n_bytes = bandwidth->n_bytes / (size_t)worker->n_workers / CACHE_LINE * CACHE_LINE;
    return bandwidth->buffer + *n_bytes * (size_t)worker->index;
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
    struct bandwidth *bandwidth = argument;
    size_t n_bytes;
    const uint8_t *part = part_of(bandwidth, worker, &n_bytes);
    if (bandwidth->alone) {
        part = bandwidth->buffer;
        n_bytes = worker->index == 0 ? bandwidth->n_bytes / CACHE_LINE * CACHE_LINE : 0;
    }
    bandwidth->sums[worker->index] = bandwidth->read(part, n_bytes);
}
