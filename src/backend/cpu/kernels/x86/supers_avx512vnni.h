/* Few columns in groups of 256 with weights in super-blocks. */
#pragma once

#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/row_tiles.h"
#include "backend/cpu/kernels/x86/chunks_avx512.h"
#include "backend/cpu/kernels/x86/open_codes.h"
#include "backend/cpu/kernels/x86/reduce.h"

struct super_type {
    size_t block_bytes;
    open_head *head;
    open_chunk *chunk; /* of the block, or of its codes */
    bool is_signed;
    open_codes *codes; /* NULL: the values are in the block itself */
};

/* Pairs of products in 16 bits. Weights are at most 64, so two products stay below 2^15;
 * signed ones lend their sign to x, and 2 * 127 * 127 fits too. */
ALWAYS_INLINE __m512i multiply(struct chunk chunk, __m512i x, bool is_signed)
{
    if (is_signed) x = _mm512_mask_sub_epi8(x, chunk.minus, _mm512_setzero_si512(), x);
    return _mm512_maddubs_epi16(chunk.w, x);
}

/* The scales 4j .. 4j + 3, eight times each. */
ALWAYS_INLINE __m512i spread_scales(__m256i scales, int j)
{
    const int64_t one = 0x0001000100010001;
    __m512i groups = _mm512_setr_epi64(0, 0, one, one, 2 * one, 2 * one, 3 * one, 3 * one);
    __m512i index = _mm512_add_epi16(groups, _mm512_set1_epi16((short)(4 * j)));
    return _mm512_permutexvar_epi16(index, _mm512_castsi256_si512(scales));
}

ALWAYS_INLINE void add_super(struct super_type type, const void *block, int b, int n_columns,
                             const struct column_q8_256 *x, __m512 *sums)
{
    struct super_head head = type.head(block);
    struct codes codes;
    if (type.codes) type.codes(block, &codes);
    const void *source = type.codes ? &codes : block;
    __m512i dots[MAX_COLUMNS];
    UNROLL
    for (int j = 0; j < 4; j++) {
        struct chunk w = type.chunk(source, j);
        __m512i scales = spread_scales(head.scales, j);
        UNROLL
        for (int c = 0; c < n_columns; c++) {
            __m512i values = _mm512_loadu_si512(x[c].q + 256 * (size_t)b + 64 * j);
            __m512i products = multiply(w, values, type.is_signed);
            dots[c] = j == 0 ? _mm512_madd_epi16(scales, products)
                             : _mm512_dpwssd_epi32(dots[c], scales, products);
        }
    }
    __m512 d = _mm512_set1_ps(head.d), dmin = _mm512_set1_ps(head.dmin);
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        __m512 sum = _mm512_mul_ps(_mm512_cvtepi32_ps(dots[c]), d);
        if (!type.is_signed) {
            __m256i values = _mm256_loadu_si256((const void *)(x[c].sums + 16 * (size_t)b));
            __m512i mins = _mm512_zextsi256_si512(_mm256_madd_epi16(head.mins, values));
            sum = _mm512_fnmadd_ps(_mm512_cvtepi32_ps(mins), dmin, sum);
        }
        sums[c] = _mm512_fmadd_ps(sum, _mm512_set1_ps(x[c].scale[b]), sums[c]);
    }
}

ALWAYS_INLINE void add_rows(struct super_type type, int k, const char *const rows[STREAMS],
                            int n_columns, const struct column_q8_256 *x,
                            __m512 sums[STREAMS][MAX_COLUMNS])
{
    for (int b = 0; b < k / 256; b++) {
        UNROLL
        for (int i = 0; i < STREAMS; i++) {
            const char *block = rows[i] + type.block_bytes * (size_t)b;
            prefetch_block(block, type.block_bytes);
            add_super(type, block, b, n_columns, x, sums[i]);
        }
    }
}

#define SUPER_COLUMN column_q8_256
#include "backend/cpu/kernels/x86/super_rows_avx512vnni.h"

/* The kernel of a type, for the lists of open_codes.h. */
#define DEFINE_SUPER(NAME, SIGNED, CODES)                                                          \
    void matmul_##NAME##_avx512vnni(const struct matmul *m, int first_row, int n_rows,             \
                                    void *scratch)                                                 \
    {                                                                                              \
        (void)scratch;                                                                             \
        struct super_type type = {sizeof(struct block_##NAME), head_##NAME, chunk_##NAME, SIGNED,  \
                                  CODES};                                                          \
        multiply_tiles(multiply_rows, &type, m, first_row, n_rows);                                \
    }
