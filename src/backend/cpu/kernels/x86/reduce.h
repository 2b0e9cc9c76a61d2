/* Small steps that all kernels of AVX2 and above share. */
#pragma once

#include <immintrin.h>

#include "backend/cpu/kernels/inline.h"

/* Decode reads every weight once. Its lines are asked for half a page ahead, across the ends of
 * rows, which follow one another in memory. */
enum { PREFETCH_AHEAD = 2048 };

ALWAYS_INLINE void prefetch_block(const char *block, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i += 64) _mm_prefetch(block + PREFETCH_AHEAD + i, _MM_HINT_T0);
}

ALWAYS_INLINE float reduce_256(__m256 x)
{
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}
