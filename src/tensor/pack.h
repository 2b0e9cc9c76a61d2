/* The packers that pack.c leaves to pack_k.c, and what they share. */
#pragma once

#include <math.h>
#include <stdint.h>

typedef void pack_blocks(const float *x, void *destination, int64_t n_blocks);

pack_blocks pack_q4_k, pack_q5_k, pack_q6_k;

/* The whole number nearest to x, halves upward, within the bounds; `low` for a NaN. */
static inline int nearest(float x, int low, int high)
{
    x = floorf(x + 0.5f);
    if (!(x > (float)low)) return low;
    return x < (float)high ? (int)x : high;
}
