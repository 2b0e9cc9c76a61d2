/* Columns of bfloat16. What is below the smallest normal number counts as zero. */
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/transpose_avx512.h"

ALWAYS_INLINE __m512i round_32(const float *x)
{
    return (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + 16), _mm512_loadu_ps(x));
}

void quantize_bf16_amx(const float *x, void *column, int k)
{
    uint16_t *out = column;
    int i = 0;
    for (; i + 32 <= k; i += 32) _mm512_storeu_si512(out + i, round_32(x + i));
    for (; i < k; i += 16) {
        int n = k - i < 16 ? k - i : 16;
        __mmask16 mask = (__mmask16)((1 << n) - 1);
        _mm256_mask_storeu_epi16(out + i, mask,
                                 (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, x + i)));
    }
}

void pair_amx(const float *x, size_t stride, int n, void *group, int k)
{
    char *out = group;
    for (int i = 0; i < k; i += 32) {
        __m512i v[16];
        for (int c = 0; c < n; c++) v[c] = round_32(x + (size_t)c * stride + i);
        for (int c = n; c < 16; c++) v[c] = _mm512_setzero_si512();
        transpose_16(v);
        for (int p = 0; p < 16; p++, out += 64) _mm512_storeu_si512(out, v[p]);
    }
}
