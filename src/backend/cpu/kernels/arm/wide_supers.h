/* Many columns in groups of 256 with weights in super-blocks. As in the narrow kernels, the sum of
 * a super-block is an integer and exact: 256 products of a value up to 127 with a weight and its
 * scale, each up to 128, stay below 2^31. The file that includes this has included tile_<isa>.h and
 * defined WIDE_OF(type). */
#pragma once

#include <assert.h>

#include "backend/cpu/kernels/arm/kernels_arm.h"
#include "backend/cpu/kernels/arm/open_codes.h"
#include "backend/cpu/kernels/arm/packed_columns.h"
#include "backend/cpu/kernels/arm/panels.h"

/* 256 values of eight rows. */
struct packed_super {
    row_octet q[32];
    int32_t scales[16][ROW_NUMBERS]; /* as many as there are groups */
    row_octet mins[2];               /* eight of groups of 32, or 16 of groups of 16 */
    float d[ROW_NUMBERS], minus_dmin[ROW_NUMBERS];
};

enum { GROUP_BYTES = sizeof(struct packed_super) * (BYTE_PANEL_K / 256) };
static_assert(GROUP_BYTES * PANEL_GROUPS + sizeof(struct packed_256) * (BYTE_PANEL_K / 256) <=
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

/* ---- products ---- */

ALWAYS_INLINE void dot_values(const struct packed_super *w, const struct packed_256 *x,
                              int scale_octets, int32x4_t dots[TILE_REGISTERS])
{
    const row_octet *rows = w->q;
    const column_octet *columns = x->q;
    const int32_t(*scales)[ROW_NUMBERS] = w->scales;
    clear_dots(dots);
    for (; rows < w->q + 32; rows += 4, columns += 4) {
        if (scale_octets == SCALED) {
            UNROLL
            for (int i = 0; i < 4; i++) add_octet(dots, rows[i], columns[i]);
            continue;
        }
        UNROLL
        for (int first = 0; first < 4; first += scale_octets) {
            int32x4_t group[TILE_REGISTERS];
            clear_dots(group);
            UNROLL
            for (int i = first; i < first + scale_octets; i++)
                add_octet(group, rows[i], columns[i]);
            add_scaled_dots(dots, group, *scales++);
        }
    }
}

ALWAYS_INLINE void dot_mins(const struct packed_super *w, const struct packed_256 *x,
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
    const struct packed_256 *x = (const struct packed_256 *)tile;
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
        struct panel_type type = {pack_##NAME, pack_columns_256_##MIN_OCTETS,                      \
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
