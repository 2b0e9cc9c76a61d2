/* A flag that one thread, or a signal handler, raises and another looks at. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

struct flag {
    atomic_int raised;
};

static inline void flag_raise(struct flag *flag)
{
    atomic_store(&flag->raised, 1);
}

static inline bool flag_is_up(const struct flag *flag)
{
    return atomic_load(&flag->raised) != 0;
}

/* True if it was up: one of several that lower it is told. */
static inline bool flag_lower(struct flag *flag)
{
    return atomic_exchange(&flag->raised, 0) != 0;
}
