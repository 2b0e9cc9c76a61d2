/* Sums of products of a tile with VNNI, which adds four products of bytes, or two of words, to 32
 * bits. */
#pragma once

#include "backend/cpu/kernels/x86/panel_lanes.h"

enum { SCALES_ARE_INTS = 0 };

/* Products of n vectors from number `first` on, of bytes or of words. */
ALWAYS_INLINE void add_dots(const char *const *q, const char *const *x, int first, int n,
                            bool are_words, int n_columns, ints sums[][TILE_COLUMNS])
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
                sums[g][c] = are_words ? add_products_of_words(sums[g][c], w[g], values)
                                       : add_products_of_bytes(sums[g][c], w[g], values);
        }
    }
}

ALWAYS_INLINE void add_word_dots(const char *const *q, const char *const *x, int first, int n,
                                 int n_columns, ints sums[][TILE_COLUMNS])
{
    add_dots(q, x, first, n, true, n_columns, sums);
}

/* Nothing overflows, and scales are applied to the sums. */
ALWAYS_INLINE void add_byte_dots(const char *const *q, const char *const *x, int first, int n,
                                 int n_adds, const ints *factors, int n_columns,
                                 ints sums[][TILE_COLUMNS])
{
    (void)n_adds, (void)factors;
    add_dots(q, x, first, n, false, n_columns, sums);
}
