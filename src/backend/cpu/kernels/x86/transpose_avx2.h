/* Turns eight rows of eight 32-bit pieces into eight columns. */
#pragma once

#include <immintrin.h>

#include "backend/cpu/kernels/inline.h"

/* First 2 x 2 and 4 x 4 inside the lanes of 128 bits, then the lanes themselves. */
ALWAYS_INLINE void transpose_8(__m256i v[8])
{
    __m256i pairs[8], fours[8];
    UNROLL
    for (int i = 0; i < 8; i += 2) {
        pairs[i] = _mm256_unpacklo_epi32(v[i], v[i + 1]);
        pairs[i + 1] = _mm256_unpackhi_epi32(v[i], v[i + 1]);
    }
    UNROLL
    for (int i = 0; i < 8; i += 4) {
        fours[i] = _mm256_unpacklo_epi64(pairs[i], pairs[i + 2]);
        fours[i + 1] = _mm256_unpackhi_epi64(pairs[i], pairs[i + 2]);
        fours[i + 2] = _mm256_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
        fours[i + 3] = _mm256_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
    }
    /* fours[4 * g + i], lane l: piece 4 * l + i of rows 4 * g .. 4 * g + 3 */
    UNROLL
    for (int i = 0; i < 4; i++) {
        v[i] = _mm256_permute2x128_si256(fours[i], fours[4 + i], 0x20);
        v[4 + i] = _mm256_permute2x128_si256(fours[i], fours[4 + i], 0x31);
    }
}
