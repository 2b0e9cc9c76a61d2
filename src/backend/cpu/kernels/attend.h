/* Attention of many query vectors over blocks of keys, in floats, with running softmax sums. All of
 * it is one product of a few rows, whose values are broadcast, with lines of two vectors: scores
 * are keys by turned queries, sums are turned powers by values, and the keys and values that latent
 * rows stand for are those rows by turned slices. So nothing is added up across a vector, and the
 * softmax works on the columns of a strip side by side. The file that includes this has defined
 *     vec, LANES                     a vector of floats
 *     TILE_ROWS, REST_ROWS           rows of a product whose sums fit the registers, and the fewer
 *                                    ones that complete STRIP, 2 * LANES, after some such tiles
 *     vec_load(x), vec_store(x, v), vec_set(x), vec_fma(a, b, sum), vec_add, vec_mul, vec_sub
 *     vec_max(a, b)                  b where either is no number
 *     vec_exp2(x)                    of x <= 0; 0 of -infinity; no number stays none
 *     vec_seen(x, visible, key)      x where visible > key, else -infinity
 *     vec_some(x)                    x, but 0 for -infinity
 *     mix_load_f32(row, i), mix_load_f16, mix_load_q8_0   LANES values from number i on
 *     ATTEND_OF(type)                the name of the kernel of a type
 *     ATTEND_BYTES                   and that of the function for their scratch */
#pragma once

#include <math.h>
#include <string.h>

#include "backend/cpu/kernels.h"
#include "backend/cpu/kernels/inline.h"
#include "tensor/block.h"
#include "tensor/dtype.h"
#include "tensor/half.h"

/* A block of keys and values stays in the second cache for all strips; the scores of a strip and
 * two vectors of the values in the first. */
enum { STRIP = 2 * LANES, BLOCK_KEYS = 120 };

_Static_assert(BLOCK_KEYS % TILE_ROWS == 0, "tiles of keys are whole");
_Static_assert(STRIP % TILE_ROWS == REST_ROWS, "tiles of columns are whole");

static const float LOG2_E = 1.44269504f, LN_2 = 0.693147181f;

typedef vec load_values(const void *row, int i);

/* How a type of cache is read. */
struct format {
    load_values *load;
    enum dtype dtype;
};

/* "Lines" are those of a product, STRIP floats each. */
struct room {
    int n_strips, k_width, v_chunks;
    int nope_chunks, row_width; /* of latent rows */

    float *queries;             /* [n_strips][d_k] lines: a value of each column */
    float *out;                 /* [n_strips * STRIP][v_width] */
    float *base, *sum, *shrink; /* [n_strips * STRIP], [STRIP] */
    int32_t *visible;           /* [n_strips * STRIP] */

    /* The block. */
    int first, n_keys;
    float *keys;   /* [BLOCK_KEYS][k_width] */
    float *values; /* [v_chunks][BLOCK_KEYS] lines of a key */
    float *scores; /* [BLOCK_KEYS] lines: a score of each column, then its power */

    /* Latent rows, and the slices that expand them. */
    float *latent;    /* [BLOCK_KEYS][row_width] */
    float *k_b, *v_b; /* [nope_chunks][rank], [v_chunks][rank] lines */
    float *slice;     /* unpacked */
};

/* ---- memory ---- */

static int chunks_of(int n)
{
    return (n + STRIP - 1) / STRIP;
}

/* Counts if there is no memory. */
static void *take(char *memory, size_t *used, int64_t n_floats)
{
    void *piece = memory ? memory + *used : NULL;
    *used += ((size_t)n_floats * sizeof(float) + 63) / 64 * 64;
    return piece;
}

static size_t room_lay(const struct attend *a, char *memory, struct room *room)
{
    const struct attend_latent *latent = &a->latent;
    *room = (struct room){.n_strips = chunks_of(a->n_columns),
                          .k_width = chunks_of(a->d_k) * STRIP,
                          .v_chunks = chunks_of(a->d_v),
                          .nope_chunks = chunks_of(latent->d_nope),
                          .row_width = chunks_of(latent->rank + a->d_k - latent->d_nope) * STRIP};
    int64_t columns = (int64_t)room->n_strips * STRIP, v = (int64_t)room->v_chunks * STRIP;
    int64_t rank = latent->rank, nope = (int64_t)room->nope_chunks * STRIP;
    size_t used = 0;
    room->queries = take(memory, &used, columns * a->d_k);
    room->out = take(memory, &used, columns * v);
    room->base = take(memory, &used, columns);
    room->sum = take(memory, &used, columns);
    room->shrink = take(memory, &used, STRIP);
    room->visible = take(memory, &used, columns);
    room->keys = take(memory, &used, (int64_t)BLOCK_KEYS * room->k_width);
    room->values = take(memory, &used, BLOCK_KEYS * v);
    room->scores = take(memory, &used, (int64_t)BLOCK_KEYS * STRIP);
    if (!rank) return used;
    room->latent = take(memory, &used, (int64_t)BLOCK_KEYS * room->row_width);
    room->k_b = take(memory, &used, nope * rank);
    room->v_b = take(memory, &used, v * rank);
    room->slice = take(memory, &used, (latent->d_nope > a->d_v ? latent->d_nope : a->d_v) * rank);
    return used;
}

size_t ATTEND_BYTES(const struct attend *a)
{
    struct room room;
    return room_lay(a, NULL, &room);
}

/* ---- products ---- */

/* out[r] = sum over i < n of rows[r][i] * lines[i], or that added to it. */
struct product {
    const float *rows;
    size_t row_stride, step; /* floats from one row to the next, and from one of its values */
    const float *lines;
    int n;
    float *out;
    size_t out_stride;
    bool add;
};

ALWAYS_INLINE void multiply(const struct product *p, int n_rows)
{
    vec sums[TILE_ROWS][2];
    UNROLL
    for (int r = 0; r < n_rows; r++) {
        const float *out = p->out + (size_t)r * p->out_stride;
        sums[r][0] = p->add ? vec_load(out) : vec_set(0);
        sums[r][1] = p->add ? vec_load(out + LANES) : vec_set(0);
    }
    const float *rows = p->rows, *line = p->lines;
    for (int i = 0; i < p->n; i++, rows += p->step, line += STRIP) {
        vec first = vec_load(line), second = vec_load(line + LANES);
        UNROLL
        for (int r = 0; r < n_rows; r++) {
            vec value = vec_set(rows[(size_t)r * p->row_stride]);
            sums[r][0] = vec_fma(value, first, sums[r][0]);
            sums[r][1] = vec_fma(value, second, sums[r][1]);
        }
    }
    UNROLL
    for (int r = 0; r < n_rows; r++) {
        float *out = p->out + (size_t)r * p->out_stride;
        vec_store(out, sums[r][0]);
        vec_store(out + LANES, sums[r][1]);
    }
}

/* All rows of a block of keys, some more if that makes tiles whole: there is room for those. */
static void multiply_keys(struct product p, int n_keys)
{
    for (int key = 0; key < n_keys; key += TILE_ROWS) {
        multiply(&p, TILE_ROWS);
        p.rows += TILE_ROWS * p.row_stride;
        p.out += TILE_ROWS * p.out_stride;
    }
}

/* ---- columns ---- */

/* What the last strip lacks sees what its last column does, with queries of zeros. */
static void lay_queries(const struct attend *a, const struct room *room)
{
    float scale = a->scale * LOG2_E;
    for (int c = 0; c < room->n_strips * STRIP; c++) {
        int known = c < a->n_columns ? c : a->n_columns - 1;
        const float *q = a->q + (size_t)a->column_index[known] * (size_t)a->d_k;
        float *lines = room->queries + (size_t)(c / STRIP * STRIP) * (size_t)a->d_k + c % STRIP;
        for (int i = 0; i < a->d_k; i++) lines[(size_t)i * STRIP] = c == known ? q[i] * scale : 0;
        room->visible[c] = a->n_visible[known];
        room->base[c] = -INFINITY;
        room->sum[c] = 0;
    }
    memset(room->out, 0,
           (size_t)(room->n_strips * STRIP * room->v_chunks * STRIP) * sizeof *room->out);
}

static void store_sums(const struct attend *a, const struct room *room)
{
    for (int c = 0; c < a->n_columns; c++) {
        size_t place = (size_t)(a->output_index ? a->output_index[c] : c);
        a->base[c] = room->base[c] * LN_2;
        a->sum[c] = room->sum[c];
        memcpy(a->out + place * (size_t)a->d_v,
               room->out + (size_t)c * (size_t)(room->v_chunks * STRIP),
               (size_t)a->d_v * sizeof *a->out);
    }
}

/* ---- a strip of columns with a block of keys ---- */

/* LANES columns: their scores become powers. Returns whether a maximum moved that was one. */
ALWAYS_INLINE void soften(const struct room *room, int column, int n_sure, int n_keys)
{
    float *scores = room->scores + column % STRIP;
    const int32_t *visible = room->visible + column;
    vec old = vec_load(room->base + column), max = old;
    for (int key = 0; key < n_sure; key++) max = vec_max(vec_load(scores + key * STRIP), max);
    for (int key = n_sure; key < n_keys; key++) {
        vec score = vec_seen(vec_load(scores + key * STRIP), visible, room->first + key);
        vec_store(scores + key * STRIP, score);
        max = vec_max(score, max);
    }
    vec base = vec_some(max), sum = vec_set(0), shrink = vec_exp2(vec_sub(old, base));
    for (int key = 0; key < n_keys; key++) {
        vec power = vec_exp2(vec_sub(vec_load(scores + key * STRIP), base));
        vec_store(scores + key * STRIP, power);
        sum = vec_add(sum, power);
    }
    vec_store(room->base + column, max);
    vec_store(room->sum + column, vec_fma(vec_load(room->sum + column), shrink, sum));
    vec_store(room->shrink + column % STRIP, shrink);
}

static void shrink_sums(const struct room *room, int first_column)
{
    int width = room->v_chunks * STRIP;
    float *out = room->out + (size_t)first_column * (size_t)width;
    for (int c = 0; c < STRIP; c++, out += width) {
        if (room->shrink[c] == 1.0f) continue;
        vec shrink = vec_set(room->shrink[c]);
        for (int i = 0; i < width; i += LANES)
            vec_store(out + i, vec_mul(vec_load(out + i), shrink));
    }
}

static int seen_keys(const struct room *room, int column)
{
    int n = room->visible[column] - room->first;
    return n < 0 ? 0 : n < room->n_keys ? n : room->n_keys;
}

/* A few columns. No sum has a part in a value that its column does not see: a weight of 0 would not
 * keep out an infinity or a NaN. What the first column does not see is added column by column. */
ALWAYS_INLINE void mix_columns(const struct room *room, int column, int n_columns, int chunk)
{
    const float *values = room->values + (size_t)chunk * BLOCK_KEYS * STRIP;
    size_t width = (size_t)room->v_chunks * STRIP;
    struct product p = {.rows = room->scores + column % STRIP,
                        .row_stride = 1,
                        .step = STRIP,
                        .lines = values,
                        .n = seen_keys(room, column),
                        .out = room->out + (size_t)column * width + (size_t)chunk * STRIP,
                        .out_stride = width,
                        .add = true};
    if (p.n > 0) multiply(&p, n_columns);
    int common = p.n;
    if (common == room->n_keys) return;
    p.lines += (size_t)common * STRIP;
    for (int c = 0; c < n_columns; c++, p.out += width) {
        p.rows = room->scores + common * STRIP + column % STRIP + c;
        p.n = seen_keys(room, column + c) - common;
        if (p.n > 0) multiply(&p, 1);
    }
}

static void mix_strip(const struct room *room, int first_column, int n_columns)
{
    for (int chunk = 0; chunk < room->v_chunks; chunk++) {
        int c = 0;
        for (; c + TILE_ROWS <= STRIP && c < n_columns; c += TILE_ROWS)
            mix_columns(room, first_column + c, TILE_ROWS, chunk);
        if (c < n_columns) mix_columns(room, first_column + c, REST_ROWS, chunk);
    }
}

/* Columns are in the order of what they see. */
static void fold_strip(const struct attend *a, const struct room *room, int strip)
{
    int column = strip * STRIP, n_keys = seen_keys(room, column + STRIP - 1);
    if (n_keys == 0) return;
    int n_sure = seen_keys(room, column);
    multiply_keys((struct product){.rows = room->keys,
                                   .row_stride = (size_t)room->k_width,
                                   .step = 1,
                                   .lines = room->queries + (size_t)column * (size_t)a->d_k,
                                   .n = a->d_k,
                                   .out = room->scores,
                                   .out_stride = STRIP},
                  n_keys);
    soften(room, column, n_sure, n_keys);
    soften(room, column + LANES, n_sure, n_keys);
    shrink_sums(room, column);
    mix_strip(room, column, a->n_columns - column);
}

/* ---- a block of keys ---- */

ALWAYS_INLINE vec load_rest(const struct format *format, const void *row, int i, int n)
{
    float rest[LANES] = {0};
    for (int j = i; j < n; j++)
        rest[j - i] = format->dtype == DTYPE_F16 ? f16_to_f32(((const uint16_t *)row)[j])
                                                 : ((const float *)row)[j];
    return vec_load(rest);
}

/* n values of each key from value `from` on, zeros behind them up to whole lines; the lines of a
 * key are `line_stride` floats apart. */
ALWAYS_INLINE void lay_rows(const struct format *format, const struct room *room,
                            const void *cached, size_t row_bytes, int from, int n, float *rows,
                            size_t row_stride, size_t line_stride)
{
    int end = from + n;
    for (int key = 0; key < room->n_keys; key++, rows += row_stride) {
        const char *row = (const char *)cached + (size_t)(room->first + key) * row_bytes;
        float *line = rows;
        for (int i = from; i < end; i += STRIP, line += line_stride)
            for (int half = 0; half < STRIP; half += LANES) {
                int j = i + half;
                vec_store(line + half, j + LANES <= end ? format->load(row, j)
                                       : j < end        ? load_rest(format, row, j, end)
                                                        : vec_set(0));
            }
    }
}

/* Lines of values of a slice's rows, or of its columns if it is turned: line i of chunk c is value
 * i of the rows from c * STRIP on. */
static void lay_slice(const void *slice, enum dtype dtype, int n_rows, int rank, bool turned,
                      float *unpacked, float *lines)
{
    dtype_unpack(dtype, slice, unpacked, (int64_t)n_rows * rank);
    size_t row_step = turned ? 1 : (size_t)rank, step = turned ? (size_t)n_rows : 1;
    for (int row = 0; row < chunks_of(n_rows) * STRIP; row++) {
        float *line = lines + (size_t)(row / STRIP * STRIP) * (size_t)rank + row % STRIP;
        for (int i = 0; i < rank; i++, line += STRIP)
            *line = row < n_rows ? unpacked[(size_t)row * row_step + (size_t)i * step] : 0;
    }
}

static void lay_slices(const struct attend *a, const struct room *room)
{
    const struct attend_latent *latent = &a->latent;
    lay_slice(latent->k_b, latent->k_b_dtype, latent->d_nope, latent->rank,
              !latent->k_b_rows_are_keys, room->slice, room->k_b);
    lay_slice(latent->v_b, latent->v_b_dtype, a->d_v, latent->rank, false, room->slice, room->v_b);
}

static void expand(const struct attend *a, const struct room *room, const float *slice,
                   int n_chunks, float *out, size_t out_stride, size_t chunk_stride)
{
    struct product p = {.rows = room->latent,
                        .row_stride = (size_t)room->row_width,
                        .step = 1,
                        .lines = slice,
                        .n = a->latent.rank,
                        .out = out,
                        .out_stride = out_stride};
    for (int chunk = 0; chunk < n_chunks; chunk++) {
        multiply_keys(p, room->n_keys);
        p.lines += (size_t)a->latent.rank * STRIP;
        p.out += chunk_stride;
    }
}

/* The rotated part of the keys comes after what is made of the latent rows, whose last line may
 * have no whole STRIP of values. */
ALWAYS_INLINE void lay_latent(const struct attend *a, const struct format *format,
                              const struct room *room)
{
    int rank = a->latent.rank, d_nope = a->latent.d_nope, d_rope = a->d_k - d_nope;
    size_t width = (size_t)room->row_width, k_width = (size_t)room->k_width;
    lay_rows(format, room, a->k, a->k_bytes, 0, rank + d_rope, room->latent, width, STRIP);
    expand(a, room, room->k_b, room->nope_chunks, room->keys, k_width, STRIP);
    expand(a, room, room->v_b, room->v_chunks, room->values, STRIP, BLOCK_KEYS * STRIP);
    for (int key = 0; key < room->n_keys; key++)
        memcpy(room->keys + (size_t)key * k_width + d_nope,
               room->latent + (size_t)key * width + rank, (size_t)d_rope * sizeof(float));
}

ALWAYS_INLINE void attend(const struct attend *a, const struct format *format, void *scratch)
{
    struct room room;
    room_lay(a, scratch, &room);
    lay_queries(a, &room);
    if (a->latent.rank) lay_slices(a, &room);
    for (int first = 0; first < a->n_keys; first += BLOCK_KEYS) {
        room.first = first;
        room.n_keys = a->n_keys - first < BLOCK_KEYS ? a->n_keys - first : BLOCK_KEYS;
        if (a->latent.rank) {
            lay_latent(a, format, &room);
        } else {
            lay_rows(format, &room, a->k, a->k_bytes, 0, a->d_k, room.keys, (size_t)room.k_width,
                     STRIP);
            lay_rows(format, &room, a->v, a->v_bytes, 0, a->d_v, room.values, STRIP,
                     BLOCK_KEYS * STRIP);
        }
        for (int strip = 0; strip < room.n_strips; strip++) fold_strip(a, &room, strip);
    }
    store_sums(a, &room);
}

#define DEFINE_ATTEND(NAME, DTYPE)                                                                 \
    void ATTEND_OF(NAME)(const struct attend *a, void *scratch)                                    \
    {                                                                                              \
        attend(a, &(struct format){mix_load_##NAME, DTYPE}, scratch);                              \
    }
DEFINE_ATTEND(f32, DTYPE_F32)
DEFINE_ATTEND(f16, DTYPE_F16)
DEFINE_ATTEND(q8_0, DTYPE_Q8_0)
