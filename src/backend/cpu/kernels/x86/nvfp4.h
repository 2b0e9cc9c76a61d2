/* Scales of NVFP4 for AVX2 and above. */
#pragma once

#include <immintrin.h>

#include "backend/cpu/kernels/inline.h"
#include "tensor/block.h"
#include "tensor/codebook.h"

/* Half of eight E4M3 without sign. Moved up by 7 bits they are halves with an exponent 8 too small;
 * their NaN counts as 0. */
ALWAYS_INLINE __m256 nvfp4_scales(__m128i bytes)
{
    bytes = _mm_andnot_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f)), bytes);
    bytes = _mm_and_si128(bytes, _mm_set1_epi8(0x7f));
    __m128i halves = _mm_slli_epi16(_mm_cvtepu8_epi16(bytes), 7);
    return _mm256_mul_ps(_mm256_cvtph_ps(halves), _mm256_set1_ps(128));
}

/* The values of two groups, signed. */
ALWAYS_INLINE __m256i nvfp4_values(const uint8_t groups[16])
{
    __m128i packed = _mm_loadu_si128((const void *)groups), high = _mm_srli_epi16(packed, 4);
    __m256i q =
        _mm256_set_m128i(_mm_unpackhi_epi64(packed, high), _mm_unpacklo_epi64(packed, high));
    __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)e2m1_values));
    return _mm256_shuffle_epi8(table, _mm256_and_si256(q, _mm256_set1_epi8(15)));
}
