/* Turns sixteen rows of sixteen 32-bit pieces into sixteen columns. */
#pragma once

#include <immintrin.h>

#include "backend/cpu/kernels/inline.h"

/* First 2 x 2 and 4 x 4 inside the lanes of 128 bits, then the lanes themselves, twice. */
ALWAYS_INLINE void transpose_16(__m512i v[16])
{
    __m512i pairs[16], fours[16];
    UNROLL
    for (int i = 0; i < 16; i += 2) {
        pairs[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
    }
    UNROLL
    for (int i = 0; i < 16; i += 4) {
        fours[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
        fours[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
        fours[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
        fours[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
    }
    /* fours[4 * g + i], lane l: piece 4 * l + i of rows 4 * g .. 4 * g + 3 */
    UNROLL
    for (int i = 0; i < 4; i++) {
        __m512i low_01 = _mm512_shuffle_i32x4(fours[i], fours[4 + i], 0x44);
        __m512i high_01 = _mm512_shuffle_i32x4(fours[i], fours[4 + i], 0xee);
        __m512i low_23 = _mm512_shuffle_i32x4(fours[8 + i], fours[12 + i], 0x44);
        __m512i high_23 = _mm512_shuffle_i32x4(fours[8 + i], fours[12 + i], 0xee);
        v[i] = _mm512_shuffle_i32x4(low_01, low_23, 0x88);
        v[4 + i] = _mm512_shuffle_i32x4(low_01, low_23, 0xdd);
        v[8 + i] = _mm512_shuffle_i32x4(high_01, high_23, 0x88);
        v[12 + i] = _mm512_shuffle_i32x4(high_01, high_23, 0xdd);
    }
}
