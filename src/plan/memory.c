#include "plan/memory.h"

/* What no machine has need not be counted exactly: sums of a few such still fit. */
static const uint64_t most_bytes = UINT64_MAX / 16;

static uint64_t times(uint64_t bytes, int64_t n);
static uint64_t plus(uint64_t a, uint64_t b);

uint64_t demand_table_bytes(uint64_t weights)
{
    const uint64_t page_bytes = 4096, entry_bytes = 8;
    return weights / page_bytes * entry_bytes;
}

uint64_t demand_sessions(const struct demand *demand, int64_t n_ctx)
{
    int64_t n_window = n_ctx < demand->n_window ? n_ctx : demand->n_window;
    uint64_t one = plus(times(demand->token_bytes, n_ctx), demand->session_bytes);
    one = plus(one, times(demand->window_token_bytes, n_window));
    return times(one, demand->n_sessions);
}

uint64_t demand_all(const struct demand *demand, int64_t n_ctx)
{
    return plus(plus(demand->weights, demand->scratch), demand_sessions(demand, n_ctx));
}

int64_t demand_largest_context(const struct demand *demand, uint64_t usable, int64_t most)
{
    int64_t fits = 0, too_long = most + 1;
    while (too_long - fits > 1) {
        int64_t middle = fits + (too_long - fits) / 2;
        if (demand_all(demand, middle) <= usable)
            fits = middle;
        else
            too_long = middle;
    }
    return fits;
}

static uint64_t times(uint64_t bytes, int64_t n)
{
    if (n <= 0) return 0;
    return bytes > most_bytes / (uint64_t)n ? most_bytes : bytes * (uint64_t)n;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    return a > most_bytes - (b < most_bytes ? b : most_bytes) ? most_bytes : a + b;
}
