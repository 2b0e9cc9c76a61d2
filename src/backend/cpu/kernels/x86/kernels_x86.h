/* Every kernel for x86-64 outside plain C. */
#pragma once

#include "backend/cpu/kernels.h"

#define MATMUL(NAME) void NAME(const struct matmul *m, int first_row, int n_rows, void *scratch)
#define MIX(NAME)                                                                                  \
    void NAME(float *out, size_t out_stride, const float *p, size_t p_stride, int n_rows,          \
              const void *v, size_t v_bytes, int n_kv, int d)

MATMUL(matmul_q2_k_avx2);
MATMUL(matmul_q3_k_avx2);
MATMUL(matmul_q4_k_avx2);
MATMUL(matmul_q5_k_avx2);
MATMUL(matmul_q6_k_avx2);
MATMUL(matmul_iq4_xs_avx2);
MATMUL(matmul_iq2_xxs_avx2);
MATMUL(matmul_iq2_xs_avx2);
MATMUL(matmul_iq2_s_avx2);
MATMUL(matmul_iq3_xxs_avx2);
MATMUL(matmul_iq3_s_avx2);
MATMUL(matmul_iq1_s_avx2);
MATMUL(matmul_iq1_m_avx2);
MATMUL(matmul_tq1_0_avx2);
MATMUL(matmul_tq2_0_avx2);
MATMUL(matmul_nvfp4_avx2);
MATMUL(matmul_q4_0_avx2);
MATMUL(matmul_q4_1_avx2);
MATMUL(matmul_q5_0_avx2);
MATMUL(matmul_q5_1_avx2);
MATMUL(matmul_q8_0_avx2);
MATMUL(matmul_iq4_nl_avx2);
MATMUL(matmul_mxfp4_avx2);
MATMUL(matmul_f32_avx2);
MATMUL(matmul_f16_avx2);
MATMUL(matmul_bf16_avx2);

MATMUL(matmul_q2_k_avx512vnni);
MATMUL(matmul_q3_k_avx512vnni);
MATMUL(matmul_q4_k_avx512vnni);
MATMUL(matmul_q5_k_avx512vnni);
MATMUL(matmul_q6_k_avx512vnni);
MATMUL(matmul_iq4_xs_avx512vnni);
MATMUL(matmul_iq2_xxs_avx512vnni);
MATMUL(matmul_iq2_xs_avx512vnni);
MATMUL(matmul_iq2_s_avx512vnni);
MATMUL(matmul_iq3_xxs_avx512vnni);
MATMUL(matmul_iq3_s_avx512vnni);
MATMUL(matmul_iq1_s_avx512vnni);
MATMUL(matmul_iq1_m_avx512vnni);
MATMUL(matmul_tq1_0_avx512vnni);
MATMUL(matmul_tq2_0_avx512vnni);
MATMUL(matmul_nvfp4_avx512vnni);
MATMUL(matmul_q4_0_avx512vnni);
MATMUL(matmul_q4_1_avx512vnni);
MATMUL(matmul_q5_0_avx512vnni);
MATMUL(matmul_q5_1_avx512vnni);
MATMUL(matmul_q8_0_avx512vnni);
MATMUL(matmul_iq4_nl_avx512vnni);
MATMUL(matmul_mxfp4_avx512vnni);

MATMUL(matmul_q4_0_avx512vbmi);
MATMUL(matmul_q4_1_avx512vbmi);
MATMUL(matmul_q5_0_avx512vbmi);
MATMUL(matmul_q5_1_avx512vbmi);
MATMUL(matmul_iq4_nl_avx512vbmi);
MATMUL(matmul_mxfp4_avx512vbmi);
MATMUL(matmul_iq2_xxs_avx512vbmi);
MATMUL(matmul_iq2_xs_avx512vbmi);
MATMUL(matmul_iq2_s_avx512vbmi);
MATMUL(matmul_iq3_xxs_avx512vbmi);
MATMUL(matmul_iq3_s_avx512vbmi);
MATMUL(matmul_iq4_xs_avx512vbmi);
MATMUL(matmul_iq1_s_avx512vbmi);
MATMUL(matmul_iq1_m_avx512vbmi);
MATMUL(matmul_tq1_0_avx512vbmi);
MATMUL(matmul_tq2_0_avx512vbmi);

MATMUL(matmul_f32_avx512);
MATMUL(matmul_f16_avx512);
MATMUL(matmul_bf16_avx512);

/* Many columns of floats with F32, F16 and BF16; NULL for other types. */
matmul_kernel *matmul_wide_avx2(enum dtype dtype);
matmul_kernel *matmul_wide_avx512(enum dtype dtype);

/* Many columns in groups of 256, with types in super-blocks, and in groups of 32, with the other
 * quantised ones; NULL for the rest. */
matmul_kernel *matmul_panel_supers_avx2(enum dtype dtype);
matmul_kernel *matmul_panel_blocks_avx2(enum dtype dtype);
matmul_kernel *matmul_panel_supers_avxvnni(enum dtype dtype);
matmul_kernel *matmul_panel_blocks_avxvnni(enum dtype dtype);
matmul_kernel *matmul_panel_supers_avx512(enum dtype dtype);
matmul_kernel *matmul_panel_blocks_avx512(enum dtype dtype);
matmul_kernel *matmul_panel_supers_avx512vnni(enum dtype dtype);
matmul_kernel *matmul_panel_blocks_avx512vnni(enum dtype dtype);

/* Many columns of bfloat16; NULL for types whose activations are not rounded. */
matmul_kernel *matmul_many_amx(enum dtype dtype);
extern const size_t matmul_many_scratch_bytes_amx;

void quantize_bf16_amx(const float *x, void *column, int k);
void pair_amx(const float *x, size_t stride, int n, void *group, int k);
void pair_split_amx(const float *x, size_t stride, int n, void *group, int k);

attend_kernel attend_f32_avx2, attend_f16_avx2, attend_q8_0_avx2;
attend_kernel attend_f32_avx512, attend_f16_avx512, attend_q8_0_avx512;
attend_kernel attend_f16_amx, attend_q8_0_amx;
attend_size attend_bytes_avx2, attend_bytes_avx512, attend_bytes_amx;

void quantize_q8_32_avx2(const float *x, void *column, int k);
void quantize_q8_256_avx2(const float *x, void *column, int k);
void quantize_q8_lanes_avx2(const float *x, void *column, int k);
void quantize_q8_eights_avx2(const float *x, void *column, int k);

MIX(mix_f32_avx2);
MIX(mix_f16_avx2);
MIX(mix_q8_0_avx2);
MIX(mix_f32_avx512);
MIX(mix_f16_avx512);
MIX(mix_q8_0_avx512);
void store_f16_avx2(const float *x, void *destination, int n);

void rms_norm_avx2(const float *x, const float *w, float eps, float *y, int n);
void layer_norm_avx2(const float *x, const float *w, const float *b, float eps, float *y, int n);
void silu_mul_avx2(const float *gate, const float *up, float *y, int n);
void add_scaled_avx2(float *y, const float *x, float scale, int n);
void scale_avx2(float *x, float scale, int n);
float max_avx2(const float *x, int n);
float exp_sum_avx2(float *x, float max, int n);
void rope_pairs_avx2(float *x, const float *cos, const float *sin, int n_rot);
void rope_halves_avx2(float *x, const float *cos, const float *sin, int n_rot);

#undef MATMUL
#undef MIX
