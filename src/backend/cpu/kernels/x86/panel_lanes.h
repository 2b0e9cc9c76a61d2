/* Walks a product of many columns with panels of bytes. A panel is 64 rows by 256 values, one row
 * in each lane, so that a sum of products needs no addition across lanes; it stays in the first
 * cache while all columns pass over it, and their sums, in the second, are completed panel by
 * panel. The file that includes this has included lanes_256.h or lanes_512.h. */
#pragma once

#include <string.h>

#include "backend/cpu/kernels/inline.h"
#include "backend/cpu/kernels/matmul.h"
#include "backend/cpu/kernels/panel.h"

enum {
    BLOCK_K = 256,   /* values of a panel: those that share what a block says once */
    TILE_GROUPS = 2, /* vectors of rows whose sums, with those of the columns, fit registers */
    TILE_COLUMNS = 4,
    PASS_COLUMNS = 512, /* whose sums stay in the second cache */
    HALF_ROWS = 8,      /* rows that are packed at once, in every tier */
};

/* Packs values k0 .. k0 + k of HALF_ROWS rows into their lanes of a group. */
typedef void pack_rows(const void *const rows[HALF_ROWS], int k0, int k, char *group, int lane);
/* Adds the products of n_rows rows with as many columns as the function is made for, from `column`
 * on, to sums[column][row]; sets them where k0 is 0. */
typedef void multiply_columns(const char *panel, int n_rows, const struct matmul *m, int column,
                              int k0, int k, float (*sums)[PANEL_ROWS]);

struct panel_type {
    pack_rows *pack;
    multiply_columns *const *multiply; /* for 1, 2 and 4 columns */
    size_t group_bytes;                /* of BLOCK_K values of LANES rows */
};

/* Rows that a tile lacks at its end repeat the last one, and their results are dropped. */
static void pack_panel(const struct panel_type *type, const struct matmul *m, int row, int n_rows,
                       int k0, int k, char *panel)
{
    int tile = TILE_GROUPS * LANES, whole = (n_rows + tile - 1) / tile * tile;
    for (int r = 0; r < whole; r += HALF_ROWS) {
        const void *rows[HALF_ROWS];
        for (int i = 0; i < HALF_ROWS; i++)
            rows[i] = matmul_row(m, row + (r + i < n_rows ? r + i : n_rows - 1));
        type->pack(rows, k0, k, panel + (size_t)(r / LANES) * type->group_bytes, r % LANES);
    }
}

/* The results of a column are far from those of the next, so they are asked for while the last
 * products are computed. */
static void prefetch_outputs(const struct matmul *m, int row, int n_rows, int column, int n_columns)
{
    for (int c = column; c < column + n_columns; c++)
        for (int r = 0; r < n_rows; r += 16) __builtin_prefetch(matmul_output(m, c) + row + r, 1);
}

/* Tiles of four columns, then of two and one. */
static void multiply_panel(const struct panel_type *type, const struct matmul *m, int row,
                           int n_rows, int first_column, int n_columns, int k0, const char *panel,
                           float (*sums)[PANEL_ROWS])
{
    int size = 2, k = m->k - k0 < BLOCK_K ? m->k - k0 : BLOCK_K;
    for (int c = 0; c < n_columns; c += 1 << size) {
        while (n_columns - c < 1 << size) size--;
        if (k0 + k == m->k) prefetch_outputs(m, row, n_rows, first_column + c, 1 << size);
        type->multiply[size](panel, n_rows, m, first_column + c, k0, k, sums + c);
    }
}

struct panel_scratch {
    float sums[PASS_COLUMNS][PANEL_ROWS];
    char panel[];
};

static void multiply_panels(const struct panel_type *type, const struct matmul *m, int first_row,
                            int n_rows, void *memory)
{
    struct panel_scratch *scratch = memory;
    int end = first_row + n_rows;
    for (int row = first_row; row < end; row += PANEL_ROWS) {
        int rows = end - row < PANEL_ROWS ? end - row : PANEL_ROWS;
        for (int c0 = 0; c0 < m->n_columns; c0 += PASS_COLUMNS) {
            int columns = m->n_columns - c0 < PASS_COLUMNS ? m->n_columns - c0 : PASS_COLUMNS;
            for (int k0 = 0; k0 < m->k; k0 += BLOCK_K) {
                int k = m->k - k0 < BLOCK_K ? m->k - k0 : BLOCK_K;
                pack_panel(type, m, row, rows, k0, k, scratch->panel);
                multiply_panel(type, m, row, rows, c0, columns, k0, scratch->panel, scratch->sums);
            }
            for (int c = 0; c < columns; c++)
                memcpy(matmul_output(m, c0 + c) + row, scratch->sums[c],
                       (size_t)rows * sizeof(float));
        }
    }
}

/* The functions of a table `multiply` out of NAME, which takes the number of columns and KIND. */
#define DEFINE_MULTIPLY(TABLE, NAME, ...)                                                          \
    DEFINE_TILE(TABLE##_1, NAME, 1, __VA_ARGS__)                                                   \
    DEFINE_TILE(TABLE##_2, NAME, 2, __VA_ARGS__)                                                   \
    DEFINE_TILE(TABLE##_4, NAME, 4, __VA_ARGS__)                                                   \
    static multiply_columns *const TABLE[] = {TABLE##_1, TABLE##_2, TABLE##_4};

#define DEFINE_TILE(TILE, NAME, N_COLUMNS, ...)                                                    \
    static void TILE(const char *panel, int n_rows, const struct matmul *m, int column, int k0,    \
                     int k, float(*sums)[PANEL_ROWS])                                              \
    {                                                                                              \
        NAME(panel, n_rows, m, column, N_COLUMNS, k0, k, sums, (struct kind)__VA_ARGS__);          \
    }
