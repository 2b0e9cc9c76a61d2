/* Opens 32 values of a super-block of codebook rows, or of base 3, at once, for AVX2. */
#pragma once

#include "backend/cpu/kernels/x86/chunks_avx2.h"
#include "backend/cpu/kernels/x86/open_blocks.h"
#include "backend/cpu/kernels/x86/open_codes.h"

ALWAYS_INLINE __m256i negate(__m256i w, const struct codes *codes, int j)
{
    return _mm256_sign_epi8(w, open_bits(codes->signs + 4 * j, -1, 1));
}

ALWAYS_INLINE __m256i signed_rows_of_8(const uint64_t *table, const struct codes *codes, int j)
{
    return negate(load_four_rows(table, codes->rows + 4 * j), codes, j);
}

ALWAYS_INLINE __m256i signed_rows_of_4(const uint32_t *table, const struct codes *codes, int j)
{
    return negate(load_eight_rows(table, codes->rows + 8 * j), codes, j);
}

/* Delta is 1/8, here 1; one more makes it 0 or 2. */
ALWAYS_INLINE __m256i rows_with_delta(const struct codes *codes, int j)
{
    __m256i rows = load_four_rows(iq1_s_rows, codes->rows + 4 * j);
    return _mm256_or_si256(rows, open_bits(codes->signs + 4 * j, 2, 0));
}

ALWAYS_INLINE __m256i chunk_iq2_xxs(const void *codes, int j)
{
    return signed_rows_of_8(iq2_xxs_rows, codes, j);
}

ALWAYS_INLINE __m256i chunk_iq2_xs(const void *codes, int j)
{
    return signed_rows_of_8(iq2_xs_rows, codes, j);
}

ALWAYS_INLINE __m256i chunk_iq2_s(const void *codes, int j)
{
    return signed_rows_of_8(iq2_s_rows, codes, j);
}

ALWAYS_INLINE __m256i chunk_iq3_xxs(const void *codes, int j)
{
    return signed_rows_of_4(iq3_xxs_rows, codes, j);
}

ALWAYS_INLINE __m256i chunk_iq3_s(const void *codes, int j)
{
    return signed_rows_of_4(iq3_s_rows, codes, j);
}

ALWAYS_INLINE __m256i chunk_iq1_s(const void *codes, int j)
{
    return rows_with_delta(codes, j);
}

ALWAYS_INLINE __m256i chunk_iq1_m(const void *codes, int j)
{
    return rows_with_delta(codes, j);
}

/* Bytes times the powers of 3 that put a digit in front of the point, modulo 256. */
ALWAYS_INLINE __m256i multiply_bytes(__m256i bytes, __m256i powers)
{
    __m256i odd = _mm256_set1_epi16((short)0xff00);
    __m256i high = _mm256_mullo_epi16(_mm256_and_si256(bytes, odd), powers);
    return _mm256_or_si256(_mm256_andnot_si256(odd, _mm256_mullo_epi16(bytes, powers)), high);
}

/* 32 times the digit: bits 7 and 8 of 3/2 t, made of averages that do not carry over. */
ALWAYS_INLINE __m256i take_digits(__m256i t)
{
    __m256i less = _mm256_subs_epu8(t, _mm256_set1_epi8(1));
    __m256i half = _mm256_avg_epu8(less, _mm256_setzero_si256());
    __m256i average = _mm256_avg_epu8(less, half);
    return _mm256_and_si256(_mm256_srli_epi16(average, 1), _mm256_set1_epi8(0x60));
}

/* Five digits of 32 bytes, five of 16, four of 4. */
ALWAYS_INLINE __m256i chunk_tq1_0(const void *block, int j)
{
    static const int16_t powers[5] = {1, 3, 9, 27, 81};
    const struct block_tq1_0 *b = block;
    if (j < 5) return take_digits(multiply_bytes(load_32(b->qs), _mm256_set1_epi16(powers[j])));
    __m256i bytes = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)(b->qs + 32)));
    __m128i low = _mm_set1_epi16(powers[2 * (j - 5)]),
            high = _mm_mullo_epi16(low, _mm_set1_epi16(3));
    if (j == 7) {
        bytes = _mm256_blend_epi32(bytes, set_256(b->qh), 0xf0);
        high = _mm_setr_epi16(1, 1, 3, 3, 9, 9, 27, 27);
    }
    return take_digits(multiply_bytes(bytes, _mm256_set_m128i(high, low)));
}

ALWAYS_INLINE __m256i chunk_tq2_0(const void *block, int j)
{
    const struct block_tq2_0 *b = block;
    return take_bits(load_32(b->qs[j / 4]), 2 * (j % 4), 2, 0);
}
