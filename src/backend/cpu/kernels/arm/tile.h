/* Products of a group of rows with a tile of columns, both packed: 8 values of each of them, then
 * the next 8. Their sums stay in eight registers; tile_<isa>.h, which includes this, says which sum
 * is where. */
#pragma once

#include <arm_neon.h>

#include "backend/cpu/kernels/inline.h"

enum { GROUP_ROWS = 8, TILE_COLUMNS = 4, OCTET = 8, TILE_REGISTERS = 8 };

typedef int8_t row_octet[GROUP_ROWS][OCTET];
typedef int8_t column_octet[TILE_COLUMNS][OCTET];

/* Finished: four rows of every column, then the other four. */
struct tile_sums {
    float rows[2][TILE_COLUMNS][4];
};

ALWAYS_INLINE void clear_dots(int32x4_t dots[TILE_REGISTERS])
{
    UNROLL
    for (int i = 0; i < TILE_REGISTERS; i++) dots[i] = vdupq_n_s32(0);
}

ALWAYS_INLINE void clear_sums(float32x4_t sums[TILE_REGISTERS])
{
    UNROLL
    for (int i = 0; i < TILE_REGISTERS; i++) sums[i] = vdupq_n_f32(0);
}

/* 16 values of row `r` into two octets. */
ALWAYS_INLINE void put_row(row_octet *octets, int r, int8x16_t values)
{
    vst1_s8(octets[0][r], vget_low_s8(values));
    vst1_s8(octets[1][r], vget_high_s8(values));
}
