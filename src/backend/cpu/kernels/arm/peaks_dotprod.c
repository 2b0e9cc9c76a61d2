#include <arm_neon.h>

#include "backend/cpu/kernels/arm/peaks_arm.h"

enum { CHAINS = 16 };

double peak_int8_dotprod(int64_t n_rounds, void *sink)
{
    int32x4_t sums[CHAINS];
    int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(-2);
#pragma GCC unroll 16
    for (int j = 0; j < CHAINS; j++) sums[j] = vdupq_n_s32(j);
    for (int64_t i = 0; i < n_rounds; i++)
#pragma GCC unroll 16
        for (int j = 0; j < CHAINS; j++) sums[j] = vdotq_s32(sums[j], a, b);
#pragma GCC unroll 16
    for (int j = 0; j < CHAINS; j++) vst1q_s32((int32_t *)sink + 4 * j, sums[j]);
    return 2.0 * 16 * CHAINS * (double)n_rounds;
}
