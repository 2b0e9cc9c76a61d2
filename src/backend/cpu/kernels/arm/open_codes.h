/* Opens super-blocks of codebook rows, or of base 3, for NEON: heads and values as in
 * open_supers.h, and the numbers of all rows at once. */
#pragma once

#include "backend/cpu/kernels/arm/open_supers.h"

struct codes {
    uint16_t rows[64]; /* of 8 values the first 32, of 4 values all */
    uint8_t signs[32]; /* a bit for each value: it is negative, or its delta is positive */
};

typedef void open_codes(const void *block, struct codes *out);

/* ---- heads: the scales are odd, 2 * number + 1 ---- */

ALWAYS_INLINE struct super_head head_of_words(const uint8_t *words, size_t stride, float d)
{
    struct super_head head = {.d = d};
    for (int j = 0; j < 16; j++)
        head.scales[j] = 2 * (words[stride * (size_t)(j / 2) + 3] >> 4) + 1;
    return head;
}

ALWAYS_INLINE struct super_head head_of_nibbles(const uint8_t bytes[8], float d)
{
    struct super_head head = {.d = d};
    for (int j = 0; j < 16; j++) head.scales[j] = 2 * (bytes[j / 2] >> 4 * (j % 2) & 15) + 1;
    return head;
}

ALWAYS_INLINE struct super_head head_iq2_xxs(const void *block)
{
    const struct block_iq2_xxs *b = block;
    return head_of_words(b->qs[0] + 4, 8, open_half(b->d) / 8);
}

ALWAYS_INLINE struct super_head head_iq2_xs(const void *block)
{
    const struct block_iq2_xs *b = block;
    return head_of_nibbles(b->scales, open_half(b->d) / 8);
}

ALWAYS_INLINE struct super_head head_iq2_s(const void *block)
{
    const struct block_iq2_s *b = block;
    return head_of_nibbles(b->scales, open_half(b->d) / 8);
}

ALWAYS_INLINE struct super_head head_iq3_xxs(const void *block)
{
    const struct block_iq3_xxs *b = block;
    return head_of_words(b->signs_scales[0], 4, open_half(b->d) / 4);
}

ALWAYS_INLINE struct super_head head_iq3_s(const void *block)
{
    const struct block_iq3_s *b = block;
    struct super_head head = {.d = open_half(b->d)};
    for (int j = 0; j < 16; j++)
        head.scales[j] = 2 * (b->scales[j / 4] >> 4 * (j / 2 % 2) & 15) + 1;
    return head;
}

ALWAYS_INLINE struct super_head head_iq1_s(const void *block)
{
    const struct block_iq1_s *b = block;
    struct super_head head = {.d = open_half(b->d) / 8};
    for (int j = 0; j < 16; j++) head.scales[j] = 2 * (b->qh[j / 2] >> 12 & 7) + 1;
    return head;
}

ALWAYS_INLINE struct super_head head_iq1_m(const void *block)
{
    const struct block_iq1_m *b = block;
    struct super_head head = {.d = open_half(iq1_m_scale(b->scales)) / 8};
    for (int j = 0; j < 16; j++) {
        int word = b->scales[j / 4 * 2] | b->scales[j / 4 * 2 + 1] << 8;
        head.scales[j] = 2 * (word >> 3 * (j % 4) & 7) + 1;
    }
    return head;
}

ALWAYS_INLINE struct super_head head_of_one(uint16_t d)
{
    struct super_head head = {.d = open_half(d)};
    for (int j = 0; j < 16; j++) head.scales[j] = 1;
    return head;
}

ALWAYS_INLINE struct super_head head_tq1_0(const void *block)
{
    const struct block_tq1_0 *b = block;
    return head_of_one(b->d);
}

ALWAYS_INLINE struct super_head head_tq2_0(const void *block)
{
    const struct block_tq2_0 *b = block;
    return head_of_one(b->d);
}

/* ---- numbers of rows ---- */

ALWAYS_INLINE uint8_t word_signs(const uint8_t bytes[4], int i)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return even_signs(word >> 7 * i & 127);
}

ALWAYS_INLINE void codes_iq2_xxs(const void *block, struct codes *out)
{
    const struct block_iq2_xxs *b = block;
    for (int g = 0; g < 32; g++) {
        out->rows[g] = b->qs[g / 4][g % 4];
        out->signs[g] = word_signs(b->qs[g / 4] + 4, g % 4);
    }
}

ALWAYS_INLINE void codes_iq2_xs(const void *block, struct codes *out)
{
    const struct block_iq2_xs *b = block;
    for (int g = 0; g < 32; g++) {
        out->rows[g] = b->qs[g] & 511;
        out->signs[g] = even_signs(b->qs[g] >> 9);
    }
}

ALWAYS_INLINE void codes_iq2_s(const void *block, struct codes *out)
{
    const struct block_iq2_s *b = block;
    for (int g = 0; g < 32; g++)
        out->rows[g] = (uint16_t)(b->qs[g] | (b->qh[g / 4] >> 2 * (g % 4) & 3) << 8);
    memcpy(out->signs, b->signs, sizeof out->signs);
}

ALWAYS_INLINE void codes_iq3_xxs(const void *block, struct codes *out)
{
    const struct block_iq3_xxs *b = block;
    for (int g = 0; g < 64; g++) out->rows[g] = b->qs[g];
    for (int g = 0; g < 32; g++) out->signs[g] = word_signs(b->signs_scales[g / 4], g % 4);
}

ALWAYS_INLINE void codes_iq3_s(const void *block, struct codes *out)
{
    const struct block_iq3_s *b = block;
    for (int g = 0; g < 64; g++)
        out->rows[g] = (uint16_t)(b->qs[g] | (b->qh[g / 8] >> g % 8 & 1) << 8);
    memcpy(out->signs, b->signs, sizeof out->signs);
}

ALWAYS_INLINE void codes_iq1_s(const void *block, struct codes *out)
{
    const struct block_iq1_s *b = block;
    for (int g = 0; g < 32; g++) {
        out->rows[g] = (uint16_t)(b->qs[g] | (b->qh[g / 4] >> 3 * (g % 4) & 7) << 8);
        out->signs[g] = b->qh[g / 4] & 0x8000 ? 0 : 255;
    }
}

ALWAYS_INLINE void codes_iq1_m(const void *block, struct codes *out)
{
    const struct block_iq1_m *b = block;
    for (int g = 0; g < 32; g++) {
        int high = b->qh[g / 2] >> 4 * (g % 2);
        out->rows[g] = (uint16_t)(b->qs[g] | (high & 7) << 8);
        out->signs[g] = high & 8 ? 0 : 255;
    }
}

/* ---- values 16j .. 16j + 15 ---- */

ALWAYS_INLINE int8x16_t join_rows(uint64_t low, uint64_t high)
{
    return vcombine_s8(vcreate_s8(low), vcreate_s8(high));
}

/* All ones in bytes whose bit is set. */
ALWAYS_INLINE int8x16_t spread_bits(const uint8_t bits[2])
{
    uint8x16_t bytes = vcombine_u8(vdup_n_u8(bits[0]), vdup_n_u8(bits[1]));
    uint8x16_t tests = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
    return vreinterpretq_s8_u8(vtstq_u8(bytes, tests));
}

ALWAYS_INLINE int8x16_t negate(int8x16_t w, const struct codes *codes, int j)
{
    int8x16_t minus = spread_bits(codes->signs + 2 * j);
    return vsubq_s8(veorq_s8(w, minus), minus);
}

ALWAYS_INLINE int8x16_t signed_rows_of_8(const uint64_t *table, const struct codes *codes, int j)
{
    const uint16_t *rows = codes->rows + 2 * j;
    return negate(join_rows(table[rows[0]], table[rows[1]]), codes, j);
}

ALWAYS_INLINE int8x16_t signed_rows_of_4(const uint32_t *table, const struct codes *codes, int j)
{
    const uint16_t *rows = codes->rows + 4 * j;
    uint64_t low = table[rows[0]] | (uint64_t)table[rows[1]] << 32;
    uint64_t high = table[rows[2]] | (uint64_t)table[rows[3]] << 32;
    return negate(join_rows(low, high), codes, j);
}

/* 8 * value + 8 in the table; -9 or -7 makes it 8 * value +- 1. */
ALWAYS_INLINE int8x16_t rows_with_delta(const struct codes *codes, int j)
{
    const uint16_t *rows = codes->rows + 2 * j;
    int8x16_t w = join_rows(iq1_s_rows[rows[0]], iq1_s_rows[rows[1]]);
    int8x16_t plus = vandq_s8(spread_bits(codes->signs + 2 * j), vdupq_n_s8(2));
    return vaddq_s8(w, vsubq_s8(plus, vdupq_n_s8(9)));
}

ALWAYS_INLINE int8x16_t chunk_iq2_xxs(const void *codes, int j)
{
    return signed_rows_of_8(iq2_xxs_rows, codes, j);
}

ALWAYS_INLINE int8x16_t chunk_iq2_xs(const void *codes, int j)
{
    return signed_rows_of_8(iq2_xs_rows, codes, j);
}

ALWAYS_INLINE int8x16_t chunk_iq2_s(const void *codes, int j)
{
    return signed_rows_of_8(iq2_s_rows, codes, j);
}

ALWAYS_INLINE int8x16_t chunk_iq3_xxs(const void *codes, int j)
{
    return signed_rows_of_4(iq3_xxs_rows, codes, j);
}

ALWAYS_INLINE int8x16_t chunk_iq3_s(const void *codes, int j)
{
    return signed_rows_of_4(iq3_s_rows, codes, j);
}

ALWAYS_INLINE int8x16_t chunk_iq1_s(const void *codes, int j)
{
    return rows_with_delta(codes, j);
}

ALWAYS_INLINE int8x16_t chunk_iq1_m(const void *codes, int j)
{
    return rows_with_delta(codes, j);
}

/* Five digits of 32 bytes, five of 16, four of 4; a digit is what 3/256 of the shifted byte makes.
 */
ALWAYS_INLINE int8x16_t chunk_tq1_0(const void *block, int j)
{
    static const uint8_t powers[5] = {1, 3, 9, 27, 81};
    static const uint8_t last[16] = {1, 1, 1, 1, 3, 3, 3, 3, 9, 9, 9, 9, 27, 27, 27, 27};
    const struct block_tq1_0 *b = block;
    uint8x16_t shifted;
    if (j < 10) {
        shifted = vmulq_u8(vld1q_u8(b->qs + 16 * (j % 2)), vdupq_n_u8(powers[j / 2]));
    } else if (j < 15) {
        shifted = vmulq_u8(vld1q_u8(b->qs + 32), vdupq_n_u8(powers[j - 10]));
    } else {
        uint32_t four;
        memcpy(&four, b->qh, sizeof four);
        shifted = vmulq_u8(vreinterpretq_u8_u32(vdupq_n_u32(four)), vld1q_u8(last));
    }
    uint8x16_t digits = vshrq_n_u8(vhaddq_u8(shifted, vshrq_n_u8(shifted, 1)), 6);
    return vsubq_s8(vreinterpretq_s8_u8(digits), vdupq_n_s8(1));
}

ALWAYS_INLINE int8x16_t chunk_tq2_0(const void *block, int j)
{
    const struct block_tq2_0 *b = block;
    uint8x16_t packed = vld1q_u8(b->qs[j / 8] + 16 * (j % 2));
    uint8x16_t digits = take_bits(packed, 2 * (j / 2 % 4), 2, 0);
    return vsubq_s8(vreinterpretq_s8_u8(digits), vdupq_n_s8(1));
}
