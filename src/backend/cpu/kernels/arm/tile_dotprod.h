/* Tiles by products of four bytes: a register has the sums of one row with all columns. An octet of
 * the columns is in two halves, four values of each column and then the other four. */
#pragma once

#include "backend/cpu/kernels/arm/tile.h"

/* How many floats or integers a number of every row, or of every column, takes. */
enum { ROW_NUMBERS = GROUP_ROWS, COLUMN_NUMBERS = TILE_COLUMNS };

ALWAYS_INLINE void put_columns(column_octet *octets, const int8x16_t values[TILE_COLUMNS])
{
    int32x4x4_t columns;
    UNROLL
    for (int c = 0; c < TILE_COLUMNS; c++) columns.val[c] = vreinterpretq_s32_s8(values[c]);
    vst4q_s32((int32_t *)octets, columns);
}

ALWAYS_INLINE void put_row_integer(int32_t numbers[ROW_NUMBERS], int r, int32_t value)
{
    numbers[r] = value;
}

ALWAYS_INLINE void put_row_float(float numbers[ROW_NUMBERS], int r, float value)
{
    numbers[r] = value;
}

ALWAYS_INLINE void put_column_float(float numbers[COLUMN_NUMBERS], int c, float value)
{
    numbers[c] = value;
}

ALWAYS_INLINE void add_octet(int32x4_t dots[TILE_REGISTERS], const row_octet w,
                             const column_octet x)
{
    int8x16_t low = vld1q_s8(x[0]), high = vld1q_s8(x[2]);
    UNROLL
    for (int r = 0; r < GROUP_ROWS; r += 2) {
        int8x16_t rows = vld1q_s8(w[r]);
        dots[r] = vdotq_laneq_s32(dots[r], low, rows, 0);
        dots[r + 1] = vdotq_laneq_s32(dots[r + 1], low, rows, 2);
        dots[r] = vdotq_laneq_s32(dots[r], high, rows, 1);
        dots[r + 1] = vdotq_laneq_s32(dots[r + 1], high, rows, 3);
    }
}

/* to += dots * scale of the row */
ALWAYS_INLINE void add_scaled_dots(int32x4_t to[TILE_REGISTERS],
                                   const int32x4_t dots[TILE_REGISTERS],
                                   const int32_t scales[ROW_NUMBERS])
{
    UNROLL
    for (int r = 0; r < GROUP_ROWS; r += 4) {
        int32x4_t rows = vld1q_s32(scales + r);
        to[r] = vmlaq_laneq_s32(to[r], dots[r], rows, 0);
        to[r + 1] = vmlaq_laneq_s32(to[r + 1], dots[r + 1], rows, 1);
        to[r + 2] = vmlaq_laneq_s32(to[r + 2], dots[r + 2], rows, 2);
        to[r + 3] = vmlaq_laneq_s32(to[r + 3], dots[r + 3], rows, 3);
    }
}

/* sums += values * number of the row */
ALWAYS_INLINE void add_row_products(float32x4_t sums[TILE_REGISTERS],
                                    const float32x4_t values[TILE_REGISTERS],
                                    const float numbers[ROW_NUMBERS])
{
    UNROLL
    for (int r = 0; r < GROUP_ROWS; r += 4) {
        float32x4_t rows = vld1q_f32(numbers + r);
        sums[r] = vfmaq_laneq_f32(sums[r], values[r], rows, 0);
        sums[r + 1] = vfmaq_laneq_f32(sums[r + 1], values[r + 1], rows, 1);
        sums[r + 2] = vfmaq_laneq_f32(sums[r + 2], values[r + 2], rows, 2);
        sums[r + 3] = vfmaq_laneq_f32(sums[r + 3], values[r + 3], rows, 3);
    }
}

/* sums += dots * number of the row * number of the column */
ALWAYS_INLINE void add_dots(float32x4_t sums[TILE_REGISTERS], const int32x4_t dots[TILE_REGISTERS],
                            const float of_rows[ROW_NUMBERS],
                            const float of_columns[COLUMN_NUMBERS])
{
    float32x4_t columns = vld1q_f32(of_columns), values[TILE_REGISTERS];
    UNROLL
    for (int r = 0; r < GROUP_ROWS; r++) values[r] = vmulq_f32(vcvtq_f32_s32(dots[r]), columns);
    add_row_products(sums, values, of_rows);
}

/* sums += number of the row * number of the column */
ALWAYS_INLINE void add_numbers(float32x4_t sums[TILE_REGISTERS], const float of_rows[ROW_NUMBERS],
                               const float of_columns[COLUMN_NUMBERS])
{
    float32x4_t columns = vld1q_f32(of_columns), values[TILE_REGISTERS];
    UNROLL
    for (int r = 0; r < GROUP_ROWS; r++) values[r] = columns;
    add_row_products(sums, values, of_rows);
}

ALWAYS_INLINE void finish_sums(const float32x4_t sums[TILE_REGISTERS], struct tile_sums *out)
{
    UNROLL
    for (int half = 0; half < 2; half++) {
        const float32x4_t *rows = sums + 4 * half;
        float32x4x4_t four = {{rows[0], rows[1], rows[2], rows[3]}};
        vst4q_f32(out->rows[half][0], four);
    }
}
