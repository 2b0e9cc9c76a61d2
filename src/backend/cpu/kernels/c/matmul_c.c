/* The product with columns of floats for any type that unpacks: the reference of all kernels. */
#include <assert.h>

#include "backend/cpu/kernels/c/kernels_c.h"
#include "backend/cpu/kernels/matmul.h"
#include "backend/cpu/kernels/types.h"

enum { CHUNK_VALUES = 256 }; /* a multiple of every block */

static void matmul_unpacked(enum dtype dtype, const struct matmul *m, int first_row, int n_rows);

/* struct matmul does not say the type: one function for each does. */
#define DEFINE(NAME)                                                                               \
    static void matmul_##NAME(const struct matmul *m, int first_row, int n_rows, void *scratch)    \
    {                                                                                              \
        (void)scratch;                                                                             \
        matmul_unpacked(DTYPE_##NAME, m, first_row, n_rows);                                       \
    }
FOR_EACH_TYPE(DEFINE)

matmul_kernel *matmul_unpacked_c(enum dtype dtype)
{
#define ENTRY(NAME) [DTYPE_##NAME] = matmul_##NAME,
    static matmul_kernel *const table[DTYPE_LIMIT] = {FOR_EACH_TYPE(ENTRY)};
    const struct dtype_info *info = dtype_info(dtype);
    return info && info->runs ? table[dtype] : NULL;
}

/* Sums in double: this is what the others are measured by. */
static double dot_unpacked(enum dtype dtype, const void *row, const float *x, int k)
{
    float w[CHUNK_VALUES];
    double sum = 0;
    for (int i = 0; i < k; i += CHUNK_VALUES) {
        int n = k - i < CHUNK_VALUES ? k - i : CHUNK_VALUES;
        dtype_unpack(dtype, (const char *)row + dtype_bytes(dtype, i), w, n);
        for (int j = 0; j < n; j++) sum += (double)w[j] * (double)x[i + j];
    }
    return sum;
}

static void matmul_unpacked(enum dtype dtype, const struct matmul *m, int first_row, int n_rows)
{
    for (int r = first_row; r < first_row + n_rows; r++)
        for (int c = 0; c < m->n_columns; c++)
            matmul_output(m, c)[r] =
                (float)dot_unpacked(dtype, matmul_row(m, r), matmul_column(m, c), m->k);
}
