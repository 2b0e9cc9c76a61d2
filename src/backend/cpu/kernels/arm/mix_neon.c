#include <arm_neon.h>
#include <string.h>

#include "backend/cpu/kernels/arm/kernels_arm.h"
#include "backend/cpu/kernels/inline.h"
#include "tensor/block.h"
#include "tensor/half.h"

enum { LANES = 4, TILE_VECTORS = 4 };

typedef float32x4_t vec;

ALWAYS_INLINE vec vec_load(const float *x)
{
    return vld1q_f32(x);
}

ALWAYS_INLINE void vec_store(float *x, vec v)
{
    vst1q_f32(x, v);
}

ALWAYS_INLINE vec vec_set(float x)
{
    return vdupq_n_f32(x);
}

ALWAYS_INLINE vec vec_fma(vec a, vec b, vec sum)
{
    return vfmaq_f32(sum, a, b);
}

ALWAYS_INLINE vec mix_load_f32(const void *row, int i)
{
    return vld1q_f32((const float *)row + i);
}

ALWAYS_INLINE vec mix_load_f16(const void *row, int i)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16((const uint16_t *)row + i)));
}

/* Four bytes, as a word that need not be aligned. */
ALWAYS_INLINE vec mix_load_q8_0(const void *row, int i)
{
    const struct block_q8_0 *b = (const struct block_q8_0 *)row + i / 32;
    uint32_t word;
    memcpy(&word, b->qs + i % 32, sizeof word);
    int16x8_t q = vmovl_s8(vcreate_s8(word));
    return vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(q))), f16_to_f32(b->d));
}

#define MIX_OF(type) mix_##type##_neon
#include "backend/cpu/kernels/mix.h"

void store_f16_neon(const float *x, void *destination, int n)
{
    uint16_t *halves = destination;
    int i = 0;
    for (; i + LANES <= n; i += LANES)
        vst1_u16(halves + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(x + i))));
    for (; i < n; i++) halves[i] = f32_to_f16(x[i]);
}
