/* Blocks to floats for the panels of the wide kernels, as dtype_unpack makes them. */
#pragma once

#include <immintrin.h>

#include "backend/cpu/kernels/inline.h"
#include "backend/cpu/kernels/x86/chunks_codes_avx2.h"
#include "backend/cpu/kernels/x86/nvfp4.h"
#include "tensor/dtype.h"

typedef void unpack_row(const void *row, float *values, int n);

/* Eight signed bytes to scale * q + offset. */
ALWAYS_INLINE void unpack_eight(__m128i q, __m256 scale, __m256 offset, float *values)
{
    __m256 x = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q));
    _mm256_storeu_ps(values, _mm256_fmadd_ps(x, scale, offset));
}

ALWAYS_INLINE void unpack_16(__m128i q, float scale, float offset, float *values)
{
    __m256 scales = _mm256_set1_ps(scale), offsets = _mm256_set1_ps(offset);
    unpack_eight(q, scales, offsets, values);
    unpack_eight(_mm_srli_si128(q, 8), scales, offsets, values + 8);
}

ALWAYS_INLINE void unpack_supers(open_head *open, open_chunk *chunk, open_codes *open_block_codes,
                                 size_t block_bytes, const void *row, float *values, int n)
{
    const char *block = row;
    for (; n > 0; n -= 256, values += 256, block += block_bytes) {
        struct super_head head = open(block);
        struct codes codes;
        if (open_block_codes) open_block_codes(block, &codes);
        const void *source = open_block_codes ? (const void *)&codes : block;
        int16_t scales[16], mins[16];
        _mm256_storeu_si256((void *)scales, head.scales);
        _mm256_storeu_si256((void *)mins, head.mins);
        UNROLL
        for (int j = 0; j < 8; j++) {
            __m256i q = chunk(source, j);
            unpack_16(_mm256_castsi256_si128(q), head.d * scales[2 * j], -head.dmin * mins[2 * j],
                      values + 32 * j);
            unpack_16(_mm256_extracti128_si256(q, 1), head.d * scales[2 * j + 1],
                      -head.dmin * mins[2 * j + 1], values + 32 * j + 16);
        }
    }
}

ALWAYS_INLINE void unpack_blocks(open_block *open, size_t block_bytes, const void *row,
                                 float *values, int n)
{
    const char *block = row;
    for (; n > 0; n -= 32, values += 32, block += block_bytes) {
        struct open_block w = open(block);
        unpack_16(_mm256_castsi256_si128(w.q), w.d, w.m, values);
        unpack_16(_mm256_extracti128_si256(w.q, 1), w.d, w.m, values + 16);
    }
}

#define UNPACK_SUPERS(NAME, SIGNED, CODES)                                                         \
    static void unpack_##NAME(const void *row, float *values, int n)                               \
    {                                                                                              \
        unpack_supers(head_##NAME, chunk_##NAME, CODES, sizeof(struct block_##NAME), row, values,  \
                      n);                                                                          \
    }
FOR_EACH_K_SUPER(UNPACK_SUPERS)
FOR_EACH_CODED_SUPER(UNPACK_SUPERS)

#define UNPACK_BLOCKS(NAME)                                                                        \
    static void unpack_##NAME(const void *row, float *values, int n)                               \
    {                                                                                              \
        unpack_blocks(open_##NAME, sizeof(struct block_##NAME), row, values, n);                   \
    }
UNPACK_BLOCKS(q4_0)
UNPACK_BLOCKS(q4_1)
UNPACK_BLOCKS(q5_0)
UNPACK_BLOCKS(q5_1)
UNPACK_BLOCKS(q8_0)
UNPACK_BLOCKS(iq4_nl)
UNPACK_BLOCKS(mxfp4)

static void unpack_nvfp4(const void *row, float *values, int n)
{
    const struct block_nvfp4 *block = row;
    for (; n > 0; n -= 64, values += 64, block++) {
        float d[8];
        _mm256_storeu_ps(d, nvfp4_scales(_mm256_castsi256_si128(set_256(block->d))));
        UNROLL
        for (int j = 0; j < 4; j += 2) {
            __m256i q = nvfp4_values(block->qs[j]);
            unpack_16(_mm256_castsi256_si128(q), d[j], 0, values + 16 * j);
            unpack_16(_mm256_extracti128_si256(q, 1), d[j + 1], 0, values + 16 * j + 16);
        }
    }
}

static void unpack_f16(const void *row, float *values, int n)
{
    const uint16_t *halves = row;
    int i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(values + i, _mm256_cvtph_ps(_mm_loadu_si128((const void *)(halves + i))));
    dtype_unpack(DTYPE_F16, halves + i, values + i, n - i);
}

/* F32 and BF16 cost dtype_unpack nothing. */
static void unpack_wide(enum dtype dtype, const void *row, float *values, int n)
{
    static unpack_row *const unpackers[DTYPE_LIMIT] = {
        [DTYPE_F16] = unpack_f16,         [DTYPE_Q4_0] = unpack_q4_0,
        [DTYPE_Q4_1] = unpack_q4_1,       [DTYPE_Q5_0] = unpack_q5_0,
        [DTYPE_Q5_1] = unpack_q5_1,       [DTYPE_Q8_0] = unpack_q8_0,
        [DTYPE_Q2_K] = unpack_q2_k,       [DTYPE_Q3_K] = unpack_q3_k,
        [DTYPE_Q4_K] = unpack_q4_k,       [DTYPE_Q5_K] = unpack_q5_k,
        [DTYPE_Q6_K] = unpack_q6_k,       [DTYPE_IQ4_NL] = unpack_iq4_nl,
        [DTYPE_IQ4_XS] = unpack_iq4_xs,   [DTYPE_MXFP4] = unpack_mxfp4,
        [DTYPE_NVFP4] = unpack_nvfp4,     [DTYPE_IQ2_XXS] = unpack_iq2_xxs,
        [DTYPE_IQ2_XS] = unpack_iq2_xs,   [DTYPE_IQ2_S] = unpack_iq2_s,
        [DTYPE_IQ3_XXS] = unpack_iq3_xxs, [DTYPE_IQ3_S] = unpack_iq3_s,
        [DTYPE_IQ1_S] = unpack_iq1_s,     [DTYPE_IQ1_M] = unpack_iq1_m,
        [DTYPE_TQ1_0] = unpack_tq1_0,     [DTYPE_TQ2_0] = unpack_tq2_0,
    };
    if (unpackers[dtype])
        unpackers[dtype](row, values, n);
    else
        dtype_unpack(dtype, row, values, n);
}
