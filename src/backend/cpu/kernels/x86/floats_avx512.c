/* Few columns of floats with weights of F32, F16 and BF16. */
#include <immintrin.h>

#include "backend/cpu/kernels/inline.h"
#include "backend/cpu/kernels/row_tiles.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/reduce.h"

enum { LANES = 16, CHAINS = 4 };

/* Sixteen values from number i on, those whose bit in `mask` is clear being zero. */
typedef __m512 load_values(const void *row, int i, __mmask16 mask);

struct float_type {
    size_t value_bytes;
    load_values *load;
};

ALWAYS_INLINE __m512 load_f32(const void *row, int i, __mmask16 mask)
{
    return _mm512_maskz_loadu_ps(mask, (const float *)row + i);
}

ALWAYS_INLINE __m512 load_f16(const void *row, int i, __mmask16 mask)
{
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, (const uint16_t *)row + i));
}

ALWAYS_INLINE __m512 load_bf16(const void *row, int i, __mmask16 mask)
{
    __m256i halves = _mm256_maskz_loadu_epi16(mask, (const uint16_t *)row + i);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

/* Several sums a column when there are few columns, to hide the latency of the additions. */
ALWAYS_INLINE void multiply_row(struct float_type type, const char *row, int k, int n_columns,
                                const float *const *x, float **y, int r)
{
    const int chains = n_columns == 1 ? CHAINS : n_columns == 2 ? CHAINS / 2 : 1;
    __m512 sums[MAX_COLUMNS * CHAINS];
    UNROLL
    for (int s = 0; s < n_columns * chains; s++) sums[s] = _mm512_setzero_ps();
    int i = 0;
    for (; i + LANES * chains <= k; i += LANES * chains) {
        prefetch_block(row + (size_t)i * type.value_bytes,
                       type.value_bytes * LANES * (size_t)chains);
        UNROLL
        for (int s = 0; s < chains; s++) {
            __m512 w = type.load(row, i + LANES * s, 0xffff);
            UNROLL
            for (int c = 0; c < n_columns; c++)
                sums[c * chains + s] =
                    _mm512_fmadd_ps(w, _mm512_loadu_ps(x[c] + i + LANES * s), sums[c * chains + s]);
        }
    }
    for (; i < k; i += LANES) {
        __mmask16 mask = k - i < LANES ? (__mmask16)((1 << (k - i)) - 1) : 0xffff;
        __m512 w = type.load(row, i, mask);
        UNROLL
        for (int c = 0; c < n_columns; c++)
            sums[c * chains] =
                _mm512_fmadd_ps(w, _mm512_maskz_loadu_ps(mask, x[c] + i), sums[c * chains]);
    }
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        UNROLL
        for (int s = 1; s < chains; s++)
            sums[c * chains] = _mm512_add_ps(sums[c * chains], sums[c * chains + s]);
        y[c][r] = _mm512_reduce_add_ps(sums[c * chains]);
    }
}

ALWAYS_INLINE void multiply_rows(const void *type_of_rows, const struct matmul *m, int first_row,
                                 int n_rows, int first_column, int n_columns)
{
    const struct float_type *type = type_of_rows;
    const float *x[MAX_COLUMNS];
    float *y[MAX_COLUMNS];
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        x[c] = matmul_column(m, first_column + c);
        y[c] = matmul_output(m, first_column + c);
    }
    for (int r = first_row; r < first_row + n_rows; r++)
        multiply_row(*type, matmul_row(m, r), m->k, n_columns, x, y, r);
}

#define DEFINE(NAME, BYTES)                                                                        \
    void matmul_##NAME##_avx512(const struct matmul *m, int first_row, int n_rows, void *scratch)  \
    {                                                                                              \
        (void)scratch;                                                                             \
        struct float_type type = {BYTES, load_##NAME};                                             \
        multiply_tiles(multiply_rows, &type, m, first_row, n_rows);                                \
    }
DEFINE(f32, 4)
DEFINE(f16, 2)
DEFINE(bf16, 2)
