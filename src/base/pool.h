/* Worker threads that run one function together: fork, work, join. The caller's thread is worker 0.
 * Workers spin for a short while between jobs, give way to whoever wants the core, and then sleep,
 * so that a busy or stolen core costs its own share and no more. */
#pragma once

#include <stdatomic.h>

#include "heft.h"

struct pool;

struct worker {
    int index, n_workers;
    struct pool *pool;
};

typedef void pool_job(const struct worker *worker, void *argument);

/* The number of threads that `n_threads` 0 stands for: one for each core this process may use. */
int pool_usable_cores(void);

/* With HEFT_PIN=1 in the environment and a thread for each core of the machine, those that it
 * starts stay on a core of their own. */
heft_status pool_open(int n_threads, struct pool **out, heft_error *error);
void pool_close(struct pool *pool);
int pool_n_threads(const struct pool *pool);

/* Runs job(worker, argument) once on every worker and returns when all are done. */
void pool_run(struct pool *pool, pool_job *job, void *argument);

/* Runs the job on the caller's thread only: for work that is smaller than waking the others. */
void pool_run_alone(struct pool *pool, pool_job *job, void *argument);

/* Inside a job: waits until every worker has arrived. All workers must call it equally often. */
void pool_barrier(const struct worker *worker);

/* Shared work list: each claim takes the next `chunk` items. Reset it before the job or the barrier
 * that precedes its use. */
struct pool_counter {
    atomic_int next;
};
int pool_claim(struct pool_counter *counter, int chunk);
void pool_counter_reset(struct pool_counter *counter);

/* One worker's part of a work list whose neighbours lie together in memory: it claims runs of
 * items, a share of what is left each time, so that it reads on where it has stopped, and the last
 * runs are short enough for all to end together. */
struct pool_share {
    struct pool_counter *counter;
    int next, end; /* of the run that is claimed */
    int n_items, n_workers;
};
struct pool_share pool_share_open(const struct worker *worker, struct pool_counter *counter,
                                  int n_items);
/* The next item; -1: none is left. */
int pool_share_next(struct pool_share *share);
