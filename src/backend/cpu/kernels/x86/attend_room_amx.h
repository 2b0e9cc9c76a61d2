/* The scratch of an attention kernel. Everything comes 32 by 32: columns in strips of two tiles,
 * keys in pairs of tiles of lines, values in pairs of tiles of columns. */
#pragma once

#include "backend/cpu/kernels.h"
#include "backend/cpu/kernels/x86/softmax_amx.h"
#include "backend/cpu/kernels/x86/tiles_amx.h"

/* One block of keys and values stays in the second cache for all strips; the scores of one strip in
 * the first. */
enum {
    STRIP = 2 * TILE_LINES,
    BLOCK_KEYS = 128,
    KEY_TILES = BLOCK_KEYS / TILE_LINES,
    KEY_STEPS = BLOCK_KEYS / TILE_K,
    FEW_STRIPS = 2, /* of decode, which reads more than it computes */
};

struct room {
    int n_strips, n_column_tiles, k_steps, v_tiles;
    int nope_steps, rank_steps; /* latent rows, else 0 */

    struct tile_halves *queries; /* [n_strips][2][k_steps] columns */
    struct tile_sums *out;       /* [n_strips][v_tiles][2] lines of 16 values of a column */
    struct softmax *softmax;     /* [n_strips][2] */
    int32_t *visible;            /* [n_strips * STRIP] */

    /* The block. */
    int first, n_keys;
    bool finite;                /* all values are */
    struct tile_halves *keys;   /* [KEY_TILES][k_steps] lines of 32 values of a key */
    struct tile_halves *values; /* [v_tiles][KEY_STEPS] pairs of keys, 16 values of each */

    /* The strip. */
    struct tile_sums *scores;   /* [2][KEY_TILES] lines of one key */
    struct tile_halves *powers; /* [2][KEY_STEPS] lines of 32 powers of a column */

    /* Latent rows and the slices that expand them, the latter as columns. */
    struct tile_halves *latent; /* [KEY_TILES][rank_steps] */
    struct tile_halves *k_b;    /* [nope_steps][2][rank_steps] */
    struct tile_halves *v_b;    /* [v_tiles][rank_steps] */
    float *rows;                /* of a slice, unpacked: see attend_latent_amx.h */
};

/* 32 lines by 32 columns: first[r] and second[r] are lines r by the two tiles of columns. */
ALWAYS_INLINE void multiply_square(const struct tile_halves *lines0,
                                   const struct tile_halves *lines1,
                                   const struct tile_halves *columns0,
                                   const struct tile_halves *columns1, int steps, bool add,
                                   struct tile_sums *first, struct tile_sums *second)
{
    begin_sums(!add, first, second);
    for (int s = 0; s < steps; s++)
        multiply_2_by_2(lines0 + s, lines1 + s, columns0 + s, columns1 + s);
    end_sums(first, second);
}
