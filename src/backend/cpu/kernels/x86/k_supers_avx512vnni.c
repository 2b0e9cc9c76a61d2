/* Few columns in lanes with weights of the K types. Values are opened into the order of the column,
 * in which a lane of 32 bits holds values of one group only: so an instruction that adds four
 * products to each lane may run over all values of a super-block, and their scales are multiplied
 * once. */
#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/row_tiles.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/open_supers.h"
#include "backend/cpu/kernels/x86/reduce.h"

/* The values of a super-block as bytes without sign, in the runs of column_q8_lanes. */
struct runs {
    __m512i w[4];
};

typedef struct runs open_runs(const void *block);

struct super_type {
    size_t block_bytes;
    open_head *head;
    open_runs *open;
};

/* Numbers for the pairs of groups of 16: a to d are the pairs of a run's eight pieces. */
#define PAIRS(a, b, c, d) _mm512_setr_epi64(a, a, b, b, c, c, d, d)

/* The 8 bytes that `index` counts of 64. */
ALWAYS_INLINE __m512i pick_64(const void *bytes, __m512i index)
{
    return _mm512_permutexvar_epi64(index, _mm512_loadu_si512(bytes));
}

ALWAYS_INLINE __m512i pick_128(const void *bytes, __m512i index)
{
    const char *low = bytes;
    return _mm512_permutex2var_epi64(_mm512_loadu_si512(low), index, _mm512_loadu_si512(low + 64));
}

ALWAYS_INLINE __m512i pick_32(const void *bytes, __m512i index)
{
    __m256i v = _mm256_loadu_si256(bytes);
    return _mm512_permutexvar_epi64(index, _mm512_castsi256_si512(v));
}

/* w, and the bits of `mask` out of `bits` turned to the left by `turns`. */
ALWAYS_INLINE __m512i or_bits(__m512i w, __m512i bits, __m512i turns, char mask)
{
    enum { W_OR_BITS_AND_MASK = 0xf8 };
    return _mm512_ternarylogic_epi64(w, _mm512_rolv_epi64(bits, turns), _mm512_set1_epi8(mask),
                                     W_OR_BITS_AND_MASK);
}

ALWAYS_INLINE __m512i low_bits(__m512i bytes, __m512i shifts, char mask)
{
    return _mm512_and_si512(_mm512_srlv_epi64(bytes, shifts), _mm512_set1_epi8(mask));
}

/* Four bits each: the nibbles of 128 bytes. */
ALWAYS_INLINE struct runs open_nibbles(const uint8_t qs[4][32])
{
    __m512i low = _mm512_set1_epi8(15);
    __m512i first = pick_128(qs, _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14));
    __m512i second = pick_128(qs, _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15));
    return (struct runs){{_mm512_and_si512(first, low), _mm512_and_si512(second, low),
                          _mm512_and_si512(_mm512_srli_epi16(first, 4), low),
                          _mm512_and_si512(_mm512_srli_epi16(second, 4), low)}};
}

/* Two bits each: four values to a byte. */
ALWAYS_INLINE struct runs open_pairs(const uint8_t qs[2][32])
{
    __m512i low = PAIRS(0, 4, 0, 4), high = PAIRS(2, 6, 2, 6);
    __m512i first = pick_64(qs, _mm512_setr_epi64(0, 2, 0, 2, 4, 6, 4, 6));
    __m512i second = pick_64(qs, _mm512_setr_epi64(1, 3, 1, 3, 5, 7, 5, 7));
    return (struct runs){{low_bits(first, low, 3), low_bits(second, low, 3),
                          low_bits(first, high, 3), low_bits(second, high, 3)}};
}

/* One more bit each: bit j of byte i belongs to value 32j + i. `turns` bring the bits of the first
 * runs to their place. */
ALWAYS_INLINE struct runs add_bits(struct runs runs, const uint8_t bits[32], __m512i turns,
                                   char mask)
{
    __m512i first = pick_32(bits, _mm512_setr_epi64(0, 2, 0, 2, 0, 2, 0, 2));
    __m512i second = pick_32(bits, _mm512_setr_epi64(1, 3, 1, 3, 1, 3, 1, 3));
    __m512i high = _mm512_sub_epi64(turns, _mm512_set1_epi64(1));
    return (struct runs){
        {or_bits(runs.w[0], first, turns, mask), or_bits(runs.w[1], second, turns, mask),
         or_bits(runs.w[2], first, high, mask), or_bits(runs.w[3], second, high, mask)}};
}

ALWAYS_INLINE struct runs open_q2_k(const void *block)
{
    const struct block_q2_k *b = block;
    return open_pairs(b->qs);
}

ALWAYS_INLINE struct runs open_q3_k(const void *block)
{
    const struct block_q3_k *b = block;
    return add_bits(open_pairs(b->qs), b->hmask, PAIRS(2, 0, -2, -4), 4);
}

ALWAYS_INLINE struct runs open_q4_k(const void *block)
{
    const struct block_q4_k *b = block;
    return open_nibbles(b->qs);
}

ALWAYS_INLINE struct runs open_q5_k(const void *block)
{
    const struct block_q5_k *b = block;
    return add_bits(open_nibbles(b->qs), b->qh, PAIRS(4, 2, 0, -2), 16);
}

ALWAYS_INLINE struct runs open_q6_k(const void *block)
{
    const struct block_q6_k *b = block;
    __m512i shifts = PAIRS(0, 4, 0, 4), low = PAIRS(4, 0, 4, 0), high = PAIRS(2, -2, 2, -2);
    __m512i first = pick_64(b->qh, _mm512_setr_epi64(0, 2, 0, 2, 4, 6, 4, 6));
    __m512i second = pick_64(b->qh, _mm512_setr_epi64(1, 3, 1, 3, 5, 7, 5, 7));
    __m512i w[4] = {pick_128(b->ql, _mm512_setr_epi64(0, 2, 0, 2, 8, 10, 8, 10)),
                    pick_128(b->ql, _mm512_setr_epi64(1, 3, 1, 3, 9, 11, 9, 11)),
                    pick_128(b->ql, _mm512_setr_epi64(4, 6, 4, 6, 12, 14, 12, 14)),
                    pick_128(b->ql, _mm512_setr_epi64(5, 7, 5, 7, 13, 15, 13, 15))};
    return (struct runs){{or_bits(low_bits(w[0], shifts, 15), first, low, 0x30),
                          or_bits(low_bits(w[1], shifts, 15), second, low, 0x30),
                          or_bits(low_bits(w[2], shifts, 15), first, high, 0x30),
                          or_bits(low_bits(w[3], shifts, 15), second, high, 0x30)}};
}

ALWAYS_INLINE __m512 widen(__m256i numbers, float factor)
{
    return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(numbers)),
                         _mm512_set1_ps(factor));
}

/* Two runs, which belong to the same groups. */
ALWAYS_INLINE __m512 multiply_runs(const __m512i w[2], const int8_t *x)
{
    __m512i sums = _mm512_dpbusd_epi32(_mm512_setzero_si512(), w[0], _mm512_loadu_si512(x));
    return _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(sums, w[1], _mm512_loadu_si512(x + 64)));
}

ALWAYS_INLINE void add_super(struct super_type type, const void *block, int b, int n_columns,
                             const struct column_q8_lanes *x, __m512 *sums)
{
    const __m512i order = _mm512_setr_epi32(0, 0, 1, 1, 4, 4, 5, 5, 8, 8, 9, 9, 12, 12, 13, 13);
    struct super_head head = type.head(block);
    struct runs runs = type.open(block);
    __m512 scales = widen(head.scales, head.d), mins = widen(head.mins, head.dmin);
    __m512 low = _mm512_permutexvar_ps(order, scales);
    __m512 high = _mm512_permutexvar_ps(_mm512_add_epi32(order, _mm512_set1_epi32(2)), scales);
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        const int8_t *q = x[c].q + 256 * (size_t)b;
        __m512 sum = _mm512_mul_ps(multiply_runs(runs.w, q), low);
        sum = _mm512_fmadd_ps(multiply_runs(runs.w + 2, q + 128), high, sum);
        sum = _mm512_fnmadd_ps(mins, _mm512_loadu_ps(x[c].sums + 16 * (size_t)b), sum);
        sums[c] = _mm512_fmadd_ps(sum, _mm512_set1_ps(x[c].scale[b]), sums[c]);
    }
}

#define SUPER_COLUMN column_q8_lanes
#include "backend/cpu/kernels/x86/super_rows_avx512vnni.h"

#define DEFINE(NAME)                                                                               \
    void matmul_##NAME##_avx512vnni(const struct matmul *m, int first_row, int n_rows,             \
                                    void *scratch)                                                 \
    {                                                                                              \
        (void)scratch;                                                                             \
        struct super_type type = {sizeof(struct block_##NAME), head_##NAME, open_##NAME};          \
        multiply_tiles(multiply_rows, &type, m, first_row, n_rows);                                \
    }
DEFINE(q2_k)
DEFINE(q3_k)
DEFINE(q4_k)
DEFINE(q5_k)
DEFINE(q6_k)
