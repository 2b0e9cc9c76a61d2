/* Two to eight columns: pairs of rows, opened as they are read, are multiplied as matrices with
 * pairs of columns, which have been packed once for all rows of a call. The kernels take any number
 * of columns and pass on what others do with fewer instructions: one column, and so many that it
 * pays to pack the rows too. */
#pragma once

#include "backend/cpu/kernels/arm/tile_i8mm.h"

#include "backend/cpu/kernels/arm/kernels_arm.h"
#include "backend/cpu/kernels/arm/packed_columns.h"
#include "backend/cpu/kernels/arm/prefetch.h"
#include "backend/cpu/kernels/panel.h"
#include "backend/cpu/kernels/row_tiles.h"

enum { MAX_PAIRS = 4 };

/* The sums of a pair of rows with every pair of columns: (row 0, column 0), (0, 1), (1, 0), (1, 1).
 * The tiles, each of all k values, lie one after the other. */
typedef void multiply_pair(const char *const rows[2], int k, const char *tiles,
                           float32x4_t sums[MAX_PAIRS]);

struct pair_type {
    matmul_kernel *one, *many;
    pack_columns *pack_columns;
    multiply_pair *multiply[3]; /* by one, two and four pairs of columns */
    int group, group_bytes;     /* values, and bytes of a tile for them */
};

ALWAYS_INLINE int8x16_t low_halves(int8x16_t a, int8x16_t b)
{
    return vcombine_s8(vget_low_s8(a), vget_low_s8(b));
}

ALWAYS_INLINE int8x16_t high_halves(int8x16_t a, int8x16_t b)
{
    return vcombine_s8(vget_high_s8(a), vget_high_s8(b));
}

/* The number of each row twice. */
ALWAYS_INLINE float32x4_t spread_floats(float a, float b)
{
    return vcombine_f32(vdup_n_f32(a), vdup_n_f32(b));
}

static void store_pair(const struct matmul *m, const int rows[2], const float32x4_t *sums)
{
    for (int c = 0; c < m->n_columns; c++) {
        float values[4];
        vst1q_f32(values, sums[c / 2]);
        float *y = matmul_output(m, c);
        y[rows[0]] = values[c % 2];
        y[rows[1]] = values[2 + c % 2];
    }
}

static void multiply_pairs(const struct pair_type *type, const struct matmul *m, int first_row,
                           int n_rows, char *tiles)
{
    int n_tiles = (m->n_columns + TILE_COLUMNS - 1) / TILE_COLUMNS;
    size_t tile_bytes = (size_t)(m->k / type->group) * (size_t)type->group_bytes;
    if (m->n_columns == 1) {
        type->one(m, first_row, n_rows, tiles);
        return;
    }
    if (m->n_columns > 2 * MAX_PAIRS || tile_bytes * (size_t)n_tiles > PANEL_SCRATCH_BYTES) {
        type->many(m, first_row, n_rows, tiles);
        return;
    }
    for (int t = 0; t < n_tiles; t++)
        type->pack_columns(m, TILE_COLUMNS * t, 0, m->k, tiles + tile_bytes * (size_t)t);
    multiply_pair *multiply = type->multiply[m->n_columns <= 2 ? 0 : n_tiles];
    for (int i = 0; i < streams_length(n_rows); i++) {
        int numbers[STREAMS];
        streams_rows(first_row, n_rows, i, numbers);
        const char *rows[STREAMS] = {matmul_row(m, numbers[0]), matmul_row(m, numbers[1])};
        float32x4_t sums[MAX_PAIRS];
        multiply(rows, m->k, tiles, sums);
        store_pair(m, numbers, sums);
    }
}

#define DEFINE_PAIR(NAME, MULTIPLY, N_PAIRS)                                                       \
    static void NAME##_##N_PAIRS(const char *const rows[2], int k, const char *tiles,              \
                                 float32x4_t sums[MAX_PAIRS])                                      \
    {                                                                                              \
        MULTIPLY(rows, k, tiles, N_PAIRS, sums);                                                   \
    }
#define DEFINE_PAIRS(NAME, MULTIPLY, PACK_COLUMNS, GROUP, GROUP_BYTES)                             \
    DEFINE_PAIR(NAME, MULTIPLY, 1)                                                                 \
    DEFINE_PAIR(NAME, MULTIPLY, 2)                                                                 \
    DEFINE_PAIR(NAME, MULTIPLY, 4)                                                                 \
    void matmul_##NAME##_i8mm(const struct matmul *m, int first_row, int n_rows, void *scratch)    \
    {                                                                                              \
        struct pair_type type = {matmul_##NAME##_dotprod,                                          \
                                 matmul_wide_##NAME##_i8mm,                                        \
                                 PACK_COLUMNS,                                                     \
                                 {NAME##_1, NAME##_2, NAME##_4},                                   \
                                 GROUP,                                                            \
                                 GROUP_BYTES};                                                     \
        multiply_pairs(&type, m, first_row, n_rows, scratch);                                      \
    }
