/* Few columns of floats with weights of F32, F16 and BF16. */
#include <arm_neon.h>

#include "backend/cpu/kernels/arm/kernels_arm.h"
#include "backend/cpu/kernels/inline.h"
#include "backend/cpu/kernels/row_tiles.h"
#include "tensor/half.h"

enum { LANES = 4, CHAINS = 8 };

typedef float32x4_t load_values(const void *row, int i);
typedef float load_value(const void *row, int i);

struct float_type {
    load_values *load;
    load_value *load_one;
};

ALWAYS_INLINE float32x4_t load_f32(const void *row, int i)
{
    return vld1q_f32((const float *)row + i);
}

ALWAYS_INLINE float load_one_f32(const void *row, int i)
{
    return ((const float *)row)[i];
}

ALWAYS_INLINE float32x4_t load_f16(const void *row, int i)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16((const uint16_t *)row + i)));
}

ALWAYS_INLINE float load_one_f16(const void *row, int i)
{
    return f16_to_f32(((const uint16_t *)row)[i]);
}

ALWAYS_INLINE float32x4_t load_bf16(const void *row, int i)
{
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16((const uint16_t *)row + i), 16));
}

ALWAYS_INLINE float load_one_bf16(const void *row, int i)
{
    return bf16_to_f32(((const uint16_t *)row)[i]);
}

/* Several sums a column when there are few columns, to hide the latency of the additions. */
ALWAYS_INLINE void multiply_row(struct float_type type, const struct matmul *m, int r,
                                int first_column, int n_columns)
{
    const int chains = CHAINS / n_columns;
    const void *row = matmul_row(m, r);
    const float *x[MAX_COLUMNS];
    float32x4_t sums[MAX_COLUMNS][CHAINS];
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        x[c] = matmul_column(m, first_column + c);
        UNROLL
        for (int s = 0; s < chains; s++) sums[c][s] = vdupq_n_f32(0);
    }
    int i = 0;
    for (; i + LANES * chains <= m->k; i += LANES * chains) {
        UNROLL
        for (int s = 0; s < chains; s++) {
            float32x4_t w = type.load(row, i + LANES * s);
            UNROLL
            for (int c = 0; c < n_columns; c++)
                sums[c][s] = vfmaq_f32(sums[c][s], w, vld1q_f32(x[c] + i + LANES * s));
        }
    }
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        UNROLL
        for (int s = 1; s < chains; s++) sums[c][0] = vaddq_f32(sums[c][0], sums[c][s]);
        float sum = vaddvq_f32(sums[c][0]);
        for (int rest = i; rest < m->k; rest++) sum += type.load_one(row, rest) * x[c][rest];
        matmul_output(m, first_column + c)[r] = sum;
    }
}

ALWAYS_INLINE void multiply_rows(const void *type_of_rows, const struct matmul *m, int first_row,
                                 int n_rows, int column, int n_columns)
{
    const struct float_type *type = type_of_rows;
    for (int r = first_row; r < first_row + n_rows; r++)
        multiply_row(*type, m, r, column, n_columns);
}

#define DEFINE(NAME)                                                                               \
    void matmul_##NAME##_neon(const struct matmul *m, int first_row, int n_rows, void *scratch)    \
    {                                                                                              \
        (void)scratch;                                                                             \
        struct float_type type = {load_##NAME, load_one_##NAME};                                   \
        multiply_tiles(multiply_rows, &type, m, first_row, n_rows);                                \
    }
DEFINE(f32)
DEFINE(f16)
DEFINE(bf16)
