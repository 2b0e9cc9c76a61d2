#include <stdint.h>

#include "backend/cpu/kernels/x86/floats_avx2.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"

enum { TILE_ROWS = 6, REST_ROWS = 4 };

ALWAYS_INLINE vec vec_add(vec a, vec b)
{
    return _mm256_add_ps(a, b);
}

ALWAYS_INLINE vec vec_sub(vec a, vec b)
{
    return _mm256_sub_ps(a, b);
}

ALWAYS_INLINE vec vec_mul(vec a, vec b)
{
    return _mm256_mul_ps(a, b);
}

ALWAYS_INLINE vec vec_max(vec a, vec b)
{
    return _mm256_max_ps(a, b);
}

ALWAYS_INLINE vec vec_seen(vec x, const int32_t *visible, int key)
{
    __m256i seen =
        _mm256_cmpgt_epi32(_mm256_loadu_si256((const void *)visible), _mm256_set1_epi32(key));
    return _mm256_blendv_ps(_mm256_set1_ps(-__builtin_inff()), x, _mm256_castsi256_ps(seen));
}

ALWAYS_INLINE vec vec_some(vec x)
{
    vec infinite = _mm256_cmp_ps(x, _mm256_set1_ps(-__builtin_inff()), _CMP_EQ_OQ);
    return _mm256_andnot_ps(infinite, x);
}

/* 2^x = 2^n * 2^r, |r| <= 1/2, the latter by the first seven terms of its series: the eighth is
 * 1.2e-7. What would be no normal number is 0. */
ALWAYS_INLINE vec vec_exp2(vec x)
{
    vec large = _mm256_cmp_ps(x, _mm256_set1_ps(-126), _CMP_NLT_UQ);
    vec bounded = _mm256_max_ps(_mm256_set1_ps(-126), x);
    vec n = _mm256_round_ps(bounded, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    vec r = _mm256_sub_ps(bounded, n), sum = _mm256_set1_ps(1.54035304e-4f);
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(1.33335581e-3f));
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(9.61812911e-3f));
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(5.55041087e-2f));
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(2.40226507e-1f));
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(6.93147181e-1f));
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(1));
    __m256i power =
        _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_and_ps(large, _mm256_mul_ps(sum, _mm256_castsi256_ps(power)));
}

#define ATTEND_OF(type) attend_##type##_avx2
#define ATTEND_BYTES    attend_bytes_avx2
#include "backend/cpu/kernels/attend.h"
