/* Heads of super-blocks for AVX2 and above: their scales, widened to one 16-bit number for every 16
 * values, so that a kernel may treat all types alike:
 *     w = d * scale * q - dmin * min
 * Types with signed q are stored with an offset, which makes a min of its multiple of the scale. */
#pragma once

#include <immintrin.h>
#include <string.h>

#include "backend/cpu/kernels/inline.h"
#include "tensor/block.h"
#include "tensor/codebook.h"

struct super_head {
    __m256i scales, mins; /* 16 x int16 */
    float d, dmin;
};

typedef struct super_head open_head(const void *block);

/* d and dmin, which are neighbours. */
ALWAYS_INLINE __m128 load_two_halves(const uint16_t *d)
{
    int32_t halves;
    memcpy(&halves, d, sizeof halves);
    return _mm_cvtph_ps(_mm_cvtsi32_si128(halves));
}

/* Scales and mins of eight groups, one to a byte. */
struct six_bits {
    uint64_t scales, mins;
};

ALWAYS_INLINE struct six_bits open_six_bits(const uint8_t packed[12])
{
    uint32_t a, b, c;
    memcpy(&a, packed, 4);
    memcpy(&b, packed + 4, 4);
    memcpy(&c, packed + 8, 4);
    uint32_t scales_high = (c & 0x0f0f0f0f) | (a >> 2 & 0x30303030);
    uint32_t mins_high = (c >> 4 & 0x0f0f0f0f) | (b >> 2 & 0x30303030);
    return (struct six_bits){(uint64_t)scales_high << 32 | (a & 0x3f3f3f3f),
                             (uint64_t)mins_high << 32 | (b & 0x3f3f3f3f)};
}

/* Each twice. */
ALWAYS_INLINE struct super_head head_six_bits(const uint8_t packed[12], const uint16_t *d)
{
    struct six_bits bytes = open_six_bits(packed);
    __m128i scales = _mm_cvtsi64_si128((int64_t)bytes.scales);
    __m128i mins = _mm_cvtsi64_si128((int64_t)bytes.mins);
    __m128 both = load_two_halves(d);
    return (struct super_head){
        _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(scales, scales)),
        _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(mins, mins)),
        _mm_cvtss_f32(both),
        _mm_cvtss_f32(_mm_movehdup_ps(both)),
    };
}

ALWAYS_INLINE struct super_head head_q4_k(const void *block)
{
    const struct block_q4_k *b = block;
    return head_six_bits(b->scales, &b->d);
}

ALWAYS_INLINE struct super_head head_q5_k(const void *block)
{
    const struct block_q5_k *b = block;
    return head_six_bits(b->scales, &b->d);
}

ALWAYS_INLINE struct super_head head_q6_k(const void *block)
{
    const struct block_q6_k *b = block;
    __m256i scales = _mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)b->scales));
    float d = _cvtsh_ss(b->d);
    return (struct super_head){scales, _mm256_slli_epi16(scales, 5), d, d};
}

ALWAYS_INLINE struct super_head head_q2_k(const void *block)
{
    const struct block_q2_k *b = block;
    __m128i packed = _mm_loadu_si128((const void *)b->scales), low = _mm_set1_epi8(15);
    __m128 both = load_two_halves(&b->d);
    return (struct super_head){
        _mm256_cvtepu8_epi16(_mm_and_si128(packed, low)),
        _mm256_cvtepu8_epi16(_mm_and_si128(_mm_srli_epi16(packed, 4), low)),
        _mm_cvtss_f32(both),
        _mm_cvtss_f32(_mm_movehdup_ps(both)),
    };
}

/* Bits 0-3 of 16 scales in the nibbles of 8 bytes, bits 4-5 in the pairs of 4 bytes. */
ALWAYS_INLINE struct super_head head_q3_k(const void *block)
{
    const struct block_q3_k *b = block;
    uint64_t low;
    uint32_t high;
    memcpy(&low, b->scales, 8);
    memcpy(&high, b->scales + 8, 4);
    uint64_t high_0 = (uint64_t)(high >> 2 & 0x03030303) << 32 | (high & 0x03030303);
    uint64_t high_8 = (uint64_t)(high >> 6 & 0x03030303) << 32 | (high >> 4 & 0x03030303);
    uint64_t scales_0 = (low & 0x0f0f0f0f0f0f0f0f) | high_0 << 4;
    uint64_t scales_8 = (low >> 4 & 0x0f0f0f0f0f0f0f0f) | high_8 << 4;
    __m128i bytes = _mm_set_epi64x((int64_t)scales_8, (int64_t)scales_0);
    __m256i scales = _mm256_sub_epi16(_mm256_cvtepu8_epi16(bytes), _mm256_set1_epi16(32));
    float d = _cvtsh_ss(b->d);
    return (struct super_head){scales, _mm256_slli_epi16(scales, 2), d, d};
}

/* Signed values: no offset, no mins. */
ALWAYS_INLINE struct super_head head_iq4_xs(const void *block)
{
    const struct block_iq4_xs *b = block;
    uint32_t low;
    memcpy(&low, b->scales_l, 4);
    __m128i shifts = _mm_setr_epi32(0, 4, 8, 12);
    __m128i low_0 = _mm_srlv_epi32(_mm_set1_epi32((int)low), shifts);
    __m128i low_4 = _mm_srlv_epi32(_mm_set1_epi32((int)(low >> 16)), shifts);
    __m128i pairs = _mm_setr_epi32(0, 2, 4, 6);
    __m128i high_0 = _mm_srlv_epi32(_mm_set1_epi32(b->scales_h), pairs);
    __m128i high_4 = _mm_srlv_epi32(_mm_set1_epi32(b->scales_h >> 8), pairs);
    __m128i words = _mm_packus_epi32(_mm_and_si128(low_0, _mm_set1_epi32(15)),
                                     _mm_and_si128(low_4, _mm_set1_epi32(15)));
    __m128i highs = _mm_packus_epi32(_mm_and_si128(high_0, _mm_set1_epi32(3)),
                                     _mm_and_si128(high_4, _mm_set1_epi32(3)));
    words = _mm_sub_epi16(_mm_or_si128(words, _mm_slli_epi16(highs, 4)), _mm_set1_epi16(32));
    __m256i scales =
        _mm256_set_m128i(_mm_unpackhi_epi16(words, words), _mm_unpacklo_epi16(words, words));
    return (struct super_head){scales, _mm256_setzero_si256(), _cvtsh_ss(b->d), 0};
}
