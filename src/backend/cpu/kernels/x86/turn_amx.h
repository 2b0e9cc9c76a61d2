/* 48 rows of weights by 16 columns. Their sums are in three registers, and there are three more:
 * from these the sums of the columns before go to memory meanwhile, and into them come those of the
 * columns after. So the unit that multiplies waits for neither, and what lies in the first cache
 * (24 KiB of weights, 8 of columns) leaves room for sums that pass through it. */
#pragma once

#include "backend/cpu/kernels/x86/tiles_amx.h"

enum { TURN_TILES = 3 }; /* of rows */

struct turn {
    const tile_strip *panel; /* [TURN_TILES] */
    const struct tile_halves *columns;
    struct tile_sums *before;      /* [TURN_TILES] */
    const struct tile_sums *after; /* [TURN_TILES] */
    bool first;                    /* the sums after begin at zero */
    const char *soon; /* asked for on the way: TURN_SOON bytes of each tile that is multiplied */
};

enum { TURN_SOON = 256 };

#define TURN_MULTIPLY(A, B, C, ROWS, COLUMNS)                                                      \
    do {                                                                                           \
        _tile_loadd(6, turn->columns[COLUMNS].lines, TILE_BYTES);                                  \
        _tile_loadd(7, turn->panel[0][ROWS].lines, TILE_BYTES);                                    \
        _tile_dpbf16ps(A, 7, 6);                                                                   \
        _tile_loadd(7, turn->panel[1][ROWS].lines, TILE_BYTES);                                    \
        _tile_dpbf16ps(B, 7, 6);                                                                   \
        _tile_loadd(7, turn->panel[2][ROWS].lines, TILE_BYTES);                                    \
        _tile_dpbf16ps(C, 7, 6);                                                                   \
    } while (0)

#define TURN_LOAD(REGISTER, SUMS, FIRST)                                                           \
    do {                                                                                           \
        if (FIRST)                                                                                 \
            _tile_zero(REGISTER);                                                                  \
        else                                                                                       \
            _tile_loadd(REGISTER, (SUMS).lines, TILE_BYTES);                                       \
    } while (0)

#define TURN_EXCHANGE(REGISTER, I)                                                                 \
    do {                                                                                           \
        _tile_stored(REGISTER, turn->before[I].lines, TILE_BYTES);                                 \
        TURN_LOAD(REGISTER, turn->after[I], turn->first);                                          \
    } while (0)

/* Of values in two parts, products of two low ones are left out: one in 2^16 at most. An exchange
 * in each of three steps keeps the registers multiplying. */
#define DEFINE_TURN(NAME, A, B, C, D, E, F)                                                        \
    ALWAYS_INLINE void NAME(const struct turn *turn, int parts, int n_tiles)                       \
    {                                                                                              \
        UNROLL                                                                                     \
        for (int s = 0; s < n_tiles; s += parts) {                                                 \
            TURN_MULTIPLY(A, B, C, s, s);                                                          \
            if (parts == 2) TURN_MULTIPLY(A, B, C, s + 1, s);                                      \
            if (parts == 2) TURN_MULTIPLY(A, B, C, s, s + 1);                                      \
            ask_for(turn->soon + TURN_SOON * s, (size_t)(TURN_SOON * parts));                      \
            if (s == 0) TURN_EXCHANGE(D, 0);                                                       \
            if (s == parts) TURN_EXCHANGE(E, 1);                                                   \
            if (s == 2 * parts) TURN_EXCHANGE(F, 2);                                               \
        }                                                                                          \
        if (n_tiles <= parts) TURN_EXCHANGE(E, 1);                                                 \
        if (n_tiles <= 2 * parts) TURN_EXCHANGE(F, 2);                                             \
    }
DEFINE_TURN(turn_even, 0, 1, 2, 3, 4, 5)
DEFINE_TURN(turn_odd, 3, 4, 5, 0, 1, 2)

#define DEFINE_STORE(NAME, A, B, C)                                                                \
    ALWAYS_INLINE void NAME(struct tile_sums *sums)                                                \
    {                                                                                              \
        _tile_stored(A, sums[0].lines, TILE_BYTES);                                                \
        _tile_stored(B, sums[1].lines, TILE_BYTES);                                                \
        _tile_stored(C, sums[2].lines, TILE_BYTES);                                                \
    }
DEFINE_STORE(store_even, 0, 1, 2)
DEFINE_STORE(store_odd, 3, 4, 5)
