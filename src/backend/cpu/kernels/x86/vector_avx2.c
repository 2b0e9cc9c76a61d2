/* Norms, activations, softmax parts and rotations. What fills no vector is left to plain C. */
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "backend/cpu/kernels/c/kernels_c.h"
#include "backend/cpu/kernels/inline.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "backend/cpu/kernels/x86/reduce.h"

enum { LANES = 8 };

/* exp(x) = 2^n exp(r), |r| <= ln(2) / 2, the latter by the first seven terms of its series, whose
 * rest is below the last bit. ln(2) is subtracted in two parts, so that r is exact. The limits make
 * the power an infinity or a zero where it should be one; 2^n is applied in two factors as it may
 * be too large or too small for one. A NaN stays one: as the second operand it survives the limits.
 */
ALWAYS_INLINE __m256 exp_256(__m256 x)
{
    x = _mm256_min_ps(_mm256_set1_ps(89), _mm256_max_ps(_mm256_set1_ps(-105), x));
    __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504f)),
                               _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375f), x);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4f), r);
    __m256 y = _mm256_set1_ps(1.0f / 720);
    y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(1.0f / 120));
    y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(1.0f / 24));
    y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(1.0f / 6));
    y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(0.5f));
    y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(1));
    y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(1));
    __m256i power = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(power, 1);
    __m256i bias = _mm256_set1_epi32(127);
    __m256i first = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
    __m256i second = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(power, half), bias), 23);
    y = _mm256_mul_ps(y, _mm256_castsi256_ps(first));
    return _mm256_mul_ps(y, _mm256_castsi256_ps(second));
}

/* x / (1 + exp(-x)) */
ALWAYS_INLINE __m256 silu_256(__m256 x)
{
    __m256 power = exp_256(_mm256_sub_ps(_mm256_setzero_ps(), x));
    return _mm256_div_ps(x, _mm256_add_ps(_mm256_set1_ps(1), power));
}

void silu_mul_avx2(const float *gate, const float *up, float *y, int n)
{
    int i = 0;
    for (; i + LANES <= n; i += LANES) {
        __m256 x = _mm256_loadu_ps(gate + i);
        _mm256_storeu_ps(y + i, _mm256_mul_ps(silu_256(x), _mm256_loadu_ps(up + i)));
    }
    silu_mul_c(gate + i, up + i, y + i, n - i);
}

float exp_sum_avx2(float *x, float max, int n)
{
    __m256 sums = _mm256_setzero_ps(), maxima = _mm256_set1_ps(max);
    int i = 0;
    for (; i + LANES <= n; i += LANES) {
        __m256 power = exp_256(_mm256_sub_ps(_mm256_loadu_ps(x + i), maxima));
        _mm256_storeu_ps(x + i, power);
        sums = _mm256_add_ps(sums, power);
    }
    return reduce_256(sums) + exp_sum_c(x + i, max, n - i);
}

float max_avx2(const float *x, int n)
{
    __m256 greatest = _mm256_set1_ps(-INFINITY);
    int i = 0;
    for (; i + LANES <= n; i += LANES) greatest = _mm256_max_ps(_mm256_loadu_ps(x + i), greatest);
    float lanes[LANES];
    _mm256_storeu_ps(lanes, greatest);
    float head = max_c(lanes, LANES), rest = max_c(x + i, n - i);
    return head > rest ? head : rest;
}

/* Sum of (x - mean)^2. */
static float squares(const float *x, float mean, int n)
{
    __m256 sums[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()}, means = _mm256_set1_ps(mean);
    int i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        __m256 a = _mm256_sub_ps(_mm256_loadu_ps(x + i), means);
        __m256 b = _mm256_sub_ps(_mm256_loadu_ps(x + i + LANES), means);
        sums[0] = _mm256_fmadd_ps(a, a, sums[0]);
        sums[1] = _mm256_fmadd_ps(b, b, sums[1]);
    }
    float sum = reduce_256(_mm256_add_ps(sums[0], sums[1]));
    for (; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
    return sum;
}

static float sum_of(const float *x, int n)
{
    __m256 sums = _mm256_setzero_ps();
    int i = 0;
    for (; i + LANES <= n; i += LANES) sums = _mm256_add_ps(sums, _mm256_loadu_ps(x + i));
    float sum = reduce_256(sums);
    for (; i < n; i++) sum += x[i];
    return sum;
}

/* y = (x - mean) * factor * w + b */
static void normalize(const float *x, float mean, float factor, const float *w, const float *b,
                      float *y, int n)
{
    __m256 means = _mm256_set1_ps(mean), factors = _mm256_set1_ps(factor);
    int i = 0;
    for (; i + LANES <= n; i += LANES) {
        __m256 value = _mm256_mul_ps(_mm256_sub_ps(_mm256_loadu_ps(x + i), means), factors);
        if (w) value = _mm256_mul_ps(value, _mm256_loadu_ps(w + i));
        if (b) value = _mm256_add_ps(value, _mm256_loadu_ps(b + i));
        _mm256_storeu_ps(y + i, value);
    }
    for (; i < n; i++) y[i] = (x[i] - mean) * factor * (w ? w[i] : 1) + (b ? b[i] : 0);
}

void rms_norm_avx2(const float *x, const float *w, float eps, float *y, int n)
{
    float factor = 1 / sqrtf(squares(x, 0, n) / (float)n + eps);
    normalize(x, 0, factor, w, NULL, y, n);
}

void layer_norm_avx2(const float *x, const float *w, const float *b, float eps, float *y, int n)
{
    float mean = sum_of(x, n) / (float)n;
    float factor = 1 / sqrtf(squares(x, mean, n) / (float)n + eps);
    normalize(x, mean, factor, w, b, y, n);
}

void add_scaled_avx2(float *y, const float *x, float scale, int n)
{
    __m256 scales = _mm256_set1_ps(scale);
    int i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm256_storeu_ps(y + i,
                         _mm256_fmadd_ps(scales, _mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i)));
    for (; i < n; i++) y[i] += scale * x[i];
}

void scale_avx2(float *x, float scale, int n)
{
    __m256 scales = _mm256_set1_ps(scale);
    int i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm256_storeu_ps(x + i, _mm256_mul_ps(scales, _mm256_loadu_ps(x + i)));
    for (; i < n; i++) x[i] *= scale;
}

void rope_pairs_avx2(float *x, const float *cos, const float *sin, int n_rot)
{
    __m256i twice = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
    int i = 0;
    for (; i + LANES <= n_rot; i += LANES) {
        __m256 c =
            _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(cos + i / 2)), twice);
        __m256 s =
            _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(sin + i / 2)), twice);
        __m256 value = _mm256_loadu_ps(x + i), swapped = _mm256_permute_ps(value, 0xb1);
        _mm256_storeu_ps(x + i, _mm256_fmaddsub_ps(value, c, _mm256_mul_ps(swapped, s)));
    }
    rope_pairs_c(x + i, cos + i / 2, sin + i / 2, n_rot - i);
}

void rope_halves_avx2(float *x, const float *cos, const float *sin, int n_rot)
{
    int half = n_rot / 2, i = 0;
    for (; i + LANES <= half; i += LANES) {
        __m256 c = _mm256_loadu_ps(cos + i), s = _mm256_loadu_ps(sin + i);
        __m256 a = _mm256_loadu_ps(x + i), b = _mm256_loadu_ps(x + i + half);
        _mm256_storeu_ps(x + i, _mm256_fmsub_ps(a, c, _mm256_mul_ps(b, s)));
        _mm256_storeu_ps(x + i + half, _mm256_fmadd_ps(a, s, _mm256_mul_ps(b, c)));
    }
    for (; i < half; i++) {
        float a = x[i], b = x[i + half];
        x[i] = a * cos[i] - b * sin[i];
        x[i + half] = a * sin[i] + b * cos[i];
    }
}
