/* Every kernel for arm64 outside plain C. */
#pragma once

#include "backend/cpu/kernels.h"

/* clang-format off */
#define FOR_EACH_PAIRED(DO)                                                                        \
    DO(Q4_0, q4_0) DO(Q4_1, q4_1) DO(Q5_0, q5_0) DO(Q5_1, q5_1) DO(Q8_0, q8_0)                     \
    DO(IQ4_NL, iq4_nl) DO(MXFP4, mxfp4)                                                            \
    DO(Q2_K, q2_k) DO(Q3_K, q3_k) DO(Q4_K, q4_k) DO(Q5_K, q5_k) DO(Q6_K, q6_k)                     \
    DO(IQ4_XS, iq4_xs) DO(IQ2_XXS, iq2_xxs) DO(IQ2_XS, iq2_xs) DO(IQ2_S, iq2_s)                    \
    DO(IQ3_XXS, iq3_xxs) DO(IQ3_S, iq3_s) DO(IQ1_S, iq1_s) DO(IQ1_M, iq1_m)                        \
    DO(TQ1_0, tq1_0) DO(TQ2_0, tq2_0)
#define FOR_EACH_QUANTISED(DO) FOR_EACH_PAIRED(DO) DO(NVFP4, nvfp4)
/* clang-format on */

#define MATMUL(NAME) void NAME(const struct matmul *m, int first_row, int n_rows, void *scratch)
#define MIX(NAME)                                                                                  \
    void NAME(float *out, size_t out_stride, const float *p, size_t p_stride, int n_rows,          \
              const void *v, size_t v_bytes, int n_kv, int d)

/* Products of integers: few columns with every tier, many with those that multiply bytes. */
#define DECLARE(TYPE, NAME)                                                                        \
    MATMUL(matmul_##NAME##_neon);                                                                  \
    MATMUL(matmul_##NAME##_dotprod);                                                               \
    MATMUL(matmul_wide_##NAME##_dotprod);                                                          \
    MATMUL(matmul_wide_##NAME##_i8mm);
FOR_EACH_QUANTISED(DECLARE)
#undef DECLARE
#define DECLARE(TYPE, NAME) MATMUL(matmul_##NAME##_i8mm);
FOR_EACH_PAIRED(DECLARE)
#undef DECLARE

MATMUL(matmul_f32_neon);
MATMUL(matmul_f16_neon);
MATMUL(matmul_bf16_neon);

/* Many columns of floats with any type that unpacks; NULL for one that does not. */
matmul_kernel *matmul_wide_neon(enum dtype dtype);

void quantize_q8_32_neon(const float *x, void *column, int k);
void quantize_q8_256_neon(const float *x, void *column, int k);

MIX(mix_f32_neon);
MIX(mix_f16_neon);
MIX(mix_q8_0_neon);
void store_f16_neon(const float *x, void *destination, int n);

void rms_norm_neon(const float *x, const float *w, float eps, float *y, int n);
void layer_norm_neon(const float *x, const float *w, const float *b, float eps, float *y, int n);
void silu_mul_neon(const float *gate, const float *up, float *y, int n);
void add_scaled_neon(float *y, const float *x, float scale, int n);
void scale_neon(float *x, float scale, int n);
float max_neon(const float *x, int n);
float exp_sum_neon(float *x, float max, int n);
void rope_pairs_neon(float *x, const float *cos, const float *sin, int n_rot);
void rope_halves_neon(float *x, const float *cos, const float *sin, int n_rot);

#undef MATMUL
#undef MIX
