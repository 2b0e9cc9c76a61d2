/* Few columns with weights of the IQ2 and IQ3 types. Tables of a codebook in bits fit registers:
 * a permutation of bytes looks up 64 rows, and a map of bits makes values of them. */
#include <string.h>

#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/lanes_avx512vbmi.h"
#include "tensor/block.h"
#include "tensor/codebook_numbers.h"

/* The lower and the upper byte of a row: each has half of the values. */
#define LOWER(row) (row) & 255
#define UPPER(row) (row) >> 8

/* The greatest value of IQ3_XXS is not in line with the others and has a bit of its own. */
#define MARK(row, i)      (((row) >> 4 * (i)&7) == 7 ? 8 << 4 * (i) : 0)
#define MARK_ALL(row)     ((row) | MARK(row, 0) | MARK(row, 1) | MARK(row, 2) | MARK(row, 3))
#define LOWER_MARKED(row) MARK_ALL(row) & 255
#define UPPER_MARKED(row) MARK_ALL(row) >> 8

static const _Alignas(64) uint8_t iq2_xxs_halves[2][256] = {{IQ2_XXS_NUMBERS(LOWER)},
                                                            {IQ2_XXS_NUMBERS(UPPER)}};
static const _Alignas(64) uint8_t iq2_xs_halves[2][512] = {{IQ2_XS_NUMBERS(LOWER)},
                                                           {IQ2_XS_NUMBERS(UPPER)}};
static const _Alignas(64) uint8_t iq2_s_halves[2][1024] = {{IQ2_S_NUMBERS(LOWER)},
                                                           {IQ2_S_NUMBERS(UPPER)}};
static const _Alignas(64) uint8_t iq3_xxs_halves[2][256] = {{IQ3_XXS_NUMBERS(LOWER_MARKED)},
                                                            {IQ3_XXS_NUMBERS(UPPER_MARKED)}};
static const _Alignas(64) uint8_t iq3_s_halves[2][512] = {{IQ3_S_NUMBERS(LOWER)},
                                                          {IQ3_S_NUMBERS(UPPER)}};

/* Values 128 - w where the sign is minus, of 128 + w: what was below 64 off is that much above. */
ALWAYS_INLINE __m512i apply_signs(const struct opened *opened, int v, __m512i w)
{
    __m512i bits = _mm512_set1_epi16((short)(0x1001 << v));
    __mmask64 minus = _mm512_test_epi8_mask(opened->signs, bits);
    return _mm512_mask_sub_epi8(w, minus, _mm512_set1_epi8((char)128), w);
}

/* The halves of rows become neighbours. What comes from the first block is the lower half of each
 * lane of 128 bits, what comes from the second the upper one. */
ALWAYS_INLINE void pair_halves(__m512i lower, __m512i upper, struct opened out[STREAMS])
{
    out[0].rows[0] = _mm512_unpacklo_epi8(lower, upper);
    out[1].rows[0] = _mm512_unpackhi_epi8(lower, upper);
}

/* Both halves of a row have the same byte of signs. */
ALWAYS_INLINE void pair_signs(__m512i signs, struct opened out[STREAMS])
{
    out[0].signs = _mm512_unpacklo_epi8(signs, signs);
    out[1].signs = _mm512_unpackhi_epi8(signs, signs);
}

/* 32 bytes each of two blocks, in that order. */
ALWAYS_INLINE __m512i load_halves(const uint8_t *first, const uint8_t *second)
{
    __m512i a = _mm512_castsi256_si512(_mm256_loadu_si256((const void *)first));
    __m512i b = _mm512_castsi256_si512(_mm256_loadu_si256((const void *)second));
    return _mm512_permutex2var_epi64(a, _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11), b);
}

/* Four times seven bits of 32-bit words to their bytes, and an eighth that makes the number of set
 * bits even. */
ALWAYS_INLINE __m512i open_sevens(__m512i words)
{
    __m512i shifts = _mm512_set1_epi64(0x352e2720150e0700);
    __m512i even = _mm512_set1_epi64(0x010204081020407f);
    return _mm512_gf2p8affine_epi64_epi8(_mm512_multishift_epi64_epi8(shifts, words), even, 0);
}

/* ---- IQ2: rows of 8 values, one of three each ---- */

ALWAYS_INLINE __m512i vector_iq2(const struct opened *opened, int v)
{
    enum { LOWEST = 64 + 8, MIDDLE = 64 + 25, HIGHEST = 64 + 43 };
    __m512i map = bit_map(2 * v, LOWEST ^ MIDDLE, LOWEST ^ HIGHEST, 0, 0);
    __m512i w = _mm512_gf2p8affine_epi64_epi8(opened->rows[0], map, LOWEST);
    return apply_signs(opened, v, w);
}

ALWAYS_INLINE void open_iq2_xxs(const void *const *pair, struct opened *out)
{
    const struct block_iq2_xxs *blocks[STREAMS] = {pair[0], pair[1]};
    __m512i a = _mm512_loadu_si512(blocks[0]->qs), b = _mm512_loadu_si512(blocks[1]->qs);
    __m512i of_rows = stepped(0x0b0a090803020100, 0x4b4a494843424140, 16);
    struct numbers n = numbers_of(_mm512_permutex2var_epi8(a, of_rows, b), 0, 0);
    pair_halves(look_up_256(iq2_xxs_halves[0], &n), look_up_256(iq2_xxs_halves[1], &n), out);
    __m512i of_words = _mm512_setr_epi32(1, 3, 17, 19, 5, 7, 21, 23, 9, 11, 25, 27, 13, 15, 29, 31);
    __m512i words = _mm512_permutex2var_epi32(a, of_words, b), signs = open_sevens(words);
    pair_signs(signs, out);
    __m512 scales = odd_numbers(_mm512_srli_epi32(words, 27), 0x1e);
    UNROLL
    for (int i = 0; i < 2; i++) {
        __m512i groups = _mm512_setr_epi32(0, 0, 1, 1, 4, 4, 5, 5, 8, 8, 9, 9, 12, 12, 13, 13);
        groups = _mm512_add_epi32(groups, _mm512_set1_epi32(2 * i));
        out[i].scales[0] =
            _mm512_mul_ps(_mm512_permutexvar_ps(groups, scales), spread_half(blocks[i]->d));
    }
}

/* Sixteen nibbles. */
ALWAYS_INLINE __m512 open_nibbles(const uint8_t bytes[8], uint16_t d)
{
    int64_t nibbles;
    memcpy(&nibbles, bytes, sizeof nibbles);
    __m512i shifts =
        _mm512_setr_epi32(63, 3, 7, 11, 15, 19, 23, 27, 31, 35, 39, 43, 47, 51, 55, 59);
    __m512i fields = _mm512_multishift_epi64_epi8(shifts, _mm512_set1_epi64(nibbles));
    return _mm512_mul_ps(odd_numbers(fields, 0x1e), spread_half(d));
}

ALWAYS_INLINE void open_iq2_xs(const void *const *pair, struct opened *out)
{
    const struct block_iq2_xs *blocks[STREAMS] = {pair[0], pair[1]};
    __m512i a = _mm512_loadu_si512(blocks[0]->qs), b = _mm512_loadu_si512(blocks[1]->qs);
    __m512i even = stepped(0x0e0c0a0806040200, 0x4e4c4a4846444240, 16);
    __m512i odd = _mm512_add_epi8(even, _mm512_set1_epi8(1));
    __m512i low = _mm512_permutex2var_epi8(a, even, b), high = _mm512_permutex2var_epi8(a, odd, b);
    struct numbers n = numbers_of(low, _mm512_test_epi8_mask(high, _mm512_set1_epi8(1)), 0);
    pair_halves(look_up_512(iq2_xs_halves[0], &n), look_up_512(iq2_xs_halves[1], &n), out);
    __m512i even_signs = _mm512_set1_epi64(0x02040810204080fe);
    __m512i signs = _mm512_gf2p8affine_epi64_epi8(high, even_signs, 0);
    pair_signs(signs, out);
    UNROLL
    for (int i = 0; i < 2; i++) out[i].scales[0] = open_nibbles(blocks[i]->scales, blocks[i]->d);
}

ALWAYS_INLINE void open_iq2_s(const void *const *pair, struct opened *out)
{
    const struct block_iq2_s *blocks[STREAMS] = {pair[0], pair[1]};
    int64_t high[2];
    memcpy(&high[0], blocks[0]->qh, sizeof high[0]);
    memcpy(&high[1], blocks[1]->qh, sizeof high[1]);
    __m512i fours = stepped(0x0101010100000000, 0x0909090908080808, 2);
    __m512i pairs =
        _mm512_permutexvar_epi8(fours, _mm512_castsi128_si512(_mm_set_epi64x(high[1], high[0])));
    __m512i bits = _mm512_set1_epi32(0x40100401);
    struct numbers n =
        numbers_of(load_halves(blocks[0]->qs, blocks[1]->qs), _mm512_test_epi8_mask(pairs, bits),
                   _mm512_test_epi8_mask(pairs, _mm512_slli_epi32(bits, 1)));
    pair_halves(look_up_1024(iq2_s_halves[0], &n), look_up_1024(iq2_s_halves[1], &n), out);
    __m512i signs = load_halves(blocks[0]->signs, blocks[1]->signs);
    pair_signs(signs, out);
    UNROLL
    for (int i = 0; i < 2; i++) out[i].scales[0] = open_nibbles(blocks[i]->scales, blocks[i]->d);
}

/* ---- IQ3: rows of 4 values, one of eight each ---- */

/* 64 bytes, each of 32 twice. */
ALWAYS_INLINE __m512i double_bytes(__m256i bytes)
{
    __m512i twice = stepped(0x0303020201010000, 0x0707060605050404, 8);
    return _mm512_permutexvar_epi8(twice, _mm512_castsi256_si512(bytes));
}

ALWAYS_INLINE __m512i vector_iq3_xxs(const struct opened *opened, int v)
{
    __m512i map = bit_map(4 * (v % 2), 8, 16, 32, 60 ^ 62);
    __m512i w = _mm512_gf2p8affine_epi64_epi8(opened->rows[v / 2], map, 64 + 4);
    return apply_signs(opened, v, w);
}

ALWAYS_INLINE void open_one_iq3_xxs(const struct block_iq3_xxs *b, struct opened *out)
{
    struct numbers n = numbers_of(_mm512_loadu_si512(b->qs), 0, 0);
    for (int i = 0; i < 2; i++) out->rows[i] = look_up_256(iq3_xxs_halves[i], &n);
    __m512i words = _mm512_castsi256_si512(_mm256_loadu_si256((const void *)b->signs_scales));
    out->signs = double_bytes(_mm512_castsi512_si256(open_sevens(words)));
    __m512i twice = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    __m512i scales = _mm512_permutexvar_epi32(twice, _mm512_srli_epi32(words, 27));
    out->scales[0] = _mm512_mul_ps(odd_numbers(scales, 0x1e), spread_half(b->d));
}
DEFINE_OPEN(iq3_xxs)

ALWAYS_INLINE __m512i vector_iq3_s(const struct opened *opened, int v)
{
    __m512i map = bit_map(4 * (v % 2), 2, 4, 8, 0);
    __m512i w = _mm512_gf2p8affine_epi64_epi8(opened->rows[v / 2], map, 64 + 1);
    return apply_signs(opened, v, w);
}

ALWAYS_INLINE void open_one_iq3_s(const struct block_iq3_s *b, struct opened *out)
{
    uint64_t high;
    memcpy(&high, b->qh, sizeof high);
    struct numbers n = numbers_of(_mm512_loadu_si512(b->qs), high, 0);
    for (int i = 0; i < 2; i++) out->rows[i] = look_up_512(iq3_s_halves[i], &n);
    out->signs = double_bytes(_mm256_loadu_si256((const void *)b->signs));
    int32_t nibbles;
    memcpy(&nibbles, b->scales, sizeof nibbles);
    __m512i shifts = _mm512_setr_epi32(63, 63, 3, 3, 7, 7, 11, 11, 15, 15, 19, 19, 23, 23, 27, 27);
    __m512i scales = _mm512_multishift_epi64_epi8(shifts, _mm512_set1_epi32(nibbles));
    out->scales[0] = _mm512_mul_ps(odd_numbers(scales, 0x1e), spread_half(b->d));
}
DEFINE_OPEN(iq3_s)

#define DEFINE(NAME, VECTOR, FACTOR)                                                               \
    DEFINE_LANES(NAME, .vector = VECTOR, .n_vectors = 4, .n_sums = 1, .offset = 64,                \
                 .factor = FACTOR, .arrange = arrange_fours)
DEFINE(iq2_xxs, vector_iq2, 1.0f / 8)
DEFINE(iq2_xs, vector_iq2, 1.0f / 8)
DEFINE(iq2_s, vector_iq2, 1.0f / 8)
DEFINE(iq3_xxs, vector_iq3_xxs, 1.0f / 4)
DEFINE(iq3_s, vector_iq3_s, 1.0f)
