/* Opens blocks of 32 for NEON: w = d * q + m. */
#pragma once

#include <arm_neon.h>
#include <string.h>

#include "backend/cpu/kernels/arm/open_half.h"
#include "backend/cpu/kernels/inline.h"
#include "tensor/block.h"
#include "tensor/codebook.h"
#include "tensor/half.h"

struct open_block {
    int8x16_t q[2];
    float d, m;
};

typedef struct open_block open_block(const void *block);

ALWAYS_INLINE struct open_block open_nibbles(const uint8_t qs[16], float d, float m)
{
    uint8x16_t packed = vld1q_u8(qs);
    int8x16_t low = vreinterpretq_s8_u8(vandq_u8(packed, vdupq_n_u8(15)));
    return (struct open_block){{low, vreinterpretq_s8_u8(vshrq_n_u8(packed, 4))}, d, m};
}

/* Bytes of 16 where the bits of qh are set. */
ALWAYS_INLINE int8x16_t open_bits(const uint8_t qh[2])
{
    uint8x16_t bytes = vcombine_u8(vdup_n_u8(qh[0]), vdup_n_u8(qh[1]));
    uint8x16_t tests = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
    return vreinterpretq_s8_u8(vandq_u8(vtstq_u8(bytes, tests), vdupq_n_u8(16)));
}

ALWAYS_INLINE struct open_block open_five_bits(const uint8_t qs[16], const uint8_t qh[4], float d,
                                               float m)
{
    struct open_block out = open_nibbles(qs, d, m);
    out.q[0] = vorrq_s8(out.q[0], open_bits(qh));
    out.q[1] = vorrq_s8(out.q[1], open_bits(qh + 2));
    return out;
}

ALWAYS_INLINE struct open_block subtract(struct open_block block, int8_t offset)
{
    block.q[0] = vsubq_s8(block.q[0], vdupq_n_s8(offset));
    block.q[1] = vsubq_s8(block.q[1], vdupq_n_s8(offset));
    return block;
}

ALWAYS_INLINE struct open_block look_up(const int8_t table[16], struct open_block block)
{
    int8x16_t values = vld1q_s8(table);
    block.q[0] = vqtbl1q_s8(values, vreinterpretq_u8_s8(block.q[0]));
    block.q[1] = vqtbl1q_s8(values, vreinterpretq_u8_s8(block.q[1]));
    return block;
}

ALWAYS_INLINE struct open_block open_q4_0(const void *block)
{
    const struct block_q4_0 *b = block;
    return subtract(open_nibbles(b->qs, open_half(b->d), 0), 8);
}

ALWAYS_INLINE struct open_block open_q4_1(const void *block)
{
    const struct block_q4_1 *b = block;
    return open_nibbles(b->qs, open_half(b->d), open_half(b->m));
}

ALWAYS_INLINE struct open_block open_q5_0(const void *block)
{
    const struct block_q5_0 *b = block;
    return subtract(open_five_bits(b->qs, b->qh, open_half(b->d), 0), 16);
}

ALWAYS_INLINE struct open_block open_q5_1(const void *block)
{
    const struct block_q5_1 *b = block;
    return open_five_bits(b->qs, b->qh, open_half(b->d), open_half(b->m));
}

ALWAYS_INLINE struct open_block open_q8_0(const void *block)
{
    const struct block_q8_0 *b = block;
    return (struct open_block){{vld1q_s8(b->qs), vld1q_s8(b->qs + 16)}, open_half(b->d), 0};
}

ALWAYS_INLINE struct open_block open_iq4_nl(const void *block)
{
    const struct block_iq4_nl *b = block;
    return look_up(iq4_values, open_nibbles(b->qs, open_half(b->d), 0));
}

/* The values of E2M1 end in halves: q is twice the value, d half the scale 2^(e - 127). */
ALWAYS_INLINE struct open_block open_mxfp4(const void *block)
{
    static const int8_t doubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    const struct block_mxfp4 *b = block;
    uint32_t e = b->e;
    float d = float_of_bits(e < 2 ? 0x00200000u << e : (e - 1) << 23);
    return look_up(doubled, open_nibbles(b->qs, d, 0));
}

/* A scale for every 16 values, whose 8 bytes hold them low, then high. */
ALWAYS_INLINE int8x16_t open_nvfp4(const uint8_t qs[8])
{
    uint8x8_t packed = vld1_u8(qs);
    uint8x16_t q = vcombine_u8(vand_u8(packed, vdup_n_u8(15)), vshr_n_u8(packed, 4));
    return vqtbl1q_s8(vld1q_s8(e2m1_values), q);
}

/* As nvfp4_scale, four at once. The bits of an E4M3 as the first of a half, which has another bias,
 * are 2^-8 of its number. */
ALWAYS_INLINE void open_nvfp4_scales(const uint8_t packed[4], float d[4])
{
    uint32_t four;
    memcpy(&four, packed, sizeof four);
    uint8x8_t bytes = vcreate_u8(four);
    bytes = vbic_u8(bytes, vceq_u8(bytes, vdup_n_u8(0x7f))); /* its NaN counts as 0 */
    uint16x8_t halves = vshll_n_u8(vand_u8(bytes, vdup_n_u8(0x7f)), 7);
    float32x4_t numbers = vcvt_f32_f16(vreinterpret_f16_u16(vget_low_u16(halves)));
    vst1q_f32(d, vmulq_n_f32(numbers, 128));
}
