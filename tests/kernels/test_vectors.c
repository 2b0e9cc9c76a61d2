/* Everything but products, against plain sums in double. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "tensor/half.h"

enum { MAX_VALUES = 300 };

static void fill(struct check *check, float *x, int n, float size)
{
    for (int i = 0; i < n; i++) x[i] = size * check_float(check);
}

static void check_close(struct check *check, const struct kernels *kernels, const char *what,
                        const float *y, const double *expected, double absolute, int n)
{
    double worst = 0;
    for (int i = 0; i < n; i++) {
        double error = fabs((double)y[i] - expected[i]) / (2e-6 * fabs(expected[i]) + absolute);
        if (!(error <= worst)) worst = error;
    }
    check_that(check, worst <= 1, "%s: %s of %d values: %.1f times the error allowed",
               kernels->name, what, n, worst);
}

static void check_norms(struct check *check, const struct kernels *kernels, int n)
{
    float x[MAX_VALUES] = {0}, w[MAX_VALUES] = {0}, b[MAX_VALUES] = {0}, y[MAX_VALUES] = {0};
    double rms[MAX_VALUES] = {0}, layer[MAX_VALUES] = {0}, sum = 0, squares = 0, variance = 0;
    fill(check, x, n, 10);
    fill(check, w, n, 2);
    fill(check, b, n, 1);
    for (int i = 0; i < n; i++) {
        sum += (double)x[i];
        squares += (double)x[i] * (double)x[i];
    }
    double mean = sum / n;
    for (int i = 0; i < n; i++) variance += ((double)x[i] - mean) * ((double)x[i] - mean) / n;
    for (int i = 0; i < n; i++) {
        rms[i] = (double)x[i] / sqrt(squares / n + 1e-5);
        layer[i] = ((double)x[i] - mean) / sqrt(variance + 1e-5) * (double)w[i] + (double)b[i];
    }
    kernels->rms_norm(x, NULL, 1e-5f, y, n);
    check_close(check, kernels, "rms_norm", y, rms, 1e-7, n);
    kernels->layer_norm(x, w, b, 1e-5f, y, n);
    check_close(check, kernels, "layer_norm", y, layer, n > 1 ? 1e-5 : 1e-2, n);
    for (int i = 0; i < n; i++) rms[i] *= (double)w[i];
    kernels->rms_norm(x, w, 1e-5f, x, n);
    check_close(check, kernels, "rms_norm in place", x, rms, 1e-7, n);
}

static void check_activations(struct check *check, const struct kernels *kernels, int n)
{
    float gate[MAX_VALUES] = {0}, up[MAX_VALUES] = {0};
    double silu[MAX_VALUES] = {0};
    fill(check, gate, n, check_int(check, 0, 1) ? 120 : 4);
    fill(check, up, n, 3);
    for (int i = 0; i < n; i++) {
        double x = (double)gate[i];
        silu[i] = x / (1 + exp(-x)) * (double)up[i];
    }
    kernels->silu_mul(gate, up, gate, n);
    check_close(check, kernels, "silu_mul", gate, silu, 1e-30, n);
}

static void check_softmax(struct check *check, const struct kernels *kernels, int n)
{
    float x[MAX_VALUES] = {0};
    double powers[MAX_VALUES] = {0}, sum = 0;
    fill(check, x, n, check_int(check, 0, 1) ? 60 : 2);
    if (n > 3) x[n / 2] = -INFINITY; /* a masked score */
    float max = -INFINITY;
    for (int i = 0; i < n; i++) max = fmaxf(max, x[i]);
    check_that(check, kernels->max(x, n) == max, "%s: max of %d values", kernels->name, n);
    for (int i = 0; i < n; i++) {
        powers[i] = exp((double)(x[i] - max));
        sum += powers[i];
    }
    float found = kernels->exp_sum(x, max, n);
    check_close(check, kernels, "exp_sum", &found, &sum, 0, 1);
    check_close(check, kernels, "exp", x, powers, 1e-44, n);
}

static void check_sums(struct check *check, const struct kernels *kernels, int n)
{
    float x[MAX_VALUES] = {0}, y[MAX_VALUES] = {0};
    double expected[MAX_VALUES] = {0};
    fill(check, x, n, 1);
    fill(check, y, n, 1);
    for (int i = 0; i < n; i++) expected[i] = (double)y[i] + 0.75 * (double)x[i];
    kernels->add_scaled(y, x, 0.75f, n);
    check_close(check, kernels, "add_scaled", y, expected, 1e-7, n);
    for (int i = 0; i < n; i++) expected[i] = 0.375 * (double)x[i];
    kernels->scale(x, 0.375f, n);
    check_close(check, kernels, "scale", x, expected, 0, n);
}

static void check_rope(struct check *check, const struct kernels *kernels, int n)
{
    float x[MAX_VALUES] = {0}, y[MAX_VALUES] = {0}, cosines[MAX_VALUES] = {0},
          sines[MAX_VALUES] = {0};
    double pairs[MAX_VALUES] = {0}, halves[MAX_VALUES] = {0};
    int half = n / 2;
    fill(check, x, n, 1);
    memcpy(y, x, sizeof y);
    fill(check, cosines, half, 1);
    fill(check, sines, half, 1);
    for (int i = 0; i < half; i++) {
        double c = (double)cosines[i], s = (double)sines[i];
        pairs[2 * i] = (double)x[2 * i] * c - (double)x[2 * i + 1] * s;
        pairs[2 * i + 1] = (double)x[2 * i] * s + (double)x[2 * i + 1] * c;
        halves[i] = (double)x[i] * c - (double)x[i + half] * s;
        halves[i + half] = (double)x[i] * s + (double)x[i + half] * c;
    }
    kernels->rope_pairs(x, cosines, sines, 2 * half);
    check_close(check, kernels, "rope_pairs", x, pairs, 3e-7, 2 * half);
    kernels->rope_halves(y, cosines, sines, 2 * half);
    check_close(check, kernels, "rope_halves", y, halves, 3e-7, 2 * half);
}

static void check_store(struct check *check, const struct kernels *kernels, enum dtype dtype, int n)
{
    float x[MAX_VALUES + 32] = {0}, y[MAX_VALUES + 32] = {0};
    if (dtype == DTYPE_Q8_0) n = (n + 31) / 32 * 32;
    fill(check, x, n, 5);
    char *bytes = malloc(dtype_bytes(dtype, n));
    kernels->store[dtype](x, bytes, n);
    dtype_unpack(dtype, bytes, y, n);
    double allowed = dtype == DTYPE_F32   ? 0
                     : dtype == DTYPE_F16 ? 5 * 0x1p-11
                                          : 5 / 127.0 * (0.5 + 127 * 0x1p-11);
    bool close = true;
    for (int i = 0; i < n; i++) close &= fabs((double)y[i] - (double)x[i]) <= allowed;
    check_that(check, close, "%s: store as %s", kernels->name, dtype_name(dtype));
    free(bytes);
}

static void check_mix(struct check *check, const struct kernels *kernels, enum dtype dtype, int d)
{
    enum { MAX_OUTPUTS = 9, MAX_KV = 40 };
    if (dtype == DTYPE_Q8_0) d = (d + 31) / 32 * 32;
    int n_rows = check_int(check, 1, MAX_OUTPUTS), n_kv = check_int(check, 0, MAX_KV);
    struct weight v = weight_random(check, dtype, MAX_KV, d);
    float p[MAX_OUTPUTS * MAX_KV], *values = malloc((size_t)d * MAX_KV * sizeof *values);
    size_t stride = (size_t)d + 3;
    float *out = malloc(stride * MAX_OUTPUTS * sizeof *out),
          *before = malloc(stride * MAX_OUTPUTS * sizeof *out);
    fill(check, p, MAX_OUTPUTS * MAX_KV, 1);
    fill(check, out, (int)stride * MAX_OUTPUTS, 1);
    memcpy(before, out, stride * MAX_OUTPUTS * sizeof *out);
    for (int j = 0; j < MAX_KV; j++)
        dtype_unpack(dtype, v.rows + v.row_bytes * (size_t)j, values + (size_t)d * (size_t)j, d);
    kernels->mix[dtype](out, stride, p, MAX_KV, n_rows, v.rows, v.row_bytes, n_kv, d);
    double worst = 0;
    for (size_t r = 0; r < MAX_OUTPUTS; r++)
        for (size_t i = 0; i < stride; i++) {
            double sum = (double)before[r * stride + i], terms = fabs(sum);
            for (size_t j = 0; r < (size_t)n_rows && i < (size_t)d && j < (size_t)n_kv; j++) {
                double term = (double)p[r * MAX_KV + j] * (double)values[j * (size_t)d + i];
                sum += term;
                terms += fabs(term);
            }
            double error = fabs((double)out[r * stride + i] - sum) / (1e-6 * terms);
            if (!(error <= worst)) worst = error;
        }
    check_that(check, worst <= 1,
               "%s: mix of %s, %d rows, %d keys, d = %d: %.1f times the error allowed",
               kernels->name, dtype_name(dtype), n_rows, n_kv, d, worst);
    free(before);
    free(out);
    free(values);
    weight_free(&v);
}

void test_vectors(struct check *check, const struct kernels *kernels)
{
    static const enum dtype cache_types[] = {DTYPE_F32, DTYPE_F16, DTYPE_Q8_0};
    for (int n = 1; n <= MAX_VALUES; n += n < 40 ? 1 : 13) {
        check_norms(check, kernels, n);
        check_activations(check, kernels, n);
        check_softmax(check, kernels, n);
        check_sums(check, kernels, n);
        check_rope(check, kernels, n);
        for (int i = 0; i < 3; i++) {
            check_store(check, kernels, cache_types[i], n);
            check_mix(check, kernels, cache_types[i], n);
        }
    }
}
