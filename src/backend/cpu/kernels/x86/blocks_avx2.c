/* Few columns in groups of 32 with weights in blocks of 32. */
#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/row_tiles.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/open_blocks.h"
#include "backend/cpu/kernels/x86/reduce.h"

struct block_type {
    size_t block_bytes;
    open_block *open;
    bool has_min;
};

/* Sums of 32 products, over 8 lanes. Two products fit 16 bits even at w = -128: 2 * 128 * 127 is
 * below 2^15. */
ALWAYS_INLINE __m256i dot_32(__m256i w, __m256i x)
{
    __m256i products = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
    return _mm256_madd_epi16(products, _mm256_set1_epi16(1));
}

ALWAYS_INLINE void add_block(struct block_type type, const void *block, int b, int n_columns,
                             const struct column_q8_32 *x, __m256 *sums, __m128 *mins)
{
    struct open_block w = type.open(block);
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        __m256i values = _mm256_loadu_si256((const void *)(x[c].q + 32 * (size_t)b));
        __m256 dot = _mm256_cvtepi32_ps(dot_32(w.q, values));
        sums[c] = _mm256_fmadd_ps(dot, _mm256_set1_ps(w.d * x[c].scale[b]), sums[c]);
        if (!type.has_min) continue;
        __m128 sum = _mm_set_ss((float)x[c].bias[b] * (-1.0f / 128) * x[c].scale[b]);
        mins[c] = _mm_fmadd_ss(sum, _mm_set_ss(w.m), mins[c]);
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
    for (int r = first_row; r < first_row + n_rows; r++) {
        const char *block = matmul_row(m, r);
        __m256 sums[MAX_COLUMNS];
        __m128 mins[MAX_COLUMNS];
        UNROLL
        for (int c = 0; c < n_columns; c++) {
            sums[c] = _mm256_setzero_ps();
            mins[c] = _mm_setzero_ps();
        }
        for (int b = 0; b < m->k / 32; b++, block += type->block_bytes) {
            prefetch_block(block, type->block_bytes);
            add_block(*type, block, b, n_columns, x, sums, mins);
        }
        UNROLL
        for (int c = 0; c < n_columns; c++) y[c][r] = reduce_256(sums[c]) + _mm_cvtss_f32(mins[c]);
    }
}

#define DEFINE(NAME, HAS_MIN)                                                                      \
    void matmul_##NAME##_avx2(const struct matmul *m, int first_row, int n_rows, void *scratch)    \
    {                                                                                              \
        (void)scratch;                                                                             \
        struct block_type type = {sizeof(struct block_##NAME), open_##NAME, HAS_MIN};              \
        multiply_tiles(multiply_rows, &type, m, first_row, n_rows);                                \
    }
DEFINE(q4_0, false)
DEFINE(q4_1, true)
DEFINE(q5_0, false)
DEFINE(q5_1, true)
DEFINE(q8_0, false)
DEFINE(iq4_nl, false)
DEFINE(mxfp4, false)
