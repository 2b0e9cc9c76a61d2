#include <arm_neon.h>
#include <string.h>

#include "backend/cpu/kernels/types.h"
#include "backend/cpu/kernels/arm/kernels_arm.h"
#include "backend/cpu/kernels/arm/open_blocks.h"
#include "backend/cpu/kernels/arm/open_codes.h"

#define TILE_COLUMNS 6
enum { LANES = 4 };

typedef float32x4_t vec;

ALWAYS_INLINE vec vec_zero(void)
{
    return vdupq_n_f32(0);
}

ALWAYS_INLINE vec vec_load(const float *x)
{
    return vld1q_f32(x);
}

ALWAYS_INLINE vec vec_load_some(const float *x, int n)
{
    float values[LANES] = {0};
    memcpy(values, x, (size_t)n * sizeof *x);
    return vld1q_f32(values);
}

ALWAYS_INLINE vec vec_fma(vec a, vec b, vec sum)
{
    return vfmaq_f32(sum, a, b);
}

ALWAYS_INLINE void add_tile_sums(const vec sums[4], float rows[4])
{
    vst1q_f32(rows, vpaddq_f32(vpaddq_f32(sums[0], sums[1]), vpaddq_f32(sums[2], sums[3])));
}

ALWAYS_INLINE void unpack_16(int8x16_t q, float scale, float offset, float *values)
{
    int16x8_t halves[2] = {vmovl_s8(vget_low_s8(q)), vmovl_s8(vget_high_s8(q))};
    vec offsets = vdupq_n_f32(offset);
    UNROLL
    for (int h = 0; h < 2; h++) {
        vec low = vcvtq_f32_s32(vmovl_s16(vget_low_s16(halves[h])));
        vec high = vcvtq_f32_s32(vmovl_s16(vget_high_s16(halves[h])));
        vst1q_f32(values + 8 * h, vfmaq_n_f32(offsets, low, scale));
        vst1q_f32(values + 8 * h + 4, vfmaq_n_f32(offsets, high, scale));
    }
}

ALWAYS_INLINE void unpack_super(open_head *open, open_chunk *chunk, open_codes *open_block_codes,
                                const void *block, float *values)
{
    struct super_head head = open(block);
    struct codes codes;
    if (open_block_codes) open_block_codes(block, &codes);
    const void *source = open_block_codes ? (const void *)&codes : block;
    UNROLL
    for (int j = 0; j < 16; j++)
        unpack_16(chunk(source, j), head.d * (float)head.scales[j],
                  -head.dmin * (float)head.mins[j], values + 16 * j);
}

#define UNPACK_SUPERS(NAME, CODES)                                                                 \
    static void unpack_##NAME(const void *row, float *values, int n)                               \
    {                                                                                              \
        const struct block_##NAME *block = row;                                                    \
        for (; n > 0; n -= 256, values += 256, block++)                                            \
            unpack_super(head_##NAME, chunk_##NAME, CODES, block, values);                         \
    }
UNPACK_SUPERS(q2_k, NULL)
UNPACK_SUPERS(q3_k, NULL)
UNPACK_SUPERS(q4_k, NULL)
UNPACK_SUPERS(q5_k, NULL)
UNPACK_SUPERS(q6_k, NULL)
UNPACK_SUPERS(iq4_xs, NULL)
UNPACK_SUPERS(iq2_xxs, codes_iq2_xxs)
UNPACK_SUPERS(iq2_xs, codes_iq2_xs)
UNPACK_SUPERS(iq2_s, codes_iq2_s)
UNPACK_SUPERS(iq3_xxs, codes_iq3_xxs)
UNPACK_SUPERS(iq3_s, codes_iq3_s)
UNPACK_SUPERS(iq1_s, codes_iq1_s)
UNPACK_SUPERS(iq1_m, codes_iq1_m)
UNPACK_SUPERS(tq1_0, NULL)
UNPACK_SUPERS(tq2_0, NULL)

#define UNPACK_BLOCKS(NAME)                                                                        \
    static void unpack_##NAME(const void *row, float *values, int n)                               \
    {                                                                                              \
        const struct block_##NAME *block = row;                                                    \
        for (; n > 0; n -= 32, values += 32, block++) {                                            \
            struct open_block w = open_##NAME(block);                                              \
            unpack_16(w.q[0], w.d, w.m, values);                                                   \
            unpack_16(w.q[1], w.d, w.m, values + 16);                                              \
        }                                                                                          \
    }
UNPACK_BLOCKS(q4_0)
UNPACK_BLOCKS(q4_1)
UNPACK_BLOCKS(q5_0)
UNPACK_BLOCKS(q5_1)
UNPACK_BLOCKS(q8_0)
UNPACK_BLOCKS(iq4_nl)
UNPACK_BLOCKS(mxfp4)

ALWAYS_INLINE vec convert_f16(uint16x4_t halves)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(halves));
}

ALWAYS_INLINE vec convert_bf16(uint16x4_t halves)
{
    return vreinterpretq_f32_u32(vshll_n_u16(halves, 16));
}

ALWAYS_INLINE void unpack_halves(vec convert(uint16x4_t halves), enum dtype dtype, const void *row,
                                 float *values, int n)
{
    const uint16_t *halves = row;
    int i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        UNROLL
        for (int j = 0; j < 4 * LANES; j += 2 * LANES) {
            uint16x8_t eight = vld1q_u16(halves + i + j);
            vst1q_f32(values + i + j, convert(vget_low_u16(eight)));
            vst1q_f32(values + i + j + LANES, convert(vget_high_u16(eight)));
        }
    }
    dtype_unpack(dtype, halves + i, values + i, n - i);
}

static void unpack_f16(const void *row, float *values, int n)
{
    unpack_halves(convert_f16, DTYPE_F16, row, values, n);
}

static void unpack_bf16(const void *row, float *values, int n)
{
    unpack_halves(convert_bf16, DTYPE_BF16, row, values, n);
}

/* Types without an unpacker here are rare or cheap, and dtype_unpack serves them. */
static void unpack_wide(enum dtype dtype, const void *row, float *values, int n)
{
    typedef void unpack_row(const void *from, float *to, int n_values);
    static unpack_row *const unpackers[DTYPE_LIMIT] = {
        [DTYPE_F16] = unpack_f16,         [DTYPE_BF16] = unpack_bf16,
        [DTYPE_Q4_0] = unpack_q4_0,       [DTYPE_Q4_1] = unpack_q4_1,
        [DTYPE_Q5_0] = unpack_q5_0,       [DTYPE_Q5_1] = unpack_q5_1,
        [DTYPE_Q8_0] = unpack_q8_0,       [DTYPE_Q2_K] = unpack_q2_k,
        [DTYPE_Q3_K] = unpack_q3_k,       [DTYPE_Q4_K] = unpack_q4_k,
        [DTYPE_Q5_K] = unpack_q5_k,       [DTYPE_Q6_K] = unpack_q6_k,
        [DTYPE_IQ4_NL] = unpack_iq4_nl,   [DTYPE_IQ4_XS] = unpack_iq4_xs,
        [DTYPE_MXFP4] = unpack_mxfp4,     [DTYPE_IQ2_XXS] = unpack_iq2_xxs,
        [DTYPE_IQ2_XS] = unpack_iq2_xs,   [DTYPE_IQ2_S] = unpack_iq2_s,
        [DTYPE_IQ3_XXS] = unpack_iq3_xxs, [DTYPE_IQ3_S] = unpack_iq3_s,
        [DTYPE_IQ1_S] = unpack_iq1_s,     [DTYPE_IQ1_M] = unpack_iq1_m,
        [DTYPE_TQ1_0] = unpack_tq1_0,     [DTYPE_TQ2_0] = unpack_tq2_0,
    };
    if (unpackers[dtype])
        unpackers[dtype](row, values, n);
    else
        dtype_unpack(dtype, row, values, n);
}

#define WIDE_TABLE    matmul_wide_neon
#define FOR_EACH_WIDE FOR_EACH_TYPE
#include "backend/cpu/kernels/wide_f32.h"
