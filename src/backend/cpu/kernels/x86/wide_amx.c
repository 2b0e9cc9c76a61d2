/* Many columns of bfloat16 with weights of any type. A panel of weights is unpacked into tiles of
 * 16 rows by 32 values, the columns lie in tiles of 32 values by 16 columns, and an instruction
 * multiplies two tiles. Rounding to bfloat16 costs less than that of the columns to eight bits. */
#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/matmul.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/lines_amx.h"
#include "backend/cpu/kernels/x86/transpose_avx512.h"

/* One panel and the columns' values of the same k stay in the second cache; 64 rows of it and 32
 * columns in the first. */
enum {
    PASS_K = STEPS * TILE_K,
    PASS_ROWS = 256,
    ROW_TILES = PASS_ROWS / TILE_LINES,
    NEAR_TILES = 4, /* of rows, in the first cache */
    NEAR_ROWS = NEAR_TILES * TILE_LINES,
    PASS_COLUMNS = 512,
    COLUMN_TILES = PASS_COLUMNS / TILE_LINES,
};

struct scratch {
    tile_strip panel[ROW_TILES];
    tile_strip gathered[COLUMN_TILES];
    struct tile_sums sums[COLUMN_TILES][ROW_TILES];
};

const size_t matmul_many_scratch_bytes_amx = sizeof(struct scratch);

struct weight_type {
    unpack_lines *unpack;
    enum dtype dtype;
};

static void ask_for(const char *bytes, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i += 64) _mm_prefetch(bytes + i, _MM_HINT_T1);
}

/* Rows that the last tiles lack are zeros. A pass reads a short piece of each row, which no machine
 * foresees: the pieces of the next rows are asked for, and of this row in the next pass. */
ALWAYS_INLINE void unpack_panel(struct weight_type type, const struct matmul *m, int row,
                                int n_rows, int k0, int k, tile_strip *panel)
{
    enum { AHEAD = 8 };
    size_t offset = dtype_bytes(type.dtype, k0), bytes = dtype_bytes(type.dtype, k);
    for (int r = 0; r < n_rows; r++) {
        const char *piece = (const char *)matmul_row(m, row + r) + offset;
        if (k0 == 0) ask_for(piece + AHEAD * m->row_bytes, bytes);
        ask_for(piece + bytes, bytes);
        type.unpack(piece, k, panel[r / TILE_LINES], r % TILE_LINES);
    }
    for (int r = n_rows; r < (n_rows + NEAR_ROWS - 1) / NEAR_ROWS * NEAR_ROWS; r++)
        for (int s = 0; s < k / TILE_K; s++)
            _mm512_store_si512(panel[r / TILE_LINES][s].lines[r % TILE_LINES],
                               _mm512_setzero_si512());
}

/* The columns that a list picks, as pair_amx would have laid them. */
static void gather(const struct matmul *m, int column, int n_columns, int k0, int k,
                   tile_strip *strips)
{
    for (int c0 = 0; c0 < n_columns; c0 += TILE_LINES) {
        int n = n_columns - c0 < TILE_LINES ? n_columns - c0 : TILE_LINES;
        for (int s = 0; s < k / TILE_K; s++) {
            __m512i v[TILE_LINES];
            for (int c = 0; c < n; c++)
                v[c] = _mm512_loadu_si512((const uint16_t *)matmul_column(m, column + c0 + c) + k0 +
                                          TILE_K * s);
            for (int c = n; c < TILE_LINES; c++) v[c] = _mm512_setzero_si512();
            transpose_16(v);
            memcpy(strips[c0 / TILE_LINES][s].lines, v, sizeof v);
        }
    }
}

static const struct tile_halves *columns_at(const struct matmul *m, int column, int tile, int k0,
                                            const struct scratch *scratch)
{
    if (m->column_index) return scratch->gathered[tile];
    size_t first = (size_t)(column + tile * TILE_LINES);
    return (const struct tile_halves *)((const char *)m->columns + first * m->column_bytes) +
           k0 / TILE_K;
}

/* 32 columns with the tiles of rows from `near` on. On the way each pair of the panel's tiles asks
 * for an eighth of the values that the next pass will read of these columns. */
static void multiply_near(struct scratch *scratch, int near, int t, const struct tile_halves *x0,
                          const struct tile_halves *x1, int steps, bool first)
{
    enum { PAIRS = ROW_TILES / 2, LINES_EACH = 4 };
    for (int r = near; r < near + NEAR_TILES; r += 2) {
        int pair = r / 2;
        const struct tile_halves *x = pair < PAIRS / 2 ? x0 : x1;
        const char *soon =
            (const char *)(x + STEPS) + pair % (PAIRS / 2) * (STEPS * LINES_EACH * TILE_BYTES);
        multiply_2_by_2(scratch->panel[r], scratch->panel[r + 1], x0, x1, steps, first,
                        &scratch->sums[t][r], &scratch->sums[t + 1][r], soon);
    }
}

/* All columns of the pass with the panel; sums begin at zero with the first values. */
static void multiply_panel(const struct matmul *m, int column, int n_columns, int n_row_tiles,
                           int k0, int k, struct scratch *scratch)
{
    int n_tiles = (n_columns + TILE_LINES - 1) / TILE_LINES, steps = k / TILE_K;
    for (int near = 0; near < n_row_tiles; near += NEAR_TILES) {
        for (int t = 0; t < n_tiles; t += 2) {
            const struct tile_halves *x = columns_at(m, column, t, k0, scratch);
            if (t + 1 < n_tiles)
                multiply_near(scratch, near, t, x, columns_at(m, column, t + 1, k0, scratch), steps,
                              k0 == 0);
            else
                multiply_4_by_1(&scratch->panel[near], x, steps, k0 == 0, &scratch->sums[t][near]);
        }
    }
}

/* Sums lie row by row, y column by column. */
static void store_sums(const struct matmul *m, int column, int n_columns, int row, int n_rows,
                       const struct scratch *scratch)
{
    for (int c0 = 0; c0 < n_columns; c0 += TILE_LINES)
        for (int r0 = 0; r0 < n_rows; r0 += TILE_LINES) {
            __m512i v[TILE_LINES];
            int left = n_rows - r0, n = n_columns - c0 < TILE_LINES ? n_columns - c0 : TILE_LINES;
            __mmask16 mask = left < TILE_LINES ? (__mmask16)((1 << left) - 1) : 0xffff;
            memcpy(v, &scratch->sums[c0 / TILE_LINES][r0 / TILE_LINES], sizeof v);
            transpose_16(v);
            for (int c = 0; c < n; c++)
                _mm512_mask_storeu_epi32(matmul_output(m, column + c0 + c) + row + r0, mask, v[c]);
        }
}

ALWAYS_INLINE void multiply_rows(struct weight_type type, const struct matmul *m, int row,
                                 int n_rows, struct scratch *scratch)
{
    int n_row_tiles = (n_rows + NEAR_ROWS - 1) / NEAR_ROWS * NEAR_TILES;
    for (int column = 0; column < m->n_columns; column += PASS_COLUMNS) {
        int n_columns = m->n_columns - column < PASS_COLUMNS ? m->n_columns - column : PASS_COLUMNS;
        for (int k0 = 0; k0 < m->k; k0 += PASS_K) {
            int k = m->k - k0 < PASS_K ? m->k - k0 : PASS_K;
            if (m->column_index) gather(m, column, n_columns, k0, k, scratch->gathered);
            unpack_panel(type, m, row, n_rows, k0, k, scratch->panel);
            multiply_panel(m, column, n_columns, n_row_tiles, k0, k, scratch);
        }
        store_sums(m, column, n_columns, row, n_rows, scratch);
    }
}

ALWAYS_INLINE void multiply(struct weight_type type, const struct matmul *m, int first_row,
                            int n_rows, void *scratch)
{
    int end = first_row + n_rows;
    tiles_begin();
    for (int row = first_row; row < end; row += PASS_ROWS)
        multiply_rows(type, m, row, end - row < PASS_ROWS ? end - row : PASS_ROWS, scratch);
    tiles_end();
}

#define DEFINE(NAME, DTYPE)                                                                        \
    static void many_##NAME(const struct matmul *m, int first_row, int n_rows, void *scratch)      \
    {                                                                                              \
        multiply((struct weight_type){lines_##NAME, DTYPE}, m, first_row, n_rows, scratch);        \
    }
#define ENTRY(NAME, DTYPE) [DTYPE] = many_##NAME,
/* clang-format off */
#define FOR_EACH(DO)                                                                               \
    DO(q4_0, DTYPE_Q4_0) DO(q4_1, DTYPE_Q4_1) DO(q5_0, DTYPE_Q5_0) DO(q5_1, DTYPE_Q5_1)            \
    DO(q8_0, DTYPE_Q8_0) DO(q2_k, DTYPE_Q2_K) DO(q3_k, DTYPE_Q3_K) DO(q4_k, DTYPE_Q4_K)            \
    DO(q5_k, DTYPE_Q5_K) DO(q6_k, DTYPE_Q6_K) DO(iq2_xxs, DTYPE_IQ2_XXS)                           \
    DO(iq2_xs, DTYPE_IQ2_XS) DO(iq2_s, DTYPE_IQ2_S) DO(iq3_xxs, DTYPE_IQ3_XXS)                     \
    DO(iq3_s, DTYPE_IQ3_S) DO(iq1_s, DTYPE_IQ1_S) DO(iq1_m, DTYPE_IQ1_M)                           \
    DO(iq4_nl, DTYPE_IQ4_NL) DO(iq4_xs, DTYPE_IQ4_XS) DO(tq1_0, DTYPE_TQ1_0)                       \
    DO(tq2_0, DTYPE_TQ2_0) DO(mxfp4, DTYPE_MXFP4) DO(nvfp4, DTYPE_NVFP4)
/* clang-format on */
FOR_EACH(DEFINE)

matmul_kernel *matmul_many_amx(enum dtype dtype)
{
    static matmul_kernel *const table[DTYPE_LIMIT] = {FOR_EACH(ENTRY)};
    return table[dtype];
}
