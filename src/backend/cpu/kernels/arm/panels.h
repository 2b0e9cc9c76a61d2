/* Walks a product of many quantised columns with panels of bytes. A panel is so small that it stays
 * in a first cache of 64 KB, while one tile of columns after the other passes over it. The file
 * that includes this has included tile_<isa>.h. */
#pragma once

#include "backend/cpu/kernels/matmul.h"
#include "backend/cpu/kernels/panel.h"

enum { BYTE_PANEL_K = 512, PANEL_GROUPS = PANEL_ROWS / GROUP_ROWS };

/* Packs values k0 .. k0 + k of a row, as row r of a group. */
typedef void pack_row(const void *row, int k0, int k, int r, char *group);
/* Packs the same values of as many columns as a tile has. */
typedef void pack_columns(const struct matmul *m, const int columns[TILE_COLUMNS], int k0, int k,
                          char *tile);
typedef void multiply_group(const char *group, const char *tile, int k, struct tile_sums *sums);

struct panel_type {
    pack_row *pack_row;
    pack_columns *pack_columns;
    multiply_group *multiply;
    size_t group_bytes; /* of BYTE_PANEL_K values */
};

/* Rows that a group lacks at its end repeat the last one, and their results are dropped. */
static void pack_panel(const struct panel_type *type, const struct matmul *m, int row, int n_rows,
                       int k0, int k, char *panel)
{
    for (int g = 0; g < n_rows; g += GROUP_ROWS, panel += type->group_bytes)
        for (int r = 0; r < GROUP_ROWS; r++) {
            int number = g + r < n_rows ? g + r : n_rows - 1;
            type->pack_row(matmul_row(m, row + number), k0, k, r, panel);
        }
}

/* So do columns that a tile lacks. */
static void pack_tile(const struct panel_type *type, const struct matmul *m, int column, int k0,
                      int k, char *tile)
{
    int columns[TILE_COLUMNS];
    for (int c = 0; c < TILE_COLUMNS; c++)
        columns[c] = column + c < m->n_columns ? column + c : m->n_columns - 1;
    type->pack_columns(m, columns, k0, k, tile);
}

static void store_rows(float *y, const float rows[4], int n_rows, bool add)
{
    if (n_rows >= 4)
        vst1q_f32(y, add ? vaddq_f32(vld1q_f32(y), vld1q_f32(rows)) : vld1q_f32(rows));
    else
        for (int r = 0; r < n_rows; r++) y[r] = add ? y[r] + rows[r] : rows[r];
}

static void store_sums(const struct tile_sums *sums, const struct matmul *m, int column, int row,
                       int n_rows, bool add)
{
    for (int c = 0; c < TILE_COLUMNS && column + c < m->n_columns; c++) {
        float *y = matmul_output(m, column + c) + row;
        store_rows(y, sums->rows[0][c], n_rows, add);
        store_rows(y + 4, sums->rows[1][c], n_rows - 4, add);
    }
}

static void multiply_panel(const struct panel_type *type, const struct matmul *m, int row,
                           int n_rows, int k0, int k, const char *panel, char *tile)
{
    for (int c = 0; c < m->n_columns; c += TILE_COLUMNS) {
        pack_tile(type, m, c, k0, k, tile);
        const char *group = panel;
        for (int g = 0; g < n_rows; g += GROUP_ROWS, group += type->group_bytes) {
            struct tile_sums sums;
            type->multiply(group, tile, k, &sums);
            store_sums(&sums, m, c, row + g, n_rows - g, k0 > 0);
        }
    }
}

static void multiply_panels(const struct panel_type *type, const struct matmul *m, int first_row,
                            int n_rows, char *scratch)
{
    int end = first_row + n_rows;
    char *tile = scratch + type->group_bytes * PANEL_GROUPS;
    for (int row = first_row; row < end; row += PANEL_ROWS) {
        int rows = end - row < PANEL_ROWS ? end - row : PANEL_ROWS;
        for (int k0 = 0; k0 < m->k; k0 += BYTE_PANEL_K) {
            int k = m->k - k0 < BYTE_PANEL_K ? m->k - k0 : BYTE_PANEL_K;
            pack_panel(type, m, row, rows, k0, k, scratch);
            multiply_panel(type, m, row, rows, k0, k, scratch, tile);
        }
    }
}
