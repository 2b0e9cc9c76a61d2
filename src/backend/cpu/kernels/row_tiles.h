/* The outer loops of every kernel for few columns: rows in tiles that stay in the first cache while
 * groups of columns pass over them. */
#pragma once

#include "backend/cpu/kernels/inline.h"
#include "backend/cpu/kernels/matmul.h"

enum { MAX_COLUMNS = 4, ROW_TILE = 8 };

/* Rows of a weight of the `type`, which is the kernel's own, times n_columns columns from
 * `first_column` on. Inlined, so that n_columns and the type are constants. */
typedef void multiply_tile(const void *type, const struct matmul *m, int first_row, int n_rows,
                           int first_column, int n_columns);

ALWAYS_INLINE void multiply_tiles(multiply_tile *multiply, const void *type, const struct matmul *m,
                                  int first_row, int n_rows)
{
    int end = first_row + n_rows;
    for (int r = first_row; r < end; r += ROW_TILE) {
        int rows = end - r < ROW_TILE ? end - r : ROW_TILE;
        for (int c = 0; c < m->n_columns; c += MAX_COLUMNS) switch (m->n_columns - c) {
            case 1:
                multiply(type, m, r, rows, c, 1);
                break;
            case 2:
                multiply(type, m, r, rows, c, 2);
                break;
            case 3:
                multiply(type, m, r, rows, c, 3);
                break;
            default:
                multiply(type, m, r, rows, c, MAX_COLUMNS);
            }
    }
}
