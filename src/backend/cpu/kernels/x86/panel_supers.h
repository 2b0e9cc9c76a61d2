/* Panels of weights in super-blocks of 256, with columns in groups of 256. Values are unsigned
 * bytes, which signed types reach by an offset that their mins take away, or words where products
 * of such bytes would not fit 16 bits. The file that includes this has included
 * panel_dots_pairs.h or panel_dots_vnni.h. */
#pragma once

#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/x86/chunks_codes_avx2.h"
#include "backend/cpu/kernels/x86/transpose_avx2.h"

/* A group of LANES rows; a vector of q holds four bytes of each row, or two words. */
struct packed_super {
    float d[LANES], dmin[LANES];
    int16_t mins[8][LANES][2]; /* of two neighbouring sums of the column: see super_columns */
    int32_t scales[16][LANES]; /* floats, or pairs of the same word */
    char q[128][LANES][4];
};

struct kind {
    int n_values; /* that share a scale: 16 or 32 */
    int n_adds;   /* vectors of bytes whose products fit 16 bits; 0: the values are words */
    bool has_mins;
};

struct super_type {
    size_t block_bytes;
    open_head *head;
    open_chunk *chunk;
    open_codes *codes; /* NULL: the values are in the block itself */
    int offset;        /* makes the values unsigned; of words, 0 */
    struct kind kind;
};

/* ---- packing ---- */

ALWAYS_INLINE void store_lanes(void *to, size_t vector_bytes, const __m256i v[8])
{
    UNROLL
    for (int i = 0; i < 8; i++)
        _mm256_store_si256((void *)((char *)to + (size_t)i * vector_bytes), v[i]);
}

/* The same scale twice, as a factor of pairs of words, or once as a float. */
ALWAYS_INLINE void pack_scales(struct kind kind, __m256i scales[HALF_ROWS],
                               struct packed_super *out, int lane)
{
    bool as_floats = !SCALES_ARE_INTS || kind.n_adds == 0;
    __m256i low[HALF_ROWS], high[HALF_ROWS];
    for (int r = 0; r < HALF_ROWS; r++) {
        low[r] = kind.n_values == 32 ? scales[r] : _mm256_unpacklo_epi16(scales[r], scales[r]);
        high[r] = _mm256_unpackhi_epi16(scales[r], scales[r]);
        if (!as_floats) continue;
        low[r] = _mm256_castps_si256(_mm256_cvtepi32_ps(_mm256_srai_epi32(low[r], 16)));
        high[r] = _mm256_castps_si256(_mm256_cvtepi32_ps(_mm256_srai_epi32(high[r], 16)));
    }
    transpose_8(low);
    if (kind.n_values == 32) {
        store_lanes(&out->scales[0][lane], sizeof out->scales[0], low);
        return;
    }
    transpose_8(high);
    store_lanes(&out->scales[0][lane], sizeof out->scales[0], low);
    /* Lanes of 128 bits were unpacked: scales 0-3 and 8-11, then 4-7 and 12-15. */
    for (int i = 0; i < 4; i++) {
        memcpy(&out->scales[8 + i][lane], &low[4 + i], sizeof low[0]);
        memcpy(&out->scales[4 + i][lane], &high[i], sizeof high[0]);
        memcpy(&out->scales[12 + i][lane], &high[4 + i], sizeof high[0]);
    }
}

/* Mins of 32 values are there twice: one of each is kept, and two make a pair. */
ALWAYS_INLINE void pack_mins(struct kind kind, __m256i mins[HALF_ROWS], struct packed_super *out,
                             int lane)
{
    for (int r = 0; r < HALF_ROWS && kind.n_values == 32; r++) {
        __m256i once = _mm256_packs_epi32(_mm256_srai_epi32(mins[r], 16), _mm256_setzero_si256());
        mins[r] = _mm256_permute4x64_epi64(once, 0xd8);
    }
    transpose_8(mins);
    store_lanes(&out->mins[0][lane], sizeof out->mins[0], mins);
}

ALWAYS_INLINE void pack_heads(struct super_type type, const char *const blocks[HALF_ROWS],
                              struct packed_super *out, int lane)
{
    __m256i scales[HALF_ROWS], mins[HALF_ROWS], offset = _mm256_set1_epi16((short)type.offset);
    for (int r = 0; r < HALF_ROWS; r++) {
        struct super_head head = type.head(blocks[r]);
        scales[r] = head.scales;
        mins[r] = type.offset ? _mm256_mullo_epi16(head.scales, offset) : head.mins;
        out->d[lane + r] = head.d;
        out->dmin[lane + r] = type.offset ? head.d : head.dmin;
    }
    pack_scales(type.kind, scales, out, lane);
    if (type.kind.has_mins) pack_mins(type.kind, mins, out, lane);
}

ALWAYS_INLINE void pack_chunk(struct super_type type, const void *const sources[HALF_ROWS], int j,
                              struct packed_super *out, int lane)
{
    __m256i v[HALF_ROWS], more[HALF_ROWS];
    for (int r = 0; r < HALF_ROWS; r++) {
        v[r] = type.chunk(sources[r], j);
        if (type.offset) v[r] = _mm256_add_epi8(v[r], _mm256_set1_epi8((char)type.offset));
        if (type.kind.n_adds > 0) continue;
        more[r] = _mm256_cvtepi8_epi16(_mm256_extracti128_si256(v[r], 1));
        v[r] = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(v[r]));
    }
    transpose_8(v);
    int n_vectors = type.kind.n_adds > 0 ? 8 : 16;
    store_lanes(&out->q[n_vectors * j][lane], sizeof out->q[0], v);
    if (type.kind.n_adds > 0) return;
    transpose_8(more);
    store_lanes(&out->q[n_vectors * j + 8][lane], sizeof out->q[0], more);
}

ALWAYS_INLINE void pack_super(struct super_type type, const void *const rows[HALF_ROWS], int k0,
                              char *group, int lane)
{
    enum { AHEAD = 4 }; /* blocks, which another pass over the rows will want */
    struct packed_super *out = (struct packed_super *)group;
    const char *blocks[HALF_ROWS];
    const void *sources[HALF_ROWS];
    struct codes codes[HALF_ROWS];
    for (int r = 0; r < HALF_ROWS; r++) {
        blocks[r] = (const char *)rows[r] + type.block_bytes * (size_t)(k0 / 256);
        for (size_t i = 0; i < type.block_bytes; i += 64)
            _mm_prefetch(blocks[r] + AHEAD * type.block_bytes + i, _MM_HINT_T0);
        if (type.codes) type.codes(blocks[r], &codes[r]);
        sources[r] = type.codes ? (const void *)&codes[r] : blocks[r];
    }
    pack_heads(type, blocks, out, lane);
    UNROLL
    for (int j = 0; j < 8; j++) pack_chunk(type, sources, j, out, lane);
}

/* ---- columns ---- */

struct super_columns {
    const char *x[TILE_COLUMNS];    /* bytes, or words */
    int16_t sums[TILE_COLUMNS][16]; /* of as many values as share a scale */
    float scale[TILE_COLUMNS];
    int16_t words[TILE_COLUMNS][256];
};

ALWAYS_INLINE void widen_column(const int8_t *q, int16_t words[256])
{
    for (int i = 0; i < 256; i += 16) {
        __m256i wide = _mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)(q + i)));
        _mm256_storeu_si256((void *)(words + i), wide);
    }
}

/* What the next tile will read: from one column to the next no pattern leads. */
ALWAYS_INLINE void prefetch_column(const struct matmul *m, int column, int k0)
{
    if (column >= m->n_columns) return;
    struct column_q8_256 view = column_q8_256(matmul_column(m, column), m->k);
    UNROLL
    for (int i = 0; i < 256; i += 64) _mm_prefetch((const char *)view.q + k0 + i, _MM_HINT_T0);
    _mm_prefetch((const char *)(view.sums + k0 / 16), _MM_HINT_T0);
    _mm_prefetch((const char *)(view.scale + k0 / 256), _MM_HINT_T0);
}

ALWAYS_INLINE void open_columns(const struct matmul *m, int column, int n_columns, int k0,
                                struct kind kind, struct super_columns *x)
{
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        struct column_q8_256 view = column_q8_256(matmul_column(m, column + c), m->k);
        prefetch_column(m, column + n_columns + c, k0);
        x->scale[c] = view.scale[k0 / 256];
        x->x[c] = (const char *)(view.q + k0);
        if (kind.n_adds == 0 && SCALES_ARE_INTS) {
            widen_column(view.q + k0, x->words[c]);
            x->x[c] = (const char *)x->words[c];
        }
        __m256i sums = _mm256_loadu_si256((const void *)(view.sums + k0 / 16));
        if (kind.n_values == 32)
            sums = _mm256_permute4x64_epi64(_mm256_hadd_epi16(sums, sums), 0xd8);
        _mm256_storeu_si256((void *)x->sums[c], sums);
    }
}

/* ---- products ---- */

/* Sums of the mins times the sums of the columns. */
ALWAYS_INLINE void dot_mins(const struct packed_super *w, const struct super_columns *x,
                            struct kind kind, int n_columns, ints sums[][TILE_COLUMNS])
{
    const char *mins[TILE_GROUPS], *columns[TILE_COLUMNS];
    UNROLL
    for (int g = 0; g < TILE_GROUPS; g++) mins[g] = (const char *)w[g].mins;
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        columns[c] = (const char *)x->sums[c];
        UNROLL
        for (int g = 0; g < TILE_GROUPS; g++) sums[g][c] = set_ints(0);
    }
    if (kind.has_mins)
        add_word_dots(mins, columns, 0, kind.n_values == 32 ? 4 : 8, n_columns, sums);
}

/* Sums of products times their scales, whole numbers all along. */
ALWAYS_INLINE void sum_scaled_ints(const struct packed_super *w, const char *const *q,
                                   const struct super_columns *x, struct kind kind, int n_columns,
                                   floats out[][TILE_COLUMNS])
{
    ints sums[TILE_GROUPS][TILE_COLUMNS];
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        UNROLL
        for (int g = 0; g < TILE_GROUPS; g++) sums[g][c] = set_ints(0);
    }
    int n_vectors = kind.n_values / 4;
    for (int s = 0; s < 256 / kind.n_values; s++) {
        ints scales[TILE_GROUPS];
        const char *parts[TILE_GROUPS], *columns[TILE_COLUMNS];
        UNROLL
        for (int g = 0; g < TILE_GROUPS; g++) {
            scales[g] = load_ints(w[g].scales[s]);
            parts[g] = q[g] + s * n_vectors * 4 * LANES;
        }
        UNROLL
        for (int c = 0; c < n_columns; c++) columns[c] = x->x[c] + s * n_vectors * 4;
        add_byte_dots(parts, columns, 0, n_vectors, kind.n_adds, scales, n_columns, sums);
    }
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        UNROLL
        for (int g = 0; g < TILE_GROUPS; g++) out[g][c] = to_floats(sums[g][c]);
    }
}

ALWAYS_INLINE void sum_scaled_floats(const struct packed_super *w, const char *const *q,
                                     const struct super_columns *x, struct kind kind, int n_columns,
                                     floats out[][TILE_COLUMNS])
{
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        UNROLL
        for (int g = 0; g < TILE_GROUPS; g++) out[g][c] = set_floats(0);
    }
    bool words = kind.n_adds == 0 && SCALES_ARE_INTS;
    int n_vectors = kind.n_values / (words ? 2 : 4);
    for (int s = 0; s < 256 / kind.n_values; s++) {
        ints dots[TILE_GROUPS][TILE_COLUMNS];
        const char *parts[TILE_GROUPS], *columns[TILE_COLUMNS];
        UNROLL
        for (int g = 0; g < TILE_GROUPS; g++) parts[g] = q[g] + s * n_vectors * 4 * LANES;
        UNROLL
        for (int c = 0; c < n_columns; c++) {
            columns[c] = x->x[c] + s * n_vectors * 4;
            UNROLL
            for (int g = 0; g < TILE_GROUPS; g++) dots[g][c] = set_ints(0);
        }
        if (words)
            add_word_dots(parts, columns, 0, n_vectors, n_columns, dots);
        else
            add_byte_dots(parts, columns, 0, n_vectors, 0, NULL, n_columns, dots);
        UNROLL
        for (int g = 0; g < TILE_GROUPS; g++) {
            floats scales = load_floats((const float *)w[g].scales[s]);
            UNROLL
            for (int c = 0; c < n_columns; c++)
                out[g][c] = multiply_add(to_floats(dots[g][c]), scales, out[g][c]);
        }
    }
}

ALWAYS_INLINE void multiply_super(const struct packed_super *w, const struct super_columns *x,
                                  struct kind kind, int n_columns, bool add,
                                  float (*sums)[PANEL_ROWS])
{
    ints mins[TILE_GROUPS][TILE_COLUMNS];
    floats values[TILE_GROUPS][TILE_COLUMNS];
    const char *q[TILE_GROUPS];
    UNROLL
    for (int g = 0; g < TILE_GROUPS; g++) q[g] = (const char *)w[g].q;
    if (SCALES_ARE_INTS && kind.n_adds > 0)
        sum_scaled_ints(w, q, x, kind, n_columns, values);
    else
        sum_scaled_floats(w, q, x, kind, n_columns, values);
    dot_mins(w, x, kind, n_columns, mins);
    UNROLL
    for (int g = 0; g < TILE_GROUPS; g++) {
        floats d = load_floats(w[g].d), dmin = load_floats(w[g].dmin);
        UNROLL
        for (int c = 0; c < n_columns; c++) {
            floats block = multiply_floats(values[g][c], d);
            if (kind.has_mins) block = multiply_subtract(to_floats(mins[g][c]), dmin, block);
            float *sum = &sums[c][g * LANES];
            floats before = add ? load_floats(sum) : set_floats(0);
            store_floats(sum, multiply_add(block, set_floats(x->scale[c]), before));
        }
    }
}

ALWAYS_INLINE void multiply_supers(const char *panel, int n_rows, const struct matmul *m,
                                   int column, int n_columns, int k0, int k,
                                   float (*sums)[PANEL_ROWS], struct kind kind)
{
    (void)k;
    const struct packed_super *w = (const struct packed_super *)panel;
    struct super_columns x;
    open_columns(m, column, n_columns, k0, kind, &x);
    for (int r = 0; r < n_rows; r += TILE_GROUPS * LANES, w += TILE_GROUPS)
        multiply_super(w, &x, kind, n_columns, k0 > 0, (float(*)[PANEL_ROWS])(void *)&sums[0][r]);
}

/* The packing and the kernel of a type. */
#define DEFINE_SUPER(NAME, CODES, OFFSET, MULTIPLY, ...)                                           \
    static void pack_##NAME(const void *const rows[HALF_ROWS], int k0, int k, char *group,         \
                            int lane)                                                              \
    {                                                                                              \
        (void)k;                                                                                   \
        struct super_type type = {                                                                 \
            sizeof(struct block_##NAME), head_##NAME, chunk_##NAME, CODES, OFFSET, __VA_ARGS__};   \
        pack_super(type, rows, k0, group, lane);                                                   \
    }                                                                                              \
    static void panel_##NAME(const struct matmul *m, int first_row, int n_rows, void *scratch)     \
    {                                                                                              \
        struct panel_type type = {pack_##NAME, MULTIPLY, sizeof(struct packed_super)};             \
        multiply_panels(&type, m, first_row, n_rows, scratch);                                     \
    }

static_assert(sizeof(struct panel_scratch) + PANEL_ROWS / LANES * sizeof(struct packed_super) <=
                  PANEL_SCRATCH_BYTES,
              "the panel fits the scratch");

matmul_kernel *PANEL_TABLE(enum dtype dtype);
