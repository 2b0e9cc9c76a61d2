/* Few columns in groups of 32 with weights in blocks of 32. */
#include "backend/cpu/kernels/arm/open_blocks.h"
#include "backend/cpu/kernels/arm/pairs_i8mm.h"

ALWAYS_INLINE void multiply_blocks(open_block *open, size_t block_bytes, bool has_min,
                                   const char *const rows[2], int k, const struct packed_32 *x,
                                   int n_pairs, float32x4_t *out)
{
    size_t n_blocks = (size_t)k / 32;
    float32x4_t sums[MAX_PAIRS];
    UNROLL
    for (int p = 0; p < n_pairs; p++) sums[p] = vdupq_n_f32(0);
    for (size_t b = 0; b < n_blocks; b++, x++) {
        struct open_block w[2];
        UNROLL
        for (int r = 0; r < 2; r++) {
            const char *block = rows[r] + b * block_bytes;
            prefetch_block(block, block_bytes);
            w[r] = open(block);
        }
        float32x4_t d = spread_floats(w[0].d, w[1].d), min = spread_floats(w[0].m, w[1].m);
        UNROLL
        for (int p = 0; p < n_pairs; p++) {
            const struct packed_32 *tile = x + (p / 2 ? n_blocks : 0);
            int32x4_t dots = vdupq_n_s32(0);
            UNROLL
            for (int i = 0; i < 2; i++) {
                dots = vmmlaq_s32(dots, low_halves(w[0].q[i], w[1].q[i]),
                                  vld1q_s8(tile->q[2 * i][p % 2 * 2]));
                dots = vmmlaq_s32(dots, high_halves(w[0].q[i], w[1].q[i]),
                                  vld1q_s8(tile->q[2 * i + 1][p % 2 * 2]));
            }
            float32x4_t factors = vmulq_f32(d, vld1q_f32(tile->scale + p % 2 * 4));
            sums[p] = vfmaq_f32(sums[p], vcvtq_f32_s32(dots), factors);
            if (has_min) sums[p] = vfmaq_f32(sums[p], min, vld1q_f32(tile->sum + p % 2 * 4));
        }
    }
    UNROLL
    for (int p = 0; p < n_pairs; p++) out[p] = sums[p];
}

#define DEFINE(NAME, HAS_MIN)                                                                      \
    ALWAYS_INLINE void multiply_##NAME(const char *const rows[2], int k, const char *tiles,        \
                                       int n_pairs, float32x4_t *sums)                             \
    {                                                                                              \
        multiply_blocks(open_##NAME, sizeof(struct block_##NAME), HAS_MIN, rows, k,                \
                        (const struct packed_32 *)tiles, n_pairs, sums);                           \
    }                                                                                              \
    DEFINE_PAIRS(NAME, multiply_##NAME, pack_columns_32, 32, sizeof(struct packed_32))
DEFINE(q4_0, false)
DEFINE(q4_1, true)
DEFINE(q5_0, false)
DEFINE(q5_1, true)
DEFINE(q8_0, false)
DEFINE(iq4_nl, false)
DEFINE(mxfp4, false)
