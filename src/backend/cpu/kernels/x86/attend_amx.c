/* Attention of many query vectors over blocks of keys, with running softmax sums. Scores are
 * products of keys, as lines, with queries, as columns: a line of them is what one key has for 16
 * columns, so that the softmax works on all of these side by side. Its powers are turned, for the
 * sums are products of powers, as lines of a column, with values: of these there are more to turn,
 * and pairs of their rows are columns already. */
#include <string.h>

#include "backend/cpu/kernels/x86/attend_latent_amx.h"
#include "backend/cpu/kernels/x86/attend_room_amx.h"
#include "backend/cpu/kernels/x86/attend_rows_amx.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"

static const float LOG2_E = 1.44269504f, LN_2 = 0.693147181f;

/* Of a type of cache: how the block is laid. */
struct layer {
    void (*keys)(const struct attend *a, const struct room *room);
    __m512i (*values)(const struct attend *a, const struct room *room);
    void (*latent)(const struct attend *a, const struct room *room);
};

/* ---- memory ---- */

static int tiles_of(int n, int of)
{
    return (n + of - 1) / of;
}

/* Counts if there is no memory. */
static void *take(char *memory, size_t *used, int64_t n, size_t bytes_each)
{
    void *piece = memory ? memory + *used : NULL;
    *used += ((size_t)n * bytes_each + 63) / 64 * 64;
    return piece;
}

static size_t room_lay(const struct attend *a, char *memory, struct room *room)
{
    const struct attend_latent *latent = &a->latent;
    *room = (struct room){.n_strips = tiles_of(a->n_columns, STRIP),
                          .n_column_tiles = tiles_of(a->n_columns, TILE_LINES),
                          .v_tiles = 2 * tiles_of(a->d_v, STRIP),
                          .nope_steps = tiles_of(latent->d_nope, TILE_K),
                          .rank_steps = tiles_of(latent->rank, TILE_K)};
    room->k_steps = room->nope_steps + tiles_of(a->d_k - latent->d_nope, TILE_K);
    int64_t strips = room->n_strips, k = room->k_steps, v = room->v_tiles, rank = room->rank_steps;
    size_t used = 0, halves = sizeof(struct tile_halves), sums = sizeof(struct tile_sums);
    room->queries = take(memory, &used, strips * 2 * k, halves);
    room->out = take(memory, &used, strips * 2 * v, sums);
    room->softmax = take(memory, &used, strips * 2, sizeof *room->softmax);
    room->visible = take(memory, &used, strips * STRIP, sizeof *room->visible);
    room->keys = take(memory, &used, KEY_TILES * k, halves);
    room->values = take(memory, &used, KEY_STEPS * v, halves);
    room->scores = take(memory, &used, 2 * KEY_TILES, sums);
    room->powers = take(memory, &used, 2 * KEY_STEPS, halves);
    if (!latent->rank) return used;
    room->latent = take(memory, &used, KEY_TILES * rank, halves);
    room->k_b = take(memory, &used, 2 * room->nope_steps * rank, halves);
    room->v_b = take(memory, &used, v * rank, halves);
    room->rows = take(memory, &used, (int64_t)slice_floats(latent), sizeof(float));
    return used;
}

size_t attend_bytes_amx(const struct attend *a)
{
    struct room room;
    return room_lay(a, NULL, &room);
}

/* ---- columns ---- */

/* What the last strip lacks sees what its last column does, with queries of zeros. */
static void lay_queries(const struct attend *a, const struct room *room)
{
    struct tile_halves *tile = room->queries;
    int d_nope = a->latent.d_nope, d_rest = a->d_k - d_nope;
    for (int c0 = 0; c0 < room->n_strips * STRIP; c0 += TILE_LINES, tile += room->k_steps) {
        const float *first[TILE_LINES] = {NULL}, *rest[TILE_LINES] = {NULL};
        for (int c = c0; c < c0 + TILE_LINES; c++) {
            int known = c < a->n_columns ? c : a->n_columns - 1;
            room->visible[c] = a->n_visible[known];
            if (c != known) continue;
            first[c - c0] = a->q + (size_t)a->column_index[c] * (size_t)a->d_k;
            rest[c - c0] = first[c - c0] + d_nope;
        }
        lay_columns(first, d_nope, a->scale * LOG2_E, tile);
        lay_columns(rest, d_rest, a->scale * LOG2_E, tile + room->nope_steps);
    }
}

/* Tiles of 16 values follow one another at every second place. */
static struct tile_sums *sums_of(const struct room *room, int column_tile)
{
    return room->out + column_tile / 2 * 2 * room->v_tiles + column_tile % 2;
}

/* Powers too: the second tile of the last strip may have no columns, and nothing writes those. */
static void clear_sums(const struct room *room)
{
    memset(room->powers, 0, 2 * KEY_STEPS * sizeof *room->powers);
    memset(room->out, 0, (size_t)(room->n_strips * 2 * room->v_tiles) * sizeof *room->out);
    for (int i = 0; i < 2 * room->n_strips; i++) {
        _mm512_store_ps(room->softmax[i].base, _mm512_set1_ps(-INFINITY));
        _mm512_store_ps(room->softmax[i].sum, _mm512_setzero_ps());
    }
}

static void store_sums(const struct attend *a, const struct room *room)
{
    for (int c = 0; c < a->n_columns; c++) {
        const struct softmax *softmax = &room->softmax[c / TILE_LINES];
        a->base[c] = softmax->base[c % TILE_LINES] * LN_2;
        a->sum[c] = softmax->sum[c % TILE_LINES];
    }
    for (int c = 0; c < a->n_columns; c++) {
        const struct tile_sums *tiles = sums_of(room, c / TILE_LINES);
        float *out = a->out + (size_t)(a->output_index ? a->output_index[c] : c) * (size_t)a->d_v;
        for (int i = 0; i < a->d_v; i += TILE_LINES)
            _mm512_mask_storeu_ps(
                out + i, lanes_below(i, a->d_v),
                _mm512_load_ps(tiles[2 * (i / TILE_LINES)].lines[c % TILE_LINES]));
    }
}

/* ---- a strip of columns with a block of keys ---- */

static void score(const struct room *room, int strip, int n_steps)
{
    const struct tile_halves *queries = room->queries + 2 * strip * room->k_steps;
    for (int step = 0; step < n_steps; step++) {
        const struct tile_halves *keys = room->keys + 2 * step * room->k_steps;
        multiply_square(keys, keys + room->k_steps, queries, queries + room->k_steps, room->k_steps,
                        false, room->scores + 2 * step, room->scores + KEY_TILES + 2 * step);
    }
}

static void soften_tile(const struct room *room, int column_tile, int half, int n_steps)
{
    __m512i visible = _mm512_load_si512(room->visible + column_tile * TILE_LINES);
    visible = _mm512_min_epi32(_mm512_sub_epi32(visible, _mm512_set1_epi32(room->first)),
                               _mm512_set1_epi32(room->n_keys));
    int n_keys = n_steps * TILE_K;
    const float(*scores)[16] = room->scores[half * KEY_TILES].lines;
    struct tile_halves *powers = room->powers + half * KEY_STEPS;
    struct softmax *softmax = &room->softmax[column_tile];
    struct tile_sums *out = sums_of(room, column_tile);
    if (_mm512_reduce_min_epi32(visible) >= n_keys)
        soften(scores, n_keys, visible, true, softmax, out, room->v_tiles, powers);
    else
        soften(scores, n_keys, visible, false, softmax, out, room->v_tiles, powers);
}

static void mix_values(const struct room *room, int strip, int n_steps)
{
    struct tile_sums *out = sums_of(room, 2 * strip);
    for (int tile = 0; tile < room->v_tiles; tile += 2, out += 4) {
        const struct tile_halves *values = room->values + tile * KEY_STEPS;
        multiply_square(room->powers, room->powers + KEY_STEPS, values, values + KEY_STEPS, n_steps,
                        true, out, out + 2);
    }
}

/* The value of a key, times its power, to a column's line of the sums. */
static void add_value(const struct room *room, int key, __m512 power, struct tile_sums *sums, int c)
{
    const struct tile_halves *values = room->values + key / TILE_K;
    for (int i = 0; i < room->v_tiles; i++, values += KEY_STEPS) {
        __m512i pair = _mm512_load_si512(values->lines[key % TILE_K / 2]);
        __m512i value = key % 2 ? _mm512_and_si512(pair, _mm512_set1_epi32((int)0xffff0000))
                                : _mm512_slli_epi32(pair, 16);
        float *line = sums[2 * i].lines[c];
        _mm512_store_ps(line,
                        _mm512_fmadd_ps(power, _mm512_castsi512_ps(value), _mm512_load_ps(line)));
    }
}

/* Adds no value to a column that does not see it: a weight of 0 would not keep out an infinity or a
 * NaN. */
static void mix_seen_values(const struct room *room, int column_tile, int half, int n_keys)
{
    const int32_t *visible = room->visible + column_tile * TILE_LINES;
    for (int key = 0; key < n_keys; key++) {
        const struct tile_halves *powers = room->powers + half * KEY_STEPS + key / TILE_K;
        for (int c = 0; c < TILE_LINES; c++) {
            if (visible[c] <= room->first + key) continue;
            uint32_t power = (uint32_t)powers->lines[c][key % TILE_K] << 16;
            add_value(room, key, _mm512_castsi512_ps(_mm512_set1_epi32((int)power)),
                      sums_of(room, column_tile), c);
        }
    }
}

/* Columns are in the order of what they see. The last step may hold keys that none of them does. */
static void fold_strip(const struct room *room, int strip)
{
    const int32_t *visible = room->visible + strip * STRIP;
    int least = visible[0] - room->first, n_keys = visible[STRIP - 1] - room->first;
    if (n_keys <= 0) return;
    if (n_keys > room->n_keys) n_keys = room->n_keys;
    int n_steps = tiles_of(n_keys, TILE_K);
    score(room, strip, n_steps);
    soften_tile(room, 2 * strip, 0, n_steps);
    if (2 * strip + 1 < room->n_column_tiles) soften_tile(room, 2 * strip + 1, 1, n_steps);
    int n_mixed = n_steps * TILE_K < room->n_keys ? n_steps * TILE_K : room->n_keys;
    if (room->finite || least >= n_mixed) {
        mix_values(room, strip, n_steps);
    } else {
        mix_seen_values(room, 2 * strip, 0, n_keys);
        mix_seen_values(room, 2 * strip + 1, 1, n_keys);
    }
}

/* ---- a block of keys ---- */

ALWAYS_INLINE const char *row_at(const void *rows, size_t row_bytes, int row)
{
    return (const char *)rows + (size_t)row * row_bytes;
}

static bool all_finite(__m512i largest)
{
    return _mm512_cmpge_epu16_mask(largest, _mm512_set1_epi16(0x7f80)) == 0;
}

static void lay_block(const struct attend *a, const struct layer *layer, struct room *room)
{
    __m512i largest;
    if (a->latent.rank) {
        layer->latent(a, room);
        expand_keys(room);
        largest = expand_values(room);
    } else {
        layer->keys(a, room);
        largest = layer->values(a, room);
    }
    room->finite = all_finite(largest);
}

/* Many strips: memory delivers the next block while this one is computed, a share with each. */
ALWAYS_INLINE void ask_for_next(const struct attend *a, const struct room *room, int strip)
{
    int first = room->first + BLOCK_KEYS, left = a->n_keys - first;
    if (left <= 0 || room->n_strips <= FEW_STRIPS) return;
    int n = left < BLOCK_KEYS ? left : BLOCK_KEYS;
    int begin = first + n * strip / room->n_strips, end = first + n * (strip + 1) / room->n_strips;
    size_t n_rows = (size_t)(end - begin);
    ask_for(row_at(a->k, a->k_bytes, begin), n_rows * a->k_bytes);
    if (a->v != a->k && !a->latent.rank)
        ask_for(row_at(a->v, a->v_bytes, begin), n_rows * a->v_bytes);
}

/* Few strips: reading is most of the work, and memory answers requests that come one by one faster
 * than as many at once. What is read asks for what lies half a page behind it. */
ALWAYS_INLINE void ask_along(const struct room *room, const char *row, size_t n_bytes)
{
    enum { AHEAD = 2048 };
    if (room->n_strips <= FEW_STRIPS) ask_for(row + AHEAD, n_bytes);
}

static void attend(const struct attend *a, const struct layer *layer, void *scratch)
{
    struct room room;
    room_lay(a, scratch, &room);
    lay_queries(a, &room);
    clear_sums(&room);
    if (a->latent.rank) lay_slices(a, &room);
    tiles_begin();
    for (int first = 0; first < a->n_keys; first += BLOCK_KEYS) {
        room.first = first;
        room.n_keys = a->n_keys - first < BLOCK_KEYS ? a->n_keys - first : BLOCK_KEYS;
        lay_block(a, layer, &room);
        for (int strip = 0; strip < room.n_strips; strip++) {
            ask_for_next(a, &room, strip);
            fold_strip(&room, strip);
        }
    }
    tiles_end();
    store_sums(a, &room);
}

/* n values of each key from value `from` on, into tiles `steps` apart. */
ALWAYS_INLINE void lay_lines(load_floats *load, const struct attend *a, const struct room *room,
                             int from, int n, struct tile_halves *tiles, int steps)
{
    for (int key = 0; key < room->n_keys; key++) {
        const char *row = row_at(a->k, a->k_bytes, room->first + key);
        ask_along(room, row, a->k_bytes);
        lay_line(load, row, from, n, tiles + key / TILE_LINES * steps, key % TILE_LINES);
    }
}

ALWAYS_INLINE __m512i pair_values(load_floats *load, const struct attend *a,
                                  const struct room *room)
{
    __m512i largest = _mm512_setzero_si512();
    for (int key = 0; key < tiles_of(room->n_keys, TILE_K) * TILE_K; key += 2) {
        const char *low = key < room->n_keys ? row_at(a->v, a->v_bytes, room->first + key) : NULL;
        const char *high = key + 1 < room->n_keys ? low + a->v_bytes : NULL;
        struct tile_halves *tile = room->values + key / TILE_K;
        if (low && a->v != a->k) ask_along(room, low, 2 * a->v_bytes);
        for (int i = 0; i < a->d_v; i += TILE_LINES, tile += KEY_STEPS)
            largest =
                _mm512_max_epu16(largest, pair_line(load, low, high, i, lanes_below(i, a->d_v),
                                                    tile->lines[key % TILE_K / 2]));
    }
    return largest;
}

#define DEFINE(NAME)                                                                               \
    static void keys_##NAME(const struct attend *a, const struct room *room)                       \
    {                                                                                              \
        lay_lines(load_##NAME, a, room, 0, a->d_k, room->keys, room->k_steps);                     \
    }                                                                                              \
    static __m512i values_##NAME(const struct attend *a, const struct room *room)                  \
    {                                                                                              \
        return pair_values(load_##NAME, a, room);                                                  \
    }                                                                                              \
    static void latent_##NAME(const struct attend *a, const struct room *room)                     \
    {                                                                                              \
        int rank = a->latent.rank, d_rope = a->d_k - a->latent.d_nope;                             \
        lay_lines(load_##NAME, a, room, 0, rank, room->latent, room->rank_steps);                  \
        lay_lines(load_##NAME, a, room, rank, d_rope, room->keys + room->nope_steps,               \
                  room->k_steps);                                                                  \
    }                                                                                              \
    void attend_##NAME##_amx(const struct attend *a, void *scratch)                                \
    {                                                                                              \
        attend(a, &(struct layer){keys_##NAME, values_##NAME, latent_##NAME}, scratch);            \
    }
DEFINE(f16)
DEFINE(q8_0)
