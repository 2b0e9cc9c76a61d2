/* The outer loops of every kernel for few columns: all rows if one group of columns does, else rows
 * in tiles that stay in the first cache while groups of columns pass over them. */
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
    int end = first_row + n_rows, tile = m->n_columns > MAX_COLUMNS ? ROW_TILE : n_rows;
    for (int r = first_row; r < end; r += tile) {
        int rows = end - r < tile ? end - r : tile;
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

/* Two rows at a time, far apart: memory delivers two streams faster than one. The same row is there
 * twice if their number is odd. */
enum { STREAMS = 2 };

static inline int streams_length(int n_rows)
{
    return (n_rows + STREAMS - 1) / STREAMS;
}

/* Row number i of each stream. */
static inline void streams_rows(int first_row, int n_rows, int i, int rows[STREAMS])
{
    int other = i + streams_length(n_rows);
    rows[0] = first_row + i;
    rows[1] = first_row + (other < n_rows ? other : i);
}
