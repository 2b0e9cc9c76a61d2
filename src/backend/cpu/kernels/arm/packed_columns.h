/* Quantised columns packed in tiles. The file that includes this has included tile_<isa>.h. Columns
 * that a tile lacks repeat the last one of the product. */
#pragma once

#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/matmul.h"

/* 32 values of every column. */
struct packed_32 {
    column_octet q[4];
    float scale[COLUMN_NUMBERS];
    float sum[COLUMN_NUMBERS]; /* of the values */
};

/* 256 values. The sums of groups do not fit a byte: they are 128 * high + low. */
struct packed_256 {
    column_octet q[32];
    column_octet sums[2][2]; /* [eight groups][low, high] */
    float scale[COLUMN_NUMBERS];
};

/* Column number c of the tile that begins at `first`. */
static inline const void *tile_column(const struct matmul *m, int first, int c)
{
    return matmul_column(m, first + c < m->n_columns ? first + c : m->n_columns - 1);
}

/* Packs values k0 .. k0 + k of a tile of columns. */
typedef void pack_columns(const struct matmul *m, int first, int k0, int k, char *tile);

static inline void pack_columns_32(const struct matmul *m, int first, int k0, int k, char *tile)
{
    struct packed_32 *out = (struct packed_32 *)tile;
    struct column_q8_32 x[TILE_COLUMNS];
    for (int c = 0; c < TILE_COLUMNS; c++) x[c] = column_q8_32(tile_column(m, first, c), m->k);
    for (int g = k0 / 32; g < (k0 + k) / 32; g++, out++) {
        int8x16_t values[2][TILE_COLUMNS];
        UNROLL
        for (int c = 0; c < TILE_COLUMNS; c++) {
            values[0][c] = vld1q_s8(x[c].q + 32 * (size_t)g);
            values[1][c] = vld1q_s8(x[c].q + 32 * (size_t)g + 16);
            float scale = x[c].scale[g];
            put_column_float(out->scale, c, scale);
            put_column_float(out->sum, c, (float)x[c].bias[g] * (-1.0f / 128) * scale);
        }
        put_columns(out->q, values[0]);
        put_columns(out->q + 2, values[1]);
    }
}

/* Two digits of eight sums. */
ALWAYS_INLINE int8x16_t split_sums(int16x8_t sums)
{
    return vcombine_s8(vmovn_s16(vandq_s16(sums, vdupq_n_s16(127))), vshrn_n_s16(sums, 7));
}

ALWAYS_INLINE void pack_sums(const int16_t *const sums[TILE_COLUMNS], int min_octets,
                             struct packed_256 *out)
{
    int8x16_t digits[2][TILE_COLUMNS];
    UNROLL
    for (int c = 0; c < TILE_COLUMNS; c++) {
        int16x8_t low = vld1q_s16(sums[c]), high = vld1q_s16(sums[c] + 8);
        digits[0][c] = split_sums(min_octets == 1 ? vpaddq_s16(low, high) : low);
        digits[1][c] = split_sums(high);
    }
    for (int i = 0; i < min_octets; i++) put_columns(out->sums[i], digits[i]);
}

ALWAYS_INLINE void pack_columns_256(const struct matmul *m, int first, int k0, int k, char *tile,
                                    int min_octets)
{
    struct packed_256 *out = (struct packed_256 *)tile;
    struct column_q8_256 x[TILE_COLUMNS];
    for (int c = 0; c < TILE_COLUMNS; c++) x[c] = column_q8_256(tile_column(m, first, c), m->k);
    for (int b = k0 / 256; b < (k0 + k) / 256; b++, out++) {
        for (int j = 0; j < 16; j++) {
            int8x16_t values[TILE_COLUMNS];
            UNROLL
            for (int c = 0; c < TILE_COLUMNS; c++)
                values[c] = vld1q_s8(x[c].q + 256 * (size_t)b + 16 * j);
            put_columns(out->q + 2 * j, values);
        }
        const int16_t *sums[TILE_COLUMNS];
        for (int c = 0; c < TILE_COLUMNS; c++) {
            sums[c] = x[c].sums + 16 * (size_t)b;
            put_column_float(out->scale, c, x[c].scale[b]);
        }
        pack_sums(sums, min_octets, out);
    }
}

/* For weights whose groups have no minimum, eight, or 16 in a super-block. */
#define DEFINE_PACK_COLUMNS(MIN_OCTETS)                                                            \
    static inline void pack_columns_256_##MIN_OCTETS(const struct matmul *m, int first, int k0,    \
                                                     int k, char *tile)                            \
    {                                                                                              \
        pack_columns_256(m, first, k0, k, tile, MIN_OCTETS);                                       \
    }
DEFINE_PACK_COLUMNS(0)
DEFINE_PACK_COLUMNS(1)
DEFINE_PACK_COLUMNS(2)
