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

enum { TIER_C, TIER_NEON, TIER_DOTPROD, TIER_I8MM, TIER_LIMIT };

static const char *const tier_names[TIER_LIMIT + 1] = {"c", "neon", "dotprod", "i8mm", NULL};

#ifdef __APPLE__

static bool has_feature(const char *name)
{
    int has = 0;
    size_t n_bytes = sizeof has;
    return sysctlbyname(name, &has, &n_bytes, NULL, 0) == 0 && has;
}

static bool has_dotprod(void)
{
    return has_feature("hw.optional.arm.FEAT_DotProd");
}

static bool has_i8mm(void)
{
    return has_feature("hw.optional.arm.FEAT_I8MM");
}

#else

#ifndef HWCAP2_I8MM
#define HWCAP2_I8MM (1 << 13) /* headers older than Linux 5.10 lack the name */
#endif

static bool has_dotprod(void)
{
    return getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
}

static bool has_i8mm(void)
{
    return getauxval(AT_HWCAP2) & HWCAP2_I8MM;
}

#endif

static int highest_tier(void)
{
    if (!has_dotprod()) return TIER_NEON;
    return has_i8mm() ? TIER_I8MM : TIER_DOTPROD;
}

const char *const *kernels_tiers(void)
{
    static const char *const lists[TIER_LIMIT][TIER_LIMIT + 1] = {
        {"c"},
        {"c", "neon"},
        {"c", "neon", "dotprod"},
        {"c", "neon", "dotprod", "i8mm"},
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
    kernels_set_wide_from(kernels, 12);
    fill_wide(kernels);
    set_narrow(kernels, DTYPE_F32, matmul_f32_neon);
    set_narrow(kernels, DTYPE_F16, matmul_f16_neon);
    set_narrow(kernels, DTYPE_BF16, matmul_bf16_neon);
#define SET(TYPE, NAME) set_narrow(kernels, DTYPE_##TYPE, matmul_##NAME##_neon);
    FOR_EACH_QUANTISED(SET)
#undef SET
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

/* The product with many columns takes the same quantised columns as the one with few. */
static void set_wide(struct kernels *kernels, enum dtype dtype, matmul_kernel *run)
{
    if (kernels->wide[dtype].run)
        kernels->wide[dtype] = (struct matmul_choice){run, kernels->narrow[dtype].format};
}

static void fill_dotprod(struct kernels *kernels)
{
    kernels->name = "dotprod";
    kernels_set_wide_from(kernels, 4);
#define SET(TYPE, NAME)                                                                            \
    set_narrow(kernels, DTYPE_##TYPE, matmul_##NAME##_dotprod);                                    \
    set_wide(kernels, DTYPE_##TYPE, matmul_wide_##NAME##_dotprod);
    FOR_EACH_QUANTISED(SET)
#undef SET
}

/* What multiplies pairs of columns passes on single and many ones itself. */
static void fill_i8mm(struct kernels *kernels)
{
    kernels->name = "i8mm";
#define SET(TYPE, NAME)                                                                            \
    set_narrow(kernels, DTYPE_##TYPE, matmul_##NAME##_i8mm);                                       \
    set_wide(kernels, DTYPE_##TYPE, matmul_##NAME##_i8mm);
    FOR_EACH_PAIRED(SET)
#undef SET
    set_wide(kernels, DTYPE_NVFP4, matmul_wide_nvfp4_i8mm);
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
    if (limit >= TIER_I8MM) fill_i8mm(kernels);
    return true;
}
