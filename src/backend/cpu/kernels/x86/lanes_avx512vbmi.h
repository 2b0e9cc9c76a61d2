/* Few columns in groups of 256, with weights that open fastest when a byte of a register is not one
 * value after the other but has its fixed place in the block. Instead of moving the weights about,
 * the columns are brought into the same order first, once for all rows of a call.
 *
 * The values of a block are spread over vectors such that each 32-bit lane of them keeps to a group
 * with one scale: the products of all vectors add up in the lanes, and the scales come last. */
#pragma once

#include <assert.h>
#include <immintrin.h>

#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/panel.h"
#include "backend/cpu/kernels/row_tiles.h"
#include "backend/cpu/kernels/x86/bits_avx512vbmi.h"
#include "backend/cpu/kernels/x86/reduce.h"

enum { MAX_LINES = 6, SEGMENT_BLOCKS = 128 };
static_assert(MAX_COLUMNS * SEGMENT_BLOCKS * MAX_LINES * 64 <= PANEL_SCRATCH_BYTES,
              "a segment of all columns fits the scratch");

/* What a block is opened to. */
struct opened {
    __m512i rows[2], signs; /* what they mean is between open and vector */
    __m512 scales[2];       /* of each sum */
};

/* Opens a block of each of two rows. */
typedef void open_blocks(const void *const *blocks, struct opened *out);
/* Vector v of a block: weights with `offset` added, without sign. */
typedef __m512i open_vector(const struct opened *opened, int v);
/* Brings 256 values of a column into the order of the vectors. */
typedef void arrange_values(const int8_t *q, __m512i *vectors);

struct lane_type {
    size_t block_bytes;
    open_blocks *open;
    open_vector *vector;
    int n_vectors, n_sums; /* a part of the vectors for each sum */
    int offset;
    float factor; /* of all scales */
    arrange_values *arrange;
};

/* Value 4i + v of a column becomes byte i of vector v. */
static inline void arrange_fours(const int8_t *q, __m512i *vectors)
{
    __m512i pieces[4];
    for (int i = 0; i < 4; i++)
        pieces[i] = _mm512_permutexvar_epi8(stepped(0x1c1814100c080400, 0x3c3834302c282420, 1),
                                            _mm512_loadu_si512(q + 64 * i));
    __m512i low_01 = _mm512_shuffle_i32x4(pieces[0], pieces[1], 0x44);
    __m512i low_23 = _mm512_shuffle_i32x4(pieces[2], pieces[3], 0x44);
    __m512i high_01 = _mm512_shuffle_i32x4(pieces[0], pieces[1], 0xee);
    __m512i high_23 = _mm512_shuffle_i32x4(pieces[2], pieces[3], 0xee);
    vectors[0] = _mm512_shuffle_i32x4(low_01, low_23, 0x88);
    vectors[1] = _mm512_shuffle_i32x4(low_01, low_23, 0xdd);
    vectors[2] = _mm512_shuffle_i32x4(high_01, high_23, 0x88);
    vectors[3] = _mm512_shuffle_i32x4(high_01, high_23, 0xdd);
}

/* A segment of a column. Each block has its vectors and a line more for each sum: minus the offset
 * times what its vectors add up to, where the sum of products begins. */
struct lane_column {
    const __m512i *lines;
    const float *scales;
};

ALWAYS_INLINE int lines_of_block(struct lane_type type)
{
    return type.n_vectors + type.n_sums;
}

ALWAYS_INLINE int first_vector(struct lane_type type, int sum)
{
    return sum * type.n_vectors / type.n_sums;
}

static struct lane_column arrange_column(struct lane_type type, struct column_q8_256 x,
                                         int first_block, int n_blocks, __m512i *lines)
{
    struct lane_column arranged = {lines, x.scale + first_block};
    for (int b = first_block; b < first_block + n_blocks; b++, lines += lines_of_block(type)) {
        type.arrange(x.q + 256 * (size_t)b, lines);
        for (int s = 0; s < type.n_sums; s++) {
            __m512i sum = _mm512_setzero_si512();
            for (int v = first_vector(type, s); v < first_vector(type, s + 1); v++)
                sum = _mm512_dpbusd_epi32(sum, _mm512_set1_epi8(1), lines[v]);
            lines[type.n_vectors + s] = _mm512_mullo_epi32(sum, _mm512_set1_epi32(-type.offset));
        }
    }
    return arranged;
}

ALWAYS_INLINE void add_block(struct lane_type type, const struct opened *opened, int b,
                             int n_columns, const struct lane_column *x, __m512 *sums)
{
    const size_t line = (size_t)b * (size_t)lines_of_block(type);
    UNROLL
    for (int s = 0; s < type.n_sums; s++) {
        __m512i dots[MAX_COLUMNS];
        UNROLL
        for (int c = 0; c < n_columns; c++)
            dots[c] = x[c].lines[line + (size_t)(type.n_vectors + s)];
        UNROLL
        for (int v = first_vector(type, s); v < first_vector(type, s + 1); v++) {
            __m512i w = type.vector(opened, v);
            UNROLL
            for (int c = 0; c < n_columns; c++)
                dots[c] = _mm512_dpbusd_epi32(dots[c], w, x[c].lines[line + (size_t)v]);
        }
        UNROLL
        for (int c = 0; c < n_columns; c++) {
            __m512 scales = _mm512_mul_ps(opened->scales[s], _mm512_set1_ps(x[c].scales[b]));
            sums[c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[c]), scales, sums[c]);
        }
    }
}

ALWAYS_INLINE void multiply_streams(struct lane_type type, const struct matmul *m,
                                    const int r[STREAMS], int first_block, int n_blocks,
                                    int first_column, int n_columns, const struct lane_column *x)
{
    const char *rows[STREAMS];
    __m512 sums[STREAMS][MAX_COLUMNS];
    UNROLL
    for (int i = 0; i < STREAMS; i++) {
        rows[i] = (const char *)matmul_row(m, r[i]) + type.block_bytes * (size_t)first_block;
        UNROLL
        for (int c = 0; c < n_columns; c++) sums[i][c] = _mm512_setzero_ps();
    }
    for (int b = 0; b < n_blocks; b++) {
        const void *blocks[STREAMS];
        UNROLL
        for (int i = 0; i < STREAMS; i++) {
            blocks[i] = rows[i] + type.block_bytes * (size_t)b;
            prefetch_block(blocks[i], type.block_bytes);
        }
        struct opened opened[STREAMS];
        type.open(blocks, opened);
        UNROLL
        for (int i = 0; i < STREAMS; i++) add_block(type, &opened[i], b, n_columns, x, sums[i]);
    }
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        float *y = matmul_output(m, first_column + c), before[STREAMS];
        UNROLL
        for (int i = 0; i < STREAMS; i++) before[i] = first_block > 0 ? y[r[i]] : 0;
        UNROLL
        for (int i = 0; i < STREAMS; i++)
            y[r[i]] = before[i] + type.factor * _mm512_reduce_add_ps(sums[i][c]);
    }
}

ALWAYS_INLINE void multiply_lanes(struct lane_type type, const struct matmul *m, int first_row,
                                  int n_rows, int first_column, int n_columns, __m512i *scratch)
{
    int n_blocks = m->k / 256, n;
    for (int b = 0; b < n_blocks; b += n) {
        n = n_blocks - b < SEGMENT_BLOCKS ? n_blocks - b : SEGMENT_BLOCKS;
        struct lane_column x[MAX_COLUMNS];
        UNROLL
        for (int c = 0; c < n_columns; c++)
            x[c] = arrange_column(type, column_q8_256(matmul_column(m, first_column + c), m->k), b,
                                  n, scratch + c * SEGMENT_BLOCKS * MAX_LINES);
        for (int i = 0; i < streams_length(n_rows); i++) {
            int rows[STREAMS];
            streams_rows(first_row, n_rows, i, rows);
            multiply_streams(type, m, rows, b, n, first_column, n_columns, x);
        }
    }
}

/* All rows for each group of columns, as bringing those into order takes its time. */
ALWAYS_INLINE void multiply_all(struct lane_type type, const struct matmul *m, int first_row,
                                int n_rows, void *scratch)
{
    for (int c = 0; c < m->n_columns; c += MAX_COLUMNS) switch (m->n_columns - c) {
        case 1:
            multiply_lanes(type, m, first_row, n_rows, c, 1, scratch);
            break;
        case 2:
            multiply_lanes(type, m, first_row, n_rows, c, 2, scratch);
            break;
        case 3:
            multiply_lanes(type, m, first_row, n_rows, c, 3, scratch);
            break;
        default:
            multiply_lanes(type, m, first_row, n_rows, c, MAX_COLUMNS, scratch);
        }
}

#define DEFINE_LANES(NAME, ...)                                                                    \
    void matmul_##NAME##_avx512vbmi(const struct matmul *m, int first_row, int n_rows,             \
                                    void *scratch)                                                 \
    {                                                                                              \
        struct lane_type type = {sizeof(struct block_##NAME), open_##NAME, __VA_ARGS__};           \
        multiply_all(type, m, first_row, n_rows, scratch);                                         \
    }

/* For types that have nothing to open in common. */
#define DEFINE_OPEN(NAME)                                                                          \
    ALWAYS_INLINE void open_##NAME(const void *const *blocks, struct opened *out)                  \
    {                                                                                              \
        UNROLL                                                                                     \
        for (int i = 0; i < STREAMS; i++) open_one_##NAME(blocks[i], &out[i]);                     \
    }
