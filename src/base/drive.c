#include "base/drive.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/pool.h"
#include "base/rng.h"

/* Drives reach their rate with several large requests at once. */
enum {
    N_READERS = 8,
    CHUNK_BYTES = 1 << 20,
    MOST_CHUNKS = (512 << 20) / CHUNK_BYTES,
    FEWEST_PLACES = 32, /* a smaller file is in the drive's own cache */
    LIMIT_NS = 300 * 1000 * 1000,
};

struct probe {
    struct file_direct file;
    char *buffers; /* [N_READERS, CHUNK_BYTES] */
    uint64_t deadline;
    struct pool_counter chunks; /* handed out */
    atomic_int n_read;
};

static double measure(struct probe *probe);
static void read_chunks(const struct worker *worker, void *argument);

double drive_read_rate(const char *path)
{
    struct probe probe = {.file = file_open_direct(path)};
    if (probe.file.descriptor < 0) return 0;
    bool whole = probe.file.n_allocated >= probe.file.n_bytes / 10 * 9;
    double rate = 0;
    if (whole && probe.file.n_bytes / CHUNK_BYTES >= FEWEST_PLACES) rate = measure(&probe);
    close(probe.file.descriptor);
    return rate;
}

static double measure(struct probe *probe)
{
    struct pool *pool;
    probe->buffers = aligned_alloc((size_t)sysconf(_SC_PAGESIZE), (size_t)N_READERS * CHUNK_BYTES);
    if (!probe->buffers) return 0;
    if (pool_open(N_READERS, &pool, NULL) != HEFT_OK) {
        free(probe->buffers);
        return 0;
    }
    uint64_t begin = clock_ns();
    probe->deadline = begin + LIMIT_NS;
    pool_run(pool, read_chunks, probe);
    double seconds = (double)(clock_ns() - begin) / 1e9;
    pool_close(pool);
    free(probe->buffers);
    return (double)probe->n_read * CHUNK_BYTES / seconds;
}

/* Anywhere in the file, so that no cache of the drive has it. A request that is cut short ends the
 * measurement of its reader: the file has shrunk, or cannot be read in such pieces. */
static void read_chunks(const struct worker *worker, void *argument)
{
    struct probe *probe = argument;
    struct rng rng = {probe->deadline + (uint64_t)worker->index};
    char *buffer = probe->buffers + (size_t)worker->index * CHUNK_BYTES;
    uint64_t n_places = probe->file.n_bytes / CHUNK_BYTES;
    while (clock_ns() < probe->deadline && pool_claim(&probe->chunks, 1) < MOST_CHUNKS) {
        off_t place = (off_t)(rng_next(&rng) % n_places * CHUNK_BYTES);
        if (pread(probe->file.descriptor, buffer, CHUNK_BYTES, place) != CHUNK_BYTES) return;
        atomic_fetch_add(&probe->n_read, 1);
    }
}
