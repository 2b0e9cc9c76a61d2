#include <stdint.h>

#include "backend/cpu/kernels/x86/floats_avx512.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"

enum { TILE_ROWS = 12, REST_ROWS = 8 };

ALWAYS_INLINE vec vec_add(vec a, vec b)
{
    return _mm512_add_ps(a, b);
}

ALWAYS_INLINE vec vec_sub(vec a, vec b)
{
    return _mm512_sub_ps(a, b);
}

ALWAYS_INLINE vec vec_mul(vec a, vec b)
{
    return _mm512_mul_ps(a, b);
}

ALWAYS_INLINE vec vec_max(vec a, vec b)
{
    return _mm512_max_ps(a, b);
}

ALWAYS_INLINE vec vec_seen(vec x, const int32_t *visible, int key)
{
    __mmask16 seen = _mm512_cmpgt_epi32_mask(_mm512_loadu_si512(visible), _mm512_set1_epi32(key));
    return _mm512_mask_blend_ps(seen, _mm512_set1_ps(-__builtin_inff()), x);
}

ALWAYS_INLINE vec vec_some(vec x)
{
    __mmask16 some = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-__builtin_inff()), _CMP_NEQ_UQ);
    return _mm512_maskz_mov_ps(some, x);
}

/* 2^x = 2^n * 2^r, |r| <= 1/2, the latter by the first seven terms of its series: the eighth is
 * 1.2e-7. What would be no normal number is 0. */
ALWAYS_INLINE vec vec_exp2(vec x)
{
    __mmask16 large = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-126), _CMP_NLT_UQ);
    vec n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    vec r = _mm512_sub_ps(x, n), sum = _mm512_set1_ps(1.54035304e-4f);
    sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(1.33335581e-3f));
    sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(9.61812911e-3f));
    sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(5.55041087e-2f));
    sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(2.40226507e-1f));
    sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(6.93147181e-1f));
    sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(1));
    return _mm512_maskz_scalef_ps(large, sum, n);
}

#define ATTEND_OF(type) attend_##type##_avx512
#define ATTEND_BYTES    attend_bytes_avx512
#include "backend/cpu/kernels/attend.h"
