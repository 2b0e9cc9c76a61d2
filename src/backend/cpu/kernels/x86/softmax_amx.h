/* Softmax of scores that lie key by key, 16 columns side by side: no sum crosses the lanes. Scores
 * are in powers of two. */
#pragma once

#include <math.h>
#include <string.h>

#include "backend/cpu/kernels/x86/tiles_amx.h"
#include "backend/cpu/kernels/x86/transpose_avx512.h"

/* What is kept of 16 columns. Powers are taken of score - base. The base follows the largest score
 * only when that has left it behind by `LAG`, for then the sums have to be scaled. */
struct softmax {
    _Alignas(64) float base[16], sum[16];
};

enum { LAG = 8 };

/* 2^x: the power of the whole number below x, times a polynomial of what is left, which is off by
 * 2.6e-6 of the value at most. What is smaller than a normal number becomes the smallest of these:
 * others would be slow. A NaN stays one: as the second operand it survives the limit. */
ALWAYS_INLINE __m512 power_of_2(__m512 x)
{
    x = _mm512_max_ps(_mm512_set1_ps(-126), x);
    __m512 r = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    __m512 y = _mm512_set1_ps(0.013534168f);
    y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(0.05201146f));
    y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(0.24144275f));
    y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(0.69300383f));
    y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(1.0000026f));
    return _mm512_scalef_ps(y, x);
}

/* Pairs of bfloat16, rounded to nearest, of what is not negative. */
ALWAYS_INLINE __m512i pair_of(__m512 low, __m512 high)
{
    const __m512i half = _mm512_set1_epi32(0x8000);
    __m512i first = _mm512_srli_epi32(_mm512_add_epi32(_mm512_castps_si512(low), half), 16);
    __m512i second = _mm512_add_epi32(_mm512_castps_si512(high), half);
    return _mm512_mask_blend_epi16(0xaaaaaaaa, first, second);
}

/* The columns that see a key. `all`: every column sees every key. */
ALWAYS_INLINE __mmask16 who_sees(int key, __m512i visible, bool all)
{
    return all ? 0xffff : _mm512_cmpgt_epi32_mask(visible, _mm512_set1_epi32(key));
}

ALWAYS_INLINE __m512 largest_scores(const float (*scores)[16], int n_keys, __m512i visible,
                                    bool all)
{
    __m512 max[4];
    UNROLL
    for (int i = 0; i < 4; i++) max[i] = _mm512_set1_ps(-INFINITY);
    for (int key = 0; key < n_keys; key += 4) {
        UNROLL
        for (int i = 0; i < 4; i++)
            max[i] = _mm512_mask_max_ps(max[i], who_sees(key + i, visible, all),
                                        _mm512_load_ps(scores[key + i]), max[i]);
    }
    return _mm512_max_ps(_mm512_max_ps(max[0], max[1]), _mm512_max_ps(max[2], max[3]));
}

/* Scores -> their powers, a line for each column; adds them to the sums. n_keys is a multiple of
 * 32. */
ALWAYS_INLINE void raise_scores(const float (*scores)[16], int n_keys, __m512i visible, bool all,
                                struct softmax *softmax, struct tile_halves *powers)
{
    __m512 base = _mm512_load_ps(softmax->base), sums[2];
    sums[0] = _mm512_load_ps(softmax->sum);
    sums[1] = _mm512_setzero_ps();
    for (int first = 0; first < n_keys; first += TILE_K, powers++) {
        __m512i pairs[TILE_LINES];
        for (int key = 0; key < TILE_K; key += 4) {
            __m512 p[4];
            UNROLL
            for (int i = 0; i < 4; i++) {
                p[i] = power_of_2(_mm512_sub_ps(_mm512_load_ps(scores[first + key + i]), base));
                if (!all) p[i] = _mm512_maskz_mov_ps(who_sees(first + key + i, visible, all), p[i]);
                sums[i % 2] = _mm512_add_ps(sums[i % 2], p[i]);
            }
            pairs[key / 2] = pair_of(p[0], p[1]);
            pairs[key / 2 + 1] = pair_of(p[2], p[3]);
        }
        transpose_16(pairs);
        memcpy(powers->lines, pairs, sizeof pairs);
    }
    _mm512_store_ps(softmax->sum, _mm512_add_ps(sums[0], sums[1]));
}

/* Brings the base to the largest scores where they have left it behind, and what was summed so far
 * to the new base: the sum, and the lines of `out`, n_tiles of them at every second place. */
ALWAYS_INLINE void follow(struct softmax *softmax, __m512 largest, struct tile_sums *out,
                          int n_tiles)
{
    __m512 base = _mm512_load_ps(softmax->base);
    __mmask16 grown =
        _mm512_cmp_ps_mask(largest, _mm512_add_ps(base, _mm512_set1_ps(LAG)), _CMP_GT_OQ);
    if (!grown) return;
    __m512 factors =
        _mm512_mask_mov_ps(_mm512_set1_ps(1), grown, power_of_2(_mm512_sub_ps(base, largest)));
    _mm512_store_ps(softmax->base, _mm512_mask_mov_ps(base, grown, largest));
    _mm512_store_ps(softmax->sum, _mm512_mul_ps(_mm512_load_ps(softmax->sum), factors));
    float factor[16];
    _mm512_storeu_ps(factor, factors);
    for (int c = 0; c < 16; c++) {
        if (!(grown >> c & 1)) continue;
        for (int i = 0; i < n_tiles; i++) {
            float *line = out[2 * i].lines[c];
            _mm512_store_ps(line, _mm512_mul_ps(_mm512_load_ps(line), _mm512_set1_ps(factor[c])));
        }
    }
}

/* Column c sees keys below visible[c]. */
ALWAYS_INLINE void soften(const float (*scores)[16], int n_keys, __m512i visible, bool all,
                          struct softmax *softmax, struct tile_sums *out, int n_tiles,
                          struct tile_halves *powers)
{
    follow(softmax, largest_scores(scores, n_keys, visible, all), out, n_tiles);
    raise_scores(scores, n_keys, visible, all, softmax, powers);
}
