/* The tile registers: eight of 16 lines by 64 bytes. The intrinsics do not tell the compiler which
 * memory they touch: what is written before a load stands before a fence. */
#pragma once

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/cpu/kernels/inline.h"

enum { TILE_LINES = 16, TILE_BYTES = 64, TILE_K = 32 };

/* Weights: 32 values of each of 16 rows. Columns: 16 pairs of values, each of 16 columns. */
struct tile_halves {
    _Alignas(64) uint16_t lines[TILE_LINES][TILE_K];
};

/* The tiles of successive values: what is multiplied in one pass. */
enum { STEPS = 8 };
typedef struct tile_halves tile_strip[STEPS];

struct tile_sums {
    _Alignas(64) float lines[TILE_LINES][16];
};

ALWAYS_INLINE void tiles_fence(void)
{
    __asm__ volatile("" ::: "memory");
}

/* Asks for bytes. Inlined, because a function that only asks has no effect that the compiler knows
 * of, and its calls are dropped. */
ALWAYS_INLINE void ask_for(const char *bytes, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i += 64) _mm_prefetch(bytes + i, _MM_HINT_T1);
}

ALWAYS_INLINE void tiles_begin(void)
{
    static const struct {
        uint8_t palette, start_line, reserved[14];
        uint16_t line_bytes[16];
        uint8_t lines[16];
    } config = {
        .palette = 1,
        .line_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
        .lines = {16, 16, 16, 16, 16, 16, 16, 16},
    };
    _tile_loadconfig(&config);
}

ALWAYS_INLINE void tiles_end(void)
{
    _tile_release();
}

/* The four tiles of sums, two and two in memory: from zero, or from where they were. */
ALWAYS_INLINE void begin_sums(bool first, const struct tile_sums *low, const struct tile_sums *high)
{
    tiles_fence();
    if (first) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    } else {
        _tile_loadd(0, low[0].lines, TILE_BYTES);
        _tile_loadd(1, low[1].lines, TILE_BYTES);
        _tile_loadd(2, high[0].lines, TILE_BYTES);
        _tile_loadd(3, high[1].lines, TILE_BYTES);
    }
}

ALWAYS_INLINE void end_sums(struct tile_sums *low, struct tile_sums *high)
{
    _tile_stored(0, low[0].lines, TILE_BYTES);
    _tile_stored(1, low[1].lines, TILE_BYTES);
    _tile_stored(2, high[0].lines, TILE_BYTES);
    _tile_stored(3, high[1].lines, TILE_BYTES);
    tiles_fence();
}

/* 32 lines of weights by 32 columns, 32 values of each. */
ALWAYS_INLINE void multiply_2_by_2(const struct tile_halves *w0, const struct tile_halves *w1,
                                   const struct tile_halves *x0, const struct tile_halves *x1)
{
    _tile_loadd(4, w0->lines, TILE_BYTES);
    _tile_loadd(6, x0->lines, TILE_BYTES);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(5, w1->lines, TILE_BYTES);
    _tile_dpbf16ps(1, 5, 6);
    _tile_loadd(7, x1->lines, TILE_BYTES);
    _tile_dpbf16ps(2, 4, 7);
    _tile_dpbf16ps(3, 5, 7);
}
