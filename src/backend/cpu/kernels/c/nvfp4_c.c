/* NVFP4: blocks of 64 with a scale for every 16 values, with columns in groups of 32. */
#include "backend/cpu/kernels/c/kernels_c.h"
#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/matmul.h"
#include "tensor/block.h"
#include "tensor/codebook.h"

/* Sixteen products of group j. */
static int dot_group(const struct block_nvfp4 *block, int j, const int8_t *x)
{
    int dot = 0;
    for (int i = 0; i < 16; i++)
        dot += e2m1_values[block->qs[j][i % 8] >> 4 * (i / 8) & 15] * x[16 * j + i];
    return dot;
}

void matmul_nvfp4_c(const struct matmul *m, int first_row, int n_rows, void *scratch)
{
    (void)scratch;
    for (int r = first_row; r < first_row + n_rows; r++)
        for (int c = 0; c < m->n_columns; c++) {
            const struct block_nvfp4 *blocks = matmul_row(m, r);
            struct column_q8_32 x = column_q8_32(matmul_column(m, c), m->k);
            double y = 0;
            for (int b = 0; b < m->k / 64; b++)
                for (int j = 0; j < 4; j++)
                    y += (double)x.scale[2 * b + j / 2] * (double)nvfp4_scale(blocks[b].d[j]) *
                         dot_group(&blocks[b], j, x.q + 64 * b);
            matmul_output(m, c)[r] = (float)y;
        }
}
