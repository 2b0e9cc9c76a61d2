/* Addressing that every matmul kernel shares. */
#pragma once

#include "backend/cpu/kernels.h"

static inline const void *matmul_row(const struct matmul *m, int row)
{
    return (const char *)m->rows + (size_t)row * m->row_bytes;
}

/* Column number `c` of the product, 0 <= c < n_columns. */
static inline const void *matmul_column(const struct matmul *m, int c)
{
    size_t index = m->column_index ? (size_t)m->column_index[c] : (size_t)c;
    return (const char *)m->columns + index * m->column_bytes;
}

static inline float *matmul_output(const struct matmul *m, int c)
{
    size_t index = m->output_index ? (size_t)m->output_index[c] : (size_t)c;
    return m->y + index * m->y_stride;
}
