/* Weights of few bits: the values that a group can have are computed once, rounded to bfloat16, and
 * looked up, 32 at a time. An index has five bits; what lies above them is not looked at. */
#pragma once

#include "backend/cpu/kernels/x86/lines_amx.h"
#include "backend/cpu/kernels/x86/open_blocks.h"

/* Bits of `low` where `mask` has them, of `high` elsewhere. */
ALWAYS_INLINE __m512i join_bits(__m512i low, __m512i high, short mask)
{
    return _mm512_ternarylogic_epi32(_mm512_set1_epi16(mask), low, high, 0xca);
}

/* 32 bytes, each a word. */
ALWAYS_INLINE __m512i load_words(const uint8_t bytes[32])
{
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const void *)bytes));
}

/* Bit `bit` of every word moved to place `to`; the others are anything. */
ALWAYS_INLINE __m512i move_bit(__m512i words, int bit, int to)
{
    return bit < to ? _mm512_slli_epi16(words, (unsigned)(to - bit))
                    : _mm512_srli_epi16(words, (unsigned)(bit - to));
}

ALWAYS_INLINE __m512 count_from(float first)
{
    __m512i count = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm512_add_ps(_mm512_cvtepi32_ps(count), _mm512_set1_ps(first));
}

ALWAYS_INLINE __m512 sixteen_of(const int8_t values[16])
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)values)));
}

/* Tables of two groups, the second one at index 16. */
ALWAYS_INLINE __m512i two_tables(__m512 values, const float scales[2], const float offsets[2])
{
    __m512 low = _mm512_fmadd_ps(values, _mm512_set1_ps(scales[0]), _mm512_set1_ps(offsets[0]));
    __m512 high = _mm512_fmadd_ps(values, _mm512_set1_ps(scales[1]), _mm512_set1_ps(offsets[1]));
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

ALWAYS_INLINE void look_up_line(__m512i table, __m512i index, struct tile_halves *tile, int line)
{
    _mm512_store_si512(tile->lines[line], _mm512_permutexvar_epi16(index, table));
}

/* Nibbles of 16 bytes, the lower ones first. */
ALWAYS_INLINE __m512i nibble_indexes(const uint8_t bytes[16])
{
    __m256i wide = _mm256_cvtepu8_epi16(_mm_loadu_si128((const void *)bytes));
    __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(wide), _mm256_srli_epi16(wide, 4), 1);
    return _mm512_and_si512(both, _mm512_set1_epi16(15));
}

static void lines_q4_k(const void *blocks, int n, struct tile_halves *tile, int line)
{
    const struct block_q4_k *block = blocks;
    const __m512i second = _mm512_set1_epi16(16), low = _mm512_set1_epi16(15);
    for (; n > 0; n -= 256, block++, tile += 8) {
        struct wide_head head = widen_head(head_q4_k(block));
        float scales[16], offsets[16];
        _mm512_storeu_ps(scales, head.scales);
        _mm512_storeu_ps(offsets, head.offsets);
        UNROLL
        for (int j = 0; j < 4; j++) {
            const float pair[] = {scales[4 * j], scales[4 * j + 2]};
            const float pair_offsets[] = {offsets[4 * j], offsets[4 * j + 2]};
            __m512i table = two_tables(count_from(0), pair, pair_offsets);
            __m512i bytes = load_words(block->qs[j]);
            look_up_line(table, _mm512_and_si512(bytes, low), &tile[2 * j], line);
            look_up_line(table, _mm512_or_si512(_mm512_srli_epi16(bytes, 4), second),
                         &tile[2 * j + 1], line);
        }
    }
}

/* The number of the group above `bits` bits: `group` for the first 16 values of a line, one more
 * for the others. */
ALWAYS_INLINE __m512i group_bits(int group, int bits)
{
    __m512i low = _mm512_set1_epi16((short)(group << bits));
    return _mm512_mask_add_epi16(low, 0xffff0000, low, _mm512_set1_epi16((short)(1 << bits)));
}

ALWAYS_INLINE __m512i table_of_32(float scale, float offset)
{
    __m512 d = _mm512_set1_ps(scale), m = _mm512_set1_ps(offset);
    return (__m512i)_mm512_cvtne2ps_pbh(_mm512_fmadd_ps(count_from(16), d, m),
                                        _mm512_fmadd_ps(count_from(0), d, m));
}

static void lines_q5_k(const void *blocks, int n, struct tile_halves *tile, int line)
{
    const struct block_q5_k *block = blocks;
    for (; n > 0; n -= 256, block++, tile += 8) {
        struct wide_head head = widen_head(head_q5_k(block));
        float scales[16], offsets[16];
        _mm512_storeu_ps(scales, head.scales);
        _mm512_storeu_ps(offsets, head.offsets);
        __m512i fifth = load_words(block->qh);
        UNROLL
        for (int g = 0; g < 8; g++) {
            __m512i low = load_words(block->qs[g / 2]);
            if (g % 2) low = _mm512_srli_epi16(low, 4);
            look_up_line(table_of_32(scales[2 * g], offsets[2 * g]),
                         join_bits(low, move_bit(fifth, g, 4), 15), &tile[g], line);
        }
    }
}

/* Four groups of 16 with 8 values each are a table, of which a line looks into a half. */
static void lines_q3_k(const void *blocks, int n, struct tile_halves *tile, int line)
{
    const struct block_q3_k *block = blocks;
    const __m512i groups = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
    const __m512 values = _mm512_setr_ps(-4, -3, -2, -1, 0, 1, 2, 3, -4, -3, -2, -1, 0, 1, 2, 3);
    for (; n > 0; n -= 256, block++, tile += 8) {
        __m512 scales = widen_head(head_q3_k(block)).scales;
        __m512i third = load_words(block->hmask);
        UNROLL
        for (int t = 0; t < 4; t++) {
            __m512i first = _mm512_add_epi32(groups, _mm512_set1_epi32(4 * t));
            __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(2));
            __m512i table = (__m512i)_mm512_cvtne2ps_pbh(
                _mm512_mul_ps(_mm512_permutexvar_ps(second, scales), values),
                _mm512_mul_ps(_mm512_permutexvar_ps(first, scales), values));
            UNROLL
            for (int j = 2 * t; j < 2 * t + 2; j++) {
                __m512i low = move_bit(load_words(block->qs[j / 4]), j % 4 * 2, 0);
                __m512i index = join_bits(low, move_bit(third, j, 2), 3);
                look_up_line(table, join_bits(index, group_bits(j % 2 * 2, 3), 7), &tile[j], line);
            }
        }
    }
}

/* Eight groups of 16 with 4 values each are a table, of which a line looks into a quarter. */
static void lines_q2_k(const void *blocks, int n, struct tile_halves *tile, int line)
{
    const struct block_q2_k *block = blocks;
    const __m512i groups = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    const __m512 values = _mm512_setr_ps(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
    for (; n > 0; n -= 256, block++, tile += 8) {
        struct wide_head head = widen_head(head_q2_k(block));
        UNROLL
        for (int t = 0; t < 2; t++) {
            __m512i first = _mm512_add_epi32(groups, _mm512_set1_epi32(8 * t));
            __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(4));
            __m512i table = (__m512i)_mm512_cvtne2ps_pbh(
                _mm512_fmadd_ps(_mm512_permutexvar_ps(second, head.scales), values,
                                _mm512_permutexvar_ps(second, head.offsets)),
                _mm512_fmadd_ps(_mm512_permutexvar_ps(first, head.scales), values,
                                _mm512_permutexvar_ps(first, head.offsets)));
            __m512i pairs = load_words(block->qs[t]);
            UNROLL
            for (int p = 0; p < 4; p++) {
                __m512i index = join_bits(move_bit(pairs, 2 * p, 0), group_bits(2 * p, 2), 3);
                look_up_line(table, index, &tile[4 * t + p], line);
            }
        }
    }
}

static void lines_iq4_xs(const void *blocks, int n, struct tile_halves *tile, int line)
{
    const struct block_iq4_xs *block = blocks;
    const __m512i second = _mm512_set1_epi16(16);
    __m512 values = sixteen_of(iq4_values);
    for (; n > 0; n -= 256, block++, tile += 8) {
        float scales[16];
        _mm512_storeu_ps(scales, widen_head(head_iq4_xs(block)).scales);
        UNROLL
        for (int g = 0; g < 8; g += 2) {
            const float pair[] = {scales[2 * g], scales[2 * g + 2]}, none[] = {0, 0};
            __m512i table = two_tables(values, pair, none);
            look_up_line(table, nibble_indexes(block->qs[g]), &tile[g], line);
            look_up_line(table, _mm512_or_si512(nibble_indexes(block->qs[g + 1]), second),
                         &tile[g + 1], line);
        }
    }
}

/* `nibbles`: where the 16 bytes lie in the block. */
ALWAYS_INLINE void look_up_blocks(open_block *open, __m512 values, size_t block_bytes,
                                  size_t nibbles, const void *blocks, int n,
                                  struct tile_halves *tile, int line)
{
    const char *block = blocks;
    for (; n > 0; n -= 32, block += block_bytes, tile++) {
        struct open_block w = open(block);
        __m512 sixteen = _mm512_fmadd_ps(values, _mm512_set1_ps(w.d), _mm512_set1_ps(w.m));
        __m512i table = _mm512_castsi256_si512((__m256i)_mm512_cvtneps_pbh(sixteen));
        look_up_line(table, nibble_indexes((const uint8_t *)block + nibbles), tile, line);
    }
}

#define LOOK_UP_BLOCKS(NAME, VALUES)                                                               \
    static void lines_##NAME(const void *blocks, int n, struct tile_halves *tile, int line)        \
    {                                                                                              \
        look_up_blocks(open_##NAME, VALUES, sizeof(struct block_##NAME),                           \
                       offsetof(struct block_##NAME, qs), blocks, n, tile, line);                  \
    }
LOOK_UP_BLOCKS(q4_0, count_from(-8))
LOOK_UP_BLOCKS(q4_1, count_from(0))
LOOK_UP_BLOCKS(iq4_nl, sixteen_of(iq4_values))
LOOK_UP_BLOCKS(mxfp4, sixteen_of(e2m1_values))

ALWAYS_INLINE __m512i five_bits(const uint8_t nibbles[16], const uint8_t fifth[4])
{
    __mmask32 set;
    memcpy(&set, fifth, sizeof set);
    __m512i index = nibble_indexes(nibbles);
    return _mm512_mask_add_epi16(index, set, index, _mm512_set1_epi16(16));
}

static void lines_q5_0(const void *blocks, int n, struct tile_halves *tile, int line)
{
    const struct block_q5_0 *block = blocks;
    for (; n > 0; n -= 32, block++, tile++) {
        float d = _cvtsh_ss(block->d);
        look_up_line(table_of_32(d, -16 * d), five_bits(block->qs, block->qh), tile, line);
    }
}

static void lines_q5_1(const void *blocks, int n, struct tile_halves *tile, int line)
{
    const struct block_q5_1 *block = blocks;
    for (; n > 0; n -= 32, block++, tile++)
        look_up_line(table_of_32(_cvtsh_ss(block->d), _cvtsh_ss(block->m)),
                     five_bits(block->qs, block->qh), tile, line);
}
