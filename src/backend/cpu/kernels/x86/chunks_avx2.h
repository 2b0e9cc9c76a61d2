/* Opens 32 values of a super-block at once, for AVX2. */
#pragma once

#include <immintrin.h>

#include "backend/cpu/kernels/inline.h"
#include "tensor/block.h"
#include "tensor/codebook.h"

/* Values 32j .. 32j + 31 of a super-block, unsigned, or signed for types without an offset. */
typedef __m256i open_chunk(const void *block, int j);

ALWAYS_INLINE __m256i load_32(const uint8_t *bytes)
{
    return _mm256_loadu_si256((const void *)bytes);
}

/* Bits [from, from + width) of every byte, moved to bits [to, to + width). */
ALWAYS_INLINE __m256i take_bits(__m256i bytes, int from, int width, int to)
{
    __m256i moved = from > to   ? _mm256_srli_epi16(bytes, from - to)
                    : from < to ? _mm256_slli_epi16(bytes, to - from)
                                : bytes;
    return _mm256_and_si256(moved, _mm256_set1_epi8((char)(((1 << width) - 1) << to)));
}

ALWAYS_INLINE __m256i chunk_q4_k(const void *block, int j)
{
    const struct block_q4_k *b = block;
    return take_bits(load_32(b->qs[j / 2]), 4 * (j % 2), 4, 0);
}

ALWAYS_INLINE __m256i chunk_q5_k(const void *block, int j)
{
    const struct block_q5_k *b = block;
    __m256i low = take_bits(load_32(b->qs[j / 2]), 4 * (j % 2), 4, 0);
    return _mm256_or_si256(low, take_bits(load_32(b->qh), j, 1, 4));
}

ALWAYS_INLINE __m256i chunk_q6_k(const void *block, int j)
{
    const struct block_q6_k *b = block;
    int half = j / 4, quarter = j % 4;
    __m256i low = take_bits(load_32(b->ql[half] + 32 * (quarter % 2)), 4 * (quarter / 2), 4, 0);
    return _mm256_or_si256(low, take_bits(load_32(b->qh[half]), 2 * quarter, 2, 4));
}

ALWAYS_INLINE __m256i chunk_q2_k(const void *block, int j)
{
    const struct block_q2_k *b = block;
    return take_bits(load_32(b->qs[j / 4]), 2 * (j % 4), 2, 0);
}

ALWAYS_INLINE __m256i chunk_q3_k(const void *block, int j)
{
    const struct block_q3_k *b = block;
    __m256i low = take_bits(load_32(b->qs[j / 4]), 2 * (j % 4), 2, 0);
    return _mm256_or_si256(low, take_bits(load_32(b->hmask), j, 1, 2));
}

ALWAYS_INLINE __m256i chunk_iq4_xs(const void *block, int j)
{
    const struct block_iq4_xs *b = block;
    __m128i packed = _mm_loadu_si128((const void *)b->qs[j]);
    __m256i q = take_bits(_mm256_set_m128i(_mm_srli_epi16(packed, 4), packed), 0, 4, 0);
    return _mm256_shuffle_epi8(
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)iq4_values)), q);
}
