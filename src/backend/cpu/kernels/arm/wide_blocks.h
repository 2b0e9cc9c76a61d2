/* Many columns in groups of 32 with weights in blocks of 32, or of 16 in the case of NVFP4. The
 * file that includes this has included tile_<isa>.h and defined WIDE_OF(type). */
#pragma once

#include <assert.h>

#include "backend/cpu/kernels/arm/kernels_arm.h"
#include "backend/cpu/kernels/arm/open_blocks.h"
#include "backend/cpu/kernels/arm/packed_columns.h"
#include "backend/cpu/kernels/arm/panels.h"

/* 32 values of eight rows: w = d * q + m. In blocks of 16 the second half has a d of its own. */
struct packed_block {
    row_octet q[4];
    float d[ROW_NUMBERS];
    float second[ROW_NUMBERS]; /* m, or that d */
};

enum { GROUP_BYTES = sizeof(struct packed_block) * (BYTE_PANEL_K / 32) };
static_assert(GROUP_BYTES * PANEL_GROUPS + sizeof(struct packed_32) * (BYTE_PANEL_K / 32) <=
                  PANEL_SCRATCH_BYTES,
              "panel and tile fit the scratch");

/* ---- rows ---- */

ALWAYS_INLINE void pack_blocks(open_block *open, size_t block_bytes, const void *row, int k0, int k,
                               int r, char *group)
{
    struct packed_block *out = (struct packed_block *)group;
    const char *block = (const char *)row + block_bytes * (size_t)(k0 / 32);
    for (int b = 0; b < k / 32; b++, block += block_bytes, out++) {
        struct open_block w = open(block);
        put_row(out->q, r, w.q[0]);
        put_row(out->q + 2, r, w.q[1]);
        put_row_float(out->d, r, w.d);
        put_row_float(out->second, r, w.m);
    }
}

static void pack_nvfp4(const void *row, int k0, int k, int r, char *group)
{
    struct packed_block *out = (struct packed_block *)group;
    const struct block_nvfp4 *block = (const struct block_nvfp4 *)row + k0 / 64;
    for (int b = 0; b < k / 64; b++, block++, out += 2) {
        float d[4];
        open_nvfp4_scales(block->d, d);
        UNROLL
        for (int j = 0; j < 4; j++) {
            put_row(out[j / 2].q + 2 * (j % 2), r, open_nvfp4(block->qs[j]));
            put_row_float(j % 2 ? out[j / 2].second : out[j / 2].d, r, d[j]);
        }
    }
}

/* ---- products ---- */

enum second { NOTHING, MINIMUM, FACTOR };

ALWAYS_INLINE void multiply_blocks(const char *group, const char *tile, int k,
                                   struct tile_sums *out, enum second second)
{
    const struct packed_block *w = (const struct packed_block *)group;
    const struct packed_32 *x = (const struct packed_32 *)tile;
    float32x4_t sums[TILE_REGISTERS];
    clear_sums(sums);
    for (int b = 0; b < k / 32; b++, w++, x++) {
        int32x4_t dots[TILE_REGISTERS];
        clear_dots(dots);
        add_octet(dots, w->q[0], x->q[0]);
        add_octet(dots, w->q[1], x->q[1]);
        if (second == FACTOR) {
            add_dots(sums, dots, w->d, x->scale);
            clear_dots(dots);
        }
        add_octet(dots, w->q[2], x->q[2]);
        add_octet(dots, w->q[3], x->q[3]);
        add_dots(sums, dots, second == FACTOR ? w->second : w->d, x->scale);
        if (second == MINIMUM) add_numbers(sums, w->second, x->sum);
    }
    finish_sums(sums, out);
}

#define DEFINE_MULTIPLY(NAME, SECOND)                                                              \
    static void NAME(const char *group, const char *tile, int k, struct tile_sums *sums)           \
    {                                                                                              \
        multiply_blocks(group, tile, k, sums, SECOND);                                             \
    }
DEFINE_MULTIPLY(without_min, NOTHING)
DEFINE_MULTIPLY(with_min, MINIMUM)
DEFINE_MULTIPLY(two_factors, FACTOR)

#define DEFINE_KERNEL(NAME, MULTIPLY)                                                              \
    void WIDE_OF(NAME)(const struct matmul *m, int first_row, int n_rows, void *scratch)           \
    {                                                                                              \
        struct panel_type type = {pack_##NAME, pack_columns_32, MULTIPLY, GROUP_BYTES};            \
        multiply_panels(&type, m, first_row, n_rows, scratch);                                     \
    }
#define DEFINE_BLOCKS(NAME, MULTIPLY)                                                              \
    static void pack_##NAME(const void *row, int k0, int k, int r, char *group)                    \
    {                                                                                              \
        pack_blocks(open_##NAME, sizeof(struct block_##NAME), row, k0, k, r, group);               \
    }                                                                                              \
    DEFINE_KERNEL(NAME, MULTIPLY)
DEFINE_BLOCKS(q4_0, without_min)
DEFINE_BLOCKS(q4_1, with_min)
DEFINE_BLOCKS(q5_0, without_min)
DEFINE_BLOCKS(q5_1, with_min)
DEFINE_BLOCKS(q8_0, without_min)
DEFINE_BLOCKS(iq4_nl, without_min)
DEFINE_BLOCKS(mxfp4, without_min)
DEFINE_KERNEL(nvfp4, two_factors)
