/* Unpacks weights of any type into lines of tiles of bfloat16. */
#pragma once

#include "backend/cpu/kernels/x86/chunks_codes_avx512.h"
#include "backend/cpu/kernels/x86/nvfp4.h"
#include "backend/cpu/kernels/x86/open_blocks.h"
#include "backend/cpu/kernels/x86/open_supers.h"
#include "backend/cpu/kernels/x86/split_amx.h"
#include "backend/cpu/kernels/x86/tiles_amx.h"

/* Unpacks n values; each 32 are a line of the next tile. */
typedef void unpack_lines(const void *blocks, int n, struct tile_halves *tile, int line);

ALWAYS_INLINE __m512 widen(__m128i bytes, float scale, float offset)
{
    __m512 q = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
    return _mm512_fmadd_ps(q, _mm512_set1_ps(scale), _mm512_set1_ps(offset));
}

ALWAYS_INLINE void store_line(__m512 low, __m512 high, struct tile_halves *tile, int line)
{
    _mm512_store_si512(tile->lines[line], (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

/* w = scale * q + offset, for every 16 values. */
ALWAYS_INLINE void widen_head(struct super_head head, float scales[16], float offsets[16])
{
    __m512 d = _mm512_set1_ps(head.d), dmin = _mm512_set1_ps(-head.dmin);
    __m512 wide_scales = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(head.scales));
    __m512 wide_mins = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(head.mins));
    _mm512_storeu_ps(scales, _mm512_mul_ps(wide_scales, d));
    _mm512_storeu_ps(offsets, _mm512_mul_ps(wide_mins, dmin));
}

ALWAYS_INLINE void unpack_supers(open_head *open, open_chunk *chunk, open_codes *open_block_codes,
                                 size_t block_bytes, const void *blocks, int n,
                                 struct tile_halves *tile, int line)
{
    const char *block = blocks;
    for (; n > 0; n -= 256, block += block_bytes, tile += 8) {
        struct codes codes;
        if (open_block_codes) open_block_codes(block, &codes);
        const void *source = open_block_codes ? (const void *)&codes : block;
        float scales[16], offsets[16];
        widen_head(open(block), scales, offsets);
        UNROLL
        for (int j = 0; j < 4; j++) {
            struct chunk c = chunk(source, j);
            __m512i q = _mm512_mask_sub_epi8(c.w, c.minus, _mm512_setzero_si512(), c.w);
            const float *scale = scales + 4 * j, *offset = offsets + 4 * j;
            store_line(widen(_mm512_castsi512_si128(q), scale[0], offset[0]),
                       widen(_mm512_extracti32x4_epi32(q, 1), scale[1], offset[1]), &tile[2 * j],
                       line);
            store_line(widen(_mm512_extracti32x4_epi32(q, 2), scale[2], offset[2]),
                       widen(_mm512_extracti32x4_epi32(q, 3), scale[3], offset[3]),
                       &tile[2 * j + 1], line);
        }
    }
}

ALWAYS_INLINE void unpack_blocks(open_block *open, size_t block_bytes, const void *blocks, int n,
                                 struct tile_halves *tile, int line)
{
    const char *block = blocks;
    for (; n > 0; n -= 32, block += block_bytes, tile++) {
        struct open_block w = open(block);
        store_line(widen(_mm256_castsi256_si128(w.q), w.d, w.m),
                   widen(_mm256_extracti128_si256(w.q, 1), w.d, w.m), tile, line);
    }
}

#define UNPACK_SUPERS(NAME, SIGNED, CODES)                                                         \
    static void lines_##NAME(const void *blocks, int n, struct tile_halves *tile, int line)        \
    {                                                                                              \
        unpack_supers(head_##NAME, chunk_##NAME, CODES, sizeof(struct block_##NAME), blocks, n,    \
                      tile, line);                                                                 \
    }
UNPACK_SUPERS(q2_k, false, NULL)
UNPACK_SUPERS(q3_k, false, NULL)
UNPACK_SUPERS(q5_k, false, NULL)
UNPACK_SUPERS(q6_k, false, NULL)
FOR_EACH_CODED_SUPER(UNPACK_SUPERS)

#define UNPACK_BLOCKS(NAME)                                                                        \
    static void lines_##NAME(const void *blocks, int n, struct tile_halves *tile, int line)        \
    {                                                                                              \
        unpack_blocks(open_##NAME, sizeof(struct block_##NAME), blocks, n, tile, line);            \
    }
UNPACK_BLOCKS(q5_0)
UNPACK_BLOCKS(q5_1)
UNPACK_BLOCKS(q8_0)

static void lines_nvfp4(const void *blocks, int n, struct tile_halves *tile, int line)
{
    const struct block_nvfp4 *block = blocks;
    for (; n > 0; n -= 64, block++) {
        float d[8];
        _mm256_storeu_ps(d, nvfp4_scales(_mm256_castsi256_si128(set_256(block->d))));
        for (int j = 0; j < 4; j += 2, tile++) {
            __m256i q = nvfp4_values(block->qs[j]);
            store_line(widen(_mm256_castsi256_si128(q), d[j], 0),
                       widen(_mm256_extracti128_si256(q, 1), d[j + 1], 0), tile, line);
        }
    }
}

/* ---- halves: the last values of a row may be less than 32 ---- */

static __mmask32 first_of_32(int n)
{
    return n < 32 ? (1u << n) - 1 : 0xffffffff;
}

static void lines_bf16(const void *values, int n, struct tile_halves *tile, int line)
{
    const uint16_t *value = values;
    for (; n > 0; n -= 32, value += 32, tile++)
        _mm512_store_si512(tile->lines[line], _mm512_maskz_loadu_epi16(first_of_32(n), value));
}

/* Split: a tile of the high parts, then one of the low parts. */
static void lines_f16(const void *values, int n, struct tile_halves *tile, int line)
{
    const uint16_t *value = values;
    for (; n > 0; n -= 32, value += 32, tile += 2) {
        __m512i halves = _mm512_maskz_loadu_epi16(first_of_32(n), value);
        struct split split = split_32(_mm512_cvtph_ps(_mm512_castsi512_si256(halves)),
                                      _mm512_cvtph_ps(_mm512_extracti64x4_epi64(halves, 1)));
        _mm512_store_si512(tile[0].lines[line], split.high);
        _mm512_store_si512(tile[1].lines[line], split.low);
    }
}

/* ---- four bits: the 16 values of a group are computed once and looked up ---- */

ALWAYS_INLINE __m512 count_from(float first)
{
    __m512i count = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm512_add_ps(_mm512_cvtepi32_ps(count), _mm512_set1_ps(first));
}

ALWAYS_INLINE __m512 sixteen_of(const int8_t values[16])
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)values)));
}

/* Tables of two groups, the second one at index 16. */
ALWAYS_INLINE __m512i two_tables(__m512 values, const float scales[2], const float offsets[2])
{
    __m512 low = _mm512_fmadd_ps(values, _mm512_set1_ps(scales[0]), _mm512_set1_ps(offsets[0]));
    __m512 high = _mm512_fmadd_ps(values, _mm512_set1_ps(scales[1]), _mm512_set1_ps(offsets[1]));
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

ALWAYS_INLINE void look_up_line(__m512i table, __m512i index, struct tile_halves *tile, int line)
{
    _mm512_store_si512(tile->lines[line], _mm512_permutexvar_epi16(index, table));
}

/* Nibbles of 16 bytes, the lower ones first. */
ALWAYS_INLINE __m512i nibble_indexes(const uint8_t bytes[16])
{
    __m256i wide = _mm256_cvtepu8_epi16(_mm_loadu_si128((const void *)bytes));
    __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(wide), _mm256_srli_epi16(wide, 4), 1);
    return _mm512_and_si512(both, _mm512_set1_epi16(15));
}

static void lines_q4_k(const void *blocks, int n, struct tile_halves *tile, int line)
{
    const struct block_q4_k *block = blocks;
    const __m512i second = _mm512_set1_epi16(16), low = _mm512_set1_epi16(15);
    for (; n > 0; n -= 256, block++, tile += 8) {
        float scales[16], offsets[16];
        widen_head(head_q4_k(block), scales, offsets);
        UNROLL
        for (int j = 0; j < 4; j++) {
            const float pair[] = {scales[4 * j], scales[4 * j + 2]};
            const float pair_offsets[] = {offsets[4 * j], offsets[4 * j + 2]};
            __m512i table = two_tables(count_from(0), pair, pair_offsets);
            __m512i bytes = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const void *)block->qs[j]));
            look_up_line(table, _mm512_and_si512(bytes, low), &tile[2 * j], line);
            look_up_line(table, _mm512_or_si512(_mm512_srli_epi16(bytes, 4), second),
                         &tile[2 * j + 1], line);
        }
    }
}

static void lines_iq4_xs(const void *blocks, int n, struct tile_halves *tile, int line)
{
    const struct block_iq4_xs *block = blocks;
    const __m512i second = _mm512_set1_epi16(16);
    __m512 values = sixteen_of(iq4_values);
    for (; n > 0; n -= 256, block++, tile += 8) {
        float scales[16], offsets[16];
        widen_head(head_iq4_xs(block), scales, offsets);
        UNROLL
        for (int g = 0; g < 8; g += 2) {
            const float pair[] = {scales[2 * g], scales[2 * g + 2]}, none[] = {0, 0};
            __m512i table = two_tables(values, pair, none);
            look_up_line(table, nibble_indexes(block->qs[g]), &tile[g], line);
            look_up_line(table, _mm512_or_si512(nibble_indexes(block->qs[g + 1]), second),
                         &tile[g + 1], line);
        }
    }
}

/* `nibbles`: where the 16 bytes lie in the block. */
ALWAYS_INLINE void look_up_blocks(open_block *open, __m512 values, size_t block_bytes,
                                  size_t nibbles, const void *blocks, int n,
                                  struct tile_halves *tile, int line)
{
    const char *block = blocks;
    for (; n > 0; n -= 32, block += block_bytes, tile++) {
        struct open_block w = open(block);
        __m512 sixteen = _mm512_fmadd_ps(values, _mm512_set1_ps(w.d), _mm512_set1_ps(w.m));
        __m512i table = _mm512_castsi256_si512((__m256i)_mm512_cvtneps_pbh(sixteen));
        look_up_line(table, nibble_indexes((const uint8_t *)block + nibbles), tile, line);
    }
}

#define LOOK_UP_BLOCKS(NAME, VALUES)                                                               \
    static void lines_##NAME(const void *blocks, int n, struct tile_halves *tile, int line)        \
    {                                                                                              \
        look_up_blocks(open_##NAME, VALUES, sizeof(struct block_##NAME),                           \
                       offsetof(struct block_##NAME, qs), blocks, n, tile, line);                  \
    }
LOOK_UP_BLOCKS(q4_0, count_from(-8))
LOOK_UP_BLOCKS(q4_1, count_from(0))
LOOK_UP_BLOCKS(iq4_nl, sixteen_of(iq4_values))
LOOK_UP_BLOCKS(mxfp4, sixteen_of(e2m1_values))
