/* What the plain C kernels offer to the tables of every architecture. */
#pragma once

#include "backend/cpu/kernels.h"

/* Every type whose dtype_info().runs is set, for columns of floats. */
matmul_kernel *matmul_unpacked_c(enum dtype dtype);

void kernels_fill_c(struct kernels *kernels);

/* Takes the table as plain C has filled it and puts in what this machine does better, up to the
 * tier `mask`. False if `mask` names no tier of this architecture. */
bool kernels_init_arch(struct kernels *kernels, const char *mask);

void quantize_q8_32_c(const float *x, void *column, int k);
void quantize_q8_256_c(const float *x, void *column, int k);
void quantize_q8_lanes_c(const float *x, void *column, int k);
void quantize_q8_eights_c(const float *x, void *column, int k);
void quantize_bf16_c(const float *x, void *column, int k);
void pair_c(const float *x, size_t stride, int n, void *group, int k);
void pair_split_c(const float *x, size_t stride, int n, void *group, int k);

void matmul_q4_0_c(const struct matmul *m, int first_row, int n_rows, void *scratch);
void matmul_q4_1_c(const struct matmul *m, int first_row, int n_rows, void *scratch);
void matmul_q5_0_c(const struct matmul *m, int first_row, int n_rows, void *scratch);
void matmul_q5_1_c(const struct matmul *m, int first_row, int n_rows, void *scratch);
void matmul_q8_0_c(const struct matmul *m, int first_row, int n_rows, void *scratch);
void matmul_iq4_nl_c(const struct matmul *m, int first_row, int n_rows, void *scratch);
void matmul_mxfp4_c(const struct matmul *m, int first_row, int n_rows, void *scratch);
void matmul_nvfp4_c(const struct matmul *m, int first_row, int n_rows, void *scratch);

void matmul_q2_k_c(const struct matmul *m, int first_row, int n_rows, void *scratch);
void matmul_q3_k_c(const struct matmul *m, int first_row, int n_rows, void *scratch);
void matmul_q4_k_c(const struct matmul *m, int first_row, int n_rows, void *scratch);
void matmul_q5_k_c(const struct matmul *m, int first_row, int n_rows, void *scratch);
void matmul_q6_k_c(const struct matmul *m, int first_row, int n_rows, void *scratch);
void matmul_iq4_xs_c(const struct matmul *m, int first_row, int n_rows, void *scratch);

void matmul_iq2_xxs_c(const struct matmul *m, int first_row, int n_rows, void *scratch);
void matmul_iq2_xs_c(const struct matmul *m, int first_row, int n_rows, void *scratch);
void matmul_iq2_s_c(const struct matmul *m, int first_row, int n_rows, void *scratch);
void matmul_iq3_xxs_c(const struct matmul *m, int first_row, int n_rows, void *scratch);
void matmul_iq3_s_c(const struct matmul *m, int first_row, int n_rows, void *scratch);
void matmul_iq1_s_c(const struct matmul *m, int first_row, int n_rows, void *scratch);
void matmul_iq1_m_c(const struct matmul *m, int first_row, int n_rows, void *scratch);
void matmul_tq1_0_c(const struct matmul *m, int first_row, int n_rows, void *scratch);
void matmul_tq2_0_c(const struct matmul *m, int first_row, int n_rows, void *scratch);

void mix_f32_c(float *out, size_t out_stride, const float *p, size_t p_stride, int n_rows,
               const void *v, size_t v_bytes, int n_kv, int d);
void mix_f16_c(float *out, size_t out_stride, const float *p, size_t p_stride, int n_rows,
               const void *v, size_t v_bytes, int n_kv, int d);
void mix_q8_0_c(float *out, size_t out_stride, const float *p, size_t p_stride, int n_rows,
                const void *v, size_t v_bytes, int n_kv, int d);
void store_f32_c(const float *x, void *destination, int n);
void store_f16_c(const float *x, void *destination, int n);
void store_q8_0_c(const float *x, void *destination, int n);

void rms_norm_c(const float *x, const float *w, float eps, float *y, int n);
void layer_norm_c(const float *x, const float *w, const float *b, float eps, float *y, int n);
void silu_mul_c(const float *gate, const float *up, float *y, int n);
void add_scaled_c(float *y, const float *x, float scale, int n);
void scale_c(float *x, float scale, int n);
float max_c(const float *x, int n);
float exp_sum_c(float *x, float max, int n);
void rope_pairs_c(float *x, const float *cos, const float *sin, int n_rot);
void rope_halves_c(float *x, const float *cos, const float *sin, int n_rot);
