#include <immintrin.h>

#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/unpack.h"

#define TILE_COLUMNS 3
enum { LANES = 8 };

typedef __m256 vec;

ALWAYS_INLINE vec vec_zero(void)
{
    return _mm256_setzero_ps();
}

ALWAYS_INLINE vec vec_load(const float *x)
{
    return _mm256_loadu_ps(x);
}

ALWAYS_INLINE vec vec_load_some(const float *x, int n)
{
    __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_maskload_ps(x, _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane));
}

ALWAYS_INLINE vec vec_fma(vec a, vec b, vec sum)
{
    return _mm256_fmadd_ps(a, b, sum);
}

/* Transposes four by four inside the lanes of 128 bits while it adds, then adds the lanes. */
ALWAYS_INLINE void add_tile_sums(const vec sums[4], float rows[4])
{
    vec all = _mm256_hadd_ps(_mm256_hadd_ps(sums[0], sums[1]), _mm256_hadd_ps(sums[2], sums[3]));
    _mm_storeu_ps(rows, _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1)));
}

#define WIDE_TABLE matmul_wide_avx2
#include "backend/cpu/kernels/wide_f32.h"
