/* Opens super-blocks for NEON: a head with the scales of every 16 values, and the values as signed
 * bytes: w = d * scale * q - dmin * min */
#pragma once

#include <arm_neon.h>
#include <string.h>

#include "backend/cpu/kernels/arm/open_half.h"
#include "backend/cpu/kernels/inline.h"
#include "tensor/block.h"
#include "tensor/codebook.h"

struct super_head {
    int16_t scales[16];
    int16_t mins[16];
    float d, dmin;
};

typedef struct super_head open_head(const void *block);

/* Values 16j .. 16j + 15 of a super-block. */
typedef int8x16_t open_chunk(const void *block, int j);

/* Six-bit scales and mins of eight groups, each twice. */
ALWAYS_INLINE struct super_head open_six_bits(const uint8_t packed[12], uint16_t d, uint16_t dmin)
{
    uint32_t a, b, c;
    memcpy(&a, packed, 4);
    memcpy(&b, packed + 4, 4);
    memcpy(&c, packed + 8, 4);
    uint64_t scales_high = (c & 0x0f0f0f0f) | (a >> 2 & 0x30303030);
    uint64_t mins_high = (c >> 4 & 0x0f0f0f0f) | (b >> 2 & 0x30303030);
    uint16x8_t scales = vmovl_u8(vcreate_u8(scales_high << 32 | (a & 0x3f3f3f3f)));
    uint16x8_t mins = vmovl_u8(vcreate_u8(mins_high << 32 | (b & 0x3f3f3f3f)));
    struct super_head head = {.d = open_half(d), .dmin = open_half(dmin)};
    vst1q_s16(head.scales, vreinterpretq_s16_u16(vzip1q_u16(scales, scales)));
    vst1q_s16(head.scales + 8, vreinterpretq_s16_u16(vzip2q_u16(scales, scales)));
    vst1q_s16(head.mins, vreinterpretq_s16_u16(vzip1q_u16(mins, mins)));
    vst1q_s16(head.mins + 8, vreinterpretq_s16_u16(vzip2q_u16(mins, mins)));
    return head;
}

ALWAYS_INLINE struct super_head head_q4_k(const void *block)
{
    const struct block_q4_k *b = block;
    return open_six_bits(b->scales, b->d, b->dmin);
}

ALWAYS_INLINE struct super_head head_q5_k(const void *block)
{
    const struct block_q5_k *b = block;
    return open_six_bits(b->scales, b->d, b->dmin);
}

ALWAYS_INLINE struct super_head head_q6_k(const void *block)
{
    const struct block_q6_k *b = block;
    struct super_head head = {.d = open_half(b->d)};
    for (int j = 0; j < 16; j++) head.scales[j] = b->scales[j];
    return head;
}

ALWAYS_INLINE struct super_head head_q2_k(const void *block)
{
    const struct block_q2_k *b = block;
    struct super_head head = {.d = open_half(b->d), .dmin = open_half(b->dmin)};
    for (int j = 0; j < 16; j++) {
        head.scales[j] = b->scales[j] & 15;
        head.mins[j] = b->scales[j] >> 4;
    }
    return head;
}

/* See q3_k_scale: eight bytes with two numbers each, and four with the high bits of four numbers.
 */
ALWAYS_INLINE struct super_head head_q3_k(const void *block)
{
    const struct block_q3_k *b = block;
    const uint64_t nibbles = 0x0f0f0f0f0f0f0f0f;
    const uint32_t high = 0x30303030;
    uint64_t low;
    uint32_t pairs;
    memcpy(&low, b->scales, 8);
    memcpy(&pairs, b->scales + 8, 4);
    uint64_t first = (uint64_t)(pairs << 2 & high) << 32 | (pairs << 4 & high);
    uint64_t second = (uint64_t)(pairs >> 2 & high) << 32 | (pairs & high);
    uint8x16_t numbers =
        vcombine_u8(vcreate_u8((low & nibbles) | first), vcreate_u8((low >> 4 & nibbles) | second));
    int8x16_t scales = vsubq_s8(vreinterpretq_s8_u8(numbers), vdupq_n_s8(32));
    struct super_head head = {.d = open_half(b->d)};
    vst1q_s16(head.scales, vmovl_s8(vget_low_s8(scales)));
    vst1q_s16(head.scales + 8, vmovl_s8(vget_high_s8(scales)));
    return head;
}

ALWAYS_INLINE struct super_head head_iq4_xs(const void *block)
{
    const struct block_iq4_xs *b = block;
    struct super_head head = {.d = open_half(b->d)};
    for (int j = 0; j < 8; j++) {
        int low = b->scales_l[j / 2] >> 4 * (j % 2) & 15, high = b->scales_h >> 2 * j & 3;
        head.scales[2 * j] = head.scales[2 * j + 1] = (int16_t)((low | high << 4) - 32);
    }
    return head;
}

/* Bits [from, from + width) of every byte, moved to bits [to, to + width). The shifts are constants
 * once the loop over j is unrolled. */
ALWAYS_INLINE uint8x16_t take_bits(uint8x16_t bytes, int from, int width, int to)
{
    uint8x16_t moved = vshlq_u8(bytes, vdupq_n_s8((int8_t)(to - from)));
    return vandq_u8(moved, vdupq_n_u8((uint8_t)(((1 << width) - 1) << to)));
}

ALWAYS_INLINE int8x16_t chunk_q4_k(const void *block, int j)
{
    const struct block_q4_k *b = block;
    return vreinterpretq_s8_u8(
        take_bits(vld1q_u8(b->qs[j / 4] + 16 * (j % 2)), 4 * (j / 2 % 2), 4, 0));
}

ALWAYS_INLINE int8x16_t chunk_q5_k(const void *block, int j)
{
    const struct block_q5_k *b = block;
    uint8x16_t low = take_bits(vld1q_u8(b->qs[j / 4] + 16 * (j % 2)), 4 * (j / 2 % 2), 4, 0);
    uint8x16_t high = take_bits(vld1q_u8(b->qh + 16 * (j % 2)), j / 2, 1, 4);
    return vreinterpretq_s8_u8(vorrq_u8(low, high));
}

ALWAYS_INLINE int8x16_t chunk_q6_k(const void *block, int j)
{
    const struct block_q6_k *b = block;
    int half = j / 8, piece = j % 8;
    uint8x16_t low = take_bits(vld1q_u8(b->ql[half] + 16 * (piece % 4)), 4 * (piece / 4), 4, 0);
    uint8x16_t high = take_bits(vld1q_u8(b->qh[half] + 16 * (piece % 2)), 2 * (piece / 2), 2, 4);
    return vsubq_s8(vreinterpretq_s8_u8(vorrq_u8(low, high)), vdupq_n_s8(32));
}

ALWAYS_INLINE int8x16_t chunk_q2_k(const void *block, int j)
{
    const struct block_q2_k *b = block;
    uint8x16_t packed = vld1q_u8(b->qs[j / 8] + 16 * (j % 2));
    return vreinterpretq_s8_u8(take_bits(packed, 2 * (j / 2 % 4), 2, 0));
}

ALWAYS_INLINE int8x16_t chunk_q3_k(const void *block, int j)
{
    const struct block_q3_k *b = block;
    uint8x16_t low = take_bits(vld1q_u8(b->qs[j / 8] + 16 * (j % 2)), 2 * (j / 2 % 4), 2, 0);
    uint8x16_t high = take_bits(vld1q_u8(b->hmask + 16 * (j % 2)), j / 2, 1, 2);
    return vsubq_s8(vreinterpretq_s8_u8(vorrq_u8(low, high)), vdupq_n_s8(4));
}

ALWAYS_INLINE int8x16_t chunk_iq4_xs(const void *block, int j)
{
    const struct block_iq4_xs *b = block;
    return vqtbl1q_s8(vld1q_s8(iq4_values), take_bits(vld1q_u8(b->qs[j / 2]), 4 * (j % 2), 4, 0));
}
