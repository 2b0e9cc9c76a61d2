/* Every kernel for arm64 outside plain C. */
#pragma once

#include "backend/cpu/kernels.h"

#define MATMUL(NAME) void NAME(const struct matmul *m, int first_row, int n_rows, void *scratch)
#define MIX(NAME)                                                                                  \
    void NAME(float *out, size_t out_stride, const float *p, size_t p_stride, int n_rows,          \
              const void *v, size_t v_bytes, int n_kv, int d)

MATMUL(matmul_q4_0_neon);
MATMUL(matmul_q4_1_neon);
MATMUL(matmul_q5_0_neon);
MATMUL(matmul_q5_1_neon);
MATMUL(matmul_q8_0_neon);
MATMUL(matmul_iq4_nl_neon);
MATMUL(matmul_mxfp4_neon);
MATMUL(matmul_q2_k_neon);
MATMUL(matmul_q3_k_neon);
MATMUL(matmul_q4_k_neon);
MATMUL(matmul_q5_k_neon);
MATMUL(matmul_q6_k_neon);
MATMUL(matmul_iq4_xs_neon);
MATMUL(matmul_iq2_xxs_neon);
MATMUL(matmul_iq2_xs_neon);
MATMUL(matmul_iq2_s_neon);
MATMUL(matmul_iq3_xxs_neon);
MATMUL(matmul_iq3_s_neon);
MATMUL(matmul_iq1_s_neon);
MATMUL(matmul_iq1_m_neon);
MATMUL(matmul_tq1_0_neon);
MATMUL(matmul_tq2_0_neon);
MATMUL(matmul_nvfp4_neon);

MATMUL(matmul_q4_0_dotprod);
MATMUL(matmul_q4_1_dotprod);
MATMUL(matmul_q5_0_dotprod);
MATMUL(matmul_q5_1_dotprod);
MATMUL(matmul_q8_0_dotprod);
MATMUL(matmul_iq4_nl_dotprod);
MATMUL(matmul_mxfp4_dotprod);
MATMUL(matmul_q2_k_dotprod);
MATMUL(matmul_q3_k_dotprod);
MATMUL(matmul_q4_k_dotprod);
MATMUL(matmul_q5_k_dotprod);
MATMUL(matmul_q6_k_dotprod);
MATMUL(matmul_iq4_xs_dotprod);
MATMUL(matmul_iq2_xxs_dotprod);
MATMUL(matmul_iq2_xs_dotprod);
MATMUL(matmul_iq2_s_dotprod);
MATMUL(matmul_iq3_xxs_dotprod);
MATMUL(matmul_iq3_s_dotprod);
MATMUL(matmul_iq1_s_dotprod);
MATMUL(matmul_iq1_m_dotprod);
MATMUL(matmul_tq1_0_dotprod);
MATMUL(matmul_tq2_0_dotprod);
MATMUL(matmul_nvfp4_dotprod);

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
