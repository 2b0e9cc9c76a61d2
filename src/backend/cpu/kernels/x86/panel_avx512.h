/* Walks a product of many columns with panels of bytes: rows in groups of 16, one row in each lane, so
 * that a sum of products needs no addition across lanes. */
#pragma once

#include <immintrin.h>

#include "backend/cpu/kernels/inline.h"
#include "backend/cpu/kernels/matmul.h"
#include "backend/cpu/kernels/panel.h"

enum { GROUP_ROWS = 16, MAX_TILE = 8, BYTE_PANEL_K = 2048 };

/* Packs values k0 .. k0 + k of 16 rows. */
typedef void pack_group(const void *const rows[GROUP_ROWS], int k0, int k, char *group);
/* Adds the products of a group with `n_columns` columns to the sums. */
typedef void multiply_group(const char *group, const struct matmul *m, int column, int n_columns, int k0, int k,
                            __m512 *sums);

struct panel_type {
    pack_group *pack;
    multiply_group *multiply;
    size_t bytes_of_256; /* of a group, for 256 values of k */
};

/* Rows that a group lacks at its end repeat the last one, and their results are dropped. */
ALWAYS_INLINE void pack_panel(struct panel_type type, const struct matmul *m, int row, int n_rows, int k0, int k,
                              char *panel)
{
    for (int g = 0; g < n_rows; g += GROUP_ROWS, panel += type.bytes_of_256 * (BYTE_PANEL_K / 256)) {
        const void *rows[GROUP_ROWS];
        for (int r = 0; r < GROUP_ROWS; r++)
            rows[r] = matmul_row(m, row + (g + r < n_rows ? g + r : n_rows - 1));
        type.pack(rows, k0, k, panel);
    }
}

ALWAYS_INLINE void multiply_tile(struct panel_type type, const struct matmul *m, int row, int n_rows, int column,
                                 int n_columns, int k0, int k, const char *panel)
{
    for (int g = 0; g < n_rows; g += GROUP_ROWS, panel += type.bytes_of_256 * (BYTE_PANEL_K / 256)) {
        int left = n_rows - g;
        __mmask16 mask = left < GROUP_ROWS ? (__mmask16)((1 << left) - 1) : 0xffff;
        __m512 sums[MAX_TILE];
        UNROLL
        for (int c = 0; c < n_columns; c++) sums[c] = _mm512_setzero_ps();
        type.multiply(panel, m, column, n_columns, k0, k, sums);
        UNROLL
        for (int c = 0; c < n_columns; c++) {
            float *y = matmul_output(m, column + c) + row + g;
            if (k0 > 0) sums[c] = _mm512_add_ps(sums[c], _mm512_maskz_loadu_ps(mask, y));
            _mm512_mask_storeu_ps(y, mask, sums[c]);
        }
    }
}

/* Tiles of eight columns, then of four, two and one. */
ALWAYS_INLINE void multiply_panel(struct panel_type type, const struct matmul *m, int row, int n_rows, int k0,
                                  int k, const char *panel)
{
    int c = 0;
    for (; c + 8 <= m->n_columns; c += 8) multiply_tile(type, m, row, n_rows, c, 8, k0, k, panel);
    for (; c + 4 <= m->n_columns; c += 4) multiply_tile(type, m, row, n_rows, c, 4, k0, k, panel);
    for (; c + 2 <= m->n_columns; c += 2) multiply_tile(type, m, row, n_rows, c, 2, k0, k, panel);
    for (; c < m->n_columns; c++) multiply_tile(type, m, row, n_rows, c, 1, k0, k, panel);
}

ALWAYS_INLINE void multiply_panels(struct panel_type type, const struct matmul *m, int first_row, int n_rows,
                                   char *panel)
{
    int end = first_row + n_rows;
    for (int row = first_row; row < end; row += PANEL_ROWS) {
        int rows = end - row < PANEL_ROWS ? end - row : PANEL_ROWS;
        for (int k0 = 0; k0 < m->k; k0 += BYTE_PANEL_K) {
            int k = m->k - k0 < BYTE_PANEL_K ? m->k - k0 : BYTE_PANEL_K;
            pack_panel(type, m, row, rows, k0, k, panel);
            multiply_panel(type, m, row, rows, k0, k, panel);
        }
    }
}
