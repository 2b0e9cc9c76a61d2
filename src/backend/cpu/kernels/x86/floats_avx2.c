/* Few columns of floats with weights of F32, F16 and BF16. */
#include <immintrin.h>
#include <string.h>

#include "backend/cpu/kernels/inline.h"
#include "backend/cpu/kernels/row_tiles.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/reduce.h"

enum { LANES = 8, CHAINS = 4 };

/* Eight values from number i on; of the last ones of a row only the n that there are, then zeros.
 */
typedef __m256 load_values(const void *row, int i, int n);

struct float_type {
    size_t value_bytes;
    load_values *load;
};

ALWAYS_INLINE __m256 load_f32(const void *row, int i, int n)
{
    if (n >= LANES) return _mm256_loadu_ps((const float *)row + i);
    __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_maskload_ps((const float *)row + i,
                              _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane));
}

/* Eight 16-bit numbers. */
ALWAYS_INLINE __m128i load_halves(const void *row, int i, int n)
{
    const uint16_t *first = (const uint16_t *)row + i;
    if (n >= LANES) return _mm_loadu_si128((const void *)first);
    uint16_t halves[LANES] = {0};
    memcpy(halves, first, (size_t)n * sizeof *halves);
    return _mm_loadu_si128((const void *)halves);
}

ALWAYS_INLINE __m256 load_f16(const void *row, int i, int n)
{
    return _mm256_cvtph_ps(load_halves(row, i, n));
}

ALWAYS_INLINE __m256 load_bf16(const void *row, int i, int n)
{
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_cvtepu16_epi32(load_halves(row, i, n)), 16));
}

/* Several sums a column when there are few columns, to hide the latency of the additions. */
ALWAYS_INLINE void multiply_row(struct float_type type, const char *row, int k, int n_columns,
                                const float *const *x, float **y, int r)
{
    const int chains = n_columns == 1 ? CHAINS : n_columns == 2 ? CHAINS / 2 : 1;
    __m256 sums[MAX_COLUMNS * CHAINS];
    UNROLL
    for (int s = 0; s < n_columns * chains; s++) sums[s] = _mm256_setzero_ps();
    int i = 0;
    for (; i + LANES * chains <= k; i += LANES * chains) {
        prefetch_block(row + (size_t)i * type.value_bytes,
                       type.value_bytes * LANES * (size_t)chains);
        UNROLL
        for (int s = 0; s < chains; s++) {
            __m256 w = type.load(row, i + LANES * s, LANES);
            UNROLL
            for (int c = 0; c < n_columns; c++)
                sums[c * chains + s] =
                    _mm256_fmadd_ps(w, _mm256_loadu_ps(x[c] + i + LANES * s), sums[c * chains + s]);
        }
    }
    for (; i < k; i += LANES) {
        __m256 w = type.load(row, i, k - i);
        UNROLL
        for (int c = 0; c < n_columns; c++)
            sums[c * chains] = _mm256_fmadd_ps(w, load_f32(x[c], i, k - i), sums[c * chains]);
    }
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        UNROLL
        for (int s = 1; s < chains; s++)
            sums[c * chains] = _mm256_add_ps(sums[c * chains], sums[c * chains + s]);
        y[c][r] = reduce_256(sums[c * chains]);
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
    void matmul_##NAME##_avx2(const struct matmul *m, int first_row, int n_rows, void *scratch)    \
    {                                                                                              \
        (void)scratch;                                                                             \
        struct float_type type = {BYTES, load_##NAME};                                             \
        multiply_tiles(multiply_rows, &type, m, first_row, n_rows);                                \
    }
DEFINE(f32, 4)
DEFINE(f16, 2)
DEFINE(bf16, 2)
