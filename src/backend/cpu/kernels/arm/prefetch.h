/* Asks for what follows a block in its row. */
#pragma once

#include <stddef.h>

#include "backend/cpu/kernels/inline.h"

enum { PREFETCH_AHEAD = 1024 };

ALWAYS_INLINE void prefetch_block(const char *block, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i += 64) __builtin_prefetch(block + PREFETCH_AHEAD + i);
}
