/* Few columns in groups of 32 with weights in blocks of 32, eight blocks at a time: their scales
 * make one vector, and two blocks of values another. Values are unsigned, w = d * (q - offset) + m.
 */
#include <immintrin.h>
#include <string.h>

#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/inline.h"
#include "backend/cpu/kernels/row_tiles.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/reduce.h"
#include "tensor/block.h"
#include "tensor/codebook.h"

enum { BLOCKS = 8 };

/* The values of two blocks. */
typedef __m512i open_pair(const void *first, const void *second);

struct block_type {
    size_t block_bytes;
    open_pair *open;
    int offset;
    bool has_min;      /* m is the second half of a block */
    bool has_exponent; /* d is the power of two of the first byte */
};

/* A 16-bit field of eight blocks `stride` bytes apart, the last n of them being the first again. */
ALWAYS_INLINE __m128i load_fields(const char *field, size_t stride, int n)
{
    uint16_t f[BLOCKS];
    UNROLL
    for (int i = 0; i < BLOCKS; i++) memcpy(&f[i], field + stride * (size_t)(i < n ? i : 0), 2);
    uint64_t low = f[0] | (uint64_t)f[1] << 16 | (uint64_t)f[2] << 32 | (uint64_t)f[3] << 48;
    uint64_t high = f[4] | (uint64_t)f[5] << 16 | (uint64_t)f[6] << 32 | (uint64_t)f[7] << 48;
    return _mm_set_epi64x((int64_t)high, (int64_t)low);
}

/* 2^(e - 127) / 2, as the values of E2M1 are stored doubled; e = 0 and 1 give numbers without a
 * leading bit. */
ALWAYS_INLINE __m256 powers_of_two(__m128i fields)
{
    __m256i e = _mm256_and_si256(_mm256_cvtepu16_epi32(fields), _mm256_set1_epi32(255));
    __m256i normal = _mm256_slli_epi32(_mm256_sub_epi32(e, _mm256_set1_epi32(1)), 23);
    __m256i tiny = _mm256_sllv_epi32(_mm256_set1_epi32(0x00200000), e);
    __m256i is_tiny = _mm256_cmpgt_epi32(_mm256_set1_epi32(2), e);
    return _mm256_castsi256_ps(_mm256_blendv_epi8(normal, tiny, is_tiny));
}

ALWAYS_INLINE void add_blocks(struct block_type type, const char *block, int b, int n,
                              int n_columns, const struct column_q8_32 *x, __m512 *sums,
                              __m256 *mins)
{
    __m128i fields = load_fields(block, type.block_bytes, n);
    __m256 d = type.has_exponent ? powers_of_two(fields) : _mm256_cvtph_ps(fields), min = d;
    if (type.has_min) min = _mm256_cvtph_ps(load_fields(block + 2, type.block_bytes, n));
    /* minus 128 times the sum of a group, times this, is what is missing */
    min = _mm256_mul_ps(min, _mm256_set1_ps(type.has_min ? -1.0f / 128 : (float)type.offset / 128));
    __mmask8 mask = (__mmask8)((1 << n) - 1);
    __m512 scales[MAX_COLUMNS];
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        __m256 x_scales = _mm256_maskz_loadu_ps(mask, x[c].scale + b);
        __m256 bias = _mm256_cvtepi32_ps(_mm256_maskz_loadu_epi32(mask, x[c].bias + b));
        mins[c] = _mm256_fmadd_ps(_mm256_mul_ps(bias, x_scales), min, mins[c]);
        scales[c] = _mm512_castps256_ps512(_mm256_mul_ps(x_scales, d));
    }
    UNROLL
    for (int i = 0; i < BLOCKS; i += 2) {
        const char *first = block + type.block_bytes * (size_t)(i < n ? i : 0);
        __m512i w = type.open(first, block + type.block_bytes * (size_t)(i + 1 < n ? i + 1 : 0));
        __m512i pair = _mm512_inserti64x4(_mm512_set1_epi32(i), _mm256_set1_epi32(i + 1), 1);
        UNROLL
        for (int c = 0; c < n_columns; c++) {
            __m512i values = _mm512_loadu_si512(x[c].q + 32 * (size_t)(b + i));
            __m512 dot = _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(_mm512_setzero_si512(), w, values));
            sums[c] = _mm512_fmadd_ps(dot, _mm512_permutexvar_ps(pair, scales[c]), sums[c]);
        }
    }
}

ALWAYS_INLINE void multiply_streams(struct block_type type, const struct matmul *m,
                                    const int r[STREAMS], int n_columns,
                                    const struct column_q8_32 *x, float *const *y)
{
    const char *rows[STREAMS] = {matmul_row(m, r[0]), matmul_row(m, r[1])};
    __m512 sums[STREAMS][MAX_COLUMNS];
    __m256 mins[STREAMS][MAX_COLUMNS];
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        sums[0][c] = sums[1][c] = _mm512_setzero_ps();
        mins[0][c] = mins[1][c] = _mm256_setzero_ps();
    }
    int n_blocks = m->k / 32, b = 0;
    for (; b + BLOCKS <= n_blocks; b += BLOCKS) {
        UNROLL
        for (int i = 0; i < STREAMS; i++) {
            const char *blocks = rows[i] + type.block_bytes * (size_t)b;
            prefetch_block(blocks, BLOCKS * type.block_bytes);
            add_blocks(type, blocks, b, BLOCKS, n_columns, x, sums[i], mins[i]);
        }
    }
    for (int i = 0; i < STREAMS && b < n_blocks; i++)
        add_blocks(type, rows[i] + type.block_bytes * (size_t)b, b, n_blocks - b, n_columns, x,
                   sums[i], mins[i]);
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        UNROLL
        for (int i = 0; i < STREAMS; i++)
            y[c][r[i]] = _mm512_reduce_add_ps(sums[i][c]) + reduce_256(mins[i][c]);
    }
}

ALWAYS_INLINE void multiply_rows(const void *type_of_rows, const struct matmul *m, int first_row,
                                 int n_rows, int first_column, int n_columns)
{
    const struct block_type *type = type_of_rows;
    struct column_q8_32 x[MAX_COLUMNS];
    float *y[MAX_COLUMNS];
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        x[c] = column_q8_32(matmul_column(m, first_column + c), m->k);
        y[c] = matmul_output(m, first_column + c);
    }
    for (int i = 0; i < streams_length(n_rows); i++) {
        int rows[STREAMS];
        streams_rows(first_row, n_rows, i, rows);
        multiply_streams(*type, m, rows, n_columns, x, y);
    }
}

ALWAYS_INLINE __m512i open_nibbles(const uint8_t *first, const uint8_t *second)
{
    const int64_t four = 0x0004000400040004;
    __m512i twice = _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)first));
    twice = _mm512_mask_broadcast_i32x4(twice, 0xff00, _mm_loadu_si128((const void *)second));
    __m512i shifts = _mm512_setr_epi64(0, 0, four, four, 0, 0, four, four);
    return _mm512_and_si512(_mm512_srlv_epi16(twice, shifts), _mm512_set1_epi8(15));
}

/* Adds 16 where the bits are set. */
ALWAYS_INLINE __m512i add_fifth_bits(__m512i q, const uint8_t first[4], const uint8_t second[4])
{
    uint32_t low, high;
    memcpy(&low, first, 4);
    memcpy(&high, second, 4);
    __mmask64 bits = (uint64_t)high << 32 | low;
    return _mm512_mask_add_epi8(q, bits, q, _mm512_set1_epi8(16));
}

/* The signed table with `offset` added. */
ALWAYS_INLINE __m512i look_up(const int8_t table[16], int offset, __m512i q)
{
    __m512i values = _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)table));
    return _mm512_shuffle_epi8(_mm512_add_epi8(values, _mm512_set1_epi8((char)offset)), q);
}

ALWAYS_INLINE __m512i pair_q4_0(const void *first, const void *second)
{
    const struct block_q4_0 *a = first, *b = second;
    return open_nibbles(a->qs, b->qs);
}

ALWAYS_INLINE __m512i pair_q4_1(const void *first, const void *second)
{
    const struct block_q4_1 *a = first, *b = second;
    return open_nibbles(a->qs, b->qs);
}

ALWAYS_INLINE __m512i pair_q5_0(const void *first, const void *second)
{
    const struct block_q5_0 *a = first, *b = second;
    return add_fifth_bits(open_nibbles(a->qs, b->qs), a->qh, b->qh);
}

ALWAYS_INLINE __m512i pair_q5_1(const void *first, const void *second)
{
    const struct block_q5_1 *a = first, *b = second;
    return add_fifth_bits(open_nibbles(a->qs, b->qs), a->qh, b->qh);
}

ALWAYS_INLINE __m512i pair_q8_0(const void *first, const void *second)
{
    const struct block_q8_0 *a = first, *b = second;
    __m512i q = _mm512_castsi256_si512(_mm256_loadu_si256((const void *)a->qs));
    q = _mm512_inserti64x4(q, _mm256_loadu_si256((const void *)b->qs), 1);
    return _mm512_xor_si512(q, _mm512_set1_epi8((char)0x80));
}

ALWAYS_INLINE __m512i pair_iq4_nl(const void *first, const void *second)
{
    const struct block_iq4_nl *a = first, *b = second;
    return look_up(iq4_values, 128, open_nibbles(a->qs, b->qs));
}

ALWAYS_INLINE __m512i pair_mxfp4(const void *first, const void *second)
{
    static const int8_t doubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    const struct block_mxfp4 *a = first, *b = second;
    return look_up(doubled, 12, open_nibbles(a->qs, b->qs));
}

#define DEFINE(NAME, ...)                                                                          \
    void matmul_##NAME##_avx512vnni(const struct matmul *m, int first_row, int n_rows,             \
                                    void *scratch)                                                 \
    {                                                                                              \
        (void)scratch;                                                                             \
        struct block_type type = {sizeof(struct block_##NAME), pair_##NAME, __VA_ARGS__};          \
        multiply_tiles(multiply_rows, &type, m, first_row, n_rows);                                \
    }
DEFINE(q4_0, .offset = 8)
DEFINE(q4_1, .has_min = true)
DEFINE(q5_0, .offset = 16)
DEFINE(q5_1, .has_min = true)
DEFINE(q8_0, .offset = 128)
DEFINE(iq4_nl, .offset = 128)
DEFINE(mxfp4, .offset = 12, .has_exponent = true)
