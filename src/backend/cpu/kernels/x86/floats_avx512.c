/* Few columns of floats with weights of F32, F16 and BF16. */
#include <immintrin.h>

#include "backend/cpu/kernels/inline.h"
#include "backend/cpu/kernels/row_tiles.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/reduce.h"

enum { LANES = 16, CHAINS = 2 };

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

/* Sixteen values of a row with each column, whose sums are `stride` apart. */
ALWAYS_INLINE void add_values(struct float_type type, const char *row, int i, __mmask16 mask,
                              int n_columns, const float *const *x, __m512 *sums, int stride)
{
    __m512 w = type.load(row, i, mask);
    UNROLL
    for (int c = 0; c < n_columns; c++)
        sums[c * stride] =
            _mm512_fmadd_ps(w, _mm512_maskz_loadu_ps(mask, x[c] + i), sums[c * stride]);
}

/* Several sums for a single column, to hide the latency of the additions. */
ALWAYS_INLINE void multiply_streams(struct float_type type, const struct matmul *m,
                                    const int r[STREAMS], int n_columns, const float *const *x,
                                    float *const *y)
{
    const int chains = n_columns == 1 ? CHAINS : 1, step = LANES * chains;
    const char *rows[STREAMS] = {matmul_row(m, r[0]), matmul_row(m, r[1])};
    __m512 sums[STREAMS][MAX_COLUMNS * CHAINS];
    UNROLL
    for (int s = 0; s < n_columns * chains; s++) sums[0][s] = sums[1][s] = _mm512_setzero_ps();
    int i = 0;
    for (; i + step <= m->k; i += step) {
        UNROLL
        for (int j = 0; j < STREAMS; j++) {
            prefetch_block(rows[j] + (size_t)i * type.value_bytes, type.value_bytes * (size_t)step);
            UNROLL
            for (int s = 0; s < chains; s++)
                add_values(type, rows[j], i + LANES * s, 0xffff, n_columns, x, sums[j] + s, chains);
        }
    }
    for (; i < m->k; i += LANES) {
        __mmask16 mask = m->k - i < LANES ? (__mmask16)((1 << (m->k - i)) - 1) : 0xffff;
        UNROLL
        for (int j = 0; j < STREAMS; j++)
            add_values(type, rows[j], i, mask, n_columns, x, sums[j], chains);
    }
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        UNROLL
        for (int j = 0; j < STREAMS; j++) {
            __m512 sum = sums[j][c * chains];
            if (chains == 2) sum = _mm512_add_ps(sum, sums[j][c * chains + 1]);
            y[c][r[j]] = _mm512_reduce_add_ps(sum);
        }
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
    for (int i = 0; i < streams_length(n_rows); i++) {
        int rows[STREAMS];
        streams_rows(first_row, n_rows, i, rows);
        multiply_streams(*type, m, rows, n_columns, x, y);
    }
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
