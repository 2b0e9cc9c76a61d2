/* Floats to the types whose numbers are looked up one by one, and to base 3. A scale is chosen
 * among a few candidates by what it loses; for given numbers least squares has the best scale in
 * closed form. */
#include "tensor/pack.h"

#include <string.h>

#include "tensor/block.h"
#include "tensor/codebook.h"
#include "tensor/half.h"

enum { N_CANDIDATES = 17 };

/* The number among the first `n_values` whose value times d is nearest to x; the first of equals.
 */
static int nearest_value(const int8_t *values, int n_values, float d, float x)
{
    int best = 0;
    for (int i = 1; i < n_values; i++)
        if (fabsf(d * (float)values[i] - x) < fabsf(d * (float)values[best] - x)) best = i;
    return best;
}

/* The low nibbles, then the high ones. */
static void put_nibbles(const int8_t values[16], float d, const float *x, uint8_t *qs, int n_bytes)
{
    for (int i = 0; i < n_bytes; i++)
        qs[i] = (uint8_t)(nearest_value(values, 16, d, x[i]) |
                          nearest_value(values, 16, d, x[i + n_bytes]) << 4);
}

/* ---- IQ4: the greatest value of a group comes near either end of the table ---- */

static float fit_iq4(const float *x)
{
    float peak = 0, scale = 0;
    for (int i = 0; i < 32; i++)
        if (fabsf(x[i]) > fabsf(peak)) peak = x[i];
    double most = 0; /* the squared error is sum(x * x) - sum(q * x)^2 / sum(q * q) */
    for (int step = 0; step < 2 * N_CANDIDATES && peak != 0; step++) {
        float end = step % 2 ? (float)iq4_values[15] : (float)iq4_values[0];
        float d = peak / end * (0.85f + 0.3f * (float)(step / 2) / (N_CANDIDATES - 1));
        double sum_qq = 0, sum_qx = 0;
        for (int i = 0; i < 32; i++) {
            double q = iq4_values[nearest_value(iq4_values, 16, d, x[i])];
            sum_qq += q * q;
            sum_qx += q * (double)x[i];
        }
        if (!(sum_qx * sum_qx / sum_qq > most)) continue;
        most = sum_qx * sum_qx / sum_qq;
        scale = (float)(sum_qx / sum_qq);
    }
    return scale;
}

void pack_iq4_nl(const float *x, void *destination, int64_t n_blocks)
{
    struct block_iq4_nl *block = destination;
    for (; n_blocks > 0; n_blocks--, block++, x += 32) {
        block->d = f32_to_f16(fit_iq4(x));
        put_nibbles(iq4_values, f16_to_f32(block->d), x, block->qs, 16);
    }
}

void pack_iq4_xs(const float *x, void *destination, int64_t n_blocks)
{
    struct block_iq4_xs *block = destination;
    for (; n_blocks > 0; n_blocks--, block++, x += 256) {
        float scales[8], peak = 0;
        for (int j = 0; j < 8; j++) {
            scales[j] = fit_iq4(x + 32 * j);
            if (fabsf(scales[j]) > fabsf(peak)) peak = scales[j];
        }
        memset(block, 0, sizeof *block);
        block->d = f32_to_f16(peak / -32);
        float d = f16_to_f32(block->d);
        for (int j = 0; j < 8; j++) {
            int scale = d != 0 ? nearest(scales[j] / d, -32, 31) : 0, number = scale + 32;
            block->scales_l[j / 2] |= (uint8_t)((number & 15) << 4 * (j % 2));
            block->scales_h |= (uint16_t)(number >> 4 << 2 * j);
            put_nibbles(iq4_values, d * (float)scale, x + 32 * j, block->qs[j], 16);
        }
    }
}

/* ---- E2M1 ---- */

/* The power of two that puts the greatest value between 4 and 8, of which 6 is the most there is.
 */
void pack_mxfp4(const float *x, void *destination, int64_t n_blocks)
{
    struct block_mxfp4 *block = destination;
    for (; n_blocks > 0; n_blocks--, block++, x += 32) {
        float max = 0;
        for (int i = 0; i < 32; i++) max = fmaxf(max, fabsf(x[i]));
        int exponent;
        frexpf(max, &exponent);
        block->e =
            (uint8_t)(max > 0 && isfinite(max) ? nearest((float)(exponent + 124), 0, 254) : 0);
        put_nibbles(e2m1_values, mxfp4_scale(block->e), x, block->qs, 16);
    }
}

static double error_e2m1(const float *x, float d)
{
    double error = 0;
    for (int i = 0; i < 16; i++) {
        float lost = x[i] - d * (float)e2m1_values[nearest_value(e2m1_values, 16, d, x[i])];
        error += (double)lost * (double)lost;
    }
    return error;
}

/* The scale, 8 bits without sign, that is nearest to 2 d; they grow with their numbers. */
static int nearest_e4m3(float d)
{
    int low = 0, high = 0x7e;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (nvfp4_scale((uint8_t)middle) <= d)
            low = middle;
        else
            high = middle;
    }
    return d - nvfp4_scale((uint8_t)low) < nvfp4_scale((uint8_t)high) - d ? low : high;
}

/* The greatest value may become any of the seven there are. */
static uint8_t fit_nvfp4(const float *x)
{
    float max = 0;
    for (int i = 0; i < 16; i++) max = fmaxf(max, fabsf(x[i]));
    double least = INFINITY;
    int best = 0;
    for (int value = 7; value > 0; value--) {
        int middle = nearest_e4m3(max / (float)e2m1_values[value]);
        for (int number = middle - 1; number <= middle + 1; number++) {
            if (number < 0 || number > 0x7e) continue;
            double error = error_e2m1(x, nvfp4_scale((uint8_t)number));
            if (!(error < least)) continue;
            least = error;
            best = number;
        }
    }
    return (uint8_t)best;
}

void pack_nvfp4(const float *x, void *destination, int64_t n_blocks)
{
    struct block_nvfp4 *block = destination;
    for (; n_blocks > 0; n_blocks--, block++, x += 64)
        for (int j = 0; j < 4; j++) {
            block->d[j] = fit_nvfp4(x + 16 * j);
            put_nibbles(e2m1_values, nvfp4_scale(block->d[j]), x + 16 * j, block->qs[j], 8);
        }
}

/* ---- base 3: the weights of such models are -d, 0 or d already ---- */

/* Halves away from zero. */
static void round_ternary(const float *x, uint8_t digits[256], uint16_t *d_half)
{
    float d = 0;
    for (int i = 0; i < 256; i++) d = fmaxf(d, fabsf(x[i]));
    float inverse = d > 0 ? 1 / d : 0;
    for (int i = 0; i < 256; i++) {
        int q = nearest(fabsf(x[i]) * inverse, 0, 1);
        digits[i] = (uint8_t)(x[i] < 0 ? 1 - q : 1 + q);
    }
    *d_half = f32_to_f16(d);
}

/* Digits `stride` apart, as 256 / 243 of their number, rounded up. */
static uint8_t put_digits(const uint8_t *digits, int stride, int n_digits)
{
    int number = 0;
    for (int k = 0; k < 5; k++) number = 3 * number + (k < n_digits ? digits[stride * k] : 0);
    return (uint8_t)((number * 256 + 242) / 243);
}

void pack_tq1_0(const float *x, void *destination, int64_t n_blocks)
{
    struct block_tq1_0 *block = destination;
    for (; n_blocks > 0; n_blocks--, block++, x += 256) {
        uint8_t digits[256];
        round_ternary(x, digits, &block->d);
        for (int i = 0; i < 32; i++) block->qs[i] = put_digits(digits + i, 32, 5);
        for (int i = 0; i < 16; i++) block->qs[32 + i] = put_digits(digits + 160 + i, 16, 5);
        for (int i = 0; i < 4; i++) block->qh[i] = put_digits(digits + 240 + i, 4, 4);
    }
}

void pack_tq2_0(const float *x, void *destination, int64_t n_blocks)
{
    struct block_tq2_0 *block = destination;
    for (; n_blocks > 0; n_blocks--, block++, x += 256) {
        uint8_t digits[256];
        round_ternary(x, digits, &block->d);
        for (int i = 0; i < 64; i++) {
            const uint8_t *four = digits + 128 * (i / 32) + i % 32;
            block->qs[i / 32][i % 32] =
                (uint8_t)(four[0] | four[32] << 2 | four[64] << 4 | four[96] << 6);
        }
    }
}
