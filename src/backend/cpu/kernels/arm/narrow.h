/* Few quantised columns. The file that includes this has defined dot_16(sum, w, x), which adds 16
 * products of signed bytes to four sums, and NAME_OF(type). */
#pragma once

#include "backend/cpu/kernels/arm/kernels_arm.h"
#include "backend/cpu/kernels/arm/open_blocks.h"
#include "backend/cpu/kernels/arm/open_codes.h"
#include "backend/cpu/kernels/arm/prefetch.h"
#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/row_tiles.h"

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

ALWAYS_INLINE void multiply_nvfp4(const struct matmul *m, int r, int first_column, int n_columns)
{
    const struct block_nvfp4 *block = matmul_row(m, r);
    struct column_q8_32 x[MAX_COLUMNS];
    float32x4_t sums[MAX_COLUMNS];
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        x[c] = column_q8_32(matmul_column(m, first_column + c), m->k);
        sums[c] = vdupq_n_f32(0);
    }
    for (int b = 0; b < m->k / 64; b++, block++) {
        prefetch_block((const char *)block, sizeof *block);
        float d[4];
        open_nvfp4_scales(block->d, d);
        UNROLL
        for (int j = 0; j < 4; j++) {
            int8x16_t w = open_nvfp4(block->qs[j]);
            UNROLL
            for (int c = 0; c < n_columns; c++) {
                const int8_t *values = x[c].q + 64 * (size_t)b + 16 * j;
                int32x4_t dot = dot_16(vdupq_n_s32(0), w, vld1q_s8(values));
                sums[c] =
                    vfmaq_n_f32(sums[c], vcvtq_f32_s32(dot), d[j] * x[c].scale[2 * b + j / 2]);
            }
        }
    }
    UNROLL
    for (int c = 0; c < n_columns; c++) matmul_output(m, first_column + c)[r] = vaddvq_f32(sums[c]);
}

ALWAYS_INLINE int32x4_t dot_mins(const struct super_head *head, const int16_t *sums)
{
    int32x4_t dot = vdupq_n_s32(0);
    UNROLL
    for (int j = 0; j < 16; j += 4)
        dot = vmlal_s16(dot, vld1_s16(head->mins + j), vld1_s16(sums + j));
    return dot;
}

struct super_type {
    size_t block_bytes;
    open_head *head;
    open_chunk *chunk; /* of the block, or of its codes */
    bool has_min;
    open_codes *codes; /* NULL: the values are in the block itself */
};

ALWAYS_INLINE void multiply_supers(struct super_type type, const struct matmul *m, int r,
                                   int first_column, int n_columns)
{
    const char *block = matmul_row(m, r);
    struct column_q8_256 x[MAX_COLUMNS];
    float32x4_t sums[MAX_COLUMNS];
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        x[c] = column_q8_256(matmul_column(m, first_column + c), m->k);
        sums[c] = vdupq_n_f32(0);
    }
    for (int b = 0; b < m->k / 256; b++, block += type.block_bytes) {
        prefetch_block(block, type.block_bytes);
        struct super_head head = type.head(block);
        struct codes codes;
        if (type.codes) type.codes(block, &codes);
        const void *source = type.codes ? (const void *)&codes : block;
        int32x4_t dots[MAX_COLUMNS];
        UNROLL
        for (int c = 0; c < n_columns; c++) dots[c] = vdupq_n_s32(0);
        UNROLL
        for (int j = 0; j < 16; j++) {
            int8x16_t w = type.chunk(source, j);
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
            if (!type.has_min) continue;
            int32x4_t mins = dot_mins(&head, x[c].sums + 16 * (size_t)b);
            sums[c] = vfmsq_n_f32(sums[c], vcvtq_f32_s32(mins), head.dmin * scale);
        }
    }
    UNROLL
    for (int c = 0; c < n_columns; c++) matmul_output(m, first_column + c)[r] = vaddvq_f32(sums[c]);
}

/* A function for each number of columns: were they cases of the switch in multiply_tiles, a
 * compiler might merge them before it inlines, and n_columns would be no constant. */
typedef void multiply_columns(const struct matmul *m, int first_row, int n_rows, int first_column);

#define DEFINE_COLUMNS(NAME, N_COLUMNS)                                                            \
    static void NAME##_##N_COLUMNS(const struct matmul *m, int first_row, int n_rows, int column)  \
    {                                                                                              \
        for (int r = first_row; r < first_row + n_rows; r++)                                       \
            multiply_##NAME(m, r, column, N_COLUMNS);                                              \
    }
#define DEFINE_KERNEL(NAME)                                                                        \
    DEFINE_COLUMNS(NAME, 1)                                                                        \
    DEFINE_COLUMNS(NAME, 2)                                                                        \
    DEFINE_COLUMNS(NAME, 3)                                                                        \
    DEFINE_COLUMNS(NAME, 4)                                                                        \
    void NAME_OF(NAME)(const struct matmul *m, int first_row, int n_rows, void *scratch)           \
    {                                                                                              \
        static multiply_columns *const by_columns[MAX_COLUMNS] = {NAME##_1, NAME##_2, NAME##_3,    \
                                                                  NAME##_4};                       \
        (void)scratch;                                                                             \
        multiply_tiles(rows_by_columns, by_columns, m, first_row, n_rows);                         \
    }

ALWAYS_INLINE void rows_by_columns(const void *by_columns, const struct matmul *m, int first_row,
                                   int n_rows, int first_column, int n_columns)
{
    multiply_columns *const *table = by_columns;
    table[n_columns - 1](m, first_row, n_rows, first_column);
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
DEFINE_KERNEL(nvfp4)

#define DEFINE_SUPERS(NAME, HAS_MIN, CODES)                                                        \
    ALWAYS_INLINE void multiply_##NAME(const struct matmul *m, int r, int column, int n_columns)   \
    {                                                                                              \
        struct super_type type = {sizeof(struct block_##NAME), head_##NAME, chunk_##NAME, HAS_MIN, \
                                  CODES};                                                          \
        multiply_supers(type, m, r, column, n_columns);                                            \
    }                                                                                              \
    DEFINE_KERNEL(NAME)
DEFINE_SUPERS(q2_k, true, NULL)
DEFINE_SUPERS(q3_k, false, NULL)
DEFINE_SUPERS(q4_k, true, NULL)
DEFINE_SUPERS(q5_k, true, NULL)
DEFINE_SUPERS(q6_k, false, NULL)
DEFINE_SUPERS(iq4_xs, false, NULL)
DEFINE_SUPERS(iq2_xxs, false, codes_iq2_xxs)
DEFINE_SUPERS(iq2_xs, false, codes_iq2_xs)
DEFINE_SUPERS(iq2_s, false, codes_iq2_s)
DEFINE_SUPERS(iq3_xxs, false, codes_iq3_xxs)
DEFINE_SUPERS(iq3_s, false, codes_iq3_s)
DEFINE_SUPERS(iq1_s, false, codes_iq1_s)
DEFINE_SUPERS(iq1_m, false, codes_iq1_m)
DEFINE_SUPERS(tq1_0, false, NULL)
DEFINE_SUPERS(tq2_0, false, NULL)
