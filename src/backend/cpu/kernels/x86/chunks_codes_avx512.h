/* Opens 64 values of a super-block of codebook rows, or of base 3, at once, for AVX-512. */
#pragma once

#include "backend/cpu/kernels/x86/chunks_avx512.h"
#include "backend/cpu/kernels/x86/open_codes.h"

ALWAYS_INLINE __mmask64 load_signs(const struct codes *codes, int j)
{
    uint64_t signs;
    memcpy(&signs, codes->signs + 8 * j, sizeof signs);
    return signs;
}

ALWAYS_INLINE __m512i join(__m256i low, __m256i high)
{
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

ALWAYS_INLINE struct chunk signed_rows_of_8(const uint64_t *table, const struct codes *codes, int j)
{
    const uint16_t *rows = codes->rows + 8 * j;
    return (struct chunk){join(load_four_rows(table, rows), load_four_rows(table, rows + 4)),
                          load_signs(codes, j)};
}

ALWAYS_INLINE struct chunk signed_rows_of_4(const uint32_t *table, const struct codes *codes, int j)
{
    const uint16_t *rows = codes->rows + 16 * j;
    return (struct chunk){join(load_eight_rows(table, rows), load_eight_rows(table, rows + 8)),
                          load_signs(codes, j)};
}

/* Delta is 1/8, here 1; one more makes it 0 or 2. */
ALWAYS_INLINE struct chunk rows_with_delta(const struct codes *codes, int j)
{
    struct chunk chunk = signed_rows_of_8(iq1_s_rows, codes, j);
    chunk.w = _mm512_mask_add_epi8(chunk.w, chunk.minus, chunk.w, _mm512_set1_epi8(2));
    return unsigned_chunk(chunk.w);
}

ALWAYS_INLINE struct chunk chunk_iq2_xxs(const void *codes, int j)
{
    return signed_rows_of_8(iq2_xxs_rows, codes, j);
}

ALWAYS_INLINE struct chunk chunk_iq2_xs(const void *codes, int j)
{
    return signed_rows_of_8(iq2_xs_rows, codes, j);
}

ALWAYS_INLINE struct chunk chunk_iq2_s(const void *codes, int j)
{
    return signed_rows_of_8(iq2_s_rows, codes, j);
}

ALWAYS_INLINE struct chunk chunk_iq3_xxs(const void *codes, int j)
{
    return signed_rows_of_4(iq3_xxs_rows, codes, j);
}

ALWAYS_INLINE struct chunk chunk_iq3_s(const void *codes, int j)
{
    return signed_rows_of_4(iq3_s_rows, codes, j);
}

ALWAYS_INLINE struct chunk chunk_iq1_s(const void *codes, int j)
{
    return rows_with_delta(codes, j);
}

ALWAYS_INLINE struct chunk chunk_iq1_m(const void *codes, int j)
{
    return rows_with_delta(codes, j);
}

/* Bytes times the powers of 3 that put a digit in front of the point, modulo 256. */
ALWAYS_INLINE __m512i multiply_bytes(__m512i bytes, __m512i powers)
{
    __m512i odd = _mm512_set1_epi16((short)0xff00);
    __m512i high = _mm512_mullo_epi16(_mm512_and_si512(bytes, odd), powers);
    return _mm512_or_si512(_mm512_andnot_si512(odd, _mm512_mullo_epi16(bytes, powers)), high);
}

/* 32 times the digit: bits 7 and 8 of 3/2 t, made of averages that do not carry over. */
ALWAYS_INLINE __m512i take_digits(__m512i t)
{
    __m512i less = _mm512_subs_epu8(t, _mm512_set1_epi8(1));
    __m512i half = _mm512_avg_epu8(less, _mm512_setzero_si512());
    __m512i average = _mm512_avg_epu8(less, half);
    return _mm512_and_si512(_mm512_srli_epi16(average, 1), _mm512_set1_epi8(0x60));
}

#define EIGHT(power) power, power, power, power, power, power, power, power

/* Five digits of 32 bytes, five of 16, four of 4. */
ALWAYS_INLINE struct chunk chunk_tq1_0(const void *block, int j)
{
    static const int16_t powers[4][32] = {
        {EIGHT(1), EIGHT(1), EIGHT(3), EIGHT(3)},
        {EIGHT(9), EIGHT(9), EIGHT(27), EIGHT(27)},
        {EIGHT(81), EIGHT(81), EIGHT(1), EIGHT(3)},
        {EIGHT(9), EIGHT(27), EIGHT(81), 1, 1, 3, 3, 9, 9, 27, 27},
    };
    const struct block_tq1_0 *b = block;
    __m512i bytes = _mm512_broadcast_i64x4(_mm256_loadu_si256((const void *)b->qs));
    __m512i rest = _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)(b->qs + 32)));
    if (j == 2) bytes = _mm512_mask_mov_epi64(bytes, 0xf0, rest);
    if (j == 3) {
        __m512i last = _mm512_broadcastd_epi32(_mm256_castsi256_si128(set_256(b->qh)));
        bytes = _mm512_mask_mov_epi32(rest, 0xf000, last);
    }
    return unsigned_chunk(take_digits(multiply_bytes(bytes, _mm512_loadu_si512(powers[j]))));
}

ALWAYS_INLINE struct chunk chunk_tq2_0(const void *block, int j)
{
    const struct block_tq2_0 *b = block;
    return unsigned_chunk(open_pairs(b->qs[j / 2], j % 2));
}
