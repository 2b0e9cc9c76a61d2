/* Rows of 256 values at a time, two streams of them, with few columns. The file that includes this
 * has defined SUPER_COLUMN, the name of the columns' struct and of what makes it, and
 *
 *     struct super_type: what its add_rows wants;
 *     add_rows: adds the products of all k values of two rows to their sums of the columns. */
#pragma once

#include "backend/cpu/kernels/row_tiles.h"
#include "backend/cpu/kernels/x86/reduce.h"

ALWAYS_INLINE void multiply_streams(struct super_type type, const struct matmul *m,
                                    const int r[STREAMS], int n_columns,
                                    const struct SUPER_COLUMN *x, float *const *y)
{
    const char *rows[STREAMS] = {matmul_row(m, r[0]), matmul_row(m, r[1])};
    __m512 sums[STREAMS][MAX_COLUMNS];
    UNROLL
    for (int c = 0; c < n_columns; c++) sums[0][c] = sums[1][c] = _mm512_setzero_ps();
    add_rows(type, m->k, rows, n_columns, x, sums);
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        UNROLL
        for (int i = 0; i < STREAMS; i++) y[c][r[i]] = _mm512_reduce_add_ps(sums[i][c]);
    }
}

ALWAYS_INLINE void multiply_rows(const void *type_of_rows, const struct matmul *m, int first_row,
                                 int n_rows, int first_column, int n_columns)
{
    const struct super_type *type = type_of_rows;
    struct SUPER_COLUMN x[MAX_COLUMNS];
    float *y[MAX_COLUMNS];
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        x[c] = SUPER_COLUMN(matmul_column(m, first_column + c), m->k);
        y[c] = matmul_output(m, first_column + c);
    }
    for (int i = 0; i < streams_length(n_rows); i++) {
        int rows[STREAMS];
        streams_rows(first_row, n_rows, i, rows);
        multiply_streams(*type, m, rows, n_columns, x, y);
    }
}
