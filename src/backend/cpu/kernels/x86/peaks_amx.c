#include "backend/cpu/kernels/x86/peaks_x86.h"
#include "backend/cpu/kernels/x86/tiles_amx.h"

double peak_bf16_amx(int64_t n_rounds, void *sink)
{
    enum { PRODUCTS = 4 };
    tiles_begin();
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
    _tile_zero(6);
    _tile_zero(7);
    for (int64_t i = 0; i < n_rounds; i++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 5, 6);
        _tile_dpbf16ps(2, 4, 7);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sink, TILE_BYTES);
    tiles_end();
    return 2.0 * PRODUCTS * TILE_LINES * TILE_LINES * TILE_K * (double)n_rounds;
}
