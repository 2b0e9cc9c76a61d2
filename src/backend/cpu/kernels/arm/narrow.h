/* Few quantised columns. The file that includes this has defined dot_16(sum, w, x), which adds 16
 * products of signed bytes to four sums, and NAME_OF(type). */
#pragma once

#include "backend/cpu/kernels/arm/kernels_arm.h"
#include "backend/cpu/kernels/arm/open_blocks.h"
#include "backend/cpu/kernels/arm/open_supers.h"
#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/matmul.h"

enum { MAX_COLUMNS = 4, ROW_TILE = 8, PREFETCH_AHEAD = 1024 };

/* A row times n_columns columns from `first_column` on, into y[c][r]. */
typedef void multiply_row(const struct matmul *m, int r, int first_column, int n_columns);

/* Rows in tiles that stay in the first cache while groups of columns pass over them. */
ALWAYS_INLINE void multiply_rows(multiply_row *multiply, const struct matmul *m, int first_row,
                                 int n_rows, int column, int n_columns)
{
    for (int r = first_row; r < first_row + n_rows; r++) multiply(m, r, column, n_columns);
}

ALWAYS_INLINE void multiply_tiles(multiply_row *multiply, const struct matmul *m, int first_row,
                                  int n_rows)
{
    int end = first_row + n_rows;
    for (int r = first_row; r < end; r += ROW_TILE) {
        int rows = end - r < ROW_TILE ? end - r : ROW_TILE;
        for (int c = 0; c < m->n_columns; c += MAX_COLUMNS) switch (m->n_columns - c) {
            case 1:
                multiply_rows(multiply, m, r, rows, c, 1);
                break;
            case 2:
                multiply_rows(multiply, m, r, rows, c, 2);
                break;
            case 3:
                multiply_rows(multiply, m, r, rows, c, 3);
                break;
            default:
                multiply_rows(multiply, m, r, rows, c, MAX_COLUMNS);
            }
    }
}

ALWAYS_INLINE void prefetch_block(const char *block, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i += 64) __builtin_prefetch(block + PREFETCH_AHEAD + i);
}

ALWAYS_INLINE void multiply_blocks(open_block *open, size_t block_bytes, bool has_min,
                                   const struct matmul *m, int r, int first_column, int n_columns)
{
    const char *block = matmul_row(m, r);
    struct column_q8_32 x[MAX_COLUMNS];
    float32x4_t sums[MAX_COLUMNS];
    float mins[MAX_COLUMNS];
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        x[c] = column_q8_32(matmul_column(m, first_column + c), m->k);
        sums[c] = vdupq_n_f32(0);
        mins[c] = 0;
    }
    for (int b = 0; b < m->k / 32; b++, block += block_bytes) {
        prefetch_block(block, block_bytes);
        struct open_block w = open(block);
        UNROLL
        for (int c = 0; c < n_columns; c++) {
            const int8_t *values = x[c].q + 32 * (size_t)b;
            int32x4_t dot = dot_16(vdupq_n_s32(0), w.q[0], vld1q_s8(values));
            dot = dot_16(dot, w.q[1], vld1q_s8(values + 16));
            sums[c] = vfmaq_n_f32(sums[c], vcvtq_f32_s32(dot), w.d * x[c].scale[b]);
            if (has_min) mins[c] += w.m * ((float)x[c].bias[b] * (-1.0f / 128) * x[c].scale[b]);
        }
    }
    UNROLL
    for (int c = 0; c < n_columns; c++)
        matmul_output(m, first_column + c)[r] = vaddvq_f32(sums[c]) + mins[c];
}

ALWAYS_INLINE int32x4_t dot_mins(const struct super_head *head, const int16_t *sums)
{
    int32x4_t dot = vdupq_n_s32(0);
    UNROLL
    for (int j = 0; j < 16; j += 4)
        dot = vmlal_s16(dot, vld1_s16(head->mins + j), vld1_s16(sums + j));
    return dot;
}

ALWAYS_INLINE void multiply_supers(open_head *open, open_chunk *chunk, size_t block_bytes,
                                   bool has_min, const struct matmul *m, int r, int first_column,
                                   int n_columns)
{
    const char *block = matmul_row(m, r);
    struct column_q8_256 x[MAX_COLUMNS];
    float32x4_t sums[MAX_COLUMNS];
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        x[c] = column_q8_256(matmul_column(m, first_column + c), m->k);
        sums[c] = vdupq_n_f32(0);
    }
    for (int b = 0; b < m->k / 256; b++, block += block_bytes) {
        prefetch_block(block, block_bytes);
        struct super_head head = open(block);
        int32x4_t dots[MAX_COLUMNS];
        UNROLL
        for (int c = 0; c < n_columns; c++) dots[c] = vdupq_n_s32(0);
        UNROLL
        for (int j = 0; j < 16; j++) {
            int8x16_t w = chunk(block, j);
            UNROLL
            for (int c = 0; c < n_columns; c++) {
                int32x4_t dot =
                    dot_16(vdupq_n_s32(0), w, vld1q_s8(x[c].q + 256 * (size_t)b + 16 * j));
                dots[c] = vmlaq_n_s32(dots[c], dot, head.scales[j]);
            }
        }
        UNROLL
        for (int c = 0; c < n_columns; c++) {
            float scale = x[c].scale[b];
            sums[c] = vfmaq_n_f32(sums[c], vcvtq_f32_s32(dots[c]), head.d * scale);
            if (!has_min) continue;
            int32x4_t mins = dot_mins(&head, x[c].sums + 16 * (size_t)b);
            sums[c] = vfmsq_n_f32(sums[c], vcvtq_f32_s32(mins), head.dmin * scale);
        }
    }
    UNROLL
    for (int c = 0; c < n_columns; c++) matmul_output(m, first_column + c)[r] = vaddvq_f32(sums[c]);
}

#define DEFINE_KERNEL(NAME)                                                                        \
    void NAME_OF(NAME)(const struct matmul *m, int first_row, int n_rows, void *scratch)           \
    {                                                                                              \
        (void)scratch;                                                                             \
        multiply_tiles(multiply_##NAME, m, first_row, n_rows);                                     \
    }

#define DEFINE_BLOCKS(NAME, HAS_MIN)                                                               \
    ALWAYS_INLINE void multiply_##NAME(const struct matmul *m, int r, int column, int n_columns)   \
    {                                                                                              \
        multiply_blocks(open_##NAME, sizeof(struct block_##NAME), HAS_MIN, m, r, column,           \
                        n_columns);                                                                \
    }                                                                                              \
    DEFINE_KERNEL(NAME)
DEFINE_BLOCKS(q4_0, false)
DEFINE_BLOCKS(q4_1, true)
DEFINE_BLOCKS(q5_0, false)
DEFINE_BLOCKS(q5_1, true)
DEFINE_BLOCKS(q8_0, false)
DEFINE_BLOCKS(iq4_nl, false)
DEFINE_BLOCKS(mxfp4, false)

#define DEFINE_SUPERS(NAME, HAS_MIN)                                                               \
    ALWAYS_INLINE void multiply_##NAME(const struct matmul *m, int r, int column, int n_columns)   \
    {                                                                                              \
        multiply_supers(head_##NAME, chunk_##NAME, sizeof(struct block_##NAME), HAS_MIN, m, r,     \
                        column, n_columns);                                                        \
    }                                                                                              \
    DEFINE_KERNEL(NAME)
DEFINE_SUPERS(q2_k, true)
DEFINE_SUPERS(q3_k, false)
DEFINE_SUPERS(q4_k, true)
DEFINE_SUPERS(q5_k, true)
DEFINE_SUPERS(q6_k, false)
DEFINE_SUPERS(iq4_xs, false)
