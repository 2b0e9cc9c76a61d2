#include <immintrin.h>

#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/unpack.h"

#define TILE_COLUMNS 6
enum { LANES = 16 };

typedef __m512 vec;

ALWAYS_INLINE vec vec_zero(void)
{
    return _mm512_setzero_ps();
}

ALWAYS_INLINE vec vec_load(const float *x)
{
    return _mm512_loadu_ps(x);
}

ALWAYS_INLINE vec vec_load_some(const float *x, int n)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1 << n) - 1), x);
}

ALWAYS_INLINE vec vec_fma(vec a, vec b, vec sum)
{
    return _mm512_fmadd_ps(a, b, sum);
}

/* Transposes four by four inside the lanes of 128 bits while it adds, then adds the lanes. */
ALWAYS_INLINE void add_tile_sums(const vec sums[4], float rows[4])
{
    vec ab =
        _mm512_add_ps(_mm512_unpacklo_ps(sums[0], sums[1]), _mm512_unpackhi_ps(sums[0], sums[1]));
    vec cd =
        _mm512_add_ps(_mm512_unpacklo_ps(sums[2], sums[3]), _mm512_unpackhi_ps(sums[2], sums[3]));
    __m512d low = _mm512_unpacklo_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
    __m512d high = _mm512_unpackhi_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
    vec all = _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high));
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
    _mm_storeu_ps(rows, _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1)));
}

#define WIDE_TABLE matmul_wide_avx512
#include "backend/cpu/kernels/wide_f32.h"
