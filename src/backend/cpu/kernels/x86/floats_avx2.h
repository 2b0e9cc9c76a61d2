/* Vectors of 8 floats, and how the types of a cache are read into them: for mix.h and attend.h. */
#pragma once

#include <immintrin.h>

#include "backend/cpu/kernels/inline.h"
#include "tensor/block.h"

enum { LANES = 8 };

typedef __m256 vec;

ALWAYS_INLINE vec vec_load(const float *x)
{
    return _mm256_loadu_ps(x);
}

ALWAYS_INLINE void vec_store(float *x, vec v)
{
    _mm256_storeu_ps(x, v);
}

ALWAYS_INLINE vec vec_set(float x)
{
    return _mm256_set1_ps(x);
}

ALWAYS_INLINE vec vec_fma(vec a, vec b, vec sum)
{
    return _mm256_fmadd_ps(a, b, sum);
}

ALWAYS_INLINE vec mix_load_f32(const void *row, int i)
{
    return _mm256_loadu_ps((const float *)row + i);
}

ALWAYS_INLINE vec mix_load_f16(const void *row, int i)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const void *)((const uint16_t *)row + i)));
}

ALWAYS_INLINE vec mix_load_q8_0(const void *row, int i)
{
    const struct block_q8_0 *b = (const struct block_q8_0 *)row + i / 32;
    __m256i q = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)(b->qs + i % 32)));
    return _mm256_mul_ps(_mm256_cvtepi32_ps(q), _mm256_set1_ps(_cvtsh_ss(b->d)));
}
