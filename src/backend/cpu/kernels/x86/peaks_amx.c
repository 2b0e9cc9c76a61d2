#include "backend/cpu/kernels/x86/peaks_x86.h"
#include "backend/cpu/kernels/x86/tiles_amx.h"

/* Numbers around 1, of either sign. */
static void fill(struct tile_halves *tile, unsigned seed)
{
    for (int line = 0; line < TILE_LINES; line++)
        for (int i = 0; i < TILE_K; i++) {
            seed = seed * 1664525 + 1013904223;
            tile->lines[line][i] = (uint16_t)(0x3f00 | (seed >> 16 & 0x80ff));
        }
}

/* Tiles are loaded and are not zero, as in any product: the unit multiplies zeros at a clock that
 * is a quarter higher. */
double peak_bf16_amx(int64_t n_rounds, void *sink)
{
    enum { PRODUCTS = 4 };
    struct tile_halves weights[2], columns[2];
    for (unsigned i = 0; i < 2; i++) {
        fill(&weights[i], i);
        fill(&columns[i], i + 2);
    }
    tiles_begin();
    tiles_fence();
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t i = 0; i < n_rounds; i++)
        multiply_2_by_2(&weights[0], &weights[1], &columns[0], &columns[1]);
    _tile_stored(0, sink, TILE_BYTES);
    tiles_end();
    return 2.0 * PRODUCTS * TILE_LINES * TILE_LINES * TILE_K * (double)n_rounds;
}
