/* Blocks to floats, written to be read beside block.h. Every other unpacker and every kernel is
 * tested against these, so they stay plain. */
#include "tensor/unpack.h"

#include <assert.h>
#include <string.h>

#include "tensor/block.h"
#include "tensor/dtype.h"
#include "tensor/half.h"

static unpack_blocks *const unpackers[DTYPE_LIMIT];

void dtype_unpack(enum dtype dtype, const void *source, float *values, int64_t n)
{
    const struct dtype_info *info = dtype_info(dtype);
    assert(info && info->runs && n >= 0 && n % info->block_values == 0);
    unpackers[dtype](source, values, n / info->block_values);
}

static void unpack_f32(const void *source, float *y, int64_t n)
{
    memcpy(y, source, (size_t)n * sizeof *y);
}

static void unpack_f16(const void *source, float *y, int64_t n)
{
    const uint16_t *x = source;
    for (int64_t i = 0; i < n; i++) y[i] = f16_to_f32(x[i]);
}

static void unpack_bf16(const void *source, float *y, int64_t n)
{
    const uint16_t *x = source;
    for (int64_t i = 0; i < n; i++) y[i] = bf16_to_f32(x[i]);
}

static void unpack_q8_0(const void *source, float *y, int64_t n_blocks)
{
    const struct block_q8_0 *block = source;
    for (; n_blocks > 0; n_blocks--, block++, y += 32) {
        float d = f16_to_f32(block->d);
        for (int i = 0; i < 32; i++) y[i] = d * (float)block->qs[i];
    }
}

static void unpack_q4_0(const void *source, float *y, int64_t n_blocks)
{
    const struct block_q4_0 *block = source;
    for (; n_blocks > 0; n_blocks--, block++, y += 32) {
        float d = f16_to_f32(block->d);
        for (int i = 0; i < 16; i++) {
            y[i] = d * (float)((block->qs[i] & 15) - 8);
            y[i + 16] = d * (float)((block->qs[i] >> 4) - 8);
        }
    }
}

static void unpack_q4_1(const void *source, float *y, int64_t n_blocks)
{
    const struct block_q4_1 *block = source;
    for (; n_blocks > 0; n_blocks--, block++, y += 32) {
        float d = f16_to_f32(block->d), m = f16_to_f32(block->m);
        for (int i = 0; i < 16; i++) {
            y[i] = d * (float)(block->qs[i] & 15) + m;
            y[i + 16] = d * (float)(block->qs[i] >> 4) + m;
        }
    }
}

/* The 5-bit number of value i, 0..31. */
static int q5_value(const uint8_t qs[16], const uint8_t qh[4], int i)
{
    int low = qs[i % 16] >> 4 * (i / 16) & 15;
    return low | (qh[i / 8] >> i % 8 & 1) << 4;
}

static void unpack_q5_0(const void *source, float *y, int64_t n_blocks)
{
    const struct block_q5_0 *block = source;
    for (; n_blocks > 0; n_blocks--, block++, y += 32) {
        float d = f16_to_f32(block->d);
        for (int i = 0; i < 32; i++) y[i] = d * (float)(q5_value(block->qs, block->qh, i) - 16);
    }
}

static void unpack_q5_1(const void *source, float *y, int64_t n_blocks)
{
    const struct block_q5_1 *block = source;
    for (; n_blocks > 0; n_blocks--, block++, y += 32) {
        float d = f16_to_f32(block->d), m = f16_to_f32(block->m);
        for (int i = 0; i < 32; i++) y[i] = d * (float)q5_value(block->qs, block->qh, i) + m;
    }
}

static void unpack_q2_k(const void *source, float *y, int64_t n_blocks)
{
    const struct block_q2_k *block = source;
    for (; n_blocks > 0; n_blocks--, block++, y += 256) {
        float d = f16_to_f32(block->d), dmin = f16_to_f32(block->dmin);
        for (int i = 0; i < 256; i++) {
            int group = block->scales[i / 16];
            int q = block->qs[i / 128][i % 32] >> 2 * (i / 32 % 4) & 3;
            y[i] = d * (float)(group & 15) * (float)q - dmin * (float)(group >> 4);
        }
    }
}

static void unpack_q3_k(const void *source, float *y, int64_t n_blocks)
{
    const struct block_q3_k *block = source;
    for (; n_blocks > 0; n_blocks--, block++, y += 256) {
        float d = f16_to_f32(block->d);
        for (int i = 0; i < 256; i++) {
            int low = block->qs[i / 128][i % 32] >> 2 * (i / 32 % 4) & 3;
            int high = block->hmask[i % 32] >> i / 32 & 1;
            y[i] = d * (float)q3_k_scale(block->scales, i / 16) * (float)((low | high << 2) - 4);
        }
    }
}

static void unpack_q4_k(const void *source, float *y, int64_t n_blocks)
{
    const struct block_q4_k *block = source;
    for (; n_blocks > 0; n_blocks--, block++, y += 256) {
        float d = f16_to_f32(block->d), dmin = f16_to_f32(block->dmin);
        for (int j = 0; j < 8; j++) {
            int scale, min;
            q4_k_scale(block->scales, j, &scale, &min);
            for (int i = 0; i < 32; i++) {
                int q = block->qs[j / 2][i] >> 4 * (j % 2) & 15;
                y[32 * j + i] = d * (float)scale * (float)q - dmin * (float)min;
            }
        }
    }
}

static void unpack_q5_k(const void *source, float *y, int64_t n_blocks)
{
    const struct block_q5_k *block = source;
    for (; n_blocks > 0; n_blocks--, block++, y += 256) {
        float d = f16_to_f32(block->d), dmin = f16_to_f32(block->dmin);
        for (int j = 0; j < 8; j++) {
            int scale, min;
            q4_k_scale(block->scales, j, &scale, &min);
            for (int i = 0; i < 32; i++) {
                int q = (block->qs[j / 2][i] >> 4 * (j % 2) & 15) | (block->qh[i] >> j & 1) << 4;
                y[32 * j + i] = d * (float)scale * (float)q - dmin * (float)min;
            }
        }
    }
}

static void unpack_q6_k(const void *source, float *y, int64_t n_blocks)
{
    const struct block_q6_k *block = source;
    for (; n_blocks > 0; n_blocks--, block++, y += 256) {
        float d = f16_to_f32(block->d);
        for (int i = 0; i < 256; i++) {
            int low = block->ql[i / 128][i % 64] >> 4 * (i / 64 % 2) & 15;
            int high = block->qh[i / 128][i % 32] >> 2 * (i / 32 % 4) & 3;
            y[i] = d * (float)block->scales[i / 16] * (float)((low | high << 4) - 32);
        }
    }
}

static unpack_blocks *const unpackers[DTYPE_LIMIT] = {
    [DTYPE_F32] = unpack_f32,         [DTYPE_F16] = unpack_f16,       [DTYPE_BF16] = unpack_bf16,
    [DTYPE_Q8_0] = unpack_q8_0,       [DTYPE_Q4_0] = unpack_q4_0,     [DTYPE_Q4_1] = unpack_q4_1,
    [DTYPE_Q5_0] = unpack_q5_0,       [DTYPE_Q5_1] = unpack_q5_1,     [DTYPE_Q2_K] = unpack_q2_k,
    [DTYPE_Q3_K] = unpack_q3_k,       [DTYPE_Q4_K] = unpack_q4_k,     [DTYPE_Q5_K] = unpack_q5_k,
    [DTYPE_Q6_K] = unpack_q6_k,

    [DTYPE_IQ4_NL] = unpack_iq4_nl,   [DTYPE_IQ4_XS] = unpack_iq4_xs, [DTYPE_MXFP4] = unpack_mxfp4,
    [DTYPE_NVFP4] = unpack_nvfp4,     [DTYPE_TQ1_0] = unpack_tq1_0,   [DTYPE_TQ2_0] = unpack_tq2_0,
    [DTYPE_IQ2_XXS] = unpack_iq2_xxs, [DTYPE_IQ2_XS] = unpack_iq2_xs, [DTYPE_IQ2_S] = unpack_iq2_s,
    [DTYPE_IQ3_XXS] = unpack_iq3_xxs, [DTYPE_IQ3_S] = unpack_iq3_s,   [DTYPE_IQ1_S] = unpack_iq1_s,
    [DTYPE_IQ1_M] = unpack_iq1_m,
};
