/* Lays rows of a cache into tiles of bfloat16: keys and latent rows as lines, for which they lie as
 * they should; values as columns, which are pairs of rows. */
#pragma once

#include "backend/cpu/kernels/x86/tiles_amx.h"
#include "backend/cpu/kernels/x86/transpose_avx512.h"
#include "tensor/block.h"

/* 16 values of a row from value i on, a multiple of 16; those outside the mask are zeros. */
typedef __m512 load_floats(const void *row, int i, __mmask16 mask);

/* The lanes of 16 that stand for values below n, counted from value i. */
ALWAYS_INLINE __mmask16 lanes_below(int i, int n)
{
    return n - i >= 16 ? 0xffff : n <= i ? 0 : (__mmask16)((1 << (n - i)) - 1);
}

ALWAYS_INLINE __m512 load_f32(const void *row, int i, __mmask16 mask)
{
    return _mm512_maskz_loadu_ps(mask, (const float *)row + i);
}

ALWAYS_INLINE __m512 load_f16(const void *row, int i, __mmask16 mask)
{
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, (const uint16_t *)row + i));
}

/* Blocks are whole, so nothing is masked. */
ALWAYS_INLINE __m512 load_q8_0(const void *row, int i, __mmask16 mask)
{
    (void)mask;
    const struct block_q8_0 *block = (const struct block_q8_0 *)row + i / 32;
    __m512i q = _mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)(block->qs + i % 32)));
    return _mm512_mul_ps(_mm512_cvtepi32_ps(q), _mm512_set1_ps(_cvtsh_ss(block->d)));
}

ALWAYS_INLINE __m512i round_both(__m512 low, __m512 high)
{
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

/* Pairs of values: the first from `low`, the second from `high`. */
ALWAYS_INLINE __m512i round_pairs(__m512 low, __m512 high)
{
    const __m512i order =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, round_both(low, high));
}

/* Values [from, from + n) of a row into one line of successive tiles, zeros behind them. */
ALWAYS_INLINE void lay_line(load_floats *load, const void *row, int from, int n,
                            struct tile_halves *tile, int line)
{
    int i = from, end = from + n;
    for (; i + TILE_K <= end; i += TILE_K, tile++)
        _mm512_store_si512(tile->lines[line],
                           round_both(load(row, i, 0xffff), load(row, i + 16, 0xffff)));
    if (i < end)
        _mm512_store_si512(tile->lines[line],
                           round_both(load(row, i, lanes_below(i, end)),
                                      load(row, i + 16, lanes_below(i + 16, end))));
}

/* 16 values of two rows, NULL: zeros, from value i on into a line. Returns their magnitudes as
 * bits.
 */
ALWAYS_INLINE __m512i pair_line(load_floats *load, const char *low, const char *high, int i,
                                __mmask16 mask, uint16_t *line)
{
    __m512i pair = round_pairs(low ? load(low, i, mask) : _mm512_setzero_ps(),
                               high ? load(high, i, mask) : _mm512_setzero_ps());
    _mm512_store_si512(line, pair);
    return _mm512_and_si512(pair, _mm512_set1_epi16(0x7fff));
}

/* 16 values of n rows from value i on: pairs of rows, up to 16 of them, zeros behind. Returns the
 * largest magnitudes, as bits. */
ALWAYS_INLINE __m512i pair_rows(load_floats *load, const char *rows, size_t row_bytes, int n, int i,
                                __mmask16 mask, struct tile_halves *tile)
{
    __m512i largest = _mm512_setzero_si512();
    UNROLL
    for (int p = 0; p < TILE_LINES; p++) {
        const char *low = 2 * p < n ? rows + (size_t)(2 * p) * row_bytes : NULL;
        const char *high = 2 * p + 1 < n ? rows + (size_t)(2 * p + 1) * row_bytes : NULL;
        largest = _mm512_max_epu16(largest, pair_line(load, low, high, i, mask, tile->lines[p]));
    }
    return largest;
}
