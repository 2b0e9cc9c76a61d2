/* Columns of bfloat16, completed to 32 values by zeros. What is below the smallest normal number
 * counts as zero. */
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/split_amx.h"
#include "backend/cpu/kernels/x86/transpose_avx512.h"

ALWAYS_INLINE __m512i round_32(const float *x)
{
    return (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + 16), _mm512_loadu_ps(x));
}

/* The last values, less than 32. */
static __m512i round_rest(const float *x, int n)
{
    uint32_t mask = (1u << n) - 1;
    __m512 low = _mm512_maskz_loadu_ps((__mmask16)mask, x);
    __m512 high = _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), x + 16);
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

void quantize_bf16_amx(const float *x, void *column, int k)
{
    uint16_t *out = column;
    int i = 0;
    for (; i + 32 <= k; i += 32) _mm512_storeu_si512(out + i, round_32(x + i));
    if (i < k) _mm512_storeu_si512(out + i, round_rest(x + i, k - i));
}

void pair_amx(const float *x, size_t stride, int n, void *group, int k)
{
    char *out = group;
    for (int i = 0; i < k; i += 32) {
        __m512i v[16];
        for (int c = 0; c < n; c++) {
            const float *values = x + (size_t)c * stride + i;
            v[c] = k - i < 32 ? round_rest(values, k - i) : round_32(values);
        }
        for (int c = n; c < 16; c++) v[c] = _mm512_setzero_si512();
        transpose_16(v);
        for (int p = 0; p < 16; p++, out += 64) _mm512_storeu_si512(out, v[p]);
    }
}

void pair_split_amx(const float *x, size_t stride, int n, void *group, int k)
{
    const float *columns[TILE_LINES];
    for (int c = 0; c < n; c++) columns[c] = x + (size_t)c * stride;
    split_columns(columns, n, k, group);
}
