#include <immintrin.h>
#include <math.h>

#include "backend/cpu/kernels/inline.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "tensor/block.h"
#include "tensor/half.h"

enum { LANES = 8, TILE_VECTORS = 2 };

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

#define MIX_OF(type) mix_##type##_avx2
#include "backend/cpu/kernels/mix.h"

void store_f16_avx2(const float *x, void *destination, int n)
{
    uint16_t *halves = destination;
    int i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((void *)(halves + i), _mm256_cvtps_ph(_mm256_loadu_ps(x + i), 0));
    for (; i < n; i++) halves[i] = f32_to_f16(x[i]);
}
