#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/machine.h"

/* How long a thread spins before it sleeps. Long enough to bridge the gap between two stages of a
 * token, short enough that a core taken away by the system is not answered by burning another. It
 * yields at each look, or threads that wait would keep the one they wait for from its core wherever
 * there are fewer cores than threads. */
enum { SPIN_NS = 50 * 1000, SPINS_PER_LOOK = 64 };

/* A number that threads wait on: spin for a while, then sleep until it changes. */
struct gate {
    _Alignas(64) atomic_uint value;
    atomic_int n_sleeping;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

/* A worker and its thread; the first is the caller's and has none. */
struct seat {
    struct worker worker;
    pthread_t thread;
};

struct pool {
    int n_threads;
    struct seat *seats; /* [n_threads] */
    pool_job *job;      /* NULL: close */
    void *argument;
    struct gate start, arrived; /* the number of the job, the number of the barrier */
    _Alignas(64) atomic_int n_arrived;
};

static bool claim_run(struct pool_share *share);
static void *worker_main(void *argument);
static bool gate_open(struct gate *gate);
static void gate_close(struct gate *gate);
static void gate_wait(struct gate *gate, unsigned seen);
static void gate_advance(struct gate *gate);
static void pin_workers(struct pool *pool);

int pool_usable_cores(void)
{
    struct machine_cores cores;
    machine_read_cores(machine_system(), &cores);
    int n = cores.n_usable > 0 ? cores.n_usable : (int)sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? n : 1;
}

heft_status pool_open(int n_threads, struct pool **out, heft_error *error)
{
    if (n_threads <= 0) n_threads = pool_usable_cores();
    struct pool *pool = aligned_alloc(64, (sizeof *pool + 63) / 64 * 64);
    struct seat *seats = calloc((size_t)n_threads, sizeof *seats);
    if (!pool || !seats) {
        free(pool);
        free(seats);
        return error_set(error, HEFT_INTERNAL, "no memory for a pool of %d threads", n_threads);
    }
    memset(pool, 0, sizeof *pool);
    pool->seats = seats;
    pool->n_threads = 1;
    if (!gate_open(&pool->start) || !gate_open(&pool->arrived)) goto failed;
    /* The number of seats at the barrier is final before a worker can look: none starts a job yet.
     */
    pool->n_threads = n_threads;
    for (int i = 0; i < n_threads; i++) seats[i].worker = (struct worker){i, n_threads, pool};
    for (int i = 1; i < n_threads; i++) {
        if (pthread_create(&seats[i].thread, NULL, worker_main, &seats[i].worker) == 0) continue;
        pool->n_threads = i; /* those that are there, for pool_close */
        goto failed;
    }
    pin_workers(pool);
    *out = pool;
    return HEFT_OK;
failed:
    pool_close(pool);
    return error_set(error, HEFT_INTERNAL, "cannot start %d threads", n_threads);
}

void pool_close(struct pool *pool)
{
    if (!pool) return;
    pool->job = NULL;
    gate_advance(&pool->start);
    for (int i = 1; i < pool->n_threads; i++) pthread_join(pool->seats[i].thread, NULL);
    gate_close(&pool->start);
    gate_close(&pool->arrived);
    free(pool->seats);
    free(pool);
}

int pool_n_threads(const struct pool *pool)
{
    return pool->n_threads;
}

void pool_run(struct pool *pool, pool_job *job, void *argument)
{
    const struct worker *self = &pool->seats[0].worker;
    pool->job = job;
    pool->argument = argument;
    if (pool->n_threads > 1) gate_advance(&pool->start);
    job(self, argument);
    pool_barrier(self);
}

void pool_run_alone(struct pool *pool, pool_job *job, void *argument)
{
    struct worker self = {0, 1, pool};
    job(&self, argument);
}

void pool_barrier(const struct worker *worker)
{
    struct pool *pool = worker->pool;
    if (worker->n_workers == 1) return;
    unsigned seen = atomic_load(&pool->arrived.value);
    if (atomic_fetch_add(&pool->n_arrived, 1) + 1 == pool->n_threads) {
        atomic_store(&pool->n_arrived, 0);
        gate_advance(&pool->arrived);
    } else {
        gate_wait(&pool->arrived, seen);
    }
}

int pool_claim(struct pool_counter *counter, int chunk)
{
    return atomic_fetch_add_explicit(&counter->next, chunk, memory_order_relaxed);
}

void pool_counter_reset(struct pool_counter *counter)
{
    atomic_store_explicit(&counter->next, 0, memory_order_relaxed);
}

struct pool_share pool_share_open(const struct worker *worker, struct pool_counter *counter,
                                  int n_items)
{
    return (struct pool_share){
        .counter = counter, .n_items = n_items, .n_workers = worker->n_workers};
}

int pool_share_next(struct pool_share *share)
{
    if (share->next == share->end && !claim_run(share)) return -1;
    return share->next++;
}

/* With four parts for each worker, one whose core is four times slower still ends with the rest. */
static bool claim_run(struct pool_share *share)
{
    enum { PARTS_PER_WORKER = 4 };
    atomic_int *next = &share->counter->next;
    int first = atomic_load_explicit(next, memory_order_relaxed), n;
    do {
        if (first >= share->n_items) return false;
        n = (share->n_items - first) / (PARTS_PER_WORKER * share->n_workers);
        if (n < 1) n = 1;
    } while (!atomic_compare_exchange_weak_explicit(next, &first, first + n, memory_order_relaxed,
                                                    memory_order_relaxed));
    share->next = first;
    share->end = first + n;
    return true;
}

static void *worker_main(void *argument)
{
    const struct worker *self = argument;
    struct pool *pool = self->pool;
    for (unsigned seen = 0;; seen++) {
        gate_wait(&pool->start, seen);
        if (!pool->job) return NULL;
        pool->job(self, pool->argument);
        pool_barrier(self);
    }
}

static bool gate_open(struct gate *gate)
{
    return pthread_mutex_init(&gate->mutex, NULL) == 0 &&
           pthread_cond_init(&gate->changed, NULL) == 0;
}

static void gate_close(struct gate *gate)
{
    pthread_cond_destroy(&gate->changed);
    pthread_mutex_destroy(&gate->mutex);
}

/* Returns once the value is no longer `seen`. */
static void gate_wait(struct gate *gate, unsigned seen)
{
    uint64_t begin = 0;
    for (int spins = 1; atomic_load_explicit(&gate->value, memory_order_acquire) == seen; spins++) {
        if (spins % SPINS_PER_LOOK) continue;
        sched_yield();
        uint64_t now = clock_ns();
        if (!begin) begin = now;
        if (now - begin > SPIN_NS) break;
    }
    if (atomic_load_explicit(&gate->value, memory_order_acquire) != seen) return;
    pthread_mutex_lock(&gate->mutex);
    atomic_fetch_add(&gate->n_sleeping, 1);
    while (atomic_load(&gate->value) == seen) pthread_cond_wait(&gate->changed, &gate->mutex);
    atomic_fetch_sub(&gate->n_sleeping, 1);
    pthread_mutex_unlock(&gate->mutex);
}

/* The sleeper counts itself before it looks at the value again, and here the value changes before
 * the count is read: one of the two always sees the other. */
static void gate_advance(struct gate *gate)
{
    atomic_fetch_add(&gate->value, 1);
    if (atomic_load(&gate->n_sleeping) == 0) return;
    pthread_mutex_lock(&gate->mutex);
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

/* Only if HEFT_PIN=1 says that this process has the machine to itself: two that bind their workers
 * would meet on the same processors, and leave the second threads of the cores idle. It takes a
 * thread for every core and every core for this process: with fewer threads the system knows better
 * which cores are idle, and a limit on time is met by moving. The first worker is the caller's
 * thread, which is not ours to bind: it finds the core that is left. */
static void pin_workers(struct pool *pool)
{
#ifdef __linux__
    const char *choice = getenv("HEFT_PIN");
    struct machine_cores cores;
    int cpus[CPU_SETSIZE];
    if (!choice || strcmp(choice, "1") != 0) return;
    machine_read_cores(machine_system(), &cores);
    int n = machine_pick_cpus(machine_system(), cpus, CPU_SETSIZE);
    bool whole = n == pool->n_threads && n == cores.n_cores && n <= CPU_SETSIZE && cores.quota == 0;
    for (int i = 1; whole && i < n; i++) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(cpus[i], &set);
        pthread_setaffinity_np(pool->seats[i].thread, sizeof set, &set);
    }
#else
    (void)pool;
#endif
}
