/* NVFP4: blocks of 64 with a scale for every 16 values; with few columns in groups of 32. */
#include <string.h>

#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/row_tiles.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/nvfp4.h"
#include "backend/cpu/kernels/x86/reduce.h"

ALWAYS_INLINE void add_block(const struct block_nvfp4 *block, int b, int n_columns,
                             const struct column_q8_32 *x, __m256 *sums)
{
    int32_t d;
    memcpy(&d, block->d, sizeof d);
    __m256 w_scales = nvfp4_scales(_mm_cvtsi32_si128(d));
    UNROLL
    for (int i = 0; i < 2; i++) {
        __m256i w = nvfp4_values(block->qs[2 * i]), sizes = _mm256_abs_epi8(w);
        __m256i fours = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
        fours = _mm256_add_epi32(fours, _mm256_set1_epi32(2 * i));
        __m256 scales = _mm256_permutevar8x32_ps(w_scales, fours);
        UNROLL
        for (int c = 0; c < n_columns; c++) {
            const int8_t *values = x[c].q + 64 * (size_t)b + 32 * i;
            __m256i signed_x = _mm256_sign_epi8(_mm256_loadu_si256((const void *)values), w);
            __m256i products = _mm256_maddubs_epi16(sizes, signed_x);
            __m256 dot = _mm256_cvtepi32_ps(_mm256_madd_epi16(products, _mm256_set1_epi16(1)));
            __m256 x_scale = _mm256_set1_ps(x[c].scale[2 * b + i]);
            sums[c] = _mm256_fmadd_ps(dot, _mm256_mul_ps(scales, x_scale), sums[c]);
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
    for (int r = first_row; r < first_row + n_rows; r++) {
        const struct block_nvfp4 *block = matmul_row(m, r);
        __m256 sums[MAX_COLUMNS];
        UNROLL
        for (int c = 0; c < n_columns; c++) sums[c] = _mm256_setzero_ps();
        for (int b = 0; b < m->k / 64; b++, block++) {
            prefetch_block((const char *)block, sizeof *block);
            add_block(block, b, n_columns, x, sums);
        }
        UNROLL
        for (int c = 0; c < n_columns; c++) y[c][r] = reduce_256(sums[c]);
    }
}

void matmul_nvfp4_avx2(const struct matmul *m, int first_row, int n_rows, void *scratch)
{
    (void)scratch;
    multiply_tiles(multiply_rows, NULL, m, first_row, n_rows);
}
