#include <arm_neon.h>

#include "backend/cpu/kernels/arm/peaks_arm.h"

/* Four units with four cycles of latency need sixteen sums in flight. */
enum { CHAINS = 16 };

uint64_t peak_read_neon(const uint8_t *data, size_t n_bytes)
{
    uint64x2_t sums[4] = {vdupq_n_u64(0), vdupq_n_u64(0), vdupq_n_u64(0), vdupq_n_u64(0)};
    for (size_t i = 0; i < n_bytes; i += 64)
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++)
            sums[j] = vaddq_u64(sums[j], vreinterpretq_u64_u8(vld1q_u8(data + i + 16 * j)));
    uint64x2_t sum = vaddq_u64(vaddq_u64(sums[0], sums[1]), vaddq_u64(sums[2], sums[3]));
    return vgetq_lane_u64(sum, 0) + vgetq_lane_u64(sum, 1);
}

double peak_f32_neon(int64_t n_rounds, void *sink)
{
    float32x4_t sums[CHAINS], factor = vdupq_n_f32(0.999f), term = vdupq_n_f32(0.5f);
#pragma GCC unroll 16
    for (int j = 0; j < CHAINS; j++) sums[j] = vdupq_n_f32((float)j);
    for (int64_t i = 0; i < n_rounds; i++)
#pragma GCC unroll 16
        for (int j = 0; j < CHAINS; j++) sums[j] = vfmaq_f32(sums[j], factor, term);
#pragma GCC unroll 16
    for (int j = 0; j < CHAINS; j++) vst1q_f32((float *)sink + 4 * j, sums[j]);
    return 2.0 * 4 * CHAINS * (double)n_rounds;
}

double peak_int8_neon(int64_t n_rounds, void *sink)
{
    int32x4_t sums[CHAINS];
    int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(-2);
#pragma GCC unroll 16
    for (int j = 0; j < CHAINS; j++) sums[j] = vdupq_n_s32(j);
    for (int64_t i = 0; i < n_rounds; i++)
#pragma GCC unroll 16
        for (int j = 0; j < CHAINS; j++) {
            __asm__("" : "+w"(a)); /* a might have changed: the product is computed each time */
            int16x8_t products = vmull_s8(vget_low_s8(a), vget_low_s8(b));
            products = vmlal_s8(products, vget_high_s8(a), vget_high_s8(b));
            sums[j] = vpadalq_s16(sums[j], products);
        }
#pragma GCC unroll 16
    for (int j = 0; j < CHAINS; j++) vst1q_s32((int32_t *)sink + 4 * j, sums[j]);
    return 2.0 * 16 * CHAINS * (double)n_rounds;
}
