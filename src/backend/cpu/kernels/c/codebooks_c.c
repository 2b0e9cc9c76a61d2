/* Weights in super-blocks of codebook rows or in base 3, with columns in groups of 256: the twins
 * of the integer kernels. */
#include <string.h>

#include "backend/cpu/kernels/c/kernels_c.h"
#include "backend/cpu/kernels/c/supers.h"
#include "tensor/block.h"
#include "tensor/codebook.h"
#include "tensor/half.h"

/* Values 8g .. 8g + 7. */
static void put_row(struct integers *out, int g, uint64_t row, uint8_t signs)
{
    for (int i = 0; i < 8; i++) {
        int value = (int)(row >> 8 * i & 255);
        out->q[8 * g + i] = signs >> i & 1 ? -value : value;
    }
}

/* Two rows of 4, from the numbers at `low` and bit 8 of each in `high`. */
static uint64_t two_rows(const uint32_t *rows, const uint8_t low[2], int high)
{
    return rows[low[0] | (high & 1) << 8] | (uint64_t)rows[low[1] | (high & 2) << 7] << 32;
}

static void open_iq2_xxs(const void *row, int block, struct integers *out)
{
    const struct block_iq2_xxs *b = (const struct block_iq2_xxs *)row + block;
    for (int g = 0; g < 32; g++) {
        const uint8_t *group = b->qs[g / 4];
        uint32_t word;
        memcpy(&word, group + 4, 4);
        put_row(out, g, iq2_xxs_rows[group[g % 4]], even_signs(word >> 7 * (g % 4) & 127));
        out->scale[g / 2] = 2 * (int)(word >> 28) + 1;
    }
    no_mins(out);
    out->d = f16_to_f32(b->d) / 8;
}

static void open_iq2_xs(const void *row, int block, struct integers *out)
{
    const struct block_iq2_xs *b = (const struct block_iq2_xs *)row + block;
    for (int g = 0; g < 32; g++)
        put_row(out, g, iq2_xs_rows[b->qs[g] & 511], even_signs(b->qs[g] >> 9));
    for (int j = 0; j < 16; j++) out->scale[j] = 2 * (b->scales[j / 2] >> 4 * (j % 2) & 15) + 1;
    no_mins(out);
    out->d = f16_to_f32(b->d) / 8;
}

static void open_iq2_s(const void *row, int block, struct integers *out)
{
    const struct block_iq2_s *b = (const struct block_iq2_s *)row + block;
    for (int g = 0; g < 32; g++) {
        int number = b->qs[g] | (b->qh[g / 4] >> 2 * (g % 4) & 3) << 8;
        put_row(out, g, iq2_s_rows[number], b->signs[g]);
    }
    for (int j = 0; j < 16; j++) out->scale[j] = 2 * (b->scales[j / 2] >> 4 * (j % 2) & 15) + 1;
    no_mins(out);
    out->d = f16_to_f32(b->d) / 8;
}

static void open_iq3_xxs(const void *row, int block, struct integers *out)
{
    const struct block_iq3_xxs *b = (const struct block_iq3_xxs *)row + block;
    for (int g = 0; g < 32; g++) {
        uint32_t word;
        memcpy(&word, b->signs_scales[g / 4], 4);
        put_row(out, g, two_rows(iq3_xxs_rows, b->qs + 2 * g, 0),
                even_signs(word >> 7 * (g % 4) & 127));
        out->scale[g / 2] = 2 * (int)(word >> 28) + 1;
    }
    no_mins(out);
    out->d = f16_to_f32(b->d) / 4;
}

static void open_iq3_s(const void *row, int block, struct integers *out)
{
    const struct block_iq3_s *b = (const struct block_iq3_s *)row + block;
    for (int g = 0; g < 32; g++)
        put_row(out, g, two_rows(iq3_s_rows, b->qs + 2 * g, b->qh[g / 4] >> 2 * (g % 4)),
                b->signs[g]);
    for (int j = 0; j < 16; j++) out->scale[j] = 2 * (b->scales[j / 4] >> 4 * (j / 2 % 2) & 15) + 1;
    no_mins(out);
    out->d = f16_to_f32(b->d);
}

/* Eight times the values, so that delta is one: w = d / 8 * scale * (8 * value +- 1). */
static void put_iq1_row(struct integers *out, int g, uint64_t row, bool minus)
{
    put_row(out, g, row, 0);
    for (int i = 8 * g; i < 8 * (g + 1); i++) out->q[i] += minus ? -9 : -7;
}

static void open_iq1_s(const void *row, int block, struct integers *out)
{
    const struct block_iq1_s *b = (const struct block_iq1_s *)row + block;
    for (int g = 0; g < 32; g++) {
        int high = b->qh[g / 4];
        put_iq1_row(out, g, iq1_s_rows[b->qs[g] | (high >> 3 * (g % 4) & 7) << 8], high & 0x8000);
        out->scale[g / 2] = 2 * (high >> 12 & 7) + 1;
    }
    no_mins(out);
    out->d = f16_to_f32(b->d) / 8;
}

static void open_iq1_m(const void *row, int block, struct integers *out)
{
    const struct block_iq1_m *b = (const struct block_iq1_m *)row + block;
    uint16_t words[4];
    memcpy(words, b->scales, sizeof words);
    for (int g = 0; g < 32; g++) {
        int high = b->qh[g / 2] >> 4 * (g % 2);
        put_iq1_row(out, g, iq1_s_rows[b->qs[g] | (high & 7) << 8], high & 8);
    }
    for (int j = 0; j < 16; j++) out->scale[j] = 2 * (words[j / 4] >> 3 * (j % 4) & 7) + 1;
    no_mins(out);
    out->d = f16_to_f32(iq1_m_scale(b->scales)) / 8;
}

/* One scale for all values. */
static void set_scale(struct integers *out, uint16_t d)
{
    for (int j = 0; j < 16; j++) out->scale[j] = 1;
    no_mins(out);
    out->d = f16_to_f32(d);
}

static void open_tq1_0(const void *row, int block, struct integers *out)
{
    const struct block_tq1_0 *b = (const struct block_tq1_0 *)row + block;
    for (int i = 0; i < 160; i++) out->q[i] = ternary_digit(b->qs[i % 32], i / 32) - 1;
    for (int i = 0; i < 80; i++) out->q[160 + i] = ternary_digit(b->qs[32 + i % 16], i / 16) - 1;
    for (int i = 0; i < 16; i++) out->q[240 + i] = ternary_digit(b->qh[i % 4], i / 4) - 1;
    set_scale(out, b->d);
}

static void open_tq2_0(const void *row, int block, struct integers *out)
{
    const struct block_tq2_0 *b = (const struct block_tq2_0 *)row + block;
    for (int i = 0; i < 256; i++) out->q[i] = (b->qs[i / 128][i % 32] >> 2 * (i / 32 % 4) & 3) - 1;
    set_scale(out, b->d);
}

#define DEFINE(NAME)                                                                               \
    void matmul_##NAME##_c(const struct matmul *m, int first_row, int n_rows, void *scratch)       \
    {                                                                                              \
        (void)scratch;                                                                             \
        matmul_supers_c(m, first_row, n_rows, open_##NAME);                                        \
    }
DEFINE(iq2_xxs)
DEFINE(iq2_xs)
DEFINE(iq2_s)
DEFINE(iq3_xxs)
DEFINE(iq3_s)
DEFINE(iq1_s)
DEFINE(iq1_m)
DEFINE(tq1_0)
DEFINE(tq2_0)
