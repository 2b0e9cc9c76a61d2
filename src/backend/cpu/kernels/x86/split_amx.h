/* Floats as sums of two bfloat16, which keep 16 bits of them; halves, of 11 bits, are exact. */
#pragma once

#include <string.h>

#include "backend/cpu/kernels/x86/tiles_amx.h"
#include "backend/cpu/kernels/x86/transpose_avx512.h"

struct split {
    __m512i high, low; /* 32 bfloat16 each */
};

ALWAYS_INLINE __m512 widen_bf16(__m256i halves)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

/* The high part of what rounds to infinity: the low one of a finite value then is finite. A NaN is
 * kept, as the second operand is of which one is a NaN. */
ALWAYS_INLINE __m512 within_bf16(__m512 x)
{
    __m512 no_more = _mm512_min_ps(_mm512_set1_ps(0x1.fep127f), x);
    return _mm512_max_ps(_mm512_set1_ps(-0x1.fep127f), no_more);
}

ALWAYS_INLINE struct split split_32(__m512 first, __m512 second)
{
    struct split split;
    split.high = (__m512i)_mm512_cvtne2ps_pbh(within_bf16(second), within_bf16(first));
    first = _mm512_sub_ps(first, widen_bf16(_mm512_castsi512_si256(split.high)));
    second = _mm512_sub_ps(second, widen_bf16(_mm512_extracti64x4_epi64(split.high, 1)));
    split.low = (__m512i)_mm512_cvtne2ps_pbh(second, first);
    return split;
}

/* k values of n columns, at most 16, as tiles of pairs: by turns one of the high and one of the low
 * parts. Zeros are the columns and values that the last tiles lack. */
static inline void split_columns(const float *const columns[TILE_LINES], int n, int k,
                                 struct tile_halves *tile)
{
    for (int i = 0; i < k; i += TILE_K, tile += 2) {
        __mmask32 mask = k - i < TILE_K ? (1u << (k - i)) - 1 : 0xffffffff;
        __m512i high[TILE_LINES], low[TILE_LINES];
        for (int c = 0; c < n; c++) {
            struct split split =
                split_32(_mm512_maskz_loadu_ps((__mmask16)mask, columns[c] + i),
                         _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), columns[c] + i + 16));
            high[c] = split.high;
            low[c] = split.low;
        }
        for (int c = n; c < TILE_LINES; c++) high[c] = low[c] = _mm512_setzero_si512();
        transpose_16(high);
        transpose_16(low);
        memcpy(tile[0].lines, high, sizeof high);
        memcpy(tile[1].lines, low, sizeof low);
    }
}
