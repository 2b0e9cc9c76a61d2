/* Weights in blocks of 32 with columns in groups of 32: the twins of the integer kernels. */
#include <math.h>

#include "backend/cpu/kernels/c/kernels_c.h"
#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/matmul.h"
#include "tensor/block.h"
#include "tensor/codebook.h"
#include "tensor/half.h"

/* w = d * q + m */
struct integers {
    int q[32];
    float d, m;
};

typedef void open_block(const void *row, int block, struct integers *out);

static void matmul_blocks(const struct matmul *m, int first_row, int n_rows, open_block *open)
{
    for (int r = first_row; r < first_row + n_rows; r++)
        for (int c = 0; c < m->n_columns; c++) {
            struct column_q8_32 x = column_q8_32(matmul_column(m, c), m->k);
            double y = 0;
            for (int b = 0; b < m->k / 32; b++) {
                struct integers w;
                open(matmul_row(m, r), b, &w);
                int dot = 0, sum = 0;
                for (int i = 0; i < 32; i++) {
                    dot += w.q[i] * x.q[32 * b + i];
                    sum += x.q[32 * b + i];
                }
                y += (double)x.scale[b] * ((double)w.d * dot + (double)w.m * sum);
            }
            matmul_output(m, c)[r] = (float)y;
        }
}

static int nibble(const uint8_t qs[16], int i)
{
    return qs[i % 16] >> 4 * (i / 16) & 15;
}

static int fifth_bit(const uint8_t qh[4], int i)
{
    return (qh[i / 8] >> i % 8 & 1) << 4;
}

static void open_q4_0(const void *row, int block, struct integers *out)
{
    const struct block_q4_0 *b = (const struct block_q4_0 *)row + block;
    for (int i = 0; i < 32; i++) out->q[i] = nibble(b->qs, i) - 8;
    out->d = f16_to_f32(b->d);
    out->m = 0;
}

static void open_q4_1(const void *row, int block, struct integers *out)
{
    const struct block_q4_1 *b = (const struct block_q4_1 *)row + block;
    for (int i = 0; i < 32; i++) out->q[i] = nibble(b->qs, i);
    out->d = f16_to_f32(b->d);
    out->m = f16_to_f32(b->m);
}

static void open_q5_0(const void *row, int block, struct integers *out)
{
    const struct block_q5_0 *b = (const struct block_q5_0 *)row + block;
    for (int i = 0; i < 32; i++) out->q[i] = (nibble(b->qs, i) | fifth_bit(b->qh, i)) - 16;
    out->d = f16_to_f32(b->d);
    out->m = 0;
}

static void open_q5_1(const void *row, int block, struct integers *out)
{
    const struct block_q5_1 *b = (const struct block_q5_1 *)row + block;
    for (int i = 0; i < 32; i++) out->q[i] = nibble(b->qs, i) | fifth_bit(b->qh, i);
    out->d = f16_to_f32(b->d);
    out->m = f16_to_f32(b->m);
}

static void open_q8_0(const void *row, int block, struct integers *out)
{
    const struct block_q8_0 *b = (const struct block_q8_0 *)row + block;
    for (int i = 0; i < 32; i++) out->q[i] = b->qs[i];
    out->d = f16_to_f32(b->d);
    out->m = 0;
}

static void open_iq4_nl(const void *row, int block, struct integers *out)
{
    const struct block_iq4_nl *b = (const struct block_iq4_nl *)row + block;
    for (int i = 0; i < 32; i++) out->q[i] = iq4_values[nibble(b->qs, i)];
    out->d = f16_to_f32(b->d);
    out->m = 0;
}

/* The values of E2M1 end in halves: q is twice the value. */
static void open_mxfp4(const void *row, int block, struct integers *out)
{
    static const int8_t doubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    const struct block_mxfp4 *b = (const struct block_mxfp4 *)row + block;
    for (int i = 0; i < 32; i++) out->q[i] = doubled[nibble(b->qs, i)];
    out->d = ldexpf(0.5f, b->e - 127);
    out->m = 0;
}

#define DEFINE(NAME)                                                                               \
    void matmul_##NAME##_c(const struct matmul *m, int first_row, int n_rows, void *scratch)       \
    {                                                                                              \
        (void)scratch;                                                                             \
        matmul_blocks(m, first_row, n_rows, open_##NAME);                                          \
    }
DEFINE(q4_0)
DEFINE(q4_1)
DEFINE(q5_0)
DEFINE(q5_1)
DEFINE(q8_0)
DEFINE(iq4_nl)
DEFINE(mxfp4)
