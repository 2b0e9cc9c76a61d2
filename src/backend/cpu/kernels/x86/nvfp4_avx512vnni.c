/* NVFP4: blocks of 64 with a scale for every 16 values, four blocks at a time, whose scales make
 * one vector; with few columns in groups of 32. */
#include <string.h>

#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/row_tiles.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/nvfp4.h"
#include "backend/cpu/kernels/x86/reduce.h"

enum { BLOCKS = 4 };

/* 64 values without their signs, and those. */
ALWAYS_INLINE __m512i open_block(const struct block_nvfp4 *block, __mmask64 *minus)
{
    __m512i packed = _mm512_castsi256_si512(_mm256_loadu_si256((const void *)block->qs));
    __m512i twice = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 0, 1, 1, 2, 2, 3, 3), packed);
    const int64_t four = 0x0004000400040004;
    __m512i shifts = _mm512_setr_epi64(0, four, 0, four, 0, four, 0, four);
    __m512i q = _mm512_srlv_epi16(twice, shifts);
    *minus = _mm512_test_epi8_mask(q, _mm512_set1_epi8(8));
    __m512i table = _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)e2m1_values));
    return _mm512_shuffle_epi8(table, _mm512_and_si512(q, _mm512_set1_epi8(7)));
}

ALWAYS_INLINE void add_blocks(const struct block_nvfp4 *blocks, int b, int n, int n_columns,
                              const struct column_q8_32 *x, __m512 *sums)
{
    uint32_t d[BLOCKS];
    UNROLL
    for (int i = 0; i < BLOCKS; i++) memcpy(&d[i], blocks[i < n ? i : 0].d, 4);
    __m128i bytes = _mm_loadu_si128((const void *)d);
    __m512 low = _mm512_castps256_ps512(nvfp4_scales(bytes));
    __m512 w_scales = _mm512_insertf32x8(low, nvfp4_scales(_mm_srli_si128(bytes, 8)), 1);
    __mmask16 mask = (__mmask16)((1 << 2 * n) - 1);
    __m512i twice = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    __m512 scales[MAX_COLUMNS];
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        __m512 x_scales = _mm512_maskz_loadu_ps(mask, x[c].scale + 2 * b);
        scales[c] = _mm512_mul_ps(_mm512_permutexvar_ps(twice, x_scales), w_scales);
    }
    UNROLL
    for (int i = 0; i < BLOCKS; i++) {
        __mmask64 minus;
        __m512i w = open_block(&blocks[i < n ? i : 0], &minus);
        __m512i fours = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
        fours = _mm512_add_epi32(fours, _mm512_set1_epi32(4 * i));
        UNROLL
        for (int c = 0; c < n_columns; c++) {
            __m512i values = _mm512_loadu_si512(x[c].q + 64 * (size_t)(b + i));
            values = _mm512_mask_sub_epi8(values, minus, _mm512_setzero_si512(), values);
            __m512 dot = _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(_mm512_setzero_si512(), w, values));
            sums[c] = _mm512_fmadd_ps(dot, _mm512_permutexvar_ps(fours, scales[c]), sums[c]);
        }
    }
}

ALWAYS_INLINE void multiply_rows(const void *type, const struct matmul *m, int first_row,
                                 int n_rows, int first_column, int n_columns)
{
    (void)type;
    struct column_q8_32 x[MAX_COLUMNS];
    float *y[MAX_COLUMNS];
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        x[c] = column_q8_32(matmul_column(m, first_column + c), m->k);
        y[c] = matmul_output(m, first_column + c);
    }
    int n_blocks = m->k / 64;
    for (int r = first_row; r < first_row + n_rows; r++) {
        const struct block_nvfp4 *block = matmul_row(m, r);
        __m512 sums[MAX_COLUMNS];
        UNROLL
        for (int c = 0; c < n_columns; c++) sums[c] = _mm512_setzero_ps();
        int b = 0;
        for (; b + BLOCKS <= n_blocks; b += BLOCKS, block += BLOCKS) {
            prefetch_block((const char *)block, BLOCKS * sizeof *block);
            add_blocks(block, b, BLOCKS, n_columns, x, sums);
        }
        if (b < n_blocks) add_blocks(block, b, n_blocks - b, n_columns, x, sums);
        UNROLL
        for (int c = 0; c < n_columns; c++) y[c][r] = _mm512_reduce_add_ps(sums[c]);
    }
}

void matmul_nvfp4_avx512vnni(const struct matmul *m, int first_row, int n_rows, void *scratch)
{
    (void)scratch;
    multiply_tiles(multiply_rows, NULL, m, first_row, n_rows);
}
