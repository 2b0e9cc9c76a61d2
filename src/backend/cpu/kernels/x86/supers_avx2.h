/* Few columns in groups of 256 with weights in super-blocks. */
#pragma once

#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/row_tiles.h"
#include "backend/cpu/kernels/x86/chunks_avx2.h"
#include "backend/cpu/kernels/x86/open_codes.h"
#include "backend/cpu/kernels/x86/reduce.h"

struct super_type {
    size_t block_bytes;
    open_head *head;
    open_chunk *chunk; /* of the block, or of its codes */
    bool is_signed;
    open_codes *codes; /* NULL: the values are in the block itself */
};

/* Pairs of products in 16 bits. Unsigned weights are at most 64, so two products stay below 2^15;
 * signed ones lend their sign to x, and 2 * 127 * 127 fits too. */
ALWAYS_INLINE __m256i multiply(__m256i w, __m256i x, bool is_signed)
{
    if (is_signed) return _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
    return _mm256_maddubs_epi16(w, x);
}

/* The scales 2j and 2j + 1, eight times each, out of a lane that holds scales 8 * (j / 4) to + 7.
 */
ALWAYS_INLINE __m256i spread_scales(__m256i lanes, int j)
{
    int first = 0x0100 + 0x0404 * (j % 4);
    __m128i low = _mm_set1_epi16((short)first), high = _mm_set1_epi16((short)(first + 0x0202));
    return _mm256_shuffle_epi8(lanes, _mm256_set_m128i(high, low));
}

ALWAYS_INLINE void add_super(struct super_type type, const void *block, int b, int n_columns,
                             const struct column_q8_256 *x, __m256 *sums)
{
    struct super_head head = type.head(block);
    struct codes codes;
    if (type.codes) type.codes(block, &codes);
    const void *source = type.codes ? &codes : block;
    __m256i lanes[2] = {_mm256_permute2x128_si256(head.scales, head.scales, 0x00),
                        _mm256_permute2x128_si256(head.scales, head.scales, 0x11)};
    __m256i dots[MAX_COLUMNS];
    UNROLL
    for (int c = 0; c < n_columns; c++) dots[c] = _mm256_setzero_si256();
    UNROLL
    for (int j = 0; j < 8; j++) {
        __m256i w = type.chunk(source, j), scales = spread_scales(lanes[j / 4], j);
        UNROLL
        for (int c = 0; c < n_columns; c++) {
            __m256i values = _mm256_loadu_si256((const void *)(x[c].q + 256 * (size_t)b + 32 * j));
            __m256i products = multiply(w, values, type.is_signed);
            dots[c] = _mm256_add_epi32(dots[c], _mm256_madd_epi16(scales, products));
        }
    }
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        float scale = x[c].scale[b];
        sums[c] =
            _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots[c]), _mm256_set1_ps(head.d * scale), sums[c]);
        if (type.is_signed) continue;
        __m256i values = _mm256_loadu_si256((const void *)(x[c].sums + 16 * (size_t)b));
        __m256 mins = _mm256_cvtepi32_ps(_mm256_madd_epi16(head.mins, values));
        sums[c] = _mm256_fnmadd_ps(mins, _mm256_set1_ps(head.dmin * scale), sums[c]);
    }
}

ALWAYS_INLINE void multiply_rows(const void *type_of_rows, const struct matmul *m, int first_row,
                                 int n_rows, int first_column, int n_columns)
{
    const struct super_type *type = type_of_rows;
    struct column_q8_256 x[MAX_COLUMNS];
    float *y[MAX_COLUMNS];
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        x[c] = column_q8_256(matmul_column(m, first_column + c), m->k);
        y[c] = matmul_output(m, first_column + c);
    }
    for (int r = first_row; r < first_row + n_rows; r++) {
        const char *block = matmul_row(m, r);
        __m256 sums[MAX_COLUMNS];
        UNROLL
        for (int c = 0; c < n_columns; c++) sums[c] = _mm256_setzero_ps();
        for (int b = 0; b < m->k / 256; b++, block += type->block_bytes) {
            prefetch_block(block, type->block_bytes);
            add_super(*type, block, b, n_columns, x, sums);
        }
        UNROLL
        for (int c = 0; c < n_columns; c++) y[c][r] = reduce_256(sums[c]);
    }
}

/* The kernel of a type, for the lists of open_codes.h. */
#define DEFINE_SUPER(NAME, SIGNED, CODES)                                                          \
    void matmul_##NAME##_avx2(const struct matmul *m, int first_row, int n_rows, void *scratch)    \
    {                                                                                              \
        (void)scratch;                                                                             \
        struct super_type type = {sizeof(struct block_##NAME), head_##NAME, chunk_##NAME, SIGNED,  \
                                  CODES};                                                          \
        multiply_tiles(multiply_rows, &type, m, first_row, n_rows);                                \
    }
