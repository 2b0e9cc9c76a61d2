/* Many columns in groups of 256 with weights in super-blocks. As in the narrow kernels, sums of a
 * super-block are integers: at most 256 * 127 times a weight and its scale, which are below 2^7
 * each, they are exact. The file that includes this has included tile_<isa>.h and defined
 * WIDE_OF(type). */
#pragma once

#include <assert.h>

#include "backend/cpu/kernels/arm/kernels_arm.h"
#include "backend/cpu/kernels/arm/open_codes.h"
#include "backend/cpu/kernels/arm/panels.h"
#include "backend/cpu/kernels/column.h"

/* 256 values of eight rows. */
struct packed_super {
    row_octet q[32];
    int32_t scales[16][ROW_NUMBERS]; /* as many as there are groups */
    row_octet mins[2];               /* eight of groups of 32, or 16 of groups of 16 */
    float d[ROW_NUMBERS], minus_dmin[ROW_NUMBERS];
};

/* The sums of groups do not fit a byte: they are 128 * high + low. */
struct packed_columns {
    column_octet q[32];
    column_octet sums[2][2]; /* [eight groups][low, high] */
    float scale[COLUMN_NUMBERS];
};

enum { GROUP_BYTES = sizeof(struct packed_super) * (BYTE_PANEL_K / 256) };
static_assert(GROUP_BYTES * PANEL_GROUPS + sizeof(struct packed_columns) * (BYTE_PANEL_K / 256) <=
                  PANEL_SCRATCH_BYTES,
              "panel and tile fit the scratch");

struct super_type {
    size_t block_bytes;
    open_head *head;
    open_chunk *chunk; /* of the block, or of its codes */
    open_codes *codes; /* NULL: the values are in the block itself */
    int scale_octets;  /* that share a scale; SCALED: it is in the values already */
    int min_octets;    /* 0: there are no mins */
};

/* Where scale times value fits a byte, the panel has the products. All have the other sign: of -4 *
 * -32, the greatest, only the negative fits. */
enum { SCALED = 32 };

/* ---- rows ---- */

ALWAYS_INLINE void pack_mins(const struct super_head *head, int min_octets, row_octet *mins, int r)
{
    int8x8_t low = vmovn_s16(vld1q_s16(head->mins)), high = vmovn_s16(vld1q_s16(head->mins + 8));
    if (min_octets == 2)
        put_row(mins, r, vcombine_s8(low, high));
    else /* each is there twice */
        vst1_s8(mins[0][r], vuzp1_s8(low, high));
}

ALWAYS_INLINE void pack_super(struct super_type type, const void *block, int r,
                              struct packed_super *out)
{
    struct super_head head = type.head(block);
    struct codes codes;
    if (type.codes) type.codes(block, &codes);
    const void *source = type.codes ? (const void *)&codes : block;
    bool scaled = type.scale_octets == SCALED;
    put_row_float(out->d, r, scaled ? -head.d : head.d);
    for (int i = 0; i < 32 && !scaled; i += type.scale_octets)
        put_row_integer(out->scales[i / type.scale_octets], r, head.scales[i / 2]);
    if (type.min_octets > 0) {
        put_row_float(out->minus_dmin, r, -head.dmin);
        pack_mins(&head, type.min_octets, out->mins, r);
    }
    UNROLL
    for (int j = 0; j < 16; j++) {
        int8x16_t values = type.chunk(source, j);
        if (scaled) values = vmulq_s8(values, vdupq_n_s8((int8_t)-head.scales[j]));
        put_row(out->q + 2 * j, r, values);
    }
}

ALWAYS_INLINE void pack_supers(struct super_type type, const void *row, int k0, int k, int r,
                               char *group)
{
    struct packed_super *out = (struct packed_super *)group;
    const char *block = (const char *)row + type.block_bytes * (size_t)(k0 / 256);
    for (int b = 0; b < k / 256; b++, block += type.block_bytes, out++)
        pack_super(type, block, r, out);
}

/* ---- columns ---- */

/* Two digits of eight sums. */
ALWAYS_INLINE int8x16_t split_sums(int16x8_t sums)
{
    return vcombine_s8(vmovn_s16(vandq_s16(sums, vdupq_n_s16(127))), vshrn_n_s16(sums, 7));
}

ALWAYS_INLINE void pack_sums(const int16_t *const sums[TILE_COLUMNS], int min_octets,
                             struct packed_columns *out)
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

ALWAYS_INLINE void pack_columns_256(const struct matmul *m, const int columns[TILE_COLUMNS], int k0,
                                    int k, char *tile, int min_octets)
{
    struct packed_columns *out = (struct packed_columns *)tile;
    struct column_q8_256 x[TILE_COLUMNS];
    for (int c = 0; c < TILE_COLUMNS; c++) x[c] = column_q8_256(matmul_column(m, columns[c]), m->k);
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

/* ---- products ---- */

ALWAYS_INLINE void dot_values(const struct packed_super *w, const struct packed_columns *x,
                              int scale_octets, int32x4_t dots[TILE_REGISTERS])
{
    clear_dots(dots);
    for (int first = 0; first < 32; first += scale_octets) {
        int32x4_t group[TILE_REGISTERS];
        clear_dots(group);
        UNROLL
        for (int i = first; i < first + scale_octets; i++)
            add_octet(scale_octets == SCALED ? dots : group, w->q[i], x->q[i]);
        if (scale_octets < SCALED) add_scaled_dots(dots, group, w->scales[first / scale_octets]);
    }
}

ALWAYS_INLINE void dot_mins(const struct packed_super *w, const struct packed_columns *x,
                            int min_octets, int32x4_t dots[TILE_REGISTERS])
{
    clear_dots(dots);
    for (int i = 0; i < min_octets; i++) add_octet(dots, w->mins[i], x->sums[i][1]);
    UNROLL
    for (int i = 0; i < TILE_REGISTERS; i++) dots[i] = vshlq_n_s32(dots[i], 7);
    for (int i = 0; i < min_octets; i++) add_octet(dots, w->mins[i], x->sums[i][0]);
}

ALWAYS_INLINE void multiply_supers(const char *group, const char *tile, int k,
                                   struct tile_sums *out, int scale_octets, int min_octets)
{
    const struct packed_super *w = (const struct packed_super *)group;
    const struct packed_columns *x = (const struct packed_columns *)tile;
    float32x4_t sums[TILE_REGISTERS];
    clear_sums(sums);
    for (int b = 0; b < k / 256; b++, w++, x++) {
        int32x4_t dots[TILE_REGISTERS];
        dot_values(w, x, scale_octets, dots);
        add_dots(sums, dots, w->d, x->scale);
        if (min_octets == 0) continue;
        dot_mins(w, x, min_octets, dots);
        add_dots(sums, dots, w->minus_dmin, x->scale);
    }
    finish_sums(sums, out);
}

#define DEFINE_COLUMNS(MIN_OCTETS)                                                                 \
    static void columns_##MIN_OCTETS(const struct matmul *m, const int columns[TILE_COLUMNS],      \
                                     int k0, int k, char *tile)                                    \
    {                                                                                              \
        pack_columns_256(m, columns, k0, k, tile, MIN_OCTETS);                                     \
    }
DEFINE_COLUMNS(0)
DEFINE_COLUMNS(1)
DEFINE_COLUMNS(2)

#define DEFINE_MULTIPLY(SCALE_OCTETS, MIN_OCTETS)                                                  \
    static void multiply_##SCALE_OCTETS##_##MIN_OCTETS(const char *group, const char *tile, int k, \
                                                       struct tile_sums *sums)                     \
    {                                                                                              \
        multiply_supers(group, tile, k, sums, SCALE_OCTETS, MIN_OCTETS);                           \
    }
DEFINE_MULTIPLY(2, 0)
DEFINE_MULTIPLY(4, 0)
DEFINE_MULTIPLY(4, 1)
DEFINE_MULTIPLY(32, 0)
DEFINE_MULTIPLY(32, 2)

#define DEFINE(NAME, CODES, SCALE_OCTETS, MIN_OCTETS)                                              \
    static void pack_##NAME(const void *row, int k0, int k, int r, char *group)                    \
    {                                                                                              \
        struct super_type type = {sizeof(struct block_##NAME),                                     \
                                  head_##NAME,                                                     \
                                  chunk_##NAME,                                                    \
                                  CODES,                                                           \
                                  SCALE_OCTETS,                                                    \
                                  MIN_OCTETS};                                                     \
        pack_supers(type, row, k0, k, r, group);                                                   \
    }                                                                                              \
    void WIDE_OF(NAME)(const struct matmul *m, int first_row, int n_rows, void *scratch)           \
    {                                                                                              \
        struct panel_type type = {pack_##NAME, columns_##MIN_OCTETS,                               \
                                  multiply_##SCALE_OCTETS##_##MIN_OCTETS, GROUP_BYTES};            \
        multiply_panels(&type, m, first_row, n_rows, scratch);                                     \
    }
DEFINE(q2_k, NULL, 32, 2)
DEFINE(q3_k, NULL, 32, 0)
DEFINE(q4_k, NULL, 4, 1)
DEFINE(q5_k, NULL, 4, 1)
DEFINE(q6_k, NULL, 2, 0)
DEFINE(iq4_xs, NULL, 4, 0)
DEFINE(iq2_xxs, codes_iq2_xxs, 4, 0)
DEFINE(iq2_xs, codes_iq2_xs, 2, 0)
DEFINE(iq2_s, codes_iq2_s, 2, 0)
DEFINE(iq3_xxs, codes_iq3_xxs, 4, 0)
DEFINE(iq3_s, codes_iq3_s, 4, 0)
DEFINE(iq1_s, codes_iq1_s, 4, 0)
DEFINE(iq1_m, codes_iq1_m, 2, 0)
DEFINE(tq1_0, NULL, 32, 0)
DEFINE(tq2_0, NULL, 32, 0)
