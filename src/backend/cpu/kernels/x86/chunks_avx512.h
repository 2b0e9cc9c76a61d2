/* Opens 64 values of a super-block at once, for AVX-512. */
#pragma once

#include <immintrin.h>

#include "backend/cpu/kernels/inline.h"
#include "tensor/block.h"
#include "tensor/codebook.h"

/* 64 bytes without sign, and which of them are negative in types without an offset. */
struct chunk {
    __m512i w;
    __mmask64 minus;
};

/* Values 64j .. 64j + 63. */
typedef struct chunk open_chunk(const void *source, int j);

ALWAYS_INLINE struct chunk unsigned_chunk(__m512i w)
{
    return (struct chunk){w, 0};
}

/* 32 bytes twice, the lower half shifted right by `low` bits, the upper one by `high`. */
ALWAYS_INLINE __m512i load_twice(const uint8_t *bytes, short low, short high)
{
    __m512i twice = _mm512_broadcast_i64x4(_mm256_loadu_si256((const void *)bytes));
    __m512i shifts = _mm512_inserti64x4(_mm512_set1_epi16(low), _mm256_set1_epi16(high), 1);
    return _mm512_srlv_epi16(twice, shifts);
}

/* `bit` in bytes where bit `low` (lower half) or `high` (upper half) of 32 bytes is set, w
 * elsewhere. */
ALWAYS_INLINE __m512i or_bit(__m512i w, const uint8_t *bytes, int low, int high, char bit)
{
    __m512i twice = _mm512_broadcast_i64x4(_mm256_loadu_si256((const void *)bytes));
    __m512i tests = _mm512_inserti64x4(_mm512_set1_epi8((char)(1 << low)),
                                       _mm256_set1_epi8((char)(1 << high)), 1);
    return _mm512_mask_add_epi8(w, _mm512_test_epi8_mask(twice, tests), w, _mm512_set1_epi8(bit));
}

ALWAYS_INLINE __m512i open_nibbles(const uint8_t bytes[32])
{
    return _mm512_and_si512(load_twice(bytes, 0, 4), _mm512_set1_epi8(15));
}

/* Bits 0-1 and 2-3 of the bytes, or bits 4-5 and 6-7. */
ALWAYS_INLINE __m512i open_pairs(const uint8_t bytes[32], int upper)
{
    short shift = (short)(4 * upper);
    return _mm512_and_si512(load_twice(bytes, shift, (short)(shift + 2)), _mm512_set1_epi8(3));
}

ALWAYS_INLINE struct chunk chunk_q4_k(const void *block, int j)
{
    const struct block_q4_k *b = block;
    return unsigned_chunk(open_nibbles(b->qs[j]));
}

ALWAYS_INLINE struct chunk chunk_q5_k(const void *block, int j)
{
    const struct block_q5_k *b = block;
    return unsigned_chunk(or_bit(open_nibbles(b->qs[j]), b->qh, 2 * j, 2 * j + 1, 16));
}

ALWAYS_INLINE struct chunk chunk_q6_k(const void *block, int j)
{
    const struct block_q6_k *b = block;
    int half = j / 2, upper = j % 2;
    __m512i low = _mm512_loadu_si512(b->ql[half]);
    low = _mm512_and_si512(upper ? _mm512_srli_epi16(low, 4) : low, _mm512_set1_epi8(15));
    __m512i high = load_twice(b->qh[half], upper ? 4 : 0, upper ? 6 : 2);
    high = _mm512_slli_epi16(_mm512_and_si512(high, _mm512_set1_epi8(3)), 4);
    return unsigned_chunk(_mm512_or_si512(low, high));
}

ALWAYS_INLINE struct chunk chunk_q2_k(const void *block, int j)
{
    const struct block_q2_k *b = block;
    return unsigned_chunk(open_pairs(b->qs[j / 2], j % 2));
}

ALWAYS_INLINE struct chunk chunk_q3_k(const void *block, int j)
{
    const struct block_q3_k *b = block;
    __m512i low = open_pairs(b->qs[j / 2], j % 2);
    return unsigned_chunk(or_bit(low, b->hmask, 2 * j, 2 * j + 1, 4));
}

ALWAYS_INLINE struct chunk chunk_iq4_xs(const void *block, int j)
{
    const struct block_iq4_xs *b = block;
    __m512i packed = _mm512_castsi256_si512(_mm256_loadu_si256((const void *)b->qs[2 * j]));
    __m512i twice = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 1, 0, 1, 2, 3, 2, 3), packed);
    __m512i shifts = _mm512_setr_epi64(0, 0, 0x0004000400040004, 0x0004000400040004, 0, 0,
                                       0x0004000400040004, 0x0004000400040004);
    __m512i q = _mm512_and_si512(_mm512_srlv_epi16(twice, shifts), _mm512_set1_epi8(15));
    __m512i table = _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)iq4_values));
    __m512i w = _mm512_shuffle_epi8(table, q);
    return (struct chunk){_mm512_abs_epi8(w), _mm512_movepi8_mask(w)};
}
