/* Which kernels an arm64 machine gets. Names no instruction itself. */
#include <string.h>

#include "backend/cpu/kernels/arm/kernels_arm.h"
#include "backend/cpu/kernels/c/kernels_c.h"

#ifdef __APPLE__
#include <sys/sysctl.h>
#else
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

enum { TIER_C, TIER_NEON, TIER_DOTPROD, TIER_LIMIT };

static const char *const tier_names[TIER_LIMIT + 1] = {"c", "neon", "dotprod", NULL};

static bool has_dotprod(void)
{
#ifdef __APPLE__
    int has = 0;
    size_t n_bytes = sizeof has;
    return sysctlbyname("hw.optional.arm.FEAT_DotProd", &has, &n_bytes, NULL, 0) == 0 && has;
#else
    return getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
#endif
}

static int highest_tier(void)
{
    return has_dotprod() ? TIER_DOTPROD : TIER_NEON;
}

const char *const *kernels_tiers(void)
{
    static const char *const lists[TIER_LIMIT][TIER_LIMIT + 1] = {
        {"c"},
        {"c", "neon"},
        {"c", "neon", "dotprod"},
    };
    return lists[highest_tier()];
}

static void set_narrow(struct kernels *kernels, enum dtype dtype, matmul_kernel *run)
{
    if (kernels->narrow[dtype].run) kernels->narrow[dtype].run = run;
}

/* Types that only dtype_unpack knows are multiplied in panels even when there is one column. */
static void fill_wide(struct kernels *kernels)
{
    for (int dtype = 0; dtype < DTYPE_LIMIT; dtype++) {
        kernels->wide[dtype] =
            (struct matmul_choice){matmul_wide_neon((enum dtype)dtype), COLUMN_F32};
        if (kernels->narrow[dtype].format == COLUMN_F32)
            kernels->narrow[dtype] = kernels->wide[dtype];
    }
}

static void fill_neon(struct kernels *kernels)
{
    kernels->name = "neon";
    kernels->wide_from = 12;
    kernels->row_tile = 4;
    fill_wide(kernels);
    set_narrow(kernels, DTYPE_F32, matmul_f32_neon);
    set_narrow(kernels, DTYPE_F16, matmul_f16_neon);
    set_narrow(kernels, DTYPE_BF16, matmul_bf16_neon);
    set_narrow(kernels, DTYPE_Q4_0, matmul_q4_0_neon);
    set_narrow(kernels, DTYPE_Q4_1, matmul_q4_1_neon);
    set_narrow(kernels, DTYPE_Q5_0, matmul_q5_0_neon);
    set_narrow(kernels, DTYPE_Q5_1, matmul_q5_1_neon);
    set_narrow(kernels, DTYPE_Q8_0, matmul_q8_0_neon);
    set_narrow(kernels, DTYPE_IQ4_NL, matmul_iq4_nl_neon);
    set_narrow(kernels, DTYPE_MXFP4, matmul_mxfp4_neon);
    set_narrow(kernels, DTYPE_Q2_K, matmul_q2_k_neon);
    set_narrow(kernels, DTYPE_Q3_K, matmul_q3_k_neon);
    set_narrow(kernels, DTYPE_Q4_K, matmul_q4_k_neon);
    set_narrow(kernels, DTYPE_Q5_K, matmul_q5_k_neon);
    set_narrow(kernels, DTYPE_Q6_K, matmul_q6_k_neon);
    set_narrow(kernels, DTYPE_IQ4_XS, matmul_iq4_xs_neon);
    set_narrow(kernels, DTYPE_IQ2_XXS, matmul_iq2_xxs_neon);
    set_narrow(kernels, DTYPE_IQ2_XS, matmul_iq2_xs_neon);
    set_narrow(kernels, DTYPE_IQ2_S, matmul_iq2_s_neon);
    set_narrow(kernels, DTYPE_IQ3_XXS, matmul_iq3_xxs_neon);
    set_narrow(kernels, DTYPE_IQ3_S, matmul_iq3_s_neon);
    set_narrow(kernels, DTYPE_IQ1_S, matmul_iq1_s_neon);
    set_narrow(kernels, DTYPE_IQ1_M, matmul_iq1_m_neon);
    set_narrow(kernels, DTYPE_TQ1_0, matmul_tq1_0_neon);
    set_narrow(kernels, DTYPE_TQ2_0, matmul_tq2_0_neon);
    set_narrow(kernels, DTYPE_NVFP4, matmul_nvfp4_neon);
    kernels->quantize[COLUMN_Q8_32] = quantize_q8_32_neon;
    kernels->quantize[COLUMN_Q8_256] = quantize_q8_256_neon;
    kernels->mix[DTYPE_F32] = mix_f32_neon;
    kernels->mix[DTYPE_F16] = mix_f16_neon;
    kernels->mix[DTYPE_Q8_0] = mix_q8_0_neon;
    kernels->store[DTYPE_F16] = store_f16_neon;
    kernels->rms_norm = rms_norm_neon;
    kernels->layer_norm = layer_norm_neon;
    kernels->silu_mul = silu_mul_neon;
    kernels->add_scaled = add_scaled_neon;
    kernels->scale = scale_neon;
    kernels->max = max_neon;
    kernels->exp_sum = exp_sum_neon;
    kernels->rope_pairs = rope_pairs_neon;
    kernels->rope_halves = rope_halves_neon;
}

static void fill_dotprod(struct kernels *kernels)
{
    kernels->name = "dotprod";
    set_narrow(kernels, DTYPE_Q4_0, matmul_q4_0_dotprod);
    set_narrow(kernels, DTYPE_Q4_1, matmul_q4_1_dotprod);
    set_narrow(kernels, DTYPE_Q5_0, matmul_q5_0_dotprod);
    set_narrow(kernels, DTYPE_Q5_1, matmul_q5_1_dotprod);
    set_narrow(kernels, DTYPE_Q8_0, matmul_q8_0_dotprod);
    set_narrow(kernels, DTYPE_IQ4_NL, matmul_iq4_nl_dotprod);
    set_narrow(kernels, DTYPE_MXFP4, matmul_mxfp4_dotprod);
    set_narrow(kernels, DTYPE_Q2_K, matmul_q2_k_dotprod);
    set_narrow(kernels, DTYPE_Q3_K, matmul_q3_k_dotprod);
    set_narrow(kernels, DTYPE_Q4_K, matmul_q4_k_dotprod);
    set_narrow(kernels, DTYPE_Q5_K, matmul_q5_k_dotprod);
    set_narrow(kernels, DTYPE_Q6_K, matmul_q6_k_dotprod);
    set_narrow(kernels, DTYPE_IQ4_XS, matmul_iq4_xs_dotprod);
    set_narrow(kernels, DTYPE_IQ2_XXS, matmul_iq2_xxs_dotprod);
    set_narrow(kernels, DTYPE_IQ2_XS, matmul_iq2_xs_dotprod);
    set_narrow(kernels, DTYPE_IQ2_S, matmul_iq2_s_dotprod);
    set_narrow(kernels, DTYPE_IQ3_XXS, matmul_iq3_xxs_dotprod);
    set_narrow(kernels, DTYPE_IQ3_S, matmul_iq3_s_dotprod);
    set_narrow(kernels, DTYPE_IQ1_S, matmul_iq1_s_dotprod);
    set_narrow(kernels, DTYPE_IQ1_M, matmul_iq1_m_dotprod);
    set_narrow(kernels, DTYPE_TQ1_0, matmul_tq1_0_dotprod);
    set_narrow(kernels, DTYPE_TQ2_0, matmul_tq2_0_dotprod);
    set_narrow(kernels, DTYPE_NVFP4, matmul_nvfp4_dotprod);
}

bool kernels_init_arch(struct kernels *kernels, const char *mask)
{
    int limit = highest_tier();
    if (mask) {
        int named = 0;
        while (tier_names[named] && strcmp(tier_names[named], mask) != 0) named++;
        if (!tier_names[named]) return false;
        if (named < limit) limit = named;
    }
    if (limit >= TIER_NEON) fill_neon(kernels);
    if (limit >= TIER_DOTPROD) fill_dotprod(kernels);
    return true;
}
