/* Panels of weights in blocks of 32, and of NVFP4 with a scale for 16 values, with columns in
 * groups of 32. Values are bytes moved to be unsigned, whose offset the sum of a column's group
 * takes away, or words. The file that includes this has included panel_dots_pairs.h or
 * panel_dots_vnni.h. */
#pragma once

#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/x86/nvfp4.h"
#include "backend/cpu/kernels/x86/open_blocks.h"
#include "backend/cpu/kernels/x86/open_codes.h"
#include "backend/cpu/kernels/x86/transpose_avx2.h"

/* A group of LANES rows; a vector of q holds four bytes of each row, or two words. */
struct packed_block {
    float d[2][LANES]; /* of the first and the second 16 values */
    float m[LANES];
    char q[16][LANES][4];
};

enum { GROUP_BLOCKS = BLOCK_K / 32 };

struct kind {
    int n_adds; /* vectors of bytes whose products fit 16 bits; 0: the values are words */
    int offset; /* that makes the bytes unsigned */
    bool has_min;
    bool has_two_scales;
};

struct block_type {
    size_t block_bytes;
    open_block *open; /* 32 values of a block */
    struct kind kind;
};

/* ---- packing ---- */

ALWAYS_INLINE void store_lanes(void *to, const __m256i v[8])
{
    UNROLL
    for (int i = 0; i < 8; i++)
        _mm256_store_si256((void *)((char *)to + (size_t)i * 4 * LANES), v[i]);
}

ALWAYS_INLINE void pack_values(struct kind kind, const __m256i values[HALF_ROWS],
                               struct packed_block *out, int lane)
{
    __m256i v[HALF_ROWS], more[HALF_ROWS];
    for (int r = 0; r < HALF_ROWS; r++) {
        v[r] = _mm256_add_epi8(values[r], _mm256_set1_epi8((char)kind.offset));
        if (kind.n_adds > 0) continue;
        more[r] = _mm256_cvtepi8_epi16(_mm256_extracti128_si256(values[r], 1));
        v[r] = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(values[r]));
    }
    transpose_8(v);
    store_lanes(out->q[0][lane], v);
    if (kind.n_adds > 0) return;
    transpose_8(more);
    store_lanes(out->q[8][lane], more);
}

ALWAYS_INLINE void pack_blocks(struct block_type type, const void *const rows[HALF_ROWS], int k0,
                               int k, char *group, int lane)
{
    enum { AHEAD = 1024 }; /* bytes, which another pass over the rows will want */
    struct packed_block *out = (struct packed_block *)group;
    for (int b = k0 / 32; b < (k0 + k) / 32; b++, out++) {
        __m256i values[HALF_ROWS];
        for (int r = 0; r < HALF_ROWS; r++) {
            const char *block = (const char *)rows[r] + type.block_bytes * (size_t)b;
            _mm_prefetch(block + AHEAD, _MM_HINT_T0);
            struct open_block w = type.open(block);
            values[r] = w.q;
            out->d[0][lane + r] = w.d;
            out->m[lane + r] = w.m;
        }
        pack_values(type.kind, values, out, lane);
    }
}

/* Blocks of 64 with four scales. */
static void pack_nvfp4(const void *const rows[HALF_ROWS], int k0, int k, char *group, int lane)
{
    struct packed_block *out = (struct packed_block *)group;
    for (int b = k0 / 64; b < (k0 + k) / 64; b++, out += 2) {
        __m256i values[2][HALF_ROWS];
        for (int r = 0; r < HALF_ROWS; r++) {
            const struct block_nvfp4 *block = (const struct block_nvfp4 *)rows[r] + b;
            float d[8];
            _mm256_storeu_ps(d, nvfp4_scales(_mm256_castsi256_si128(set_256(block->d))));
            for (int i = 0; i < 2; i++) {
                values[i][r] = nvfp4_values(block->qs[2 * i]);
                out[i].d[0][lane + r] = d[2 * i];
                out[i].d[1][lane + r] = d[2 * i + 1];
            }
        }
        for (int i = 0; i < 2; i++)
            pack_values((struct kind){.n_adds = 0}, values[i], out + i, lane);
    }
}

/* ---- columns ---- */

struct block_columns {
    const char *x[TILE_COLUMNS]; /* bytes, or words */
    float scale[TILE_COLUMNS][GROUP_BLOCKS];
    float sum[TILE_COLUMNS][GROUP_BLOCKS]; /* scale times the sum of the group */
    int32_t start[TILE_COLUMNS]
                 [GROUP_BLOCKS]; /* of a sum: what the offset will add to it too much */
    int16_t words[TILE_COLUMNS][BLOCK_K];
};

/* What the next tile will read: from one column to the next no pattern leads. */
ALWAYS_INLINE void prefetch_column(const struct matmul *m, int column, int k0)
{
    if (column >= m->n_columns) return;
    struct column_q8_32 view = column_q8_32(matmul_column(m, column), m->k);
    UNROLL
    for (int i = 0; i < 256; i += 64) _mm_prefetch((const char *)view.q + k0 + i, _MM_HINT_T0);
    _mm_prefetch((const char *)(view.scale + k0 / 32), _MM_HINT_T0);
    _mm_prefetch((const char *)(view.bias + k0 / 32), _MM_HINT_T0);
}

ALWAYS_INLINE void open_columns(const struct matmul *m, int column, int n_columns, int k0, int k,
                                struct kind kind, struct block_columns *x)
{
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        struct column_q8_32 view = column_q8_32(matmul_column(m, column + c), m->k);
        prefetch_column(m, column + n_columns + c, k0);
        x->x[c] = (const char *)(view.q + k0);
        for (int b = 0; b < k / 32; b++) {
            int sum = view.bias[k0 / 32 + b] / -128;
            x->scale[c][b] = view.scale[k0 / 32 + b];
            x->start[c][b] = -kind.offset * sum;
            x->sum[c][b] = (float)sum * x->scale[c][b];
        }
        if (kind.n_adds > 0) continue;
        for (int i = 0; i < k; i += 16) {
            __m256i wide = _mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)(view.q + k0 + i)));
            _mm256_storeu_si256((void *)(x->words[c] + i), wide);
        }
        x->x[c] = (const char *)x->words[c];
    }
}

/* ---- products ---- */

/* Sums of one scale: all values of a block, or half of them. */
ALWAYS_INLINE void dot_block(const struct packed_block *const w[TILE_GROUPS],
                             const char *const *columns, int part, struct kind kind, int n_columns,
                             ints dots[][TILE_COLUMNS])
{
    const char *q[TILE_GROUPS];
    ints ones[TILE_GROUPS];
    UNROLL
    for (int g = 0; g < TILE_GROUPS; g++) {
        q[g] = (const char *)w[g]->q;
        ones[g] = set_ints(0x00010001);
    }
    int n_vectors = (kind.n_adds > 0 ? 8 : 16) / (kind.has_two_scales ? 2 : 1);
    if (kind.n_adds == 0)
        add_word_dots(q, columns, part * n_vectors, n_vectors, n_columns, dots);
    else
        add_byte_dots(q, columns, part * n_vectors, n_vectors, kind.n_adds, ones, n_columns, dots);
}

ALWAYS_INLINE void add_block(const struct packed_block *const w[TILE_GROUPS],
                             const struct block_columns *x, int b, struct kind kind, int n_columns,
                             floats sums[][TILE_COLUMNS])
{
    const char *columns[TILE_COLUMNS];
    UNROLL
    for (int c = 0; c < n_columns; c++) columns[c] = x->x[c] + b * (kind.n_adds > 0 ? 32 : 64);
    for (int part = 0; part < (kind.has_two_scales ? 2 : 1); part++) {
        ints dots[TILE_GROUPS][TILE_COLUMNS];
        UNROLL
        for (int c = 0; c < n_columns; c++) {
            UNROLL
            for (int g = 0; g < TILE_GROUPS; g++)
                dots[g][c] = set_ints(kind.offset ? x->start[c][b] : 0);
        }
        dot_block(w, columns, part, kind, n_columns, dots);
        UNROLL
        for (int g = 0; g < TILE_GROUPS; g++) {
            floats d = load_floats(w[g]->d[part]);
            UNROLL
            for (int c = 0; c < n_columns; c++) {
                floats scale = multiply_floats(d, set_floats(x->scale[c][b]));
                sums[g][c] = multiply_add(to_floats(dots[g][c]), scale, sums[g][c]);
            }
        }
    }
    if (!kind.has_min) return;
    UNROLL
    for (int g = 0; g < TILE_GROUPS; g++) {
        floats min = load_floats(w[g]->m);
        UNROLL
        for (int c = 0; c < n_columns; c++)
            sums[g][c] = multiply_add(min, set_floats(x->sum[c][b]), sums[g][c]);
    }
}

ALWAYS_INLINE void multiply_blocks(const char *panel, int n_rows, const struct matmul *m,
                                   int column, int n_columns, int k0, int k,
                                   float (*out)[PANEL_ROWS], struct kind kind)
{
    const struct packed_block *first = (const struct packed_block *)panel;
    struct block_columns x;
    open_columns(m, column, n_columns, k0, k, kind, &x);
    for (int r = 0; r < n_rows; r += TILE_GROUPS * LANES, first += TILE_GROUPS * GROUP_BLOCKS) {
        floats sums[TILE_GROUPS][TILE_COLUMNS];
        UNROLL
        for (int c = 0; c < n_columns; c++) {
            UNROLL
            for (int g = 0; g < TILE_GROUPS; g++)
                sums[g][c] = k0 > 0 ? load_floats(&out[c][r + g * LANES]) : set_floats(0);
        }
        for (int b = 0; b < k / 32; b++) {
            const struct packed_block *w[TILE_GROUPS];
            UNROLL
            for (int g = 0; g < TILE_GROUPS; g++) w[g] = first + g * GROUP_BLOCKS + b;
            add_block(w, &x, b, kind, n_columns, sums);
        }
        UNROLL
        for (int c = 0; c < n_columns; c++) {
            UNROLL
            for (int g = 0; g < TILE_GROUPS; g++) store_floats(&out[c][r + g * LANES], sums[g][c]);
        }
    }
}

/* The packing of a type. */
#define DEFINE_PACK(NAME, ...)                                                                     \
    static void pack_##NAME(const void *const rows[HALF_ROWS], int k0, int k, char *group,         \
                            int lane)                                                              \
    {                                                                                              \
        struct block_type type = {sizeof(struct block_##NAME), open_##NAME, __VA_ARGS__};          \
        pack_blocks(type, rows, k0, k, group, lane);                                               \
    }

/* The kernel of a type. */
#define DEFINE_BLOCK(NAME, MULTIPLY)                                                               \
    static void panel_##NAME(const struct matmul *m, int first_row, int n_rows, void *scratch)     \
    {                                                                                              \
        struct panel_type type = {pack_##NAME, MULTIPLY,                                           \
                                  sizeof(struct packed_block) * GROUP_BLOCKS};                     \
        multiply_panels(&type, m, first_row, n_rows, scratch);                                     \
    }

static_assert(sizeof(struct panel_scratch) +
                      PANEL_ROWS / LANES * GROUP_BLOCKS * sizeof(struct packed_block) <=
                  PANEL_SCRATCH_BYTES,
              "the panel fits the scratch");

matmul_kernel *PANEL_TABLE(enum dtype dtype);
