/* Floats to blocks of 32: one division for the scale, then round to nearest. */
#include "tensor/pack.h"

#include <assert.h>
#include <string.h>

#include "tensor/block.h"
#include "tensor/dtype.h"
#include "tensor/half.h"

static pack_blocks *const packers[DTYPE_LIMIT];

bool dtype_can_pack(enum dtype dtype)
{
    return dtype_info(dtype) && packers[dtype];
}

void dtype_pack(enum dtype dtype, const float *values, void *destination, int64_t n)
{
    const struct dtype_info *info = dtype_info(dtype);
    assert(dtype_can_pack(dtype) && n >= 0 && n % info->block_values == 0);
    packers[dtype](values, destination, n / info->block_values);
}

static void pack_f32(const float *x, void *destination, int64_t n)
{
    memcpy(destination, x, (size_t)n * sizeof *x);
}

static void pack_f16(const float *x, void *destination, int64_t n)
{
    uint16_t *y = destination;
    for (int64_t i = 0; i < n; i++) y[i] = f32_to_f16(x[i]);
}

static void pack_bf16(const float *x, void *destination, int64_t n)
{
    uint16_t *y = destination;
    for (int64_t i = 0; i < n; i++) y[i] = f32_to_bf16(x[i]);
}

/* The value furthest from zero, with its sign. */
static float peak_of(const float *x)
{
    float peak = x[0];
    for (int i = 1; i < 32; i++)
        if (fabsf(x[i]) > fabsf(peak)) peak = x[i];
    return peak;
}

static float inverse(float d)
{
    return d == 0 ? 0 : 1 / d;
}

static void pack_q8_0(const float *x, void *destination, int64_t n_blocks)
{
    struct block_q8_0 *block = destination;
    for (; n_blocks > 0; n_blocks--, block++, x += 32) {
        float d = fabsf(peak_of(x)) / 127, scale = inverse(d);
        block->d = f32_to_f16(d);
        for (int i = 0; i < 32; i++) {
            int q = nearest(fabsf(x[i]) * scale, 0, 127); /* halves away from zero */
            block->qs[i] = (int8_t)(x[i] < 0 ? -q : q);
        }
    }
}

/* The peak becomes -8 (or -16), the number that has no counterpart on the other side. */
static void pack_q4_0(const float *x, void *destination, int64_t n_blocks)
{
    struct block_q4_0 *block = destination;
    for (; n_blocks > 0; n_blocks--, block++, x += 32) {
        float d = peak_of(x) / -8, scale = inverse(d);
        block->d = f32_to_f16(d);
        for (int i = 0; i < 16; i++) {
            int low = nearest(x[i] * scale + 8, 0, 15);
            int high = nearest(x[i + 16] * scale + 8, 0, 15);
            block->qs[i] = (uint8_t)(low | high << 4);
        }
    }
}

/* Bits 0-3 of 32 numbers into qs, bit 4 into qh. */
static void put_q5(const uint8_t numbers[32], uint8_t qs[16], uint8_t qh[4])
{
    for (int i = 0; i < 16; i++) qs[i] = (uint8_t)((numbers[i] & 15) | numbers[i + 16] << 4);
    memset(qh, 0, 4);
    for (int i = 0; i < 32; i++) qh[i / 8] = (uint8_t)(qh[i / 8] | (numbers[i] >> 4) << i % 8);
}

static void pack_q5_0(const float *x, void *destination, int64_t n_blocks)
{
    struct block_q5_0 *block = destination;
    for (; n_blocks > 0; n_blocks--, block++, x += 32) {
        float d = peak_of(x) / -16, scale = inverse(d);
        uint8_t numbers[32];
        block->d = f32_to_f16(d);
        for (int i = 0; i < 32; i++) numbers[i] = (uint8_t)nearest(x[i] * scale + 16, 0, 31);
        put_q5(numbers, block->qs, block->qh);
    }
}

static void range_of(const float *x, float *low, float *high)
{
    *low = *high = x[0];
    for (int i = 1; i < 32; i++) {
        if (x[i] < *low) *low = x[i];
        if (x[i] > *high) *high = x[i];
    }
}

static void pack_q4_1(const float *x, void *destination, int64_t n_blocks)
{
    struct block_q4_1 *block = destination;
    for (; n_blocks > 0; n_blocks--, block++, x += 32) {
        float m, top;
        range_of(x, &m, &top);
        float d = (top - m) / 15, scale = inverse(d);
        block->d = f32_to_f16(d);
        block->m = f32_to_f16(m);
        for (int i = 0; i < 16; i++) {
            int low = nearest((x[i] - m) * scale, 0, 15);
            int high = nearest((x[i + 16] - m) * scale, 0, 15);
            block->qs[i] = (uint8_t)(low | high << 4);
        }
    }
}

static void pack_q5_1(const float *x, void *destination, int64_t n_blocks)
{
    struct block_q5_1 *block = destination;
    for (; n_blocks > 0; n_blocks--, block++, x += 32) {
        float m, top;
        range_of(x, &m, &top);
        float d = (top - m) / 31, scale = inverse(d);
        uint8_t numbers[32];
        block->d = f32_to_f16(d);
        block->m = f32_to_f16(m);
        for (int i = 0; i < 32; i++) numbers[i] = (uint8_t)nearest((x[i] - m) * scale, 0, 31);
        put_q5(numbers, block->qs, block->qh);
    }
}

static pack_blocks *const packers[DTYPE_LIMIT] = {
    [DTYPE_F32] = pack_f32,     [DTYPE_F16] = pack_f16,         [DTYPE_BF16] = pack_bf16,
    [DTYPE_Q8_0] = pack_q8_0,   [DTYPE_Q4_0] = pack_q4_0,       [DTYPE_Q4_1] = pack_q4_1,
    [DTYPE_Q5_0] = pack_q5_0,   [DTYPE_Q5_1] = pack_q5_1,       [DTYPE_Q4_K] = pack_q4_k,
    [DTYPE_Q5_K] = pack_q5_k,   [DTYPE_Q6_K] = pack_q6_k,       [DTYPE_Q2_K] = pack_q2_k,
    [DTYPE_Q3_K] = pack_q3_k,   [DTYPE_IQ4_NL] = pack_iq4_nl,   [DTYPE_IQ4_XS] = pack_iq4_xs,
    [DTYPE_MXFP4] = pack_mxfp4, [DTYPE_NVFP4] = pack_nvfp4,     [DTYPE_TQ1_0] = pack_tq1_0,
    [DTYPE_TQ2_0] = pack_tq2_0, [DTYPE_IQ2_XXS] = pack_iq2_xxs, [DTYPE_IQ2_XS] = pack_iq2_xs,
    [DTYPE_IQ2_S] = pack_iq2_s, [DTYPE_IQ3_XXS] = pack_iq3_xxs, [DTYPE_IQ3_S] = pack_iq3_s,
    [DTYPE_IQ1_S] = pack_iq1_s, [DTYPE_IQ1_M] = pack_iq1_m,
};
