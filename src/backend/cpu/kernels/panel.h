/* Sizes of the panels that wide kernels unpack into the scratch of a thread. A panel is a range of
 * rows and a range of k; its bytes do not depend on the size of the weight. */
#pragma once

enum {
    TILE_ROWS = 4,
    PANEL_ROWS = 64, /* a multiple of every tile */
    PANEL_K = 1024,  /* a multiple of every block */
    /* Rows are a cache line apart from a power of two, so that a tile does not fall into one cache
       set. */
    PANEL_STRIDE = PANEL_K + 16,
    PANEL_SCRATCH_BYTES = PANEL_ROWS * PANEL_STRIDE * 4,
};
