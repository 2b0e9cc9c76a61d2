/* Walks a product of many quantised columns with panels of bytes. A panel is so small that it stays
 * in a first cache of 64 KB, while one tile of columns after the other passes over it. The file
 * that includes this has included tile_<isa>.h. */
#pragma once

#include "backend/cpu/kernels/arm/packed_columns.h"
#include "backend/cpu/kernels/panel.h"

enum { BYTE_PANEL_K = 512, PANEL_GROUPS = PANEL_ROWS / GROUP_ROWS };

/* Packs values k0 .. k0 + k of a row, as row r of a group. */
typedef void pack_row(const void *row, int k0, int k, int r, char *group);
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

static void store_rows(float *y, const float rows[4], int n_rows, bool add)
{
    if (n_rows >= 4)
        vst1q_f32(y, add ? vaddq_f32(vld1q_f32(y), vld1q_f32(rows)) : vld1q_f32(rows));
    else
        for (int r = 0; r < n_rows; r++) y[r] = add ? y[r] + rows[r] : rows[r];
}

/* The columns of a tile and what they have become. */
struct outputs {
    float *y[TILE_COLUMNS];
    int n;
    bool add; /* to what earlier panels have left in y */
};

static void store_sums(const struct tile_sums *sums, const struct outputs *out, int row, int n_rows)
{
    for (int c = 0; c < out->n; c++) {
        store_rows(out->y[c] + row, sums->rows[0][c], n_rows, out->add);
        store_rows(out->y[c] + row + 4, sums->rows[1][c], n_rows - 4, out->add);
    }
}

static void multiply_panel(const struct panel_type *type, const struct matmul *m, int row,
                           int n_rows, int k0, int k, const char *panel, char *tile)
{
    for (int column = 0; column < m->n_columns; column += TILE_COLUMNS) {
        struct outputs out = {.add = k0 > 0};
        for (; out.n < TILE_COLUMNS && column + out.n < m->n_columns; out.n++)
            out.y[out.n] = matmul_output(m, column + out.n) + row;
        type->pack_columns(m, column, k0, k, tile);
        for (int g = 0; g < n_rows; g += GROUP_ROWS) {
            struct tile_sums sums;
            type->multiply(panel + type->group_bytes * (size_t)(g / GROUP_ROWS), tile, k, &sums);
            store_sums(&sums, &out, g, n_rows - g);
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
