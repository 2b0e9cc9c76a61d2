/* Many columns of bfloat16 with weights of any type. A panel of weights is unpacked into tiles of
 * 16 rows by 32 values, the columns lie in tiles of 32 values by 16 columns, and an instruction
 * multiplies two tiles. Rounding to bfloat16 costs less than that of the columns to eight bits.
 * Weights of F16, which would lose bits, and their columns are split: sums of a high and a low
 * part, in a tile each, the high one first. A strip of tiles then has half as many values. */
#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/matmul.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/lines_tables_amx.h"
#include "backend/cpu/kernels/x86/transpose_avx512.h"
#include "backend/cpu/kernels/x86/turn_amx.h"

/* The columns' values of a pass and the sums stay in the second cache, 48 rows of weights and 16
 * columns in the first. Of fewer columns there are sums for more rows. */
enum {
    PASS_K = STEPS * TILE_K,
    PANEL_ROWS = MANY_PANEL_ROWS, /* in the first cache */
    PANEL_TILES = TURN_TILES,
    PANELS = MANY_TASK_ROWS / PANEL_ROWS, /* of a pass of all columns */
    PASS_COLUMNS = 512,
    COLUMN_TILES = PASS_COLUMNS / TILE_LINES,
    FEW_COLUMNS = 64,                          /* stay in the second cache with all their values */
    GATHERED_TILES = 2 * COLUMN_TILES * STEPS, /* gathered columns that do */
};

_Static_assert(PANEL_ROWS == PANEL_TILES * TILE_LINES, "a panel is what a turn takes");
/* A pass of fewer panels asks for less, and in vain if the columns are gathered. */
_Static_assert(sizeof(struct tile_halves) == TURN_SOON * PANELS, "panels ask for a strip together");

struct scratch {
    tile_strip panel[PANEL_TILES];
    struct tile_halves gathered[GATHERED_TILES];
    struct tile_sums sums[PANELS * COLUMN_TILES][PANEL_TILES]; /* panels, of each all columns */
    struct tile_sums none[PANEL_TILES]; /* before the first columns and after the last ones */
};

const size_t matmul_many_scratch_bytes_amx = sizeof(struct scratch);

/* A pass: values [k0, k0 + k), a strip of tiles, of some panels of rows and up to PASS_COLUMNS
 * columns. */
struct pass {
    const struct matmul *m;
    int parts; /* of a value: 2 if it is split */
    int row, n_rows, column, n_columns, k0, k;
    int n_tiles; /* of the k values */
    int n_turns; /* of 16 columns */
    bool once;   /* gathered columns are there with all their values */
    struct scratch *scratch;
};

struct weight_type {
    unpack_lines *unpack;
    enum dtype dtype;
};

/* Panel number `p` of the pass; rows that the last one lacks are zeros. A pass reads a
 * short piece of each row, which no machine foresees: the pieces of the next rows are asked for,
 * and of this row in the next pass. */
ALWAYS_INLINE void unpack_panel(struct weight_type type, const struct pass *pass, int p)
{
    enum { AHEAD = 16 };
    const struct matmul *m = pass->m;
    tile_strip *panel = pass->scratch->panel;
    size_t offset = dtype_bytes(type.dtype, pass->k0), bytes = dtype_bytes(type.dtype, pass->k);
    int first = p * PANEL_ROWS, left = pass->n_rows - first;
    int n = left < PANEL_ROWS ? left : PANEL_ROWS;
    for (int r = 0; r < n; r++) {
        const char *piece = (const char *)matmul_row(m, pass->row + first + r) + offset;
        ask_for(piece + AHEAD * m->row_bytes, bytes);
        ask_for(piece + bytes, bytes);
        type.unpack(piece, pass->k, panel[r / TILE_LINES], r % TILE_LINES);
    }
    for (int r = n; r < PANEL_ROWS; r++)
        for (int s = 0; s < pass->n_tiles; s++)
            _mm512_store_si512(panel[r / TILE_LINES][s].lines[r % TILE_LINES],
                               _mm512_setzero_si512());
}

static int tiles_of(const struct pass *pass, int k)
{
    return (k + TILE_K - 1) / TILE_K * pass->parts;
}

/* Where a group of 16 gathered columns begins. */
static struct tile_halves *gathered(const struct pass *pass, int group)
{
    int n_tiles = pass->once ? tiles_of(pass, pass->m->k) : STEPS;
    return &pass->scratch->gathered[group * n_tiles];
}

/* Values [k0, k0 + k) of the columns that a list picks, as pair_amx would have laid them. */
static void gather_whole(const struct pass *pass, int k0, int k)
{
    for (int c0 = 0; c0 < pass->n_columns; c0 += TILE_LINES) {
        struct tile_halves *tile = gathered(pass, c0 / TILE_LINES);
        int left = pass->n_columns - c0, n = left < TILE_LINES ? left : TILE_LINES;
        const uint16_t *columns[TILE_LINES];
        for (int c = 0; c < n; c++)
            columns[c] = (const uint16_t *)matmul_column(pass->m, pass->column + c0 + c) + k0;
        for (int i = 0; i < k; i += TILE_K, tile++) {
            __m512i v[TILE_LINES];
            for (int c = 0; c < n; c++) {
                v[c] = _mm512_loadu_si512(columns[c] + i);
                if (!pass->once)
                    ask_for((const char *)(columns[c] + i + k), 64); /* the next pass */
            }
            for (int c = n; c < TILE_LINES; c++) v[c] = _mm512_setzero_si512();
            transpose_16(v);
            memcpy(tile->lines, v, sizeof v);
        }
    }
}

/* The same of columns of floats, as pair_split_amx would have laid them. */
static void gather_split(const struct pass *pass, int k0, int k)
{
    for (int c0 = 0; c0 < pass->n_columns; c0 += TILE_LINES) {
        int left = pass->n_columns - c0, n = left < TILE_LINES ? left : TILE_LINES;
        const float *columns[TILE_LINES];
        for (int c = 0; c < n; c++)
            columns[c] = (const float *)matmul_column(pass->m, pass->column + c0 + c) + k0;
        split_columns(columns, n, k, gathered(pass, c0 / TILE_LINES));
    }
}

static void gather(const struct pass *pass, int k0, int k)
{
    (pass->parts == 2 ? gather_split : gather_whole)(pass, k0, k);
}

static const struct tile_halves *columns_at(const struct pass *pass, int group)
{
    const struct matmul *m = pass->m;
    int tile = pass->k0 / TILE_K * pass->parts;
    if (m->column_index) return gathered(pass, group) + (pass->once ? tile : 0);
    size_t first = (size_t)(pass->column + group * TILE_LINES);
    return (const struct tile_halves *)((const char *)m->columns + first * m->column_bytes) + tile;
}

/* All columns of the pass with panel number `p`. */
ALWAYS_INLINE void multiply_panel(int parts, int n_tiles, const struct pass *pass, int p)
{
    struct scratch *scratch = pass->scratch;
    struct tile_sums(*sums)[PANEL_TILES] = &scratch->sums[p * pass->n_turns];
    size_t part = (size_t)(p % PANELS * STEPS * TURN_SOON);
    struct turn turn = {.panel = scratch->panel, .before = scratch->none, .first = pass->k0 == 0};
    tiles_fence();
    TURN_LOAD(0, sums[0][0], turn.first);
    TURN_LOAD(1, sums[0][1], turn.first);
    TURN_LOAD(2, sums[0][2], turn.first);
    for (int t = 0; t < pass->n_turns; t++) {
        turn.columns = columns_at(pass, t);
        turn.soon = (const char *)(turn.columns + STEPS) + part;
        turn.after = t + 1 < pass->n_turns ? sums[t + 1] : scratch->none;
        (t % 2 == 0 ? turn_even : turn_odd)(&turn, parts, n_tiles);
        turn.before = sums[t];
    }
    (pass->n_turns % 2 == 1 ? store_even : store_odd)(turn.before);
    tiles_fence();
}

/* Copies, as the loop over tiles shall not ask how many they are and of how many parts. */
static void multiply_whole(const struct pass *pass, int p)
{
    if (pass->n_tiles == STEPS)
        multiply_panel(1, STEPS, pass, p);
    else
        multiply_panel(1, pass->n_tiles, pass, p);
}

static void multiply_split(const struct pass *pass, int p)
{
    if (pass->n_tiles == STEPS)
        multiply_panel(2, STEPS, pass, p);
    else
        multiply_panel(2, pass->n_tiles, pass, p);
}

/* Sums lie row by row, y column by column. */
static void store_sums(const struct pass *pass)
{
    for (int c0 = 0; c0 < pass->n_columns; c0 += TILE_LINES)
        for (int r0 = 0; r0 < pass->n_rows; r0 += TILE_LINES) {
            __m512i v[TILE_LINES];
            int rows = pass->n_rows - r0, columns = pass->n_columns - c0;
            int turn = r0 / PANEL_ROWS * pass->n_turns + c0 / TILE_LINES;
            __mmask16 mask = rows < TILE_LINES ? (__mmask16)((1 << rows) - 1) : 0xffff;
            memcpy(v, &pass->scratch->sums[turn][r0 % PANEL_ROWS / TILE_LINES], sizeof v);
            transpose_16(v);
            for (int c = 0; c < TILE_LINES && c < columns; c++)
                _mm512_mask_storeu_epi32(
                    matmul_output(pass->m, pass->column + c0 + c) + pass->row + r0, mask, v[c]);
        }
}

ALWAYS_INLINE void multiply_pass(struct weight_type type, struct pass *pass)
{
    int k_end = pass->m->k, most = PASS_K / pass->parts;
    for (pass->k0 = 0; pass->k0 < k_end; pass->k0 += most) {
        pass->k = k_end - pass->k0 < most ? k_end - pass->k0 : most;
        pass->n_tiles = tiles_of(pass, pass->k);
        if (pass->m->column_index && !pass->once) gather(pass, pass->k0, pass->k);
        for (int p = 0; p * PANEL_ROWS < pass->n_rows; p++) {
            unpack_panel(type, pass, p);
            (pass->parts == 2 ? multiply_split : multiply_whole)(pass, p);
        }
    }
    store_sums(pass);
}

/* A single panel where the columns stay near with all their values, else as many as have sums. */
static int rows_of_pass(const struct pass *pass)
{
    bool listed = pass->m->column_index;
    if (listed ? pass->once : pass->m->n_columns <= FEW_COLUMNS) return PANEL_ROWS;
    return PANELS * COLUMN_TILES / pass->n_turns * PANEL_ROWS;
}

ALWAYS_INLINE void multiply(struct weight_type type, const struct matmul *m, int first_row,
                            int n_rows, void *scratch)
{
    int end = first_row + n_rows, left;
    bool split = kernels_many_format(type.dtype, false) == COLUMN_SPLIT_PAIRS;
    struct pass pass = {.m = m, .parts = split ? 2 : 1, .scratch = scratch};
    tiles_begin();
    for (; (left = m->n_columns - pass.column) > 0; pass.column += PASS_COLUMNS) {
        pass.n_columns = left < PASS_COLUMNS ? left : PASS_COLUMNS;
        pass.n_turns = (pass.n_columns + TILE_LINES - 1) / TILE_LINES;
        pass.once = pass.n_turns * tiles_of(&pass, m->k) <= GATHERED_TILES;
        if (m->column_index && pass.once) gather(&pass, 0, m->k);
        for (pass.row = first_row; (left = end - pass.row) > 0; pass.row += pass.n_rows) {
            int rows = rows_of_pass(&pass);
            pass.n_rows = left < rows ? left : rows;
            multiply_pass(type, &pass);
        }
    }
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
    DO(tq2_0, DTYPE_TQ2_0) DO(mxfp4, DTYPE_MXFP4) DO(nvfp4, DTYPE_NVFP4) DO(f16, DTYPE_F16)        \
    DO(bf16, DTYPE_BF16)
/* clang-format on */
FOR_EACH(DEFINE)

matmul_kernel *matmul_many_amx(enum dtype dtype)
{
    static matmul_kernel *const table[DTYPE_LIMIT] = {FOR_EACH(ENTRY)};
    return table[dtype];
}
