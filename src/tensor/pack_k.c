/* Floats to super-blocks. Each group first gets the scale (and min) that suits it best: a few
 * candidate scales round the values to numbers, and for given numbers least squares has the best
 * scale in closed form. Then the scales themselves are rounded, and the values once more with what
 * became of them. */
#include "tensor/pack.h"

#include <stdbool.h>
#include <string.h>

#include "tensor/block.h"
#include "tensor/half.h"

/* Candidates span the scale that just covers the range by this much on either side. */
enum { N_CANDIDATES = 17 };
static const float SPAN = 0.12f;

static float candidate(int step)
{
    return 1 - SPAN + 2 * SPAN * (float)step / (N_CANDIDATES - 1);
}

/* ---- w = scale * q - min, min >= 0 ---- */

struct affine {
    double scale, min, error;
};

/* Least squares for q = round((x + min) / scale) within 0..n_levels - 1. */
static bool solve_affine(const float *x, int n, int n_levels, float scale, float min,
                         struct affine *out)
{
    double sum_q = 0, sum_qq = 0, sum_x = 0, sum_qx = 0, sum_xx = 0;
    for (int i = 0; i < n; i++) {
        double q = nearest((x[i] + min) / scale, 0, n_levels - 1);
        sum_q += q;
        sum_qq += q * q;
        sum_x += x[i];
        sum_qx += q * x[i];
        sum_xx += (double)x[i] * x[i];
    }
    double determinant = n * sum_qq - sum_q * sum_q;
    if (!(determinant > 0)) return false;
    double s = (n * sum_qx - sum_q * sum_x) / determinant;
    double m = (sum_q * sum_qx - sum_qq * sum_x) / determinant;
    if (m < 0) {
        m = 0;
        s = sum_qx / sum_qq;
    }
    double error =
        sum_xx + s * s * sum_qq + n * m * m - 2 * (s * sum_qx - m * sum_x + s * m * sum_q);
    *out = (struct affine){s, m, error};
    return s > 0;
}

static void fit_affine(const float *x, int n, int n_levels, float *scale, float *min)
{
    float low = 0, high = 0; /* zero is always in the range, as min cannot be negative */
    for (int i = 0; i < n; i++) {
        if (x[i] < low) low = x[i];
        if (x[i] > high) high = x[i];
    }
    float cover = (high - low) / (float)(n_levels - 1);
    *scale = cover;
    *min = -low;
    struct affine best = {.error = INFINITY}, next;
    for (int step = 0; step < N_CANDIDATES && cover > 0; step++) {
        if (!solve_affine(x, n, n_levels, cover * candidate(step), -low, &next)) continue;
        if (next.error < best.error) best = next;
    }
    if (best.scale > 0) {
        *scale = (float)best.scale;
        *min = (float)best.min;
    }
}

static float round_to_f16(float x, uint16_t *half)
{
    *half = f32_to_f16(x);
    return f16_to_f32(*half);
}

/* The inverse of q4_k_scale. */
static void put_scale(uint8_t scales[12], int j, int scale, int min)
{
    if (j < 4) {
        scales[j] = (uint8_t)(scales[j] | scale);
        scales[j + 4] = (uint8_t)(scales[j + 4] | min);
    } else {
        scales[j + 4] = (uint8_t)((scale & 15) | (min & 15) << 4);
        scales[j - 4] = (uint8_t)(scales[j - 4] | scale >> 4 << 6);
        scales[j] = (uint8_t)(scales[j] | min >> 4 << 6);
    }
}

/* What Q4_K and Q5_K share: d, dmin, the packed scales and the 256 numbers. */
static void pack_affine(const float *x, int n_levels, uint16_t *d_half, uint16_t *dmin_half,
                        uint8_t packed[12], uint8_t numbers[256])
{
    float scales[8], mins[8], max_scale = 0, max_min = 0;
    for (int j = 0; j < 8; j++) {
        fit_affine(x + 32 * j, 32, n_levels, &scales[j], &mins[j]);
        max_scale = fmaxf(max_scale, scales[j]);
        max_min = fmaxf(max_min, mins[j]);
    }
    float d = round_to_f16(max_scale / 63, d_half), dmin = round_to_f16(max_min / 63, dmin_half);
    memset(packed, 0, 12);
    for (int j = 0; j < 8; j++) {
        int scale = d > 0 ? nearest(scales[j] / d, 0, 63) : 0;
        int min = dmin > 0 ? nearest(mins[j] / dmin, 0, 63) : 0;
        put_scale(packed, j, scale, min);
        float s = d * (float)scale, m = dmin * (float)min;
        for (int i = 32 * j; i < 32 * (j + 1); i++)
            numbers[i] = (uint8_t)(s > 0 ? nearest((x[i] + m) / s, 0, n_levels - 1) : 0);
    }
}

void pack_q4_k(const float *x, void *destination, int64_t n_blocks)
{
    struct block_q4_k *block = destination;
    for (; n_blocks > 0; n_blocks--, block++, x += 256) {
        uint8_t numbers[256];
        pack_affine(x, 16, &block->d, &block->dmin, block->scales, numbers);
        for (int j = 0; j < 4; j++)
            for (int i = 0; i < 32; i++)
                block->qs[j][i] = (uint8_t)(numbers[64 * j + i] | numbers[64 * j + 32 + i] << 4);
    }
}

void pack_q5_k(const float *x, void *destination, int64_t n_blocks)
{
    struct block_q5_k *block = destination;
    for (; n_blocks > 0; n_blocks--, block++, x += 256) {
        uint8_t numbers[256];
        pack_affine(x, 32, &block->d, &block->dmin, block->scales, numbers);
        memset(block->qh, 0, sizeof block->qh);
        memset(block->qs, 0, sizeof block->qs);
        for (int i = 0; i < 256; i++) {
            uint8_t *low = &block->qs[i / 64][i % 32], *high = &block->qh[i % 32];
            *low = (uint8_t)(*low | (numbers[i] & 15) << 4 * (i / 32 % 2));
            *high = (uint8_t)(*high | numbers[i] >> 4 << i / 32);
        }
    }
}

/* Sixteen groups of 16, scales and mins of 4 bits. */
void pack_q2_k(const float *x, void *destination, int64_t n_blocks)
{
    struct block_q2_k *block = destination;
    for (; n_blocks > 0; n_blocks--, block++, x += 256) {
        float scales[16], mins[16], max_scale = 0, max_min = 0;
        for (int j = 0; j < 16; j++) {
            fit_affine(x + 16 * j, 16, 4, &scales[j], &mins[j]);
            max_scale = fmaxf(max_scale, scales[j]);
            max_min = fmaxf(max_min, mins[j]);
        }
        float d = round_to_f16(max_scale / 15, &block->d);
        float dmin = round_to_f16(max_min / 15, &block->dmin);
        memset(block->qs, 0, sizeof block->qs);
        for (int j = 0; j < 16; j++) {
            int scale = d > 0 ? nearest(scales[j] / d, 0, 15) : 0;
            int min = dmin > 0 ? nearest(mins[j] / dmin, 0, 15) : 0;
            block->scales[j] = (uint8_t)(scale | min << 4);
        }
        for (int i = 0; i < 256; i++) {
            float scale = d * (float)(block->scales[i / 16] & 15);
            float min = dmin * (float)(block->scales[i / 16] >> 4);
            int q = scale > 0 ? nearest((x[i] + min) / scale, 0, 3) : 0;
            block->qs[i / 128][i % 32] |= (uint8_t)(q << 2 * (i / 32 % 4));
        }
    }
}

/* ---- w = scale * q, q in -limit .. limit - 1 ---- */

/* The signed scale for 16 values: the one furthest from zero goes towards -limit. */
static float fit_symmetric(const float *x, int limit)
{
    float peak = 0;
    for (int i = 0; i < 16; i++)
        if (fabsf(x[i]) > fabsf(peak)) peak = x[i];
    float cover = peak / (float)-limit, scale = cover;
    double most = 0; /* the squared error is sum(x * x) - sum(q * x)^2 / sum(q * q) */
    for (int step = 0; step < N_CANDIDATES && cover != 0; step++) {
        double sum_qq = 0, sum_qx = 0;
        for (int i = 0; i < 16; i++) {
            double q = nearest(x[i] / (cover * candidate(step)), -limit, limit - 1);
            sum_qq += q * q;
            sum_qx += q * x[i];
        }
        if (!(sum_qq > 0) || !(sum_qx * sum_qx / sum_qq > most)) continue;
        most = sum_qx * sum_qx / sum_qq;
        scale = (float)(sum_qx / sum_qq);
    }
    return scale;
}

void pack_q6_k(const float *x, void *destination, int64_t n_blocks)
{
    struct block_q6_k *block = destination;
    for (; n_blocks > 0; n_blocks--, block++, x += 256) {
        float scales[16], peak = 0;
        for (int j = 0; j < 16; j++) {
            scales[j] = fit_symmetric(x + 16 * j, 32);
            if (fabsf(scales[j]) > fabsf(peak)) peak = scales[j];
        }
        float d = round_to_f16(peak / -128, &block->d);
        memset(block->ql, 0, sizeof block->ql);
        memset(block->qh, 0, sizeof block->qh);
        for (int j = 0; j < 16; j++)
            block->scales[j] = (int8_t)(d != 0 ? nearest(scales[j] / d, -128, 127) : 0);
        for (int i = 0; i < 256; i++) {
            float scale = d * (float)block->scales[i / 16];
            int q = scale != 0 ? nearest(x[i] / scale, -32, 31) + 32 : 32;
            uint8_t *low = &block->ql[i / 128][i % 64], *high = &block->qh[i / 128][i % 32];
            *low = (uint8_t)(*low | (q & 15) << 4 * (i / 64 % 2));
            *high = (uint8_t)(*high | q >> 4 << 2 * (i / 32 % 4));
        }
    }
}

/* The inverse of q3_k_scale. */
static void put_q3_scale(uint8_t scales[12], int j, int scale)
{
    int number = scale + 32;
    scales[j % 8] |= (uint8_t)((number & 15) << 4 * (j / 8));
    scales[8 + j % 4] |= (uint8_t)(number >> 4 << 2 * (j / 4));
}

void pack_q3_k(const float *x, void *destination, int64_t n_blocks)
{
    struct block_q3_k *block = destination;
    for (; n_blocks > 0; n_blocks--, block++, x += 256) {
        float scales[16], peak = 0;
        for (int j = 0; j < 16; j++) {
            scales[j] = fit_symmetric(x + 16 * j, 4);
            if (fabsf(scales[j]) > fabsf(peak)) peak = scales[j];
        }
        memset(block, 0, sizeof *block);
        float d = round_to_f16(peak / -32, &block->d);
        for (int j = 0; j < 16; j++)
            put_q3_scale(block->scales, j, d != 0 ? nearest(scales[j] / d, -32, 31) : 0);
        for (int i = 0; i < 256; i++) {
            float scale = d * (float)q3_k_scale(block->scales, i / 16);
            int q = scale != 0 ? nearest(x[i] / scale, -4, 3) + 4 : 4;
            block->qs[i / 128][i % 32] |= (uint8_t)((q & 3) << 2 * (i / 32 % 4));
            block->hmask[i % 32] |= (uint8_t)(q >> 2 << i / 32);
        }
    }
}
