/* Norms, activations, softmax parts and rotations. */
#include <math.h>

#include "backend/cpu/kernels/c/kernels_c.h"

void rms_norm_c(const float *x, const float *w, float eps, float *y, int n)
{
    double squares = 0;
    for (int i = 0; i < n; i++) squares += (double)x[i] * (double)x[i];
    float factor = (float)(1 / sqrt(squares / n + (double)eps));
    for (int i = 0; i < n; i++) y[i] = x[i] * factor * (w ? w[i] : 1);
}

void layer_norm_c(const float *x, const float *w, const float *b, float eps, float *y, int n)
{
    double sum = 0, squares = 0;
    for (int i = 0; i < n; i++) sum += (double)x[i];
    double mean = sum / n;
    for (int i = 0; i < n; i++) squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    float factor = (float)(1 / sqrt(squares / n + (double)eps));
    for (int i = 0; i < n; i++)
        y[i] = (x[i] - (float)mean) * factor * (w ? w[i] : 1) + (b ? b[i] : 0);
}

void silu_mul_c(const float *gate, const float *up, float *y, int n)
{
    for (int i = 0; i < n; i++) y[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
}

void add_scaled_c(float *y, const float *x, float scale, int n)
{
    for (int i = 0; i < n; i++) y[i] += scale * x[i];
}

void scale_c(float *x, float scale, int n)
{
    for (int i = 0; i < n; i++) x[i] *= scale;
}

float max_c(const float *x, int n)
{
    float max = -INFINITY;
    for (int i = 0; i < n; i++)
        if (x[i] > max) max = x[i];
    return max;
}

float exp_sum_c(float *x, float max, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        x[i] = expf(x[i] - max);
        sum += (double)x[i];
    }
    return (float)sum;
}

void rope_pairs_c(float *x, const float *cos, const float *sin, int n_rot)
{
    for (int i = 0; i < n_rot / 2; i++) {
        float a = x[2 * i], b = x[2 * i + 1];
        x[2 * i] = a * cos[i] - b * sin[i];
        x[2 * i + 1] = a * sin[i] + b * cos[i];
    }
}

void rope_halves_c(float *x, const float *cos, const float *sin, int n_rot)
{
    int half = n_rot / 2;
    for (int i = 0; i < half; i++) {
        float a = x[i], b = x[i + half];
        x[i] = a * cos[i] - b * sin[i];
        x[i + half] = a * sin[i] + b * cos[i];
    }
}
