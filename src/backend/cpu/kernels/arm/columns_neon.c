/* Rounds activations to 8 bits, bit by bit as plain C does. */
#include <arm_neon.h>
#include <math.h>

#include "backend/cpu/kernels/arm/kernels_arm.h"
#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/inline.h"
#include "tensor/half.h"

static const float SMALLEST_MAXIMUM = 1e-30f;

/* The greatest |x| as its bits: integers order them right, infinities and NaNs above all numbers.
 */
ALWAYS_INLINE float greatest(const float *x, int n)
{
    uint32x4_t greatest = vdupq_n_u32(0), magnitude = vdupq_n_u32(0x7fffffff);
    for (int i = 0; i < n; i += 4)
        greatest =
            vmaxq_u32(greatest, vandq_u32(vreinterpretq_u32_f32(vld1q_f32(x + i)), magnitude));
    return float_of_bits(vmaxvq_u32(greatest));
}

/* The factor from values to bytes, and `scale` back again. Groups that are not finite become zeros
 * with a NaN for their scale; too small ones become zeros. */
ALWAYS_INLINE float factor_of(const float *x, int n, float *scale)
{
    float max = greatest(x, n);
    if (!isfinite(max) || max < SMALLEST_MAXIMUM) {
        *scale = isfinite(max) ? 0 : NAN;
        return 0;
    }
    *scale = max / 127;
    return 127 / max;
}

ALWAYS_INLINE int16x8_t round_eight(const float *x, float factor)
{
    int32x4_t low = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x), factor));
    int32x4_t high = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + 4), factor));
    return vcombine_s16(vmovn_s32(low), vmovn_s32(high));
}

/* Rounds 16 values and returns their sum. */
ALWAYS_INLINE int round_16(const float *x, float factor, int8_t *q)
{
    if (factor == 0) { /* x may be infinite */
        vst1q_s8(q, vdupq_n_s8(0));
        return 0;
    }
    int8x16_t bytes =
        vcombine_s8(vmovn_s16(round_eight(x, factor)), vmovn_s16(round_eight(x + 8, factor)));
    vst1q_s8(q, bytes);
    return vaddlvq_s8(bytes);
}

void quantize_q8_32_neon(const float *x, void *column, int k)
{
    struct column_q8_32 out = column_q8_32(column, k);
    for (int g = 0; g < k / 32; g++, x += 32, out.q += 32) {
        float factor = factor_of(x, 32, &out.scale[g]);
        int sum = round_16(x, factor, out.q);
        sum += round_16(x + 16, factor, out.q + 16);
        out.bias[g] = -128 * sum;
    }
}

void quantize_q8_256_neon(const float *x, void *column, int k)
{
    struct column_q8_256 out = column_q8_256(column, k);
    for (int g = 0; g < k / 256; g++) {
        float factor = factor_of(x + 256 * g, 256, &out.scale[g]);
        for (int j = 16 * g; j < 16 * g + 16; j++)
            out.sums[j] = (int16_t)round_16(x + 16 * j, factor, out.q + 16 * j);
    }
}
