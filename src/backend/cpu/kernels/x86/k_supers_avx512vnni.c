/* Few columns in lanes with weights of the K types. Values are opened into the order of the column,
 * in which a lane of 32 bits holds values of one group only: so the sums of all lanes fit 16 bits,
 * and one instruction multiplies them by the scales of their groups. Types whose values have an
 * offset of 32, or are made to, start their sums at -32 times those of the column. */
#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/row_tiles.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/open_supers.h"
#include "backend/cpu/kernels/x86/reduce.h"

/* The values of a super-block as bytes without sign, in the runs of column_q8_lanes. */
struct runs {
    __m512i w[4];
};

/* 16-bit scales for the sums of the lanes, and the mins of the 16 parts in the order of the
 * column's sums. */
struct numbers {
    __m512i scales;
    __m512 mins;
};

typedef struct runs open_runs(const void *block);
typedef struct numbers open_numbers(const void *block);

struct super_type {
    size_t block_bytes, d; /* d: where it lies; dmin follows */
    open_runs *runs;
    open_numbers *numbers;
    bool has_offset; /* and no mins */
    float unit;      /* what d is multiplied by to make up for values and scales made larger */
};

/* Numbers for eights of values: a and b for those of the first half, c and d for the second. */
#define EIGHTS(a, b, c, d) _mm512_setr_epi64(a, b, a, b, c, d, c, d)

/* Runs 1 and 3 hold the other eight of every sixteen. */
ALWAYS_INLINE __m512i other_eights(__m512i v)
{
    return _mm512_shuffle_epi32(v, _MM_PERM_BADC);
}

ALWAYS_INLINE __m512i pick_128(const void *bytes, __m512i index)
{
    const char *low = bytes;
    return _mm512_permutex2var_epi64(_mm512_loadu_si512(low), index, _mm512_loadu_si512(low + 64));
}

/* 32 bytes, for either half. */
ALWAYS_INLINE __m512i twice_32(const void *bytes)
{
    return _mm512_broadcast_i64x4(_mm256_loadu_si256(bytes));
}

ALWAYS_INLINE __m512i only(__m512i v, char mask)
{
    return _mm512_and_si512(v, _mm512_set1_epi8(mask));
}

ALWAYS_INLINE __m512i or_masked(__m512i v, __m512i bits, __m512i mask)
{
    enum { V_OR_BITS_AND_MASK = 0xf8 };
    return _mm512_ternarylogic_epi64(v, bits, mask, V_OR_BITS_AND_MASK);
}

ALWAYS_INLINE __m512i or_only(__m512i v, __m512i bits, char mask)
{
    return or_masked(v, bits, _mm512_set1_epi8(mask));
}

/* Two bits each: four values to a byte. */
ALWAYS_INLINE struct runs runs_q2_k(const void *block)
{
    const struct block_q2_k *b = block;
    __m512i qs = _mm512_loadu_si512(b->qs), shifts = EIGHTS(0, 4, 0, 4);
    __m512i first = _mm512_srlv_epi64(qs, shifts);
    __m512i other = _mm512_srlv_epi64(other_eights(qs), shifts);
    return (struct runs){{only(first, 3), only(other, 3), only(_mm512_srli_epi16(first, 2), 3),
                          only(_mm512_srli_epi16(other, 2), 3)}};
}

/* Eight times the values, so that their offset of 4 is one of 32: bits 0-1 go to 3-4, bit 2, which
 * lies apart, to 5. Turned as runs 2 and 3 need them; for 0 and 1 they are turned further. */
ALWAYS_INLINE struct runs runs_q3_k(const void *block)
{
    const struct block_q3_k *b = block;
    __m512i qs = _mm512_loadu_si512(b->qs), turns = EIGHTS(1, -3, 1, -3);
    __m512i first = _mm512_rolv_epi64(qs, turns);
    __m512i other = _mm512_rolv_epi64(other_eights(qs), turns);
    __m512i bits = twice_32(b->hmask), bit_turns = EIGHTS(4, 2, 0, -2);
    __m512i first_bits = _mm512_rolv_epi64(bits, bit_turns);
    __m512i other_bits = _mm512_rolv_epi64(other_eights(bits), bit_turns);
    return (struct runs){
        {or_only(only(_mm512_rol_epi64(first, 2), 0x18), _mm512_rol_epi64(first_bits, 1), 0x20),
         or_only(only(_mm512_rol_epi64(other, 2), 0x18), _mm512_rol_epi64(other_bits, 1), 0x20),
         or_only(only(first, 0x18), first_bits, 0x20),
         or_only(only(other, 0x18), other_bits, 0x20)}};
}

/* Four bits each: the nibbles of 128 bytes. */
ALWAYS_INLINE struct runs open_nibbles(const uint8_t qs[4][32])
{
    __m512i first = pick_128(qs, _mm512_setr_epi64(0, 5, 2, 7, 8, 13, 10, 15));
    __m512i other = pick_128(qs, _mm512_setr_epi64(1, 4, 3, 6, 9, 12, 11, 14));
    return (struct runs){{only(first, 15), only(other, 15), only(_mm512_srli_epi16(first, 4), 15),
                          only(_mm512_srli_epi16(other, 4), 15)}};
}

ALWAYS_INLINE struct runs runs_q4_k(const void *block)
{
    const struct block_q4_k *b = block;
    return open_nibbles(b->qs);
}

ALWAYS_INLINE struct runs runs_q5_k(const void *block)
{
    const struct block_q5_k *b = block;
    struct runs low = open_nibbles(b->qs);
    __m512i bits = twice_32(b->qh), turns = EIGHTS(4, 2, 0, -2);
    __m512i first = _mm512_rolv_epi64(bits, turns);
    __m512i other = _mm512_rolv_epi64(other_eights(bits), turns);
    return (struct runs){{or_only(low.w[0], first, 16), or_only(low.w[1], other, 16),
                          or_only(low.w[2], _mm512_ror_epi64(first, 1), 16),
                          or_only(low.w[3], _mm512_ror_epi64(other, 1), 16)}};
}

ALWAYS_INLINE __m512i nibbles_q6_k(__m512i ql)
{
    return only(_mm512_srlv_epi64(ql, EIGHTS(0, 4, 0, 4)), 15);
}

ALWAYS_INLINE struct runs runs_q6_k(const void *block)
{
    const struct block_q6_k *b = block;
    __m512i even = pick_128(b->ql, _mm512_setr_epi64(0, 1, 2, 3, 8, 9, 10, 11));
    __m512i odd = pick_128(b->ql, _mm512_setr_epi64(4, 5, 6, 7, 12, 13, 14, 15));
    __m512i qh = _mm512_loadu_si512(b->qh), turns = EIGHTS(4, 0, 4, 0);
    __m512i first = _mm512_rolv_epi64(qh, turns);
    __m512i other = _mm512_rolv_epi64(other_eights(qh), turns);
    return (struct runs){
        {or_only(nibbles_q6_k(even), first, 0x30),
         or_only(nibbles_q6_k(other_eights(even)), other, 0x30),
         or_only(nibbles_q6_k(odd), _mm512_ror_epi64(first, 2), 0x30),
         or_only(nibbles_q6_k(other_eights(odd)), _mm512_ror_epi64(other, 2), 0x30)}};
}

/* Which part of 16 values the sums of lanes belong to, once they are packed to 16 bits. */
ALWAYS_INLINE __m512i parts_of_sums(void)
{
    static const int16_t parts[32] = {0, 0, 4,  4,  2,  2,  6,  6,  1, 1, 5,  5,  3,  3,  7,  7,
                                      8, 8, 12, 12, 10, 10, 14, 14, 9, 9, 13, 13, 11, 11, 15, 15};
    return _mm512_loadu_si512(parts);
}

ALWAYS_INLINE __m512i four_times_16(const void *bytes)
{
    return _mm512_broadcast_i32x4(_mm_loadu_si128(bytes));
}

/* Numbers 0-255 out of bytes: the upper half of an index that is negative makes a zero. */
ALWAYS_INLINE __m512i pick_words(__m512i bytes, __m512i index)
{
    return _mm512_shuffle_epi8(bytes, _mm512_or_si512(index, _mm512_set1_epi16((short)0x8000)));
}

/* Mins come by a look-up, for which the low four bits of an index alone count. */
ALWAYS_INLINE struct numbers numbers_q2_k(const void *block)
{
    const struct block_q2_k *b = block;
    __m512i bytes = four_times_16(b->scales);
    __m512i shifts = _mm512_setr_epi32(4, 4, 4, 4, 12, 12, 12, 12, 20, 20, 20, 20, 28, 28, 28, 28);
    __m512 floats = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return (struct numbers){
        _mm512_and_si512(pick_words(bytes, parts_of_sums()), _mm512_set1_epi16(15)),
        _mm512_permutexvar_ps(_mm512_srlv_epi32(bytes, shifts), floats),
    };
}

/* Bits 0-3 of 16 scales in the nibbles of 8 bytes, bits 4-5 in the pairs of 4 bytes: both bytes of
 * a scale come into one word. The last 16 bytes of a block are two of qs, the scales, and d. */
ALWAYS_INLINE struct numbers numbers_q3_k(const void *block)
{
    const struct block_q3_k *b = block;
    __m512i parts = parts_of_sums(), mask_3 = _mm512_set1_epi16(3), mask_7 = _mm512_set1_epi16(7);
    __m512i low_byte = _mm512_and_si512(parts, mask_7);
    __m512i high_byte = _mm512_slli_epi16(_mm512_and_si512(parts, mask_3), 8);
    __m512i index =
        _mm512_add_epi16(_mm512_or_si512(low_byte, high_byte), _mm512_set1_epi16((2 + 8) << 8 | 2));
    __m512i words = _mm512_shuffle_epi8(four_times_16((const char *)(b + 1) - 16), index);
    __m512i shifts = _mm512_slli_epi16(_mm512_srli_epi16(parts, 3), 2);
    __m512i high_shifts =
        _mm512_slli_epi16(_mm512_add_epi16(_mm512_srli_epi16(parts, 2), _mm512_set1_epi16(2)), 1);
    __m512i low = _mm512_and_si512(_mm512_srlv_epi16(words, shifts), _mm512_set1_epi16(15));
    __m512i scales = or_masked(low, _mm512_srlv_epi16(words, high_shifts), _mm512_set1_epi16(0x30));
    return (struct numbers){_mm512_sub_epi16(scales, _mm512_set1_epi16(32)), _mm512_setzero_ps()};
}

ALWAYS_INLINE struct numbers numbers_six_bits(const uint8_t packed[12])
{
    struct six_bits bytes = open_six_bits(packed);
    __m512i scales = _mm512_set1_epi64((int64_t)bytes.scales);
    __m512i mins = _mm512_set1_epi64((int64_t)bytes.mins);
    __m512i order = _mm512_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6, 1, 3, 5, 7, 1, 3, 5, 7);
    __m512i index = _mm512_or_si512(order, _mm512_set1_epi32((int)0x80808000));
    return (struct numbers){
        pick_words(scales, _mm512_srli_epi16(parts_of_sums(), 1)),
        _mm512_cvtepi32_ps(_mm512_shuffle_epi8(mins, index)),
    };
}

ALWAYS_INLINE struct numbers numbers_q4_k(const void *block)
{
    const struct block_q4_k *b = block;
    return numbers_six_bits(b->scales);
}

ALWAYS_INLINE struct numbers numbers_q5_k(const void *block)
{
    const struct block_q5_k *b = block;
    return numbers_six_bits(b->scales);
}

/* 256 times the scales: bytes with a sign in the upper halves of words. The greatest sum of two
 * products, 2 * 128 * 256 * 8 * 32 * 127, fits 31 bits. */
ALWAYS_INLINE struct numbers numbers_q6_k(const void *block)
{
    const struct block_q6_k *b = block;
    __m512i index = _mm512_or_si512(_mm512_slli_epi16(parts_of_sums(), 8), _mm512_set1_epi16(0x80));
    return (struct numbers){_mm512_shuffle_epi8(four_times_16(b->scales), index),
                            _mm512_setzero_ps()};
}

/* Blocks whose d are widened at a time. */
enum { BATCH = 4 };

/* d times the columns' scales, and dmin. */
struct factors {
    float d[MAX_COLUMNS][BATCH], dmin[BATCH];
};

/* The 16-bit floats at `first` of n blocks, at most BATCH; the first stands for those beyond. */
ALWAYS_INLINE __m128 widen_batch(const char *first, size_t block_bytes, int n)
{
    uint64_t halves = 0;
    UNROLL
    for (int i = 0; i < BATCH; i++) {
        uint16_t half;
        memcpy(&half, first + (i < n ? block_bytes * (size_t)i : 0), sizeof half);
        halves |= (uint64_t)half << 16 * i;
    }
    return _mm_cvtph_ps(_mm_cvtsi64_si128((int64_t)halves));
}

/* Of n blocks from number b on, a multiple of BATCH: the columns have room for whole ones. */
ALWAYS_INLINE void find_factors(struct super_type type, const char *blocks, int b, int n,
                                int n_columns, const struct column_q8_lanes *x,
                                struct factors *factors)
{
    const char *d = blocks + type.d;
    __m128 ds = _mm_mul_ps(widen_batch(d, type.block_bytes, n), _mm_set1_ps(type.unit));
    UNROLL
    for (int c = 0; c < n_columns; c++)
        _mm_storeu_ps(factors->d[c], _mm_mul_ps(ds, _mm_loadu_ps(x[c].scale + b)));
    if (!type.has_offset)
        _mm_storeu_ps(factors->dmin, widen_batch(d + sizeof(uint16_t), type.block_bytes, n));
}

/* Two runs, whose lanes belong to the same parts. */
ALWAYS_INLINE __m512i multiply_runs(__m512i start, const __m512i w[2], const int8_t *x)
{
    __m512i sums = _mm512_dpbusd_epi32(start, w[0], _mm512_loadu_si512(x));
    return _mm512_dpbusd_epi32(sums, w[1], _mm512_loadu_si512(x + 64));
}

/* Eight products a lane: 8 * 31 * 127 without an offset, 8 * 32 * 127 with one fit 16 bits. */
ALWAYS_INLINE __m512 multiply_super(struct runs runs, __m512i scales, bool has_offset,
                                    const int8_t *x, const int32_t *starts)
{
    __m512i zero = _mm512_setzero_si512();
    __m512i even = has_offset ? _mm512_loadu_si512(starts) : zero;
    __m512i odd = has_offset ? _mm512_loadu_si512(starts + 16) : zero;
    even = multiply_runs(even, runs.w, x);
    odd = multiply_runs(odd, runs.w + 2, x + 128);
    return _mm512_cvtepi32_ps(_mm512_madd_epi16(_mm512_packs_epi32(even, odd), scales));
}

/* Block b of a row, number i of its batch. */
ALWAYS_INLINE void add_super(struct super_type type, const void *block, int b, int i, int n_columns,
                             const struct column_q8_lanes *x, const struct factors *factors,
                             __m512 *sums)
{
    struct runs runs = type.runs(block);
    struct numbers numbers = type.numbers(block);
    __m512 mins = numbers.mins;
    if (!type.has_offset) mins = _mm512_mul_ps(mins, _mm512_set1_ps(factors->dmin[i]));
    size_t group = (size_t)b;
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        __m512 dots = multiply_super(runs, numbers.scales, type.has_offset, x[c].q + 256 * group,
                                     x[c].starts + 32 * group);
        sums[c] = _mm512_fmadd_ps(dots, _mm512_set1_ps(factors->d[c][i]), sums[c]);
        if (type.has_offset) continue;
        sums[c] = _mm512_fnmadd_ps(mins, _mm512_loadu_ps(x[c].sums + 16 * group), sums[c]);
    }
}

ALWAYS_INLINE void add_rows(struct super_type type, int k, const char *const rows[STREAMS],
                            int n_columns, const struct column_q8_lanes *x,
                            __m512 sums[STREAMS][MAX_COLUMNS])
{
    int n_blocks = k / 256;
    for (int first = 0; first < n_blocks; first += BATCH) {
        int n = n_blocks - first < BATCH ? n_blocks - first : BATCH;
        struct factors factors[STREAMS];
        UNROLL
        for (int s = 0; s < STREAMS; s++)
            find_factors(type, rows[s] + type.block_bytes * (size_t)first, first, n, n_columns, x,
                         &factors[s]);
        for (int i = 0; i < n; i++) {
            UNROLL
            for (int s = 0; s < STREAMS; s++) {
                const char *block = rows[s] + type.block_bytes * (size_t)(first + i);
                prefetch_block(block, type.block_bytes);
                add_super(type, block, first + i, i, n_columns, x, &factors[s], sums[s]);
            }
        }
    }
}

#define SUPER_COLUMN column_q8_lanes
#include "backend/cpu/kernels/x86/super_rows_avx512vnni.h"

#define DEFINE(NAME, HAS_OFFSET, UNIT)                                                             \
    void matmul_##NAME##_avx512vnni(const struct matmul *m, int first_row, int n_rows,             \
                                    void *scratch)                                                 \
    {                                                                                              \
        (void)scratch;                                                                             \
        struct super_type type = {sizeof(struct block_##NAME),                                     \
                                  offsetof(struct block_##NAME, d),                                \
                                  runs_##NAME,                                                     \
                                  numbers_##NAME,                                                  \
                                  HAS_OFFSET,                                                      \
                                  UNIT};                                                           \
        multiply_tiles(multiply_rows, &type, m, first_row, n_rows);                                \
    }
DEFINE(q2_k, false, 1)
DEFINE(q3_k, true, 1 / 8.0f)
DEFINE(q4_k, false, 1)
DEFINE(q5_k, false, 1)
DEFINE(q6_k, true, 1 / 256.0f)
