/* Sums of products of a tile without VNNI. Products of bytes are added in 16 bits as long as the
 * greatest ones fit, and a scale of the weight is a factor of the instruction that widens them. */
#pragma once

#include "backend/cpu/kernels/x86/panel_lanes.h"

enum { SCALES_ARE_INTS = 1 };

/* Products of n vectors of words from number `first` on. */
ALWAYS_INLINE void add_word_dots(const char *const *q, const char *const *x, int first, int n,
                                 int n_columns, ints sums[][TILE_COLUMNS])
{
    UNROLL
    for (int i = first; i < first + n; i++) {
        ints w[TILE_GROUPS];
        UNROLL
        for (int g = 0; g < TILE_GROUPS; g++) w[g] = load_ints(q[g] + i * 4 * LANES);
        UNROLL
        for (int c = 0; c < n_columns; c++) {
            ints values = broadcast_four(x[c] + 4 * i);
            UNROLL
            for (int g = 0; g < TILE_GROUPS; g++)
                sums[g][c] = add_ints(sums[g][c], pair_words(w[g], values));
        }
    }
}

/* Products of n vectors of bytes, times the factors, which are pairs of words. Of `n_adds` vectors
 * the products fit 16 bits. */
ALWAYS_INLINE void add_byte_dots(const char *const *q, const char *const *x, int first, int n,
                                 int n_adds, const ints *factors, int n_columns,
                                 ints sums[][TILE_COLUMNS])
{
    UNROLL
    for (int part = first; part < first + n; part += n_adds) {
        ints pairs[TILE_GROUPS][TILE_COLUMNS];
        UNROLL
        for (int i = part; i < part + n_adds; i++) {
            ints w[TILE_GROUPS];
            UNROLL
            for (int g = 0; g < TILE_GROUPS; g++) w[g] = load_ints(q[g] + i * 4 * LANES);
            UNROLL
            for (int c = 0; c < n_columns; c++) {
                ints values = broadcast_four(x[c] + 4 * i);
                UNROLL
                for (int g = 0; g < TILE_GROUPS; g++) {
                    ints products = pair_bytes(w[g], values);
                    pairs[g][c] = i == part ? products : add_words(pairs[g][c], products);
                }
            }
        }
        UNROLL
        for (int c = 0; c < n_columns; c++) {
            UNROLL
            for (int g = 0; g < TILE_GROUPS; g++)
                sums[g][c] = add_ints(sums[g][c], pair_words(pairs[g][c], factors[g]));
        }
    }
}
