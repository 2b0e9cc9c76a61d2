/* The table of plain C: complete for every type that runs. */
#include <limits.h>

#include "backend/cpu/kernels/c/kernels_c.h"
#include "backend/cpu/kernels/panel.h"

static const struct {
    enum dtype dtype;
    matmul_kernel *run;
    enum column_format format;
} integer_kernels[] = {
    {DTYPE_Q4_0, matmul_q4_0_c, COLUMN_Q8_32},
    {DTYPE_Q4_1, matmul_q4_1_c, COLUMN_Q8_32},
    {DTYPE_Q5_0, matmul_q5_0_c, COLUMN_Q8_32},
    {DTYPE_Q5_1, matmul_q5_1_c, COLUMN_Q8_32},
    {DTYPE_Q8_0, matmul_q8_0_c, COLUMN_Q8_32},
    {DTYPE_IQ4_NL, matmul_iq4_nl_c, COLUMN_Q8_32},
    {DTYPE_MXFP4, matmul_mxfp4_c, COLUMN_Q8_32},
    {DTYPE_Q2_K, matmul_q2_k_c, COLUMN_Q8_256},
    {DTYPE_Q3_K, matmul_q3_k_c, COLUMN_Q8_256},
    {DTYPE_Q4_K, matmul_q4_k_c, COLUMN_Q8_256},
    {DTYPE_Q5_K, matmul_q5_k_c, COLUMN_Q8_256},
    {DTYPE_Q6_K, matmul_q6_k_c, COLUMN_Q8_256},
    {DTYPE_IQ4_XS, matmul_iq4_xs_c, COLUMN_Q8_256},
    {DTYPE_NVFP4, matmul_nvfp4_c, COLUMN_Q8_32},
    {DTYPE_IQ2_XXS, matmul_iq2_xxs_c, COLUMN_Q8_256},
    {DTYPE_IQ2_XS, matmul_iq2_xs_c, COLUMN_Q8_256},
    {DTYPE_IQ2_S, matmul_iq2_s_c, COLUMN_Q8_256},
    {DTYPE_IQ3_XXS, matmul_iq3_xxs_c, COLUMN_Q8_256},
    {DTYPE_IQ3_S, matmul_iq3_s_c, COLUMN_Q8_256},
    {DTYPE_IQ1_S, matmul_iq1_s_c, COLUMN_Q8_256},
    {DTYPE_IQ1_M, matmul_iq1_m_c, COLUMN_Q8_256},
    {DTYPE_TQ1_0, matmul_tq1_0_c, COLUMN_Q8_256},
    {DTYPE_TQ2_0, matmul_tq2_0_c, COLUMN_Q8_256},
};

static void fill_matmul(struct kernels *kernels)
{
    for (int dtype = 0; dtype < DTYPE_LIMIT; dtype++)
        kernels->narrow[dtype] =
            (struct matmul_choice){matmul_unpacked_c((enum dtype)dtype), COLUMN_F32};
    for (size_t i = 0; i < sizeof integer_kernels / sizeof *integer_kernels; i++) {
        struct matmul_choice *narrow = &kernels->narrow[integer_kernels[i].dtype];
        if (narrow->run)
            *narrow = (struct matmul_choice){integer_kernels[i].run, integer_kernels[i].format};
    }
    for (int dtype = 0; dtype < DTYPE_LIMIT; dtype++) kernels->wide[dtype] = kernels->narrow[dtype];
}

void kernels_fill_c(struct kernels *kernels)
{
    *kernels = (struct kernels){
        .name = "c",
        .scratch_bytes = PANEL_SCRATCH_BYTES,
        .quantize = {[COLUMN_Q8_32] = quantize_q8_32_c,
                     [COLUMN_Q8_256] = quantize_q8_256_c,
                     [COLUMN_Q8_LANES] = quantize_q8_lanes_c,
                     [COLUMN_Q8_EIGHTS] = quantize_q8_eights_c,
                     [COLUMN_BF16] = quantize_bf16_c},
        .pair = {[COLUMN_BF16_PAIRS] = pair_c, [COLUMN_SPLIT_PAIRS] = pair_split_c},
        .mix = {[DTYPE_F32] = mix_f32_c, [DTYPE_F16] = mix_f16_c, [DTYPE_Q8_0] = mix_q8_0_c},
        .store =
            {[DTYPE_F32] = store_f32_c, [DTYPE_F16] = store_f16_c, [DTYPE_Q8_0] = store_q8_0_c},
        .rms_norm = rms_norm_c,
        .layer_norm = layer_norm_c,
        .silu_mul = silu_mul_c,
        .add_scaled = add_scaled_c,
        .scale = scale_c,
        .max = max_c,
        .exp_sum = exp_sum_c,
        .rope_pairs = rope_pairs_c,
        .rope_halves = rope_halves_c,
    };
    fill_matmul(kernels);
    kernels_set_wide_from(kernels, INT_MAX);
}
