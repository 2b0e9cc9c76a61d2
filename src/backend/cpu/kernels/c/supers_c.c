/* Weights in super-blocks of 256 with columns in groups of 256: the twins of the integer kernels.
 */
#include "backend/cpu/kernels/c/kernels_c.h"
#include "backend/cpu/kernels/c/supers.h"
#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/matmul.h"
#include "tensor/block.h"
#include "tensor/codebook.h"
#include "tensor/half.h"

void matmul_supers_c(const struct matmul *m, int first_row, int n_rows, open_super *open)
{
    for (int r = first_row; r < first_row + n_rows; r++)
        for (int c = 0; c < m->n_columns; c++) {
            struct column_q8_256 x = column_q8_256(matmul_column(m, c), m->k);
            double y = 0;
            for (int b = 0; b < m->k / 256; b++) {
                struct integers w;
                open(matmul_row(m, r), b, &w);
                int dot = 0, mins = 0;
                for (int i = 0; i < 256; i++) dot += w.scale[i / 16] * w.q[i] * x.q[256 * b + i];
                for (int j = 0; j < 16; j++) mins += w.min[j] * x.sums[16 * b + j];
                y += (double)x.scale[b] * ((double)w.d * dot - (double)w.dmin * mins);
            }
            matmul_output(m, c)[r] = (float)y;
        }
}

static int two_bits(const uint8_t qs[2][32], int i)
{
    return qs[i / 128][i % 32] >> 2 * (i / 32 % 4) & 3;
}

static void open_q2_k(const void *row, int block, struct integers *out)
{
    const struct block_q2_k *b = (const struct block_q2_k *)row + block;
    for (int i = 0; i < 256; i++) out->q[i] = two_bits(b->qs, i);
    for (int j = 0; j < 16; j++) {
        out->scale[j] = b->scales[j] & 15;
        out->min[j] = b->scales[j] >> 4;
    }
    out->d = f16_to_f32(b->d);
    out->dmin = f16_to_f32(b->dmin);
}

static void open_q3_k(const void *row, int block, struct integers *out)
{
    const struct block_q3_k *b = (const struct block_q3_k *)row + block;
    for (int i = 0; i < 256; i++)
        out->q[i] = (two_bits(b->qs, i) | (b->hmask[i % 32] >> i / 32 & 1) << 2) - 4;
    for (int j = 0; j < 16; j++) out->scale[j] = q3_k_scale(b->scales, j);
    no_mins(out);
    out->d = f16_to_f32(b->d);
}

static void open_six_bit_scales(const uint8_t scales[12], struct integers *out)
{
    for (int j = 0; j < 16; j++) q4_k_scale(scales, j / 2, &out->scale[j], &out->min[j]);
}

static void open_q4_k(const void *row, int block, struct integers *out)
{
    const struct block_q4_k *b = (const struct block_q4_k *)row + block;
    for (int i = 0; i < 256; i++) out->q[i] = b->qs[i / 64][i % 32] >> 4 * (i / 32 % 2) & 15;
    open_six_bit_scales(b->scales, out);
    out->d = f16_to_f32(b->d);
    out->dmin = f16_to_f32(b->dmin);
}

static void open_q5_k(const void *row, int block, struct integers *out)
{
    const struct block_q5_k *b = (const struct block_q5_k *)row + block;
    for (int i = 0; i < 256; i++) {
        int low = b->qs[i / 64][i % 32] >> 4 * (i / 32 % 2) & 15;
        out->q[i] = low | (b->qh[i % 32] >> i / 32 & 1) << 4;
    }
    open_six_bit_scales(b->scales, out);
    out->d = f16_to_f32(b->d);
    out->dmin = f16_to_f32(b->dmin);
}

static void open_q6_k(const void *row, int block, struct integers *out)
{
    const struct block_q6_k *b = (const struct block_q6_k *)row + block;
    for (int i = 0; i < 256; i++) {
        int low = b->ql[i / 128][i % 64] >> 4 * (i / 64 % 2) & 15;
        out->q[i] = (low | two_bits(b->qh, i) << 4) - 32;
    }
    for (int j = 0; j < 16; j++) out->scale[j] = b->scales[j];
    no_mins(out);
    out->d = f16_to_f32(b->d);
}

static void open_iq4_xs(const void *row, int block, struct integers *out)
{
    const struct block_iq4_xs *b = (const struct block_iq4_xs *)row + block;
    for (int i = 0; i < 256; i++)
        out->q[i] = iq4_values[b->qs[i / 32][i % 16] >> 4 * (i / 16 % 2) & 15];
    for (int j = 0; j < 16; j++) {
        int low = b->scales_l[j / 4] >> 4 * (j / 2 % 2) & 15, high = b->scales_h >> 2 * (j / 2) & 3;
        out->scale[j] = (low | high << 4) - 32;
    }
    no_mins(out);
    out->d = f16_to_f32(b->d);
}

#define DEFINE(NAME)                                                                               \
    void matmul_##NAME##_c(const struct matmul *m, int first_row, int n_rows, void *scratch)       \
    {                                                                                              \
        (void)scratch;                                                                             \
        matmul_supers_c(m, first_row, n_rows, open_##NAME);                                        \
    }
DEFINE(q2_k)
DEFINE(q3_k)
DEFINE(q4_k)
DEFINE(q5_k)
DEFINE(q6_k)
DEFINE(iq4_xs)
