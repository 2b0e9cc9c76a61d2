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

/* 16 numbers, their low and their high bytes. */
ALWAYS_INLINE void put_rows(uint16_t *rows, uint8x16_t low, uint8x16_t high)
{
    vst1q_u16(rows, vreinterpretq_u16_u8(vzip1q_u8(low, high)));
    vst1q_u16(rows + 8, vreinterpretq_u16_u8(vzip2q_u8(low, high)));
}

/* Patterns of seven signs; the eighth makes their number even. */
ALWAYS_INLINE uint8x16_t complete_signs(uint8x16_t patterns)
{
    return vsliq_n_u8(patterns, vcntq_u8(patterns), 7);
}

/* Four patterns of seven bits in each word, from the lowest on. */
ALWAYS_INLINE uint8x16_t word_signs(uint32x4_t words)
{
    uint32x4_t first = vandq_u32(words, vdupq_n_u32(0x7f));
    uint32x4_t second = vandq_u32(vshlq_n_u32(words, 1), vdupq_n_u32(0x7f00));
    uint32x4_t third = vandq_u32(vshlq_n_u32(words, 2), vdupq_n_u32(0x7f0000));
    uint32x4_t fourth = vandq_u32(vshlq_n_u32(words, 3), vdupq_n_u32(0x7f000000));
    uint32x4_t all = vorrq_u32(vorrq_u32(first, second), vorrq_u32(third, fourth));
    return complete_signs(vreinterpretq_u8_u32(all));
}

ALWAYS_INLINE uint32x4_t load_words(const uint8_t *bytes)
{
    return vreinterpretq_u32_u8(vld1q_u8(bytes));
}

/* Each of 16 bytes is byte i / `times` of the source, for times 4 or 8. */
ALWAYS_INLINE uint8x16_t repeat_bytes(const uint8_t *bytes, int times)
{
    uint32_t four;
    memcpy(&four, bytes, times == 4 ? 4 : 2);
    static const uint8_t by_4[16] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3};
    static const uint8_t by_8[16] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1};
    return vqtbl1q_u8(vreinterpretq_u8_u32(vdupq_n_u32(four)), vld1q_u8(times == 4 ? by_4 : by_8));
}

ALWAYS_INLINE void codes_iq2_xxs(const void *block, struct codes *out)
{
    const struct block_iq2_xxs *b = block;
    UNROLL
    for (int g = 0; g < 32; g += 16) {
        uint32x4_t first = load_words(b->qs[g / 4]), second = load_words(b->qs[g / 4 + 2]);
        uint8x16_t rows = vreinterpretq_u8_u32(vuzp1q_u32(first, second));
        put_rows(out->rows + g, rows, vdupq_n_u8(0));
        vst1q_u8(out->signs + g, word_signs(vuzp2q_u32(first, second)));
    }
}

ALWAYS_INLINE void codes_iq2_xs(const void *block, struct codes *out)
{
    const struct block_iq2_xs *b = block;
    UNROLL
    for (int g = 0; g < 32; g += 16) {
        uint16x8_t first = vld1q_u16(b->qs + g), second = vld1q_u16(b->qs + g + 8);
        vst1q_u16(out->rows + g, vandq_u16(first, vdupq_n_u16(511)));
        vst1q_u16(out->rows + g + 8, vandq_u16(second, vdupq_n_u16(511)));
        uint8x8_t low = vmovn_u16(vshrq_n_u16(first, 9)), high = vmovn_u16(vshrq_n_u16(second, 9));
        vst1q_u8(out->signs + g, complete_signs(vcombine_u8(low, high)));
    }
}

ALWAYS_INLINE void codes_iq2_s(const void *block, struct codes *out)
{
    static const int8_t shifts[16] = {0, -2, -4, -6, 0, -2, -4, -6, 0, -2, -4, -6, 0, -2, -4, -6};
    const struct block_iq2_s *b = block;
    UNROLL
    for (int g = 0; g < 32; g += 16) {
        uint8x16_t high = vshlq_u8(repeat_bytes(b->qh + g / 4, 4), vld1q_s8(shifts));
        put_rows(out->rows + g, vld1q_u8(b->qs + g), vandq_u8(high, vdupq_n_u8(3)));
    }
    memcpy(out->signs, b->signs, sizeof out->signs);
}

ALWAYS_INLINE void codes_iq3_xxs(const void *block, struct codes *out)
{
    const struct block_iq3_xxs *b = block;
    UNROLL
    for (int g = 0; g < 64; g += 16) put_rows(out->rows + g, vld1q_u8(b->qs + g), vdupq_n_u8(0));
    vst1q_u8(out->signs, word_signs(load_words(b->signs_scales[0])));
    vst1q_u8(out->signs + 16, word_signs(load_words(b->signs_scales[4])));
}

ALWAYS_INLINE void codes_iq3_s(const void *block, struct codes *out)
{
    uint8x16_t tests = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
    const struct block_iq3_s *b = block;
    UNROLL
    for (int g = 0; g < 64; g += 16) {
        uint8x16_t is_high = vtstq_u8(repeat_bytes(b->qh + g / 8, 8), tests);
        put_rows(out->rows + g, vld1q_u8(b->qs + g), vandq_u8(is_high, vdupq_n_u8(1)));
    }
    memcpy(out->signs, b->signs, sizeof out->signs);
}

ALWAYS_INLINE void codes_iq1_s(const void *block, struct codes *out)
{
    static const int16_t shifts[8] = {0, -3, -6, -9, 0, -3, -6, -9};
    const struct block_iq1_s *b = block;
    UNROLL
    for (int g = 0; g < 32; g += 8) {
        uint16x8_t words = vcombine_u16(vdup_n_u16(b->qh[g / 4]), vdup_n_u16(b->qh[g / 4 + 1]));
        uint16x8_t high = vandq_u16(vshlq_u16(words, vld1q_s16(shifts)), vdupq_n_u16(7));
        vst1q_u16(out->rows + g, vorrq_u16(vmovl_u8(vld1_u8(b->qs + g)), vshlq_n_u16(high, 8)));
        vst1_u8(out->signs + g, vmovn_u16(vcltq_u16(words, vdupq_n_u16(0x8000))));
    }
}

ALWAYS_INLINE void codes_iq1_m(const void *block, struct codes *out)
{
    const struct block_iq1_m *b = block;
    uint8x16_t packed = vld1q_u8(b->qh);
    uint8x16_t low = vandq_u8(packed, vdupq_n_u8(15)), high = vshrq_n_u8(packed, 4);
    uint8x16_t nibbles[2] = {vzip1q_u8(low, high), vzip2q_u8(low, high)};
    UNROLL
    for (int i = 0; i < 2; i++) {
        put_rows(out->rows + 16 * i, vld1q_u8(b->qs + 16 * i), vandq_u8(nibbles[i], vdupq_n_u8(7)));
        vst1q_u8(out->signs + 16 * i, vcltq_u8(nibbles[i], vdupq_n_u8(8)));
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
