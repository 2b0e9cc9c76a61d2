/* Many columns of floats: a panel of weights is unpacked into scratch, row by row, and tiles of
 * rows and columns are multiplied along k, in which both are contiguous. The file that includes
 * this has defined
 *
 *     vec, LANES, TILE_COLUMNS: a vector of floats; columns whose sums fit the registers;
 *     vec_zero(), vec_load(x), vec_load_some(x, n), vec_fma(a, b, sum);
 *     add_tile_sums(const vec sums[TILE_ROWS], float rows[TILE_ROWS]): adds up the lanes of each;
 *     unpack_wide(dtype, row, values, n), and FOR_EACH_WIDE(DO): the types that it is to unpack;
 *     WIDE_TABLE: the name of the function that gives the kernel of a type. */
#pragma once

#include <string.h>

#include "backend/cpu/kernels/inline.h"
#include "backend/cpu/kernels/matmul.h"
#include "backend/cpu/kernels/panel.h"

/* `sums` beyond the row are products of weights that the panel has filled up with zeros. */
struct tile {
    const float *w[TILE_ROWS];
    const float *x[TILE_COLUMNS];
    float *y[TILE_COLUMNS];
    int k, n_rows;
    bool add; /* to what earlier parts of k have left in y */
};

ALWAYS_INLINE void tile_step(const struct tile *t, int n_columns, int i, int n,
                             vec sums[][TILE_ROWS])
{
    vec x[TILE_COLUMNS];
    UNROLL
    for (int c = 0; c < n_columns; c++)
        x[c] = n == LANES ? vec_load(t->x[c] + i) : vec_load_some(t->x[c] + i, n);
    UNROLL
    for (int r = 0; r < TILE_ROWS; r++) {
        vec w = vec_load(t->w[r] + i);
        UNROLL
        for (int c = 0; c < n_columns; c++) sums[c][r] = vec_fma(w, x[c], sums[c][r]);
    }
}

ALWAYS_INLINE void multiply_tile(const struct tile *t, int n_columns)
{
    vec sums[TILE_COLUMNS][TILE_ROWS];
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        UNROLL
        for (int r = 0; r < TILE_ROWS; r++) sums[c][r] = vec_zero();
    }
    int i = 0;
    for (; i + LANES <= t->k; i += LANES) tile_step(t, n_columns, i, LANES, sums);
    if (i < t->k) tile_step(t, n_columns, i, t->k - i, sums);
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        float rows[TILE_ROWS];
        add_tile_sums(sums[c], rows);
        for (int r = 0; r < t->n_rows; r++) t->y[c][r] = t->add ? t->y[c][r] + rows[r] : rows[r];
    }
}

static void multiply_tile_of(const struct tile *t, int n_columns)
{
    switch (n_columns) {
    case 1:
        multiply_tile(t, 1);
        break;
    case 2:
        multiply_tile(t, 2);
        break;
    case 3:
        multiply_tile(t, 3);
        break;
#if TILE_COLUMNS > 3
    case 4:
        multiply_tile(t, 4);
        break;
    case 5:
        multiply_tile(t, 5);
        break;
    default:
        multiply_tile(t, 6);
#endif
    }
}

/* Rows of the panel beyond the last one of the weight, and what a vector may read past the last
 * value, are zeros. */
static void unpack_panel(enum dtype dtype, const struct matmul *m, int row, int n_rows, int k0,
                         int k, float *panel)
{
    size_t offset = dtype_bytes(dtype, k0);
    int whole = (n_rows + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS;
    for (int r = 0; r < whole; r++) {
        float *values = panel + (size_t)r * PANEL_STRIDE;
        int n = r < n_rows ? k : 0;
        if (n > 0) unpack_wide(dtype, (const char *)matmul_row(m, row + r) + offset, values, n);
        memset(values + n, 0, (size_t)(k - n + LANES) * sizeof *values);
    }
}

static void multiply_panel(const struct matmul *m, int row, int n_rows, int k0, int k,
                           const float *panel)
{
    for (int c0 = 0; c0 < m->n_columns; c0 += TILE_COLUMNS) {
        int n_columns = m->n_columns - c0 < TILE_COLUMNS ? m->n_columns - c0 : TILE_COLUMNS;
        struct tile t = {.k = k, .add = k0 > 0};
        for (int c = 0; c < n_columns; c++) {
            t.x[c] = (const float *)matmul_column(m, c0 + c) + k0;
            t.y[c] = matmul_output(m, c0 + c) + row;
        }
        for (int r0 = 0; r0 < n_rows; r0 += TILE_ROWS) {
            t.n_rows = n_rows - r0 < TILE_ROWS ? n_rows - r0 : TILE_ROWS;
            for (int r = 0; r < TILE_ROWS; r++) t.w[r] = panel + (size_t)(r0 + r) * PANEL_STRIDE;
            multiply_tile_of(&t, n_columns);
            for (int c = 0; c < n_columns; c++) t.y[c] += TILE_ROWS;
        }
    }
}

static void matmul_wide(enum dtype dtype, const struct matmul *m, int first_row, int n_rows,
                        void *scratch)
{
    int end = first_row + n_rows;
    for (int row = first_row; row < end; row += PANEL_ROWS) {
        int rows = end - row < PANEL_ROWS ? end - row : PANEL_ROWS;
        for (int k0 = 0; k0 < m->k; k0 += PANEL_K) {
            int k = m->k - k0 < PANEL_K ? m->k - k0 : PANEL_K;
            unpack_panel(dtype, m, row, rows, k0, k, scratch);
            multiply_panel(m, row, rows, k0, k, scratch);
        }
    }
}

/* struct matmul does not say the type: one function for each does. */
#define DEFINE_WIDE(NAME)                                                                          \
    static void wide_##NAME(const struct matmul *m, int first_row, int n_rows, void *scratch)      \
    {                                                                                              \
        matmul_wide(DTYPE_##NAME, m, first_row, n_rows, scratch);                                  \
    }
FOR_EACH_WIDE(DEFINE_WIDE)

matmul_kernel *WIDE_TABLE(enum dtype dtype)
{
#define WIDE_ENTRY(NAME) [DTYPE_##NAME] = wide_##NAME,
    static matmul_kernel *const table[DTYPE_LIMIT] = {FOR_EACH_WIDE(WIDE_ENTRY)};
    const struct dtype_info *info = dtype_info(dtype);
    return info && info->runs ? table[dtype] : NULL;
}
