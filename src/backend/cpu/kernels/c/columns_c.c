/* Rounds activations to 8 or 16 bits. Every instruction set makes bit by bit the same columns. */
#include <math.h>
#include <string.h>

#include "backend/cpu/kernels/c/kernels_c.h"
#include "backend/cpu/kernels/column.h"
#include "tensor/half.h"

/* Below this the quotient 127 / maximum would overflow; such groups count as zeros. */
static const float SMALLEST_MAXIMUM = 1e-30f;

/* Rounds n values and returns their scale. A group with an infinity or a NaN gets a NaN for its
 * scale, so the fault shows in the result. */
static float quantize_group(const float *x, int8_t *q, int n)
{
    uint32_t max_bits = 0;
    for (int i = 0; i < n; i++) {
        uint32_t bits = float_bits(x[i]) & 0x7fffffff;
        if (bits > max_bits) max_bits = bits;
    }
    float max = float_of_bits(max_bits);
    if (!isfinite(max) || max < SMALLEST_MAXIMUM) {
        memset(q, 0, (size_t)n);
        return isfinite(max) ? 0 : NAN;
    }
    float inverse = 127 / max;
    for (int i = 0; i < n; i++) q[i] = (int8_t)lrintf(x[i] * inverse);
    return max / 127;
}

static int sum_of(const int8_t *q, int n)
{
    int sum = 0;
    for (int i = 0; i < n; i++) sum += q[i];
    return sum;
}

void quantize_q8_32_c(const float *x, void *column, int k)
{
    struct column_q8_32 out = column_q8_32(column, k);
    for (int g = 0; g < k / 32; g++) {
        out.scale[g] = quantize_group(x + 32 * g, out.q + 32 * g, 32);
        out.bias[g] = -128 * sum_of(out.q + 32 * g, 32);
    }
}

void quantize_q8_256_c(const float *x, void *column, int k)
{
    struct column_q8_256 out = column_q8_256(column, k);
    for (int g = 0; g < k / 256; g++)
        out.scale[g] = quantize_group(x + 256 * g, out.q + 256 * g, 256);
    for (int g = 0; g < k / 16; g++) out.sums[g] = (int16_t)sum_of(out.q + 16 * g, 16);
}

/* Lane i of the starts belongs to the lanes i of two runs. */
static void start_lanes(const int8_t *q, int32_t *starts)
{
    for (int i = 0; i < 32; i++) {
        const int8_t *lane = q + i / 16 * 128 + i % 16 * 4;
        starts[i] = -32 * (sum_of(lane, 4) + sum_of(lane + 64, 4));
    }
}

void quantize_q8_lanes_c(const float *x, void *column, int k)
{
    struct column_q8_lanes out = column_q8_lanes(column, k);
    for (int g = 0; g < k / 256; g++) {
        int8_t q[256];
        float scale = quantize_group(x + 256 * g, q, 256);
        for (int i = 0; i < 256; i++) out.q[256 * g + column_q8_lane(i)] = q[i];
        start_lanes(out.q + 256 * g, out.starts + 32 * g);
        for (int i = 0; i < 16; i++)
            out.sums[16 * g + column_q8_lanes_sum(i)] = (float)sum_of(q + 16 * i, 16) * scale;
        out.scale[g] = scale;
    }
}

void quantize_q8_eights_c(const float *x, void *column, int k)
{
    struct column_q8_eights out = column_q8_eights(column, k);
    memset(column, 0, kernels_column_bytes(COLUMN_Q8_EIGHTS, k));
    for (int g = 0; g < k / 32; g++) {
        int8_t q[32];
        float scale = quantize_group(x + 32 * g, q, 32),
              sum = scale * (0.5f * (float)sum_of(q, 32));
        for (int i = 0; i < 32; i++) out.q[g / 8 * 256 + column_q8_eight(g % 8 * 32 + i)] = q[i];
        for (int i = 2 * g; i < 2 * g + 2; i++) {
            out.scale[i] = scale;
            out.sums[i] = sum;
        }
    }
}

/* Matrix units take numbers below the smallest normal one for zero. */
static uint16_t round_bf16(float x)
{
    return f32_to_bf16(fabsf(x) < 0x1p-126f ? copysignf(0, x) : x);
}

/* Zeros complete the last 32 values. */
static int padded(int k)
{
    return (k + 31) / 32 * 32;
}

void quantize_bf16_c(const float *x, void *column, int k)
{
    uint16_t *out = column;
    for (int i = 0; i < padded(k); i++) out[i] = i < k ? round_bf16(x[i]) : 0;
}

void pair_c(const float *x, size_t stride, int n, void *group, int k)
{
    uint16_t *out = group;
    for (int i = 0; i < padded(k); i += 2)
        for (int c = 0; c < 16; c++)
            for (int j = i; j < i + 2; j++)
                *out++ = c < n && j < k ? round_bf16(x[(size_t)c * stride + (size_t)j]) : 0;
}

struct split {
    uint16_t high, low;
};

/* The high part of what rounds to infinity is the greatest number: the low one of a finite value
 * then is finite, too. */
static struct split split_float(float x)
{
    const float most = 0x1.fep127f;
    uint16_t high = round_bf16(fabsf(x) > most ? copysignf(most, x) : x);
    return (struct split){high, round_bf16(x - bf16_to_f32(high))};
}

void pair_split_c(const float *x, size_t stride, int n, void *group, int k)
{
    enum { TILE = 32 * 16 };
    for (int c = 0; c < 16; c++)
        for (int i = 0; i < padded(k); i++) {
            uint16_t *out =
                (uint16_t *)group + i / 32 * 2 * TILE + (i % 32 / 2 * 16 + c) * 2 + i % 2;
            struct split split =
                split_float(c < n && i < k ? x[(size_t)c * stride + (size_t)i] : 0);
            out[0] = split.high;
            out[TILE] = split.low;
        }
}
