/* Few columns with weights of three values: IQ1 and TQ. */
#include <string.h>

#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/lanes_avx512vbmi.h"
#include "tensor/block.h"
#include "tensor/codebook_numbers.h"

/* ---- IQ1: rows of 8 values, of which there are too many for registers ---- */

#define ITSELF(row) row
static const uint16_t iq1_numbers[2048 + 1] = {IQ1_S_NUMBERS(ITSELF)}; /* read by 32 bits */

/* Rows 2i and 2i + 1 to lane i. */
ALWAYS_INLINE __m512i gather_rows(__m512i even, __m512i odd)
{
    even = _mm512_i32gather_epi32(even, iq1_numbers, 2);
    odd = _mm512_slli_epi32(_mm512_i32gather_epi32(odd, iq1_numbers, 2), 16);
    return _mm512_mask_blend_epi16(0xaaaaaaaa, even, odd);
}

/* Bits 8-10 of the number of a row, over the bits 0-7. */
ALWAYS_INLINE __m512i add_high_bits(__m512i low, __m512i high)
{
    return _mm512_or_si512(low, _mm512_and_si512(high, _mm512_set1_epi32(0x0700)));
}

ALWAYS_INLINE __m512i low_bits_of_rows(const uint8_t qs[32])
{
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)qs));
}

/* Eight times the value and delta, plus 9. In `signs` is 2 where delta is positive. */
ALWAYS_INLINE __m512i vector_iq1(const struct opened *opened, int v)
{
    __m512i map = bit_map(2 * v, 8, 16, 0, 0);
    __m512i w = _mm512_gf2p8affine_epi64_epi8(opened->rows[0], map, 0);
    return _mm512_or_si512(w, opened->signs);
}

ALWAYS_INLINE void open_one_iq1_s(const struct block_iq1_s *b, struct opened *out)
{
    __m512i low = low_bits_of_rows(b->qs);
    __m512i words = _mm512_castsi128_si512(_mm_loadu_si128((const void *)b->qh));
    __m512i twice = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    __m512i high = _mm512_maskz_permutexvar_epi16(0x55555555, twice, words);
    __m512i to_even = _mm512_set1_epi64(8 | (int64_t)2 << 32);
    __m512i to_odd = _mm512_set1_epi64(5 | (int64_t)31 << 32);
    __m512i even = _mm512_and_si512(low, _mm512_set1_epi32(255));
    out->rows[0] =
        gather_rows(add_high_bits(even, _mm512_sllv_epi32(high, to_even)),
                    add_high_bits(_mm512_srli_epi32(low, 8), _mm512_rolv_epi32(high, to_odd)));
    __mmask16 plus = _mm512_testn_epi32_mask(high, _mm512_set1_epi32(0x8000));
    out->signs = _mm512_maskz_set1_epi32(plus, 0x02020202);
    out->scales[0] =
        _mm512_mul_ps(odd_numbers(_mm512_srli_epi32(high, 11), 0x0e), spread_half(b->d));
}
DEFINE_OPEN(iq1_s)

ALWAYS_INLINE void open_one_iq1_m(const struct block_iq1_m *b, struct opened *out)
{
    __m512i low = low_bits_of_rows(b->qs);
    __m512i bytes = _mm512_castsi128_si512(_mm_loadu_si128((const void *)b->qh));
    __m512i fours = stepped(0x0101010100000000, 0x0303030302020202, 4);
    __m512i high = _mm512_permutexvar_epi8(fours, bytes);
    __m512i even = _mm512_and_si512(low, _mm512_set1_epi32(255));
    out->rows[0] =
        gather_rows(add_high_bits(even, high),
                    add_high_bits(_mm512_srli_epi32(low, 8), _mm512_srli_epi32(high, 4)));
    __mmask64 plus = _mm512_testn_epi8_mask(high, _mm512_set1_epi32((int)0x80800808));
    out->signs = _mm512_maskz_set1_epi8(plus, 2);
    int64_t scales;
    memcpy(&scales, b->scales, sizeof scales);
    __m512i shifts = _mm512_setr_epi32(63, 2, 5, 8, 15, 18, 21, 24, 31, 34, 37, 40, 47, 50, 53, 56);
    __m512i fields = _mm512_multishift_epi64_epi8(shifts, _mm512_set1_epi64(scales));
    out->scales[0] = _mm512_mul_ps(odd_numbers(fields, 0x0e), spread_half(iq1_m_scale(b->scales)));
}
DEFINE_OPEN(iq1_m)

#define DEFINE_IQ1(NAME)                                                                           \
    DEFINE_LANES(NAME, .vector = vector_iq1, .n_vectors = 4, .n_sums = 1, .offset = 9,             \
                 .factor = 1.0f / 8, .arrange = arrange_fours)
DEFINE_IQ1(iq1_s)
DEFINE_IQ1(iq1_m)

/* ---- TQ1_0: five values to a byte, in base 3 ---- */

/* As ternary_digit in block.h; the digits of a byte as numbers of 2 bits. */
#define DIGIT(byte, power) (((byte) * (power)&255) * 3 >> 8)
#define FOUR_DIGITS(byte)                                                                          \
    DIGIT(byte, 1) | DIGIT(byte, 3) << 2 | DIGIT(byte, 9) << 4 | DIGIT(byte, 27) << 6
#define FIFTH_DIGIT(byte) DIGIT(byte, 81)
#define FOUR(DO, n)       DO(n), DO((n) + 1), DO((n) + 2), DO((n) + 3)
#define SIXTEEN(DO, n)    FOUR(DO, n), FOUR(DO, (n) + 4), FOUR(DO, (n) + 8), FOUR(DO, (n) + 12)
#define SIXTY_FOUR(DO, n)                                                                          \
    SIXTEEN(DO, n), SIXTEEN(DO, (n) + 16), SIXTEEN(DO, (n) + 32), SIXTEEN(DO, (n) + 48)
#define ALL_BYTES(DO)                                                                              \
    SIXTY_FOUR(DO, 0), SIXTY_FOUR(DO, 64), SIXTY_FOUR(DO, 128), SIXTY_FOUR(DO, 192)
static const _Alignas(64) uint8_t digits[2][256] = {{ALL_BYTES(FOUR_DIGITS)},
                                                    {ALL_BYTES(FIFTH_DIGIT)}};

/* Digit v of all bytes of a block: 32 bytes of five values, 16 of five, 4 of four. */
static void arrange_tq1_0(const int8_t *q, __m512i *vectors)
{
    for (int v = 0; v < 5; v++) {
        int8_t bytes[64] = {0};
        memcpy(bytes, q + 32 * v, 32);
        memcpy(bytes + 32, q + 160 + 16 * v, 16);
        if (v < 4) memcpy(bytes + 48, q + 240 + 4 * v, 4);
        vectors[v] = _mm512_loadu_si512(bytes);
    }
}

ALWAYS_INLINE __m512i vector_ternary(const struct opened *opened, int v)
{
    __m512i map = bit_map(2 * (v % 4), 1, 2, 0, 0);
    return _mm512_gf2p8affine_epi64_epi8(opened->rows[v / 4], map, 0);
}

ALWAYS_INLINE void open_one_tq1_0(const struct block_tq1_0 *b, struct opened *out)
{
    const __mmask64 block = ((uint64_t)1 << (sizeof b->qs + sizeof b->qh)) - 1;
    struct numbers n = numbers_of(_mm512_maskz_loadu_epi8(block, b), 0, 0);
    UNROLL
    for (int i = 0; i < 2; i++) out->rows[i] = look_up_256(digits[i], &n);
    out->scales[0] = spread_half(b->d);
}
DEFINE_OPEN(tq1_0)

DEFINE_LANES(tq1_0, .vector = vector_ternary, .n_vectors = 5, .n_sums = 1, .offset = 1, .factor = 1,
             .arrange = arrange_tq1_0)

/* ---- TQ2_0: four values to a byte, 32 apart ---- */

static void arrange_tq2_0(const int8_t *q, __m512i *vectors)
{
    for (int v = 0; v < 4; v++) {
        int8_t bytes[64];
        memcpy(bytes, q + 32 * v, 32);
        memcpy(bytes + 32, q + 128 + 32 * v, 32);
        vectors[v] = _mm512_loadu_si512(bytes);
    }
}

ALWAYS_INLINE void open_one_tq2_0(const struct block_tq2_0 *b, struct opened *out)
{
    out->rows[0] = _mm512_loadu_si512(b->qs);
    out->scales[0] = spread_half(b->d);
}
DEFINE_OPEN(tq2_0)

DEFINE_LANES(tq2_0, .vector = vector_ternary, .n_vectors = 4, .n_sums = 1, .offset = 1, .factor = 1,
             .arrange = arrange_tq2_0)
