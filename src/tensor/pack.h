/* The packers that pack.c leaves to pack_k.c, pack_codebook.c and pack_rows.c, and what they
 * share. */
#pragma once

#include <math.h>
#include <stdint.h>

typedef void pack_blocks(const float *x, void *destination, int64_t n_blocks);

pack_blocks pack_q2_k, pack_q3_k, pack_q4_k, pack_q5_k, pack_q6_k;
pack_blocks pack_iq4_nl, pack_iq4_xs, pack_mxfp4, pack_nvfp4, pack_tq1_0, pack_tq2_0;
pack_blocks pack_iq2_xxs, pack_iq2_xs, pack_iq2_s, pack_iq3_xxs, pack_iq3_s, pack_iq1_s, pack_iq1_m;

/* The whole number nearest to x, halves upward, within the bounds; `low` for a NaN. */
static inline int nearest(float x, int low, int high)
{
    x = floorf(x + 0.5f);
    if (!(x > (float)low)) return low;
    return x < (float)high ? (int)x : high;
}
