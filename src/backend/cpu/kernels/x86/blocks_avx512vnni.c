#include <immintrin.h>

#include "backend/cpu/kernels/inline.h"

ALWAYS_INLINE __m256i dot_32(__m256i w, __m256i x)
{
    return _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
}

#define NAME_OF(type) matmul_##type##_avx512vnni
#include "backend/cpu/kernels/x86/blocks.h"
