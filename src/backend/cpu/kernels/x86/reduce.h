/* Small steps that all kernels of AVX2 and above share. */
#pragma once

#include <immintrin.h>

#include "backend/cpu/kernels/inline.h"

/* Decode reads every weight once. The lines are asked for in two steps, far ahead into the second
 * cache, which has room for many requests at a time, and close ahead into the first; across the
 * ends of rows, which follow one another in memory. */
enum { PREFETCH_FAR = 4096, PREFETCH_NEAR = 512 };

ALWAYS_INLINE void prefetch_block(const char *block, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i += 64) {
        _mm_prefetch(block + PREFETCH_FAR + i, _MM_HINT_T1);
        _mm_prefetch(block + PREFETCH_NEAR + i, _MM_HINT_T0);
    }
}

ALWAYS_INLINE float reduce_256(__m256 x)
{
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}
