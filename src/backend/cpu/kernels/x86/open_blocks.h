/* Opens blocks of 32 for AVX2 and above: w = d * q + m. */
#pragma once

#include <immintrin.h>
#include <string.h>

#include "backend/cpu/kernels/inline.h"
#include "tensor/block.h"
#include "tensor/codebook.h"
#include "tensor/half.h"

struct open_block {
    __m256i q; /* 32 x int8 */
    float d, m;
};

typedef struct open_block open_block(const void *block);

ALWAYS_INLINE __m256i block_nibbles(const uint8_t qs[16])
{
    __m128i packed = _mm_loadu_si128((const void *)qs);
    __m256i halves = _mm256_set_m128i(_mm_srli_epi16(packed, 4), packed);
    return _mm256_and_si256(halves, _mm256_set1_epi8(15));
}

/* Bytes that are `set` where the bit of qh is 1 and `clear` where it is 0. */
ALWAYS_INLINE __m256i open_bits(const uint8_t qh[4], char set, char clear)
{
    int32_t bits;
    memcpy(&bits, qh, 4);
    __m256i spread = _mm256_setr_epi64x(0x0000000000000000, 0x0101010101010101, 0x0202020202020202,
                                        0x0303030303030303);
    __m256i tests = _mm256_set1_epi64x((int64_t)0x8040201008040201);
    __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(bits), spread);
    __m256i is_set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, tests), tests);
    return _mm256_blendv_epi8(_mm256_set1_epi8(clear), _mm256_set1_epi8(set), is_set);
}

ALWAYS_INLINE __m256i look_up(const int8_t table[16], __m256i q)
{
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)table)),
                               q);
}

ALWAYS_INLINE struct open_block open_q4_0(const void *block)
{
    const struct block_q4_0 *b = block;
    __m256i q = _mm256_sub_epi8(block_nibbles(b->qs), _mm256_set1_epi8(8));
    return (struct open_block){q, _cvtsh_ss(b->d), 0};
}

ALWAYS_INLINE struct open_block open_q4_1(const void *block)
{
    const struct block_q4_1 *b = block;
    return (struct open_block){block_nibbles(b->qs), _cvtsh_ss(b->d), _cvtsh_ss(b->m)};
}

/* The fifth bit and the offset of 16 at once: a clear bit fills the upper half of the byte with
 * ones. */
ALWAYS_INLINE struct open_block open_q5_0(const void *block)
{
    const struct block_q5_0 *b = block;
    __m256i q = _mm256_or_si256(block_nibbles(b->qs), open_bits(b->qh, 0, (char)0xf0));
    return (struct open_block){q, _cvtsh_ss(b->d), 0};
}

ALWAYS_INLINE struct open_block open_q5_1(const void *block)
{
    const struct block_q5_1 *b = block;
    __m256i q = _mm256_or_si256(block_nibbles(b->qs), open_bits(b->qh, 16, 0));
    return (struct open_block){q, _cvtsh_ss(b->d), _cvtsh_ss(b->m)};
}

ALWAYS_INLINE struct open_block open_q8_0(const void *block)
{
    const struct block_q8_0 *b = block;
    return (struct open_block){_mm256_loadu_si256((const void *)b->qs), _cvtsh_ss(b->d), 0};
}

ALWAYS_INLINE struct open_block open_iq4_nl(const void *block)
{
    const struct block_iq4_nl *b = block;
    return (struct open_block){look_up(iq4_values, block_nibbles(b->qs)), _cvtsh_ss(b->d), 0};
}

/* The values of E2M1 end in halves: q is twice the value, d half the scale 2^(e - 127). */
ALWAYS_INLINE struct open_block open_mxfp4(const void *block)
{
    const struct block_mxfp4 *b = block;
    uint32_t e = b->e;
    float d = float_of_bits(e < 2 ? 0x00200000u << e : (e - 1) << 23);
    return (struct open_block){look_up(e2m1_values, block_nibbles(b->qs)), d, 0};
}
