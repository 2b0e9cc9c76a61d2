/* A block of keys and values, folded into the running softmax sums of a few query vectors. */
#include "backend/cpu/cpu.h"

#include <math.h>

static int visible_keys(const struct attend_block *block, int column);
static void fold_values(const struct kernels *kernels, const struct attend_block *block);
static void mix_values(const struct kernels *kernels, const struct attend_block *block,
                       int first_column, int end_column, int first_key, int end_key);

void attend_fold(const struct cpu *cpu, const struct attend_block *block, void *kernel_scratch)
{
    const struct kernels *kernels = &cpu->kernels;
    struct matmul_choice choice = kernels_matmul_vectors(kernels, block->dtype, block->n_columns);
    struct matmul scores = {.rows = block->k,
                            .row_bytes = block->k_bytes,
                            .k = block->d_k,
                            .columns = block->columns[choice.format],
                            .column_bytes = block->column_bytes[choice.format],
                            .column_index =
                                choice.format == COLUMN_F32 ? block->column_index : NULL,
                            .n_columns = block->n_columns,
                            .y = block->scores,
                            .y_stride = CPU_ATTEND_KEYS};
    choice.run(&scores, 0, block->n_keys, kernel_scratch);
    for (int c = 0; c < block->n_columns; c++) {
        float *p = block->scores + (size_t)c * CPU_ATTEND_KEYS;
        int n = visible_keys(block, c);
        if (n == 0) continue;
        kernels->scale(p, block->scale, n);
        float max = fmaxf(block->max[c], kernels->max(p, n));
        float shrink = expf(block->max[c] - max); /* 0 at first: the maximum begins at -infinity */
        if (shrink != 1.0f)
            kernels->scale(block->out + (size_t)c * block->out_stride, shrink, block->d_v);
        block->sum[c] = block->sum[c] * shrink + kernels->exp_sum(p, max, n);
        block->max[c] = max;
    }
    fold_values(kernels, block);
}

static int visible_keys(const struct attend_block *block, int column)
{
    int n = block->n_visible[column];
    return n < 0 ? 0 : n < block->n_keys ? n : block->n_keys;
}

/* No sum reads a value that its row does not see: a weight of 0 would not keep out the infinity or
 * NaN of a later row. Columns are in the order of their rows, so the first sees the fewest keys;
 * what lies behind those is added row by row. */
static void fold_values(const struct kernels *kernels, const struct attend_block *block)
{
    int common = visible_keys(block, 0);
    mix_values(kernels, block, 0, block->n_columns, 0, common);
    for (int first = 0, end; first < block->n_columns; first = end) {
        int n = visible_keys(block, first);
        for (end = first + 1; end < block->n_columns && visible_keys(block, end) == n;) end++;
        if (n > common) mix_values(kernels, block, first, end, common, n);
    }
}

static void mix_values(const struct kernels *kernels, const struct attend_block *block,
                       int first_column, int end_column, int first_key, int end_key)
{
    size_t column = (size_t)first_column, key = (size_t)first_key;
    kernels->mix[block->dtype](block->out + column * block->out_stride, block->out_stride,
                               block->scores + column * CPU_ATTEND_KEYS + key, CPU_ATTEND_KEYS,
                               end_column - first_column, block->v + key * block->v_bytes,
                               block->v_bytes, end_key - first_key, block->d_v);
}
