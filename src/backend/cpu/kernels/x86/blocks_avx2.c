#include <immintrin.h>

#include "backend/cpu/kernels/inline.h"

/* Two products fit 16 bits even at w = -128: 2 * 128 * 127 is below 2^15. */
ALWAYS_INLINE __m256i dot_32(__m256i w, __m256i x)
{
    __m256i products = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
    return _mm256_madd_epi16(products, _mm256_set1_epi16(1));
}

#define NAME_OF(type) matmul_##type##_avx2
#include "backend/cpu/kernels/x86/blocks.h"
