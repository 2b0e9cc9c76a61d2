/* The thread pool: every worker once a job, barriers that hold, claims that miss nothing, sleep and
 * waking, with more threads than cores too. Run it under the thread sanitizer as well. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/flag.h"
#include "base/machine.h"
#include "base/pool.h"

enum { MAX_THREADS = 32, N_ITEMS = 1000, N_PHASES = 20 };

static const int COUNTS[] = {1, 2, 3, 4, 5, 6, 7, 8, MAX_THREADS};

static struct pool *open_pool(int n_threads)
{
    struct pool *pool;
    heft_error error;
    if (pool_open(n_threads, &pool, &error) != HEFT_OK) fail_msg("%s", error.message);
    return pool;
}

/* Not atomic: a pool that runs a worker twice at once, or does not join, is a data race. */
struct visits {
    int n[MAX_THREADS];
    int n_workers[MAX_THREADS];
};

static void visit(const struct worker *worker, void *argument)
{
    struct visits *visits = argument;
    visits->n[worker->index]++;
    visits->n_workers[worker->index] = worker->n_workers;
}

static void test_every_worker_once(void **state)
{
    enum { N_JOBS = 500 };
    (void)state;
    for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
        struct pool *pool = open_pool(COUNTS[i]);
        struct visits visits = {0};
        assert_int_equal(pool_n_threads(pool), COUNTS[i]);
        for (int job = 1; job <= N_JOBS; job++) {
            pool_run(pool, visit, &visits);
            for (int w = 0; w < MAX_THREADS; w++)
                assert_int_equal(visits.n[w], w < COUNTS[i] ? job : 0);
        }
        for (int w = 0; w < COUNTS[i]; w++) assert_int_equal(visits.n_workers[w], COUNTS[i]);
        pool_close(pool);
    }
}

/* Each phase writes what the next one reads from another worker's place. */
struct relay {
    int values[2][MAX_THREADS];
    int n_wrong[MAX_THREADS];
};

static void relay_run(const struct worker *worker, void *argument)
{
    struct relay *relay = argument;
    int next = (worker->index + 1) % worker->n_workers;
    for (int phase = 1; phase <= N_PHASES; phase++) {
        relay->values[phase % 2][worker->index] = phase * 100 + worker->index;
        pool_barrier(worker);
        if (relay->values[phase % 2][next] != phase * 100 + next) relay->n_wrong[worker->index]++;
    }
}

static void test_barriers_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
        struct pool *pool = open_pool(COUNTS[i]);
        struct relay relay = {0};
        for (int job = 0; job < 20; job++) pool_run(pool, relay_run, &relay);
        for (int w = 0; w < COUNTS[i]; w++) assert_int_equal(relay.n_wrong[w], 0);
        pool_close(pool);
    }
}

struct list {
    struct pool_counter counter;
    int chunk, n_items;
    atomic_int n_after_end;
    int done[N_ITEMS];
};

static void claims_run(const struct worker *worker, void *argument)
{
    struct list *list = argument;
    (void)worker;
    for (;;) {
        int first = pool_claim(&list->counter, list->chunk);
        if (first >= N_ITEMS) return;
        for (int i = first; i < first + list->chunk && i < N_ITEMS; i++) list->done[i]++;
    }
}

static void test_claims_miss_nothing(void **state)
{
    (void)state;
    static const int chunks[] = {1, 7, 64, 5000};
    for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
        struct pool *pool = open_pool(COUNTS[i]);
        struct list list = {0};
        for (int job = 1; job <= 40; job++) {
            list.chunk = chunks[job % 4];
            pool_counter_reset(&list.counter);
            pool_run(pool, claims_run, &list);
            for (int item = 0; item < N_ITEMS; item++) assert_int_equal(list.done[item], job);
        }
        pool_close(pool);
    }
}

static void share_run(const struct worker *worker, void *argument)
{
    struct list *list = argument;
    struct pool_share share = pool_share_open(worker, &list->counter, list->n_items);
    int item;
    while ((item = pool_share_next(&share)) >= 0)
        if (item < list->n_items) list->done[item]++;
    if (item != -1 || pool_share_next(&share) != -1) list->n_after_end++;
}

static void test_shares_miss_nothing(void **state)
{
    (void)state;
    static const int lengths[] = {0, 1, 5, N_ITEMS};
    for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
        struct pool *pool = open_pool(COUNTS[i]);
        struct list list = {0};
        for (int job = 0; job < 40; job++) {
            list = (struct list){.n_items = lengths[job % 4]};
            pool_counter_reset(&list.counter);
            pool_run(pool, share_run, &list);
            for (int item = 0; item < N_ITEMS; item++)
                assert_int_equal(list.done[item], item < list.n_items);
            assert_int_equal(list.n_after_end, 0);
            assert_int_equal(list.counter.next, list.n_items);
        }
        pool_close(pool);
    }
}

static void test_shares_lie_together(void **state)
{
    (void)state;
    struct worker worker = {0, 2, NULL};
    struct pool_counter counter = {0};
    struct pool_share one = pool_share_open(&worker, &counter, 100), other = one;
    assert_int_equal(pool_share_next(&one), 0);
    assert_int_equal(pool_share_next(&other), 12);
    for (int i = 1; i < 12; i++) assert_int_equal(pool_share_next(&one), i);
    assert_int_equal(pool_share_next(&one), 12 + 11); /* an eighth of 100, then of the 88 left */
}

/* A worker that has begun its last run keeps nobody waiting for more than an item. */
static void test_shares_end_together(void **state)
{
    (void)state;
    struct worker worker = {0, 2, NULL};
    struct pool_counter counter = {0};
    struct pool_share share = pool_share_open(&worker, &counter, 100);
    int n_runs = 0, longest = 12;
    while (pool_share_next(&share) >= 0) {
        int n = share.end - share.next + 1;
        assert_in_range(n, 1, longest);
        longest = n;
        share.next = share.end;
        n_runs++;
    }
    assert_int_equal(longest, 1);
    assert_int_equal(n_runs, 31); /* the last 15 of them of one item */
}

static void pause_ns(long ns)
{
    nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

static void late_visit(const struct worker *worker, void *argument)
{
    if (worker->index == 0) pause_ns(300000); /* the others sleep at the barrier */
    pool_barrier(worker);
    visit(worker, argument);
}

/* Pauses about as long as the spinning, where falling asleep and waking meet. */
static void test_sleep_and_wake(void **state)
{
    (void)state;
    struct pool *pool = open_pool(4);
    struct visits visits = {0};
    int job = 0;
    for (long ns = 10000; ns < 400000; ns += 4000) {
        pause_ns(ns);
        pool_run(pool, job % 2 ? visit : late_visit, &visits);
        job++;
        for (int w = 0; w < 4; w++) assert_int_equal(visits.n[w], job);
    }
    pool_close(pool);
}

static void test_open_and_close(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) pool_close(open_pool(1 + i % 8));
    struct pool *pool = open_pool(3);
    pause_ns(1000000);
    pool_close(pool); /* asleep */
    pool_close(NULL);
    pool = open_pool(0);
    assert_true(pool_n_threads(pool) >= 1);
    pool_close(pool);
}

#ifdef __linux__
/* On how many processors each worker may run. */
static void count_cpus(const struct worker *worker, void *argument)
{
    cpu_set_t set;
    int *n_cpus = argument;
    sched_getaffinity(0, sizeof set, &set);
    n_cpus[worker->index] = CPU_COUNT(&set);
}

static void assert_cpus(int n_threads, int n_first, int n_others)
{
    int n_cpus[CPU_SETSIZE] = {0};
    struct pool *pool = open_pool(n_threads);
    pool_run(pool, count_cpus, n_cpus);
    pool_close(pool);
    assert_int_equal(n_cpus[0], n_first);
    for (int i = 1; i < n_threads; i++) assert_int_equal(n_cpus[i], n_others);
}

static void test_workers_stay(void **state)
{
    (void)state;
    struct machine_cores cores;
    machine_read_cores(machine_system(), &cores);
    int n = cores.n_cores;
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    int n_all = CPU_COUNT(&set);
    if (n < 2 || cores.n_usable < n || cores.quota > 0) {
        print_message("skipped: this process has not got several cores to itself\n");
        skip();
    }
    unsetenv("HEFT_PIN");
    assert_cpus(n, n_all, n_all);
    setenv("HEFT_PIN", "1", 1);
    assert_cpus(n, n_all, 1);
    assert_cpus(n + 1, n_all, n_all);
    assert_cpus(n - 1, n_all, n_all);
    unsetenv("HEFT_PIN");
}
#else
static void test_workers_stay(void **state)
{
    (void)state;
}
#endif

static void raise_run(const struct worker *worker, void *argument)
{
    struct flag *flag = argument;
    if (worker->index == 1)
        flag_raise(flag);
    else
        while (!flag_is_up(flag)) pause_ns(1000);
}

static void test_flag(void **state)
{
    (void)state;
    struct flag flag = {0};
    struct pool *pool = open_pool(2);
    assert_false(flag_is_up(&flag));
    pool_run(pool, raise_run, &flag);
    assert_true(flag_is_up(&flag));
    flag_lower(&flag);
    assert_false(flag_is_up(&flag));
    pool_close(pool);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_worker_once),   cmocka_unit_test(test_barriers_hold),
        cmocka_unit_test(test_claims_miss_nothing), cmocka_unit_test(test_shares_miss_nothing),
        cmocka_unit_test(test_shares_lie_together), cmocka_unit_test(test_shares_end_together),
        cmocka_unit_test(test_sleep_and_wake),      cmocka_unit_test(test_open_and_close),
        cmocka_unit_test(test_workers_stay),        cmocka_unit_test(test_flag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
