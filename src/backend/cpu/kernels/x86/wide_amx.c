/* Many columns of bfloat16 with weights of any type. A panel of weights is unpacked into tiles of
 * 16 rows by 32 values, the columns lie in tiles of 32 values by 16 columns, and an instruction
 * multiplies two tiles. Rounding to bfloat16 costs less than that of the columns to eight bits. */
#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/matmul.h"
#include "backend/cpu/kernels/x86/chunks_codes_avx512.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/nvfp4.h"
#include "backend/cpu/kernels/x86/open_blocks.h"
#include "backend/cpu/kernels/x86/open_supers.h"
#include "backend/cpu/kernels/x86/tiles_amx.h"
#include "backend/cpu/kernels/x86/transpose_avx512.h"

/* One panel and the columns' values of the same k stay in the second cache; 64 rows of it and 32
 * columns in the first. */
enum {
    STEPS = 8, /* of 32 values */
    PASS_K = STEPS * TILE_K,
    PASS_ROWS = 256,
    ROW_TILES = PASS_ROWS / TILE_LINES,
    NEAR_TILES = 4, /* of rows, in the first cache */
    PASS_COLUMNS = 512,
    COLUMN_TILES = PASS_COLUMNS / TILE_LINES,
};

typedef struct tile_halves tile_strip[STEPS];

struct scratch {
    tile_strip panel[ROW_TILES];
    tile_strip gathered[COLUMN_TILES];
    struct tile_sums sums[COLUMN_TILES][ROW_TILES];
};

const size_t matmul_many_scratch_bytes_amx = sizeof(struct scratch);

/* Unpacks n values, a multiple of 32; each 32 are a line of the next tile. */
typedef void unpack_lines(const void *blocks, int n, struct tile_halves *tile, int line);

ALWAYS_INLINE __m512 widen(__m128i bytes, float scale, float offset)
{
    __m512 q = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
    return _mm512_fmadd_ps(q, _mm512_set1_ps(scale), _mm512_set1_ps(offset));
}

ALWAYS_INLINE void store_line(__m512 low, __m512 high, struct tile_halves *tile, int line)
{
    _mm512_store_si512(tile->lines[line], (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

ALWAYS_INLINE void unpack_supers(open_head *open, open_chunk *chunk, open_codes *open_block_codes,
                                 size_t block_bytes, const void *blocks, int n,
                                 struct tile_halves *tile, int line)
{
    const char *block = blocks;
    for (; n > 0; n -= 256, block += block_bytes, tile += 8) {
        struct super_head head = open(block);
        struct codes codes;
        if (open_block_codes) open_block_codes(block, &codes);
        const void *source = open_block_codes ? (const void *)&codes : block;
        float scales[16], offsets[16];
        __m512 d = _mm512_set1_ps(head.d), dmin = _mm512_set1_ps(-head.dmin);
        __m512i wide_scales = _mm512_cvtepi16_epi32(head.scales);
        __m512i wide_mins = _mm512_cvtepi16_epi32(head.mins);
        _mm512_storeu_ps(scales, _mm512_mul_ps(_mm512_cvtepi32_ps(wide_scales), d));
        _mm512_storeu_ps(offsets, _mm512_mul_ps(_mm512_cvtepi32_ps(wide_mins), dmin));
        UNROLL
        for (int j = 0; j < 4; j++) {
            struct chunk c = chunk(source, j);
            __m512i q = _mm512_mask_sub_epi8(c.w, c.minus, _mm512_setzero_si512(), c.w);
            const float *scale = scales + 4 * j, *offset = offsets + 4 * j;
            store_line(widen(_mm512_castsi512_si128(q), scale[0], offset[0]),
                       widen(_mm512_extracti32x4_epi32(q, 1), scale[1], offset[1]), &tile[2 * j],
                       line);
            store_line(widen(_mm512_extracti32x4_epi32(q, 2), scale[2], offset[2]),
                       widen(_mm512_extracti32x4_epi32(q, 3), scale[3], offset[3]),
                       &tile[2 * j + 1], line);
        }
    }
}

ALWAYS_INLINE void unpack_blocks(open_block *open, size_t block_bytes, const void *blocks, int n,
                                 struct tile_halves *tile, int line)
{
    const char *block = blocks;
    for (; n > 0; n -= 32, block += block_bytes, tile++) {
        struct open_block w = open(block);
        store_line(widen(_mm256_castsi256_si128(w.q), w.d, w.m),
                   widen(_mm256_extracti128_si256(w.q, 1), w.d, w.m), tile, line);
    }
}

#define UNPACK_SUPERS(NAME, CODES)                                                                 \
    static void lines_##NAME(const void *blocks, int n, struct tile_halves *tile, int line)        \
    {                                                                                              \
        unpack_supers(head_##NAME, chunk_##NAME, CODES, sizeof(struct block_##NAME), blocks, n,    \
                      tile, line);                                                                 \
    }
UNPACK_SUPERS(q2_k, NULL)
UNPACK_SUPERS(q3_k, NULL)
UNPACK_SUPERS(q4_k, NULL)
UNPACK_SUPERS(q5_k, NULL)
UNPACK_SUPERS(q6_k, NULL)
UNPACK_SUPERS(iq4_xs, NULL)
UNPACK_SUPERS(iq2_xxs, codes_iq2_xxs)
UNPACK_SUPERS(iq2_xs, codes_iq2_xs)
UNPACK_SUPERS(iq2_s, codes_iq2_s)
UNPACK_SUPERS(iq3_xxs, codes_iq3_xxs)
UNPACK_SUPERS(iq3_s, codes_iq3_s)
UNPACK_SUPERS(iq1_s, codes_iq1_s)
UNPACK_SUPERS(iq1_m, codes_iq1_m)
UNPACK_SUPERS(tq1_0, NULL)
UNPACK_SUPERS(tq2_0, NULL)

#define UNPACK_BLOCKS(NAME)                                                                        \
    static void lines_##NAME(const void *blocks, int n, struct tile_halves *tile, int line)        \
    {                                                                                              \
        unpack_blocks(open_##NAME, sizeof(struct block_##NAME), blocks, n, tile, line);            \
    }
UNPACK_BLOCKS(q4_0)
UNPACK_BLOCKS(q4_1)
UNPACK_BLOCKS(q5_0)
UNPACK_BLOCKS(q5_1)
UNPACK_BLOCKS(q8_0)
UNPACK_BLOCKS(iq4_nl)
UNPACK_BLOCKS(mxfp4)

static void lines_nvfp4(const void *blocks, int n, struct tile_halves *tile, int line)
{
    const struct block_nvfp4 *block = blocks;
    for (; n > 0; n -= 64, block++) {
        float d[8];
        _mm256_storeu_ps(d, nvfp4_scales(_mm256_castsi256_si128(set_256(block->d))));
        for (int j = 0; j < 4; j += 2, tile++) {
            __m256i q = nvfp4_values(block->qs[j]);
            store_line(widen(_mm256_castsi256_si128(q), d[j], 0),
                       widen(_mm256_extracti128_si256(q, 1), d[j + 1], 0), tile, line);
        }
    }
}

struct weight_type {
    unpack_lines *unpack;
    enum dtype dtype;
};

/* Rows that the last tiles lack are zeros. */
ALWAYS_INLINE void unpack_panel(struct weight_type type, const struct matmul *m, int row,
                                int n_rows, int k0, int k, tile_strip *panel)
{
    size_t offset = dtype_bytes(type.dtype, k0);
    for (int r = 0; r < n_rows; r++)
        type.unpack((const char *)matmul_row(m, row + r) + offset, k, panel[r / TILE_LINES],
                    r % TILE_LINES);
    for (int r = n_rows; r < (n_rows + 31) / 32 * 32; r++)
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

static const struct tile_halves *columns_at(const struct matmul *m, int column, int k0)
{
    const char *group = (const char *)m->columns + (size_t)column * m->column_bytes;
    return (const struct tile_halves *)group + k0 / TILE_K;
}

/* All columns of the pass with the panel; sums begin at zero with the first values. On the way each
 * of the panel's pairs of tiles asks for an eighth of the values that the next pass will read of
 * these columns. */
static void multiply_panel(const struct matmul *m, int column, int n_columns, int n_row_tiles,
                           int k0, int k, struct scratch *scratch)
{
    int n_tiles = (n_columns + TILE_LINES - 1) / TILE_LINES, steps = k / TILE_K;
    for (int near = 0; near < n_row_tiles; near += NEAR_TILES) {
        int end = n_row_tiles < near + NEAR_TILES ? n_row_tiles : near + NEAR_TILES;
        for (int t = 0; t < n_tiles; t += 2) {
            const struct tile_halves *x[2];
            for (int i = 0; i < 2 && t + i < n_tiles; i++)
                x[i] = m->column_index ? scratch->gathered[t + i]
                                       : columns_at(m, column + (t + i) * TILE_LINES, k0);
            for (int r = near; r < end; r += 2) {
                const char *soon =
                    (const char *)(x[r / 2 / 4 % 2] + STEPS) + r / 2 % 4 * (STEPS * 4 * TILE_BYTES);
                const struct tile_halves *w0 = scratch->panel[r], *w1 = scratch->panel[r + 1];
                if (t + 1 < n_tiles)
                    multiply_2_by_2(w0, w1, x[0], x[1], steps, k0 == 0, &scratch->sums[t][r],
                                    &scratch->sums[t + 1][r], soon);
                else
                    multiply_2_by_1(w0, w1, x[0], steps, k0 == 0, &scratch->sums[t][r]);
            }
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
    int n_row_tiles = (n_rows + 31) / 32 * 2;
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
