/* Tiles by products of matrices: register 2i + j has the sums of rows 2i and 2i + 1 with columns 2j
 * and 2j + 1, in the order (2i, 2j), (2i, 2j + 1), (2i + 1, 2j), (2i + 1, 2j + 1). */
#pragma once

#include "backend/cpu/kernels/arm/tile.h"

/* How many floats or integers a number of every row, or of every column, takes: they lie as the
 * registers want them. */
enum { ROW_NUMBERS = 2 * GROUP_ROWS, COLUMN_NUMBERS = 2 * TILE_COLUMNS };

ALWAYS_INLINE void put_columns(column_octet *octets, const int8x16_t values[TILE_COLUMNS])
{
    int64x2x4_t columns;
    UNROLL
    for (int c = 0; c < TILE_COLUMNS; c++) columns.val[c] = vreinterpretq_s64_s8(values[c]);
    vst4q_s64((int64_t *)octets, columns);
}

ALWAYS_INLINE void put_row_integer(int32_t numbers[ROW_NUMBERS], int r, int32_t value)
{
    numbers[2 * r] = numbers[2 * r + 1] = value;
}

ALWAYS_INLINE void put_row_float(float numbers[ROW_NUMBERS], int r, float value)
{
    numbers[2 * r] = numbers[2 * r + 1] = value;
}

ALWAYS_INLINE void put_column_float(float numbers[COLUMN_NUMBERS], int c, float value)
{
    float *pair = numbers + 4 * (c / 2) + c % 2;
    pair[0] = pair[2] = value;
}

ALWAYS_INLINE void add_octet(int32x4_t dots[TILE_REGISTERS], const row_octet w,
                             const column_octet x)
{
    int8x16_t columns[2] = {vld1q_s8(x[0]), vld1q_s8(x[2])};
    UNROLL
    for (int i = 0; i < 4; i++) {
        int8x16_t rows = vld1q_s8(w[2 * i]);
        dots[2 * i] = vmmlaq_s32(dots[2 * i], rows, columns[0]);
        dots[2 * i + 1] = vmmlaq_s32(dots[2 * i + 1], rows, columns[1]);
    }
}

/* to += dots * scale of the row */
ALWAYS_INLINE void add_scaled_dots(int32x4_t to[TILE_REGISTERS],
                                   const int32x4_t dots[TILE_REGISTERS],
                                   const int32_t scales[ROW_NUMBERS])
{
    UNROLL
    for (int i = 0; i < 4; i++) {
        int32x4_t rows = vld1q_s32(scales + 4 * i);
        to[2 * i] = vmlaq_s32(to[2 * i], dots[2 * i], rows);
        to[2 * i + 1] = vmlaq_s32(to[2 * i + 1], dots[2 * i + 1], rows);
    }
}

/* sums += dots * number of the row * number of the column */
ALWAYS_INLINE void add_dots(float32x4_t sums[TILE_REGISTERS], const int32x4_t dots[TILE_REGISTERS],
                            const float of_rows[ROW_NUMBERS],
                            const float of_columns[COLUMN_NUMBERS])
{
    float32x4_t columns[2] = {vld1q_f32(of_columns), vld1q_f32(of_columns + 4)};
    UNROLL
    for (int i = 0; i < TILE_REGISTERS; i++) {
        float32x4_t factors = vmulq_f32(vld1q_f32(of_rows + 4 * (i / 2)), columns[i % 2]);
        sums[i] = vfmaq_f32(sums[i], vcvtq_f32_s32(dots[i]), factors);
    }
}

/* sums += number of the row * number of the column */
ALWAYS_INLINE void add_numbers(float32x4_t sums[TILE_REGISTERS], const float of_rows[ROW_NUMBERS],
                               const float of_columns[COLUMN_NUMBERS])
{
    float32x4_t columns[2] = {vld1q_f32(of_columns), vld1q_f32(of_columns + 4)};
    UNROLL
    for (int i = 0; i < TILE_REGISTERS; i++)
        sums[i] = vfmaq_f32(sums[i], vld1q_f32(of_rows + 4 * (i / 2)), columns[i % 2]);
}

ALWAYS_INLINE void finish_sums(const float32x4_t sums[TILE_REGISTERS], struct tile_sums *out)
{
    UNROLL
    for (int half = 0; half < 2; half++) {
        UNROLL
        for (int j = 0; j < 2; j++) {
            float32x4_t first = sums[4 * half + j], second = sums[4 * half + j + 2];
            vst1q_f32(out->rows[half][2 * j], vuzp1q_f32(first, second));
            vst1q_f32(out->rows[half][2 * j + 1], vuzp2q_f32(first, second));
        }
    }
}
