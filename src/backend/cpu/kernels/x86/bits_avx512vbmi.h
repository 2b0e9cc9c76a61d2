/* Maps of bits and look-ups in tables of bytes, whole registers at a time. */
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "backend/cpu/kernels/inline.h"

/* The matrix of gf2p8affine that turns bit `first` + i of a byte into the bits of images[i]; the
 * others are lost. Its lowest byte makes bit 7. */
ALWAYS_INLINE __m512i bit_map(int first, uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    uint64_t matrix = 0;
    UNROLL
    for (int bit = 0; bit < 8; bit++) {
        uint64_t row =
            (a >> bit & 1) | (b >> bit & 1) << 1 | (c >> bit & 1) << 2 | (d >> bit & 1) << 3;
        matrix |= row << first << 8 * (7 - bit);
    }
    return _mm512_set1_epi64((int64_t)matrix);
}

/* Bytes of the first lane of 128 bits; those of the others are more by `step` each. */
ALWAYS_INLINE __m512i stepped(int64_t low, int64_t high, int step)
{
    const int64_t one = step * 0x0101010101010101;
    return _mm512_setr_epi64(low, high, low + one, high + one, low + 2 * one, high + 2 * one,
                             low + 3 * one, high + 3 * one);
}

/* A bit field of each 32-bit lane, moved up by one bit and made odd: 2 * number + 1. */
ALWAYS_INLINE __m512 odd_numbers(__m512i fields, int mask)
{
    enum { AND_OR = 0xea };
    return _mm512_cvtepi32_ps(
        _mm512_ternarylogic_epi32(fields, _mm512_set1_epi32(mask), _mm512_set1_epi32(1), AND_OR));
}

ALWAYS_INLINE __m512 spread_half(uint16_t half)
{
    return _mm512_cvtph_ps(_mm256_set1_epi16((short)half));
}

/* Numbers of rows: the lower bits as bytes, then bits 6, 7, 8 ... of all of them. */
struct numbers {
    __m512i low;
    __mmask64 bits[4];
};

ALWAYS_INLINE struct numbers numbers_of(__m512i low, __mmask64 bit_8, __mmask64 bit_9)
{
    __mmask64 bit_6 = _mm512_movepi8_mask(_mm512_slli_epi16(low, 1));
    return (struct numbers){low, {bit_6, _mm512_movepi8_mask(low), bit_8, bit_9}};
}

ALWAYS_INLINE __m512i look_up_128(const uint8_t *table, const struct numbers *n)
{
    __m512i found = _mm512_permutexvar_epi8(n->low, _mm512_load_si512(table));
    return _mm512_mask_permutexvar_epi8(found, n->bits[0], n->low, _mm512_load_si512(table + 64));
}

ALWAYS_INLINE __m512i look_up_256(const uint8_t *table, const struct numbers *n)
{
    return _mm512_mask_blend_epi8(n->bits[1], look_up_128(table, n), look_up_128(table + 128, n));
}

ALWAYS_INLINE __m512i look_up_512(const uint8_t *table, const struct numbers *n)
{
    return _mm512_mask_blend_epi8(n->bits[2], look_up_256(table, n), look_up_256(table + 256, n));
}

ALWAYS_INLINE __m512i look_up_1024(const uint8_t *table, const struct numbers *n)
{
    return _mm512_mask_blend_epi8(n->bits[3], look_up_512(table, n), look_up_512(table + 512, n));
}
