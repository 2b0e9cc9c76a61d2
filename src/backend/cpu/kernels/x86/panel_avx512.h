/* Walks a product of many columns with panels of bytes: rows in groups of 16, one row in each lane,
 * so that a sum of products needs no addition across lanes. */
#pragma once

#include <immintrin.h>
#include <string.h>

#include "backend/cpu/kernels/inline.h"
#include "backend/cpu/kernels/matmul.h"
#include "backend/cpu/kernels/panel.h"

enum { GROUP_ROWS = 16, MAX_TILE = 8, BYTE_PANEL_K = 2048 };

/* Packs values k0 .. k0 + k of 16 rows. */
typedef void pack_group(const void *const rows[GROUP_ROWS], int k0, int k, char *group);
/* The products of a group with as many columns as the function is made for, from `column` on. */
typedef void multiply_group(const char *group, const struct matmul *m, int column, int k0, int k,
                            __m512 sums[MAX_TILE]);

struct panel_type {
    pack_group *pack;
    multiply_group *const *multiply; /* for 1, 2, 4 and 8 columns */
    size_t group_bytes;              /* of BYTE_PANEL_K values of 16 rows */
};

/* Rows that a group lacks at its end repeat the last one, and their results are dropped. */
static void pack_panel(const struct panel_type *type, const struct matmul *m, int row, int n_rows,
                       int k0, int k, char *panel)
{
    for (int g = 0; g < n_rows; g += GROUP_ROWS, panel += type->group_bytes) {
        const void *rows[GROUP_ROWS];
        for (int r = 0; r < GROUP_ROWS; r++)
            rows[r] = matmul_row(m, row + (g + r < n_rows ? g + r : n_rows - 1));
        type->pack(rows, k0, k, panel);
    }
}

static void store_sums(const __m512 *sums, const struct matmul *m, int column, int n_columns,
                       int row, int n_rows, bool add)
{
    __mmask16 mask = n_rows < GROUP_ROWS ? (__mmask16)((1 << n_rows) - 1) : 0xffff;
    for (int c = 0; c < n_columns; c++) {
        float *y = matmul_output(m, column + c) + row;
        __m512 before = _mm512_maskz_loadu_ps(add ? mask : 0, y);
        _mm512_mask_storeu_ps(y, mask, _mm512_add_ps(before, sums[c]));
    }
}

/* Tiles of eight columns, then of four, two and one. */
static void multiply_panel(const struct panel_type *type, const struct matmul *m, int row,
                           int n_rows, int k0, int k, const char *panel)
{
    int size = 3; /* of a tile, as a power of two */
    for (int c = 0; c < m->n_columns; c += 1 << size) {
        while (m->n_columns - c < 1 << size) size--;
        const char *group = panel;
        for (int g = 0; g < n_rows; g += GROUP_ROWS, group += type->group_bytes) {
            __m512 sums[MAX_TILE];
            type->multiply[size](group, m, c, k0, k, sums);
            store_sums(sums, m, c, 1 << size, row + g, n_rows - g, k0 > 0);
        }
    }
}

static void multiply_panels(const struct panel_type *type, const struct matmul *m, int first_row,
                            int n_rows, char *panel)
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

ALWAYS_INLINE __m512i broadcast_four(const void *bytes)
{
    int32_t four;
    memcpy(&four, bytes, sizeof four);
    return _mm512_set1_epi32(four);
}

/* The functions of a table `multiply` out of NAME, which takes the number of columns and `OPTION`.
 */
#define DEFINE_MULTIPLY(TABLE, NAME, OPTION)                                                       \
    DEFINE_TILE(TABLE##_1, NAME, 1, OPTION)                                                        \
    DEFINE_TILE(TABLE##_2, NAME, 2, OPTION)                                                        \
    DEFINE_TILE(TABLE##_4, NAME, 4, OPTION)                                                        \
    DEFINE_TILE(TABLE##_8, NAME, 8, OPTION)                                                        \
    static multiply_group *const TABLE[] = {TABLE##_1, TABLE##_2, TABLE##_4, TABLE##_8};

#define DEFINE_TILE(TILE, NAME, N_COLUMNS, OPTION)                                                 \
    static void TILE(const char *group, const struct matmul *m, int column, int k0, int k,         \
                     __m512 sums[MAX_TILE])                                                        \
    {                                                                                              \
        NAME(group, m, column, N_COLUMNS, k0, k, sums, OPTION);                                    \
    }
