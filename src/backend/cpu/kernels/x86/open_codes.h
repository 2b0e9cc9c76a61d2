/* Opens super-blocks of codebook rows for AVX2 and above: the heads, as in open_supers.h, and the
 * numbers of all rows at once, so that what is left for each is one load. */
#pragma once

#include "backend/cpu/kernels/x86/open_supers.h"

struct codes {
    uint16_t rows[64]; /* of 8 values the first 32, of 4 values all */
    uint8_t signs[32]; /* a bit for each value: it is negative, or its delta is positive */
};

typedef void open_codes(const void *block, struct codes *out);

/* Types in super-blocks: DO(name, whether its bytes carry signs here, what opens its codes or
 * NULL).
 */
/* clang-format off */
#define FOR_EACH_K_SUPER(DO)                                                                       \
    DO(q2_k, false, NULL) DO(q3_k, false, NULL) DO(q4_k, false, NULL) DO(q5_k, false, NULL)        \
    DO(q6_k, false, NULL) DO(iq4_xs, true, NULL)
#define FOR_EACH_CODED_SUPER(DO)                                                                   \
    DO(iq2_xxs, true, codes_iq2_xxs) DO(iq2_xs, true, codes_iq2_xs) DO(iq2_s, true, codes_iq2_s)   \
    DO(iq3_xxs, true, codes_iq3_xxs) DO(iq3_s, true, codes_iq3_s) DO(iq1_s, false, codes_iq1_s)    \
    DO(iq1_m, false, codes_iq1_m) DO(tq1_0, false, NULL) DO(tq2_0, false, NULL)
/* clang-format on */

ALWAYS_INLINE __m256i load_256(const void *bytes)
{
    return _mm256_loadu_si256(bytes);
}

ALWAYS_INLINE __m256i set_256(const void *four_bytes)
{
    int32_t word;
    memcpy(&word, four_bytes, sizeof word);
    return _mm256_set1_epi32(word);
}

ALWAYS_INLINE __m256i widen_bytes(const uint8_t bytes[16])
{
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const void *)bytes));
}

ALWAYS_INLINE void store_rows(struct codes *out, int first, __m256i rows)
{
    _mm256_storeu_si256((void *)(out->rows + first), rows);
}

ALWAYS_INLINE void store_signs(struct codes *out, __m256i signs)
{
    _mm256_storeu_si256((void *)out->signs, signs);
}

/* Of every byte: the sign of seven values becomes that of eight, an even number of them minus. */
ALWAYS_INLINE __m256i complete_signs(__m256i patterns)
{
    __m256i parity = _mm256_xor_si256(patterns, _mm256_srli_epi16(patterns, 4));
    parity = _mm256_xor_si256(parity, _mm256_srli_epi16(parity, 2));
    parity = _mm256_xor_si256(parity, _mm256_srli_epi16(parity, 1));
    parity = _mm256_and_si256(_mm256_slli_epi16(parity, 7), _mm256_set1_epi8((char)0x80));
    return _mm256_or_si256(patterns, parity);
}

/* Four times seven bits of every word to its bytes: first 14 and 14, then 7 and 7. */
ALWAYS_INLINE __m256i spread_sevens(__m256i words)
{
    __m256i low = _mm256_and_si256(words, _mm256_set1_epi32(0x00003fff));
    __m256i high = _mm256_and_si256(words, _mm256_set1_epi32(0x0fffc000));
    words = _mm256_or_si256(low, _mm256_slli_epi32(high, 2));
    low = _mm256_and_si256(words, _mm256_set1_epi16(0x007f));
    high = _mm256_and_si256(words, _mm256_set1_epi16(0x3f80));
    return _mm256_or_si256(low, _mm256_slli_epi16(high, 1));
}

/* ---- heads: the scales are odd, 2 * number + 1 ---- */

ALWAYS_INLINE struct super_head head_of(__m256i numbers, float d)
{
    __m256i scales = _mm256_or_si256(_mm256_slli_epi16(numbers, 1), _mm256_set1_epi16(1));
    return (struct super_head){scales, _mm256_setzero_si256(), d, d};
}

/* The numbers of eight groups of 32, each twice. */
ALWAYS_INLINE struct super_head head_of_eight(__m256i numbers, float d)
{
    return head_of(_mm256_or_si256(numbers, _mm256_slli_epi32(numbers, 16)), d);
}

/* Sixteen nibbles. */
ALWAYS_INLINE struct super_head head_of_nibbles(const uint8_t bytes[8], float d)
{
    __m256i words = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)bytes));
    __m256i both = _mm256_or_si256(words, _mm256_slli_epi32(words, 12));
    return head_of(_mm256_and_si256(both, _mm256_set1_epi16(15)), d);
}

/* Rows and signs of IQ2_XXS take turns. */
ALWAYS_INLINE __m256i pick_words(const uint8_t qs[8][8], int shuffle_high)
{
    __m256 low = _mm256_castsi256_ps(load_256(qs[0])), high = _mm256_castsi256_ps(load_256(qs[4]));
    __m256 words =
        shuffle_high ? _mm256_shuffle_ps(low, high, 0xdd) : _mm256_shuffle_ps(low, high, 0x88);
    return _mm256_permute4x64_epi64(_mm256_castps_si256(words), 0xd8);
}

ALWAYS_INLINE struct super_head head_iq2_xxs(const void *block)
{
    const struct block_iq2_xxs *b = block;
    return head_of_eight(_mm256_srli_epi32(pick_words(b->qs, 1), 28), _cvtsh_ss(b->d) / 8);
}

ALWAYS_INLINE struct super_head head_iq2_xs(const void *block)
{
    const struct block_iq2_xs *b = block;
    return head_of_nibbles(b->scales, _cvtsh_ss(b->d) / 8);
}

ALWAYS_INLINE struct super_head head_iq2_s(const void *block)
{
    const struct block_iq2_s *b = block;
    return head_of_nibbles(b->scales, _cvtsh_ss(b->d) / 8);
}

ALWAYS_INLINE struct super_head head_iq3_xxs(const void *block)
{
    const struct block_iq3_xxs *b = block;
    return head_of_eight(_mm256_srli_epi32(load_256(b->signs_scales), 28), _cvtsh_ss(b->d) / 4);
}

ALWAYS_INLINE struct super_head head_iq3_s(const void *block)
{
    const struct block_iq3_s *b = block;
    __m256i shifts = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
    __m256i numbers = _mm256_srlv_epi32(set_256(b->scales), shifts);
    return head_of_eight(_mm256_and_si256(numbers, _mm256_set1_epi32(15)), _cvtsh_ss(b->d));
}

/* Rows and delta make 8 * value + 8 +- 1: one more than that, so 9 too much. */
ALWAYS_INLINE struct super_head with_delta(struct super_head head)
{
    head.mins = _mm256_mullo_epi16(head.scales, _mm256_set1_epi16(9));
    return head;
}

ALWAYS_INLINE struct super_head head_iq1_s(const void *block)
{
    const struct block_iq1_s *b = block;
    __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)b->qh));
    __m256i numbers = _mm256_and_si256(_mm256_srli_epi32(words, 12), _mm256_set1_epi32(7));
    return with_delta(head_of_eight(numbers, _cvtsh_ss(b->d) / 8));
}

/* Four numbers of three bits in each of four words, moved to bits 9-11. */
ALWAYS_INLINE struct super_head head_iq1_m(const void *block)
{
    const struct block_iq1_m *b = block;
    __m256i words = _mm256_cvtepu16_epi64(_mm_loadl_epi64((const void *)b->scales));
    __m256i spread =
        _mm256_setr_epi16(0x0100, 0x0100, 0x0100, 0x0100, 0x0908, 0x0908, 0x0908, 0x0908, 0x0100,
                          0x0100, 0x0100, 0x0100, 0x0908, 0x0908, 0x0908, 0x0908);
    words = _mm256_shuffle_epi8(words, spread);
    words = _mm256_mullo_epi16(words, _mm256_set1_epi64x(0x0001000800400200));
    __m256i numbers = _mm256_and_si256(_mm256_srli_epi16(words, 9), _mm256_set1_epi16(7));
    return with_delta(head_of(numbers, _cvtsh_ss(iq1_m_scale(b->scales)) / 8));
}

/* One scale for all values. Digits of base 3 come 32 times their size. */
ALWAYS_INLINE struct super_head head_tq1_0(const void *block)
{
    const struct block_tq1_0 *b = block;
    float d = _cvtsh_ss(b->d) / 32;
    return (struct super_head){_mm256_set1_epi16(1), _mm256_set1_epi16(32), d, d};
}

ALWAYS_INLINE struct super_head head_tq2_0(const void *block)
{
    const struct block_tq2_0 *b = block;
    float d = _cvtsh_ss(b->d);
    return (struct super_head){_mm256_set1_epi16(1), _mm256_set1_epi16(1), d, d};
}

/* ---- numbers of rows ---- */

ALWAYS_INLINE void codes_iq2_xxs(const void *block, struct codes *out)
{
    const struct block_iq2_xxs *b = block;
    __m256i rows = pick_words(b->qs, 0);
    store_rows(out, 0, _mm256_cvtepu8_epi16(_mm256_castsi256_si128(rows)));
    store_rows(out, 16, _mm256_cvtepu8_epi16(_mm256_extracti128_si256(rows, 1)));
    store_signs(out, complete_signs(spread_sevens(pick_words(b->qs, 1))));
}

ALWAYS_INLINE void codes_iq2_xs(const void *block, struct codes *out)
{
    const struct block_iq2_xs *b = block;
    __m256i low = load_256(b->qs), high = load_256(b->qs + 16), nine = _mm256_set1_epi16(511);
    store_rows(out, 0, _mm256_and_si256(low, nine));
    store_rows(out, 16, _mm256_and_si256(high, nine));
    __m256i signs = _mm256_packus_epi16(_mm256_srli_epi16(low, 9), _mm256_srli_epi16(high, 9));
    store_signs(out, complete_signs(_mm256_permute4x64_epi64(signs, 0xd8)));
}

/* Four bytes, each four times as a word: bits 0-1, 2-3, 4-5 and 6-7 move to bits 8-9. */
ALWAYS_INLINE __m256i spread_pairs(const uint8_t four[4])
{
    __m256i spread = _mm256_setr_epi64x((int64_t)0x8000800080008000, (int64_t)0x8001800180018001,
                                        (int64_t)0x8002800280028002, (int64_t)0x8003800380038003);
    __m256i words = _mm256_shuffle_epi8(set_256(four), spread);
    words = _mm256_mullo_epi16(words, _mm256_set1_epi64x(0x0004001000400100));
    return _mm256_and_si256(words, _mm256_set1_epi16(0x0300));
}

ALWAYS_INLINE void codes_iq2_s(const void *block, struct codes *out)
{
    const struct block_iq2_s *b = block;
    for (int i = 0; i < 2; i++)
        store_rows(out, 16 * i,
                   _mm256_or_si256(widen_bytes(b->qs + 16 * i), spread_pairs(b->qh + 4 * i)));
    store_signs(out, load_256(b->signs));
}

ALWAYS_INLINE void codes_iq3_xxs(const void *block, struct codes *out)
{
    const struct block_iq3_xxs *b = block;
    for (int i = 0; i < 4; i++) store_rows(out, 16 * i, widen_bytes(b->qs + 16 * i));
    store_signs(out, complete_signs(spread_sevens(load_256(b->signs_scales))));
}

/* 256 in words where a bit is set. */
ALWAYS_INLINE __m256i spread_ninth_bits(const uint8_t two[2])
{
    uint16_t bits;
    memcpy(&bits, two, sizeof bits);
    __m256i tests = _mm256_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192,
                                      16384, (short)0x8000);
    __m256i set = _mm256_and_si256(_mm256_set1_epi16((short)bits), tests);
    return _mm256_and_si256(_mm256_cmpeq_epi16(set, tests), _mm256_set1_epi16(256));
}

ALWAYS_INLINE void codes_iq3_s(const void *block, struct codes *out)
{
    const struct block_iq3_s *b = block;
    for (int i = 0; i < 4; i++)
        store_rows(out, 16 * i,
                   _mm256_or_si256(widen_bytes(b->qs + 16 * i), spread_ninth_bits(b->qh + 2 * i)));
    store_signs(out, load_256(b->signs));
}

/* Four words, each four times: bits 0-2, 3-5, 6-8 and 9-11 move to bits 8-10, in two ways as the
 * last one moves down. */
ALWAYS_INLINE __m256i spread_threes(const uint16_t four[4])
{
    int64_t bytes;
    memcpy(&bytes, four, sizeof bytes);
    __m256i spread = _mm256_setr_epi64x(0x0100010001000100, 0x0302030203020302, 0x0504050405040504,
                                        0x0706070607060706);
    __m256i words = _mm256_shuffle_epi8(_mm256_set1_epi64x(bytes), spread);
    __m256i moved = _mm256_mullo_epi16(words, _mm256_set1_epi64x(0x0000000400200100));
    moved = _mm256_blend_epi16(moved, _mm256_srli_epi16(words, 1), 0x88);
    return _mm256_and_si256(moved, _mm256_set1_epi16(0x0700));
}

ALWAYS_INLINE void codes_iq1_s(const void *block, struct codes *out)
{
    const struct block_iq1_s *b = block;
    for (int i = 0; i < 2; i++)
        store_rows(out, 16 * i,
                   _mm256_or_si256(widen_bytes(b->qs + 16 * i), spread_threes(b->qh + 4 * i)));
    __m256i words = _mm256_cvtepi16_epi32(_mm_loadu_si128((const void *)b->qh));
    store_signs(out, _mm256_cmpgt_epi32(words, _mm256_set1_epi32(-1)));
}

/* Nibbles, lower first: bits 0-2 belong to the row, bit 3 is the sign of delta. */
ALWAYS_INLINE void codes_iq1_m(const void *block, struct codes *out)
{
    const struct block_iq1_m *b = block;
    __m128i packed = _mm_loadu_si128((const void *)b->qh), upper = _mm_slli_epi16(packed, 4);
    __m128i tops[2] = {_mm_unpacklo_epi8(upper, packed), _mm_unpackhi_epi8(upper, packed)};
    for (int i = 0; i < 2; i++) {
        __m256i high = _mm256_slli_epi16(_mm256_cvtepu8_epi16(tops[i]), 4);
        high = _mm256_and_si256(high, _mm256_set1_epi16(0x0700));
        store_rows(out, 16 * i, _mm256_or_si256(widen_bytes(b->qs + 16 * i), high));
    }
    __m256i bytes = _mm256_set_m128i(tops[1], tops[0]);
    store_signs(out, _mm256_cmpgt_epi8(bytes, _mm256_set1_epi8(-1)));
}

/* ---- rows themselves ---- */

/* From memory, which compilers would rather extract from the register it was stored from, at twice
 * the cost. */
ALWAYS_INLINE uint16_t load_code(const uint16_t *code)
{
    return *(const volatile uint16_t *)code;
}

/* Each is loaded to where it belongs, which costs no shuffle. */
ALWAYS_INLINE __m256i load_four_rows(const uint64_t *table, const uint16_t *rows)
{
    __m256i r[4];
    UNROLL
    for (int i = 0; i < 4; i++) r[i] = _mm256_set1_epi64x((int64_t)table[load_code(rows + i)]);
    r[0] = _mm256_blend_epi32(r[0], r[1], 0x0c);
    r[2] = _mm256_blend_epi32(r[2], r[3], 0xc0);
    return _mm256_blend_epi32(r[0], r[2], 0xf0);
}

ALWAYS_INLINE __m256i load_eight_rows(const uint32_t *table, const uint16_t *rows)
{
    __m256i r[8];
    UNROLL
    for (int i = 0; i < 8; i++) r[i] = _mm256_set1_epi32((int)table[load_code(rows + i)]);
    r[0] = _mm256_blend_epi32(r[0], r[1], 0x02);
    r[2] = _mm256_blend_epi32(r[2], r[3], 0x08);
    r[4] = _mm256_blend_epi32(r[4], r[5], 0x20);
    r[6] = _mm256_blend_epi32(r[6], r[7], 0x80);
    r[0] = _mm256_blend_epi32(r[0], r[2], 0x0c);
    r[4] = _mm256_blend_epi32(r[4], r[6], 0xc0);
    return _mm256_blend_epi32(r[0], r[4], 0xf0);
}
