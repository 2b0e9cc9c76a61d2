/* Norms, activations, softmax parts and rotations. What fills no vector is left to plain C. */
#include <arm_neon.h>
#include <math.h>

#include "backend/cpu/kernels/arm/kernels_arm.h"
#include "backend/cpu/kernels/c/kernels_c.h"
#include "backend/cpu/kernels/inline.h"

enum { LANES = 4 };

/* 2^n for n in -127..128; the ends of the range are a zero and an infinity. */
ALWAYS_INLINE float32x4_t power_of_two(int32x4_t n)
{
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23));
}

/* exp(x) = 2^n exp(r), |r| <= ln(2) / 2, the latter by the first seven terms of its series, whose
 * rest is below the last bit. ln(2) is subtracted in two parts, so that r is exact. The limits make
 * the power an infinity or a zero where it should be one; 2^n is applied in two factors as it may
 * be too large or too small for one. A NaN survives the limits. */
ALWAYS_INLINE float32x4_t exp_4(float32x4_t x)
{
    x = vminq_f32(vdupq_n_f32(89), vmaxq_f32(vdupq_n_f32(-105), x));
    float32x4_t n = vrndnq_f32(vmulq_n_f32(x, 1.44269504f));
    float32x4_t r = vfmsq_n_f32(x, n, 0.693359375f);
    r = vfmsq_n_f32(r, n, -2.12194440e-4f);
    float32x4_t y = vdupq_n_f32(1.0f / 720);
    y = vfmaq_f32(vdupq_n_f32(1.0f / 120), y, r);
    y = vfmaq_f32(vdupq_n_f32(1.0f / 24), y, r);
    y = vfmaq_f32(vdupq_n_f32(1.0f / 6), y, r);
    y = vfmaq_f32(vdupq_n_f32(0.5f), y, r);
    y = vfmaq_f32(vdupq_n_f32(1), y, r);
    y = vfmaq_f32(vdupq_n_f32(1), y, r);
    int32x4_t power = vcvtq_s32_f32(n), half = vshrq_n_s32(power, 1);
    return vmulq_f32(vmulq_f32(y, power_of_two(half)), power_of_two(vsubq_s32(power, half)));
}

/* x / (1 + exp(-x)) */
ALWAYS_INLINE float32x4_t silu_4(float32x4_t x)
{
    return vdivq_f32(x, vaddq_f32(vdupq_n_f32(1), exp_4(vnegq_f32(x))));
}

void silu_mul_neon(const float *gate, const float *up, float *y, int n)
{
    int i = 0;
    for (; i + LANES <= n; i += LANES) {
        float32x4_t x = vld1q_f32(gate + i);
        vst1q_f32(y + i, vmulq_f32(silu_4(x), vld1q_f32(up + i)));
    }
    silu_mul_c(gate + i, up + i, y + i, n - i);
}

float exp_sum_neon(float *x, float max, int n)
{
    float32x4_t sums = vdupq_n_f32(0), maxima = vdupq_n_f32(max);
    int i = 0;
    for (; i + LANES <= n; i += LANES) {
        float32x4_t power = exp_4(vsubq_f32(vld1q_f32(x + i), maxima));
        vst1q_f32(x + i, power);
        sums = vaddq_f32(sums, power);
    }
    return vaddvq_f32(sums) + exp_sum_c(x + i, max, n - i);
}

float max_neon(const float *x, int n)
{
    float32x4_t greatest = vdupq_n_f32(-INFINITY);
    int i = 0;
    for (; i + LANES <= n; i += LANES) greatest = vmaxnmq_f32(greatest, vld1q_f32(x + i));
    float head = vmaxnmvq_f32(greatest), rest = max_c(x + i, n - i);
    return head > rest ? head : rest;
}

/* Sum of (x - mean)^2. */
static float squares(const float *x, float mean, int n)
{
    float32x4_t sums[4] = {vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)};
    float32x4_t means = vdupq_n_f32(mean);
    int i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        UNROLL
        for (int s = 0; s < 4; s++) {
            float32x4_t difference = vsubq_f32(vld1q_f32(x + i + LANES * s), means);
            sums[s] = vfmaq_f32(sums[s], difference, difference);
        }
    }
    float sum = vaddvq_f32(vaddq_f32(vaddq_f32(sums[0], sums[1]), vaddq_f32(sums[2], sums[3])));
    for (; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
    return sum;
}

static float sum_of(const float *x, int n)
{
    float32x4_t sums = vdupq_n_f32(0);
    int i = 0;
    for (; i + LANES <= n; i += LANES) sums = vaddq_f32(sums, vld1q_f32(x + i));
    float sum = vaddvq_f32(sums);
    for (; i < n; i++) sum += x[i];
    return sum;
}

/* y = (x - mean) * factor * w + b */
static void normalize(const float *x, float mean, float factor, const float *w, const float *b,
                      float *y, int n)
{
    float32x4_t means = vdupq_n_f32(mean);
    int i = 0;
    for (; i + LANES <= n; i += LANES) {
        float32x4_t value = vmulq_n_f32(vsubq_f32(vld1q_f32(x + i), means), factor);
        if (w) value = vmulq_f32(value, vld1q_f32(w + i));
        if (b) value = vaddq_f32(value, vld1q_f32(b + i));
        vst1q_f32(y + i, value);
    }
    for (; i < n; i++) y[i] = (x[i] - mean) * factor * (w ? w[i] : 1) + (b ? b[i] : 0);
}

void rms_norm_neon(const float *x, const float *w, float eps, float *y, int n)
{
    float factor = 1 / sqrtf(squares(x, 0, n) / (float)n + eps);
    normalize(x, 0, factor, w, NULL, y, n);
}

void layer_norm_neon(const float *x, const float *w, const float *b, float eps, float *y, int n)
{
    float mean = sum_of(x, n) / (float)n;
    float factor = 1 / sqrtf(squares(x, mean, n) / (float)n + eps);
    normalize(x, mean, factor, w, b, y, n);
}

void add_scaled_neon(float *y, const float *x, float scale, int n)
{
    int i = 0;
    for (; i + LANES <= n; i += LANES)
        vst1q_f32(y + i, vfmaq_n_f32(vld1q_f32(y + i), vld1q_f32(x + i), scale));
    for (; i < n; i++) y[i] += scale * x[i];
}

void scale_neon(float *x, float scale, int n)
{
    int i = 0;
    for (; i + LANES <= n; i += LANES) vst1q_f32(x + i, vmulq_n_f32(vld1q_f32(x + i), scale));
    for (; i < n; i++) x[i] *= scale;
}

void rope_pairs_neon(float *x, const float *cos, const float *sin, int n_rot)
{
    int i = 0;
    for (; i + 2 * LANES <= n_rot; i += 2 * LANES) {
        float32x4_t c = vld1q_f32(cos + i / 2), s = vld1q_f32(sin + i / 2);
        float32x4x2_t value = vld2q_f32(x + i), turned;
        turned.val[0] = vfmsq_f32(vmulq_f32(value.val[0], c), value.val[1], s);
        turned.val[1] = vfmaq_f32(vmulq_f32(value.val[0], s), value.val[1], c);
        vst2q_f32(x + i, turned);
    }
    rope_pairs_c(x + i, cos + i / 2, sin + i / 2, n_rot - i);
}

void rope_halves_neon(float *x, const float *cos, const float *sin, int n_rot)
{
    int half = n_rot / 2, i = 0;
    for (; i + LANES <= half; i += LANES) {
        float32x4_t c = vld1q_f32(cos + i), s = vld1q_f32(sin + i);
        float32x4_t a = vld1q_f32(x + i), b = vld1q_f32(x + i + half);
        vst1q_f32(x + i, vfmsq_f32(vmulq_f32(a, c), b, s));
        vst1q_f32(x + i + half, vfmaq_f32(vmulq_f32(a, s), b, c));
    }
    for (; i < half; i++) {
        float a = x[i], b = x[i + half];
        x[i] = a * cos[i] - b * sin[i];
        x[i + half] = a * sin[i] + b * cos[i];
    }
}
