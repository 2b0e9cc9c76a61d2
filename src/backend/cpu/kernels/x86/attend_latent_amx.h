/* Makes keys and values of one head from latent rows: products of their lines with the slices of
 * k_b and v_b, which are laid as columns once for all blocks. */
#pragma once

#include <string.h>

#include "backend/cpu/kernels/x86/attend_room_amx.h"
#include "backend/cpu/kernels/x86/attend_rows_amx.h"
#include "tensor/dtype.h"

/* Rows of a slice that are unpacked at once. */
static size_t slice_floats(const struct attend_latent *latent)
{
    size_t rank = (size_t)latent->rank, d_nope = (size_t)latent->d_nope;
    return TILE_LINES * rank > TILE_K * d_nope ? TILE_LINES * rank : TILE_K * d_nope;
}

/* Sixteen vectors of n values each as a tile of columns for every 32 of them. */
static void lay_columns(const float *const vectors[TILE_LINES], int n, float scale,
                        struct tile_halves *tile)
{
    __m512 scales = _mm512_set1_ps(scale);
    for (int i = 0; i < n; i += TILE_K, tile++) {
        __mmask16 low = lanes_below(i, n), high = lanes_below(i + 16, n);
        __m512i v[TILE_LINES];
        for (int c = 0; c < TILE_LINES; c++) {
            if (!vectors[c])
                v[c] = _mm512_setzero_si512();
            else
                v[c] = round_both(_mm512_mul_ps(load_f32(vectors[c], i, low), scales),
                                  _mm512_mul_ps(load_f32(vectors[c], i + 16, high), scales));
        }
        transpose_16(v);
        memcpy(tile->lines, v, sizeof v);
    }
}

/* n_rows of `rank` values, each a column. */
static void lay_slice(const void *slice, enum dtype dtype, int n_rows, int rank, float *rows,
                      struct tile_halves *tile)
{
    for (int row = 0; row < n_rows; row += TILE_LINES, tile += rank / TILE_K) {
        const float *vectors[TILE_LINES] = {NULL};
        int n = n_rows - row < TILE_LINES ? n_rows - row : TILE_LINES;
        dtype_unpack(dtype, (const char *)slice + (size_t)row * dtype_bytes(dtype, rank), rows,
                     (int64_t)n * rank);
        for (int r = 0; r < n; r++) vectors[r] = rows + (size_t)r * (size_t)rank;
        lay_columns(vectors, rank, 1, tile);
    }
}

/* `rank` rows of n_columns values: the columns as they are. */
static void lay_turned_slice(const void *slice, enum dtype dtype, int n_columns, int rank,
                             float *rows, struct tile_halves *tiles)
{
    size_t row_bytes = (size_t)n_columns * sizeof(float);
    for (int step = 0; step < rank / TILE_K; step++) {
        size_t first = (size_t)step * TILE_K;
        dtype_unpack(dtype, (const char *)slice + first * dtype_bytes(dtype, n_columns), rows,
                     (int64_t)TILE_K * n_columns);
        struct tile_halves *tile = tiles + step;
        for (int i = 0; i < n_columns; i += TILE_LINES, tile += rank / TILE_K)
            pair_rows(load_f32, (const char *)rows, row_bytes, TILE_K, i, lanes_below(i, n_columns),
                      tile);
    }
}

static void lay_slices(const struct attend *a, const struct room *room)
{
    const struct attend_latent *latent = &a->latent;
    size_t k_b_tiles = (size_t)(2 * room->nope_steps * room->rank_steps);
    size_t v_b_tiles = (size_t)(room->v_tiles * room->rank_steps);
    memset(room->k_b, 0, k_b_tiles * sizeof *room->k_b);
    memset(room->v_b, 0, v_b_tiles * sizeof *room->v_b);
    (latent->k_b_rows_are_keys ? lay_slice : lay_turned_slice)(
        latent->k_b, latent->k_b_dtype, latent->d_nope, latent->rank, room->rows, room->k_b);
    lay_slice(latent->v_b, latent->v_b_dtype, a->d_v, latent->rank, room->rows, room->v_b);
}

/* Latent rows of 32 keys by 32 columns of a slice. */
ALWAYS_INLINE void expand_square(const struct room *room, int key_tile,
                                 const struct tile_halves *slice, struct tile_sums sums[2][2])
{
    const struct tile_halves *rows = room->latent + key_tile * room->rank_steps;
    multiply_square(rows, rows + room->rank_steps, slice, slice + room->rank_steps,
                    room->rank_steps, false, sums[0], sums[1]);
}

/* The first nope_steps tiles of all keys. */
static void expand_keys(const struct room *room)
{
    for (int step = 0; step < room->nope_steps; step++)
        for (int t = 0; t * TILE_LINES < room->n_keys; t += 2) {
            struct tile_sums sums[2][2];
            expand_square(room, t, room->k_b + 2 * step * room->rank_steps, sums);
            for (int r = 0; r < 2; r++) {
                struct tile_halves *tile = room->keys + (t + r) * room->k_steps + step;
                for (int line = 0; line < TILE_LINES; line++)
                    _mm512_store_si512(tile->lines[line],
                                       round_both(_mm512_load_ps(sums[0][r].lines[line]),
                                                  _mm512_load_ps(sums[1][r].lines[line])));
            }
        }
}

static __m512i expand_values(const struct room *room)
{
    __m512i largest = _mm512_setzero_si512();
    for (int tile = 0; tile < room->v_tiles; tile += 2)
        for (int step = 0; step * TILE_K < room->n_keys; step++) {
            struct tile_sums sums[2][2];
            int left = room->n_keys - step * TILE_K;
            expand_square(room, 2 * step, room->v_b + tile * room->rank_steps, sums);
            for (int i = 0; i < 2; i++)
                largest = _mm512_max_epu16(largest,
                                           pair_rows(load_f32, (const char *)sums[i],
                                                     sizeof sums[i][0].lines[0], left, 0, 0xffff,
                                                     &room->values[(tile + i) * KEY_STEPS + step]));
        }
    return largest;
}
