/* Few columns in groups of 256 with weights in super-blocks. */
#include "backend/cpu/kernels/arm/open_codes.h"
#include "backend/cpu/kernels/arm/pairs_i8mm.h"

struct super_type {
    size_t block_bytes;
    open_head *head;
    open_chunk *chunk; /* of the block, or of its codes */
    open_codes *codes; /* NULL: the values are in the block itself */
    int scale_chunks;  /* of 16 values that share a scale */
    int min_octets;    /* of mins: 0, 1 or 2 */
};

/* Two super-blocks of two rows. */
struct super_pair {
    struct super_head heads[2];
    struct codes codes[2];
    const void *sources[2];
};

ALWAYS_INLINE void open_pair(struct super_type type, const char *const rows[2], size_t offset,
                             struct super_pair *out)
{
    UNROLL
    for (int r = 0; r < 2; r++) {
        const char *block = rows[r] + offset;
        prefetch_block(block, type.block_bytes);
        out->heads[r] = type.head(block);
        if (type.codes) type.codes(block, &out->codes[r]);
        out->sources[r] = type.codes ? (const void *)&out->codes[r] : block;
    }
}

/* Scales 4i .. 4i + 3, each twice for either row. */
ALWAYS_INLINE void spread_scales(const struct super_pair *pair, int i, int32x4_t scales[4])
{
    int32x4_t a = vmovl_s16(vld1_s16(pair->heads[0].scales + 4 * i));
    int32x4_t b = vmovl_s16(vld1_s16(pair->heads[1].scales + 4 * i));
    int32x4_t low = vzip1q_s32(a, b), high = vzip2q_s32(a, b);
    scales[0] = vzip1q_s32(low, low);
    scales[1] = vzip2q_s32(low, low);
    scales[2] = vzip1q_s32(high, high);
    scales[3] = vzip2q_s32(high, high);
}

/* The packed columns of pair p: a tile has two. */
ALWAYS_INLINE const struct packed_256 *tile_of(const struct packed_256 *x, size_t n_blocks, int p)
{
    return x + (p / 2 ? n_blocks : 0);
}

ALWAYS_INLINE int8x16_t column_pair(const column_octet octet, int p)
{
    return vld1q_s8(octet[p % 2 * 2]);
}

ALWAYS_INLINE void dot_values(struct super_type type, const struct super_pair *pair,
                              const struct packed_256 *x, size_t n_blocks, int n_pairs,
                              int32x4_t *dots)
{
    UNROLL
    for (int p = 0; p < n_pairs; p++) dots[p] = vdupq_n_s32(0);
    int32x4_t group[MAX_PAIRS], scales[4];
    UNROLL
    for (int j = 0; j < 16; j++) {
        if (j % 4 == 0) spread_scales(pair, j / 4, scales);
        int8x16_t a = type.chunk(pair->sources[0], j), b = type.chunk(pair->sources[1], j);
        int8x16_t low = low_halves(a, b), high = high_halves(a, b);
        UNROLL
        for (int p = 0; p < n_pairs; p++) {
            const struct packed_256 *tile = tile_of(x, n_blocks, p);
            if (j % type.scale_chunks == 0) group[p] = vdupq_n_s32(0);
            group[p] = vmmlaq_s32(group[p], low, column_pair(tile->q[2 * j], p));
            group[p] = vmmlaq_s32(group[p], high, column_pair(tile->q[2 * j + 1], p));
            if (j % type.scale_chunks == type.scale_chunks - 1)
                dots[p] = vmlaq_s32(dots[p], group[p], scales[j % 4]);
        }
    }
}

/* Mins of eight groups of both rows; those of groups of 32 are there twice. */
ALWAYS_INLINE int8x16_t pair_mins(const struct super_pair *pair, int min_octets, int i)
{
    int8x8_t mins[2];
    UNROLL
    for (int r = 0; r < 2; r++) {
        int16x8_t low = vld1q_s16(pair->heads[r].mins), high = vld1q_s16(pair->heads[r].mins + 8);
        mins[r] = vmovn_s16(min_octets == 1 ? vuzp1q_s16(low, high) : i == 0 ? low : high);
    }
    return vcombine_s8(mins[0], mins[1]);
}

ALWAYS_INLINE void dot_mins(struct super_type type, const struct super_pair *pair,
                            const struct packed_256 *x, size_t n_blocks, int n_pairs,
                            int32x4_t *dots)
{
    UNROLL
    for (int p = 0; p < n_pairs; p++) {
        const struct packed_256 *tile = tile_of(x, n_blocks, p);
        int32x4_t low = vdupq_n_s32(0), high = low;
        UNROLL
        for (int i = 0; i < type.min_octets; i++) {
            int8x16_t mins = pair_mins(pair, type.min_octets, i);
            low = vmmlaq_s32(low, mins, column_pair(tile->sums[i][0], p));
            high = vmmlaq_s32(high, mins, column_pair(tile->sums[i][1], p));
        }
        dots[p] = vaddq_s32(low, vshlq_n_s32(high, 7));
    }
}

ALWAYS_INLINE void multiply_supers(struct super_type type, const char *const rows[2], int k,
                                   const struct packed_256 *x, int n_pairs, float32x4_t *out)
{
    size_t n_blocks = (size_t)k / 256;
    float32x4_t sums[MAX_PAIRS];
    UNROLL
    for (int p = 0; p < n_pairs; p++) sums[p] = vdupq_n_f32(0);
    for (size_t b = 0; b < n_blocks; b++, x++) {
        struct super_pair pair;
        open_pair(type, rows, b * type.block_bytes, &pair);
        int32x4_t dots[MAX_PAIRS], mins[MAX_PAIRS];
        dot_values(type, &pair, x, n_blocks, n_pairs, dots);
        if (type.min_octets > 0) dot_mins(type, &pair, x, n_blocks, n_pairs, mins);
        float32x4_t d = spread_floats(pair.heads[0].d, pair.heads[1].d);
        float32x4_t dmin = spread_floats(pair.heads[0].dmin, pair.heads[1].dmin);
        UNROLL
        for (int p = 0; p < n_pairs; p++) {
            const struct packed_256 *tile = tile_of(x, n_blocks, p);
            float32x4_t sum = vmulq_f32(vcvtq_f32_s32(dots[p]), d);
            if (type.min_octets > 0) sum = vfmsq_f32(sum, vcvtq_f32_s32(mins[p]), dmin);
            sums[p] = vfmaq_f32(sums[p], sum, vld1q_f32(tile->scale + p % 2 * 4));
        }
    }
    UNROLL
    for (int p = 0; p < n_pairs; p++) out[p] = sums[p];
}

#define DEFINE(NAME, CODES, SCALE_CHUNKS, MIN_OCTETS)                                              \
    ALWAYS_INLINE void multiply_##NAME(const char *const rows[2], int k, const char *tiles,        \
                                       int n_pairs, float32x4_t *sums)                             \
    {                                                                                              \
        struct super_type type = {sizeof(struct block_##NAME),                                     \
                                  head_##NAME,                                                     \
                                  chunk_##NAME,                                                    \
                                  CODES,                                                           \
                                  SCALE_CHUNKS,                                                    \
                                  MIN_OCTETS};                                                     \
        multiply_supers(type, rows, k, (const struct packed_256 *)tiles, n_pairs, sums);           \
    }                                                                                              \
    DEFINE_PAIRS(NAME, multiply_##NAME, pack_columns_256_##MIN_OCTETS, 256,                        \
                 sizeof(struct packed_256))
DEFINE(q2_k, NULL, 1, 2)
DEFINE(q3_k, NULL, 1, 0)
DEFINE(q4_k, NULL, 2, 1)
DEFINE(q5_k, NULL, 2, 1)
DEFINE(q6_k, NULL, 1, 0)
DEFINE(iq4_xs, NULL, 2, 0)
DEFINE(iq2_xxs, codes_iq2_xxs, 2, 0)
DEFINE(iq2_xs, codes_iq2_xs, 1, 0)
DEFINE(iq2_s, codes_iq2_s, 1, 0)
DEFINE(iq3_xxs, codes_iq3_xxs, 2, 0)
DEFINE(iq3_s, codes_iq3_s, 2, 0)
DEFINE(iq1_s, codes_iq1_s, 2, 0)
DEFINE(iq1_m, codes_iq1_m, 1, 0)
DEFINE(tq1_0, NULL, 16, 0)
DEFINE(tq2_0, NULL, 16, 0)
