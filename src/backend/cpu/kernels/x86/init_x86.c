/* Which kernels an x86-64 machine gets. Names no instruction itself. */
#include <cpuid.h>
#include <string.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "backend/cpu/kernels/c/kernels_c.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"

enum {
    TIER_C,
    TIER_AVX2,
    TIER_AVXVNNI, /* which a machine with AVX-512 may lack */
    TIER_AVX512,
    TIER_AVX512VNNI,
    TIER_AVX512VBMI,
    TIER_AMX,
    TIER_LIMIT
};

static const char *const tier_names[TIER_LIMIT + 1] = {
    "c", "avx2", "avxvnni", "avx512", "avx512vnni", "avx512vbmi", "amx", NULL};

static bool has_f16c(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

#ifdef __linux__
/* The system keeps the tile registers of a process only if asked to (Linux, "Using XSTATE features
 * in user space applications"). */
static bool tiles_allowed(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}
#else
static bool tiles_allowed(void)
{
    return false;
}
#endif

/* Tiles, their products of bfloat16, and the vectors of bfloat16 that fill them. */
static bool has_tiles(void)
{
    const unsigned amx_bf16 = 1u << 22, amx_tile = 1u << 24, avx512_bf16 = 1u << 5;
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & amx_bf16) || !(d & amx_tile))
        return false;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & avx512_bf16) && tiles_allowed();
}

static bool has_avxvnni(void)
{
    const unsigned avx_vnni = 1u << 4;
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & avx_vnni);
}

/* Tiles are asked for only where the limit allows them. The compiler's tests include whether the
 * system saves the wide registers. */
static int highest_tier(int limit)
{
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !has_f16c())
        return TIER_C;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq"))
        return has_avxvnni() ? TIER_AVXVNNI : TIER_AVX2;
    if (!__builtin_cpu_supports("avx512vnni")) return TIER_AVX512;
    if (!__builtin_cpu_supports("avx512vbmi") || !__builtin_cpu_supports("gfni"))
        return TIER_AVX512VNNI;
    return limit >= TIER_AMX && has_tiles() ? TIER_AMX : TIER_AVX512VBMI;
}

/* One tier above plain C at a time, as long as the machine has it. */
const char *const *kernels_tiers(void)
{
    static const char *const with_avxvnni[TIER_LIMIT][TIER_LIMIT + 1] = {
        {"c"},
        {"c", "avx2"},
        {"c", "avx2", "avxvnni"},
        {"c", "avx2", "avxvnni", "avx512"},
        {"c", "avx2", "avxvnni", "avx512", "avx512vnni"},
        {"c", "avx2", "avxvnni", "avx512", "avx512vnni", "avx512vbmi"},
        {"c", "avx2", "avxvnni", "avx512", "avx512vnni", "avx512vbmi", "amx"},
    };
    static const char *const without[TIER_LIMIT][TIER_LIMIT + 1] = {
        {"c"},
        {"c", "avx2"},
        {"c", "avx2"},
        {"c", "avx2", "avx512"},
        {"c", "avx2", "avx512", "avx512vnni"},
        {"c", "avx2", "avx512", "avx512vnni", "avx512vbmi"},
        {"c", "avx2", "avx512", "avx512vnni", "avx512vbmi", "amx"},
    };
    int highest = highest_tier(TIER_AMX);
    return has_avxvnni() ? with_avxvnni[highest] : without[highest];
}

static void set_narrow(struct kernels *kernels, enum dtype dtype, matmul_kernel *run)
{
    if (kernels->narrow[dtype].run) kernels->narrow[dtype].run = run;
}

static void set_wide(struct kernels *kernels, matmul_kernel *wide_of(enum dtype dtype))
{
    for (int dtype = 0; dtype < DTYPE_LIMIT; dtype++)
        kernels->wide[dtype] = (struct matmul_choice){wide_of((enum dtype)dtype), COLUMN_F32};
}

/* Types that only dtype_unpack knows are multiplied in panels even when there is one column. */
static void use_panels_for_the_rest(struct kernels *kernels)
{
    for (int dtype = 0; dtype < DTYPE_LIMIT; dtype++)
        if (kernels->narrow[dtype].format == COLUMN_F32)
            kernels->narrow[dtype] = kernels->wide[dtype];
}

/* Quantised types with many columns. */
static void set_panels(struct kernels *kernels, matmul_kernel *supers_of(enum dtype dtype),
                       matmul_kernel *blocks_of(enum dtype dtype))
{
    for (int dtype = 0; dtype < DTYPE_LIMIT; dtype++) {
        matmul_kernel *supers = supers_of((enum dtype)dtype),
                      *blocks = blocks_of((enum dtype)dtype);
        if (supers) kernels->wide[dtype] = (struct matmul_choice){supers, COLUMN_Q8_256};
        if (blocks) kernels->wide[dtype] = (struct matmul_choice){blocks, COLUMN_Q8_32};
    }
}

static void set_attend(struct kernels *kernels, enum dtype dtype, attend_kernel *run,
                       attend_size *bytes, int from)
{
    kernels->attend[dtype] = run;
    kernels->attend_bytes[dtype] = bytes;
    kernels->attend_from[dtype] = from;
}

static void fill_avx2(struct kernels *kernels)
{
    kernels->name = "avx2";
    kernels_set_wide_from(kernels, 8);
    set_wide(kernels, matmul_wide_avx2);
    use_panels_for_the_rest(kernels);
    set_narrow(kernels, DTYPE_F32, matmul_f32_avx2);
    set_narrow(kernels, DTYPE_F16, matmul_f16_avx2);
    set_narrow(kernels, DTYPE_BF16, matmul_bf16_avx2);
    set_narrow(kernels, DTYPE_Q4_0, matmul_q4_0_avx2);
    set_narrow(kernels, DTYPE_Q4_1, matmul_q4_1_avx2);
    set_narrow(kernels, DTYPE_Q5_0, matmul_q5_0_avx2);
    set_narrow(kernels, DTYPE_Q5_1, matmul_q5_1_avx2);
    set_narrow(kernels, DTYPE_Q8_0, matmul_q8_0_avx2);
    set_narrow(kernels, DTYPE_IQ4_NL, matmul_iq4_nl_avx2);
    set_narrow(kernels, DTYPE_MXFP4, matmul_mxfp4_avx2);
    set_narrow(kernels, DTYPE_Q2_K, matmul_q2_k_avx2);
    set_narrow(kernels, DTYPE_Q3_K, matmul_q3_k_avx2);
    set_narrow(kernels, DTYPE_Q4_K, matmul_q4_k_avx2);
    set_narrow(kernels, DTYPE_Q5_K, matmul_q5_k_avx2);
    set_narrow(kernels, DTYPE_Q6_K, matmul_q6_k_avx2);
    set_narrow(kernels, DTYPE_IQ4_XS, matmul_iq4_xs_avx2);
    set_narrow(kernels, DTYPE_IQ2_XXS, matmul_iq2_xxs_avx2);
    set_narrow(kernels, DTYPE_IQ2_XS, matmul_iq2_xs_avx2);
    set_narrow(kernels, DTYPE_IQ2_S, matmul_iq2_s_avx2);
    set_narrow(kernels, DTYPE_IQ3_XXS, matmul_iq3_xxs_avx2);
    set_narrow(kernels, DTYPE_IQ3_S, matmul_iq3_s_avx2);
    set_narrow(kernels, DTYPE_IQ1_S, matmul_iq1_s_avx2);
    set_narrow(kernels, DTYPE_IQ1_M, matmul_iq1_m_avx2);
    set_narrow(kernels, DTYPE_TQ1_0, matmul_tq1_0_avx2);
    set_narrow(kernels, DTYPE_TQ2_0, matmul_tq2_0_avx2);
    set_narrow(kernels, DTYPE_NVFP4, matmul_nvfp4_avx2);
    set_panels(kernels, matmul_panel_supers_avx2, matmul_panel_blocks_avx2);
    kernels->quantize[COLUMN_Q8_32] = quantize_q8_32_avx2;
    kernels->quantize[COLUMN_Q8_256] = quantize_q8_256_avx2;
    kernels->mix[DTYPE_F32] = mix_f32_avx2;
    kernels->mix[DTYPE_F16] = mix_f16_avx2;
    kernels->mix[DTYPE_Q8_0] = mix_q8_0_avx2;
    set_attend(kernels, DTYPE_F32, attend_f32_avx2, attend_bytes_avx2, 16);
    set_attend(kernels, DTYPE_F16, attend_f16_avx2, attend_bytes_avx2, 16);
    set_attend(kernels, DTYPE_Q8_0, attend_q8_0_avx2, attend_bytes_avx2, 16);
    kernels->store[DTYPE_F16] = store_f16_avx2;
    kernels->rms_norm = rms_norm_avx2;
    kernels->layer_norm = layer_norm_avx2;
    kernels->silu_mul = silu_mul_avx2;
    kernels->add_scaled = add_scaled_avx2;
    kernels->scale = scale_avx2;
    kernels->max = max_avx2;
    kernels->exp_sum = exp_sum_avx2;
    kernels->rope_pairs = rope_pairs_avx2;
    kernels->rope_halves = rope_halves_avx2;
}

static void fill_avxvnni(struct kernels *kernels)
{
    kernels->name = "avxvnni";
    set_panels(kernels, matmul_panel_supers_avxvnni, matmul_panel_blocks_avxvnni);
}

static void fill_avx512(struct kernels *kernels)
{
    kernels->name = "avx512";
    kernels_set_wide_from(kernels, 12);
    set_wide(kernels, matmul_wide_avx512);
    use_panels_for_the_rest(kernels);
    set_narrow(kernels, DTYPE_F32, matmul_f32_avx512);
    set_narrow(kernels, DTYPE_F16, matmul_f16_avx512);
    set_narrow(kernels, DTYPE_BF16, matmul_bf16_avx512);
    kernels->mix[DTYPE_F32] = mix_f32_avx512;
    kernels->mix[DTYPE_F16] = mix_f16_avx512;
    kernels->mix[DTYPE_Q8_0] = mix_q8_0_avx512;
    set_attend(kernels, DTYPE_F32, attend_f32_avx512, attend_bytes_avx512, 24);
    set_attend(kernels, DTYPE_F16, attend_f16_avx512, attend_bytes_avx512, 24);
    set_attend(kernels, DTYPE_Q8_0, attend_q8_0_avx512, attend_bytes_avx512, 24);
    set_panels(kernels, matmul_panel_supers_avx512, matmul_panel_blocks_avx512);
}

/* Few columns come in the order of lanes. */
static void set_lanes(struct kernels *kernels, enum dtype dtype, matmul_kernel *run)
{
    set_narrow(kernels, dtype, run);
    kernels->narrow[dtype].format = COLUMN_Q8_LANES;
}

static void fill_avx512vnni(struct kernels *kernels)
{
    kernels->name = "avx512vnni";
    kernels_set_wide_from(kernels, 6);
    kernels->quantize[COLUMN_Q8_LANES] = quantize_q8_lanes_avx2;
    set_lanes(kernels, DTYPE_Q2_K, matmul_q2_k_avx512vnni);
    set_lanes(kernels, DTYPE_Q3_K, matmul_q3_k_avx512vnni);
    set_lanes(kernels, DTYPE_Q4_K, matmul_q4_k_avx512vnni);
    set_lanes(kernels, DTYPE_Q5_K, matmul_q5_k_avx512vnni);
    set_lanes(kernels, DTYPE_Q6_K, matmul_q6_k_avx512vnni);
    set_narrow(kernels, DTYPE_IQ4_XS, matmul_iq4_xs_avx512vnni);
    set_narrow(kernels, DTYPE_Q4_0, matmul_q4_0_avx512vnni);
    set_narrow(kernels, DTYPE_Q4_1, matmul_q4_1_avx512vnni);
    set_narrow(kernels, DTYPE_Q5_0, matmul_q5_0_avx512vnni);
    set_narrow(kernels, DTYPE_Q5_1, matmul_q5_1_avx512vnni);
    set_narrow(kernels, DTYPE_Q8_0, matmul_q8_0_avx512vnni);
    set_narrow(kernels, DTYPE_IQ4_NL, matmul_iq4_nl_avx512vnni);
    set_narrow(kernels, DTYPE_MXFP4, matmul_mxfp4_avx512vnni);
    set_narrow(kernels, DTYPE_IQ2_XXS, matmul_iq2_xxs_avx512vnni);
    set_narrow(kernels, DTYPE_IQ2_XS, matmul_iq2_xs_avx512vnni);
    set_narrow(kernels, DTYPE_IQ2_S, matmul_iq2_s_avx512vnni);
    set_narrow(kernels, DTYPE_IQ3_XXS, matmul_iq3_xxs_avx512vnni);
    set_narrow(kernels, DTYPE_IQ3_S, matmul_iq3_s_avx512vnni);
    set_narrow(kernels, DTYPE_IQ1_S, matmul_iq1_s_avx512vnni);
    set_narrow(kernels, DTYPE_IQ1_M, matmul_iq1_m_avx512vnni);
    set_narrow(kernels, DTYPE_TQ1_0, matmul_tq1_0_avx512vnni);
    set_narrow(kernels, DTYPE_TQ2_0, matmul_tq2_0_avx512vnni);
    set_narrow(kernels, DTYPE_NVFP4, matmul_nvfp4_avx512vnni);
    set_panels(kernels, matmul_panel_supers_avx512vnni, matmul_panel_blocks_avx512vnni);
}

/* Columns from which a panel is faster than passing over the rows for every four of them, and a
 * panel of bfloat16 faster than either: as measured with one thread on a Xeon that has AMX. */
struct choice {
    uint8_t dtype, wide_from, many_from;
};

static const struct choice choices[] = {
    {DTYPE_F16, 10, 7},      {DTYPE_BF16, 24, 5},    {DTYPE_Q8_0, 5, 10},   {DTYPE_Q4_0, 14, 11},
    {DTYPE_Q4_1, 24, 13},    {DTYPE_Q5_0, 20, 13},   {DTYPE_Q5_1, 22, 12},  {DTYPE_Q2_K, 9, 9},
    {DTYPE_Q3_K, 15, 13},    {DTYPE_Q4_K, 9, 9},     {DTYPE_Q5_K, 9, 22},   {DTYPE_Q6_K, 9, 22},
    {DTYPE_IQ4_NL, 13, 11},  {DTYPE_IQ4_XS, 15, 11}, {DTYPE_IQ3_S, 23, 18}, {DTYPE_IQ3_XXS, 24, 24},
    {DTYPE_IQ2_XXS, 23, 20}, {DTYPE_IQ2_XS, 17, 17}, {DTYPE_IQ2_S, 17, 17}, {DTYPE_IQ1_S, 17, 28},
    {DTYPE_IQ1_M, 17, 26},   {DTYPE_TQ1_0, 7, 40},   {DTYPE_TQ2_0, 12, 28}, {DTYPE_MXFP4, 17, 11},
    {DTYPE_NVFP4, 40, 9},
};

static void fill_amx(struct kernels *kernels)
{
    kernels->name = "amx";
    kernels->scratch_bytes = matmul_many_scratch_bytes_amx;
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        kernels->many[choices[i].dtype] = matmul_many_amx(choices[i].dtype);
        kernels->many_from[choices[i].dtype] = choices[i].many_from;
    }
    kernels->quantize[COLUMN_BF16] = quantize_bf16_amx;
    kernels->pair[COLUMN_BF16_PAIRS] = pair_amx;
    kernels->pair[COLUMN_SPLIT_PAIRS] = pair_split_amx;
    set_attend(kernels, DTYPE_F16, attend_f16_amx, attend_bytes_amx, 6);
    set_attend(kernels, DTYPE_Q8_0, attend_q8_0_amx, attend_bytes_amx, 6);
}

static void set_eights(struct kernels *kernels, enum dtype dtype, matmul_kernel *run)
{
    set_narrow(kernels, dtype, run);
    kernels->narrow[dtype].format = COLUMN_Q8_EIGHTS;
}

/* Permutations of bytes, and maps of bits. */
static void fill_avx512vbmi(struct kernels *kernels)
{
    kernels->name = "avx512vbmi";
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
        kernels->wide_from[choices[i].dtype] = choices[i].wide_from;
    kernels->wide_from[DTYPE_F32] = 5;
    kernels->quantize[COLUMN_Q8_EIGHTS] = quantize_q8_eights_avx2;
    set_eights(kernels, DTYPE_Q4_0, matmul_q4_0_avx512vbmi);
    set_eights(kernels, DTYPE_Q4_1, matmul_q4_1_avx512vbmi);
    set_eights(kernels, DTYPE_Q5_0, matmul_q5_0_avx512vbmi);
    set_eights(kernels, DTYPE_Q5_1, matmul_q5_1_avx512vbmi);
    set_eights(kernels, DTYPE_IQ4_NL, matmul_iq4_nl_avx512vbmi);
    set_eights(kernels, DTYPE_MXFP4, matmul_mxfp4_avx512vbmi);
    set_eights(kernels, DTYPE_IQ4_XS, matmul_iq4_xs_avx512vbmi);
    set_narrow(kernels, DTYPE_IQ2_XXS, matmul_iq2_xxs_avx512vbmi);
    set_narrow(kernels, DTYPE_IQ2_XS, matmul_iq2_xs_avx512vbmi);
    set_narrow(kernels, DTYPE_IQ2_S, matmul_iq2_s_avx512vbmi);
    set_narrow(kernels, DTYPE_IQ3_XXS, matmul_iq3_xxs_avx512vbmi);
    set_narrow(kernels, DTYPE_IQ3_S, matmul_iq3_s_avx512vbmi);
    set_narrow(kernels, DTYPE_IQ1_S, matmul_iq1_s_avx512vbmi);
    set_narrow(kernels, DTYPE_IQ1_M, matmul_iq1_m_avx512vbmi);
    set_narrow(kernels, DTYPE_TQ1_0, matmul_tq1_0_avx512vbmi);
    set_narrow(kernels, DTYPE_TQ2_0, matmul_tq2_0_avx512vbmi);
}

bool kernels_init_arch(struct kernels *kernels, const char *mask)
{
    int named = mask ? 0 : TIER_AMX;
    while (mask && tier_names[named] && strcmp(tier_names[named], mask) != 0) named++;
    if (!tier_names[named]) return false;
    int highest = highest_tier(named), limit = named < highest ? named : highest;
    if (limit == TIER_AVXVNNI && !has_avxvnni()) limit = TIER_AVX2;
    if (limit >= TIER_AVX2) fill_avx2(kernels);
    if (limit == TIER_AVXVNNI) fill_avxvnni(kernels);
    if (limit >= TIER_AVX512) fill_avx512(kernels);
    if (limit >= TIER_AVX512VNNI) fill_avx512vnni(kernels);
    if (limit >= TIER_AVX512VBMI) fill_avx512vbmi(kernels);
    if (limit >= TIER_AMX) fill_amx(kernels);
    return true;
}
