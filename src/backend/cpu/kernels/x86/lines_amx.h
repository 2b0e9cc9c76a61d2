/* Unpacks weights into lines of tiles of bfloat16. */
#pragma once

#include "backend/cpu/kernels/x86/chunks_codes_avx512.h"
#include "backend/cpu/kernels/x86/nvfp4.h"
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
struct wide_head {
    __m512 scales, offsets;
};

ALWAYS_INLINE struct wide_head widen_head(struct super_head head)
{
    __m512 scales = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(head.scales));
    __m512 mins = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(head.mins));
    return (struct wide_head){_mm512_mul_ps(scales, _mm512_set1_ps(head.d)),
                              _mm512_mul_ps(mins, _mm512_set1_ps(-head.dmin))};
}

enum { ABOVE_ZERO = 64, IN_HALF = 128 };

/* 32 bytes of a chunk, from `first` on, each ABOVE_ZERO too much. A byte b up to 128, put behind
 * 0x43, is the bfloat16 of IN_HALF + b (0x4380 is 256). In lanes of 32 bits, values 0 to 15 are the
 * lower halves and 16 to 31 the upper ones, and either half becomes a float without a conversion.
 */
ALWAYS_INLINE void store_bytes(__m512i bytes, int first, const float scale[2],
                               const float offset[2], struct tile_halves *tile, int line)
{
    const __m512i lanes =
        _mm512_setr_epi32(0x00100000, 0x00110001, 0x00120002, 0x00130003, 0x00140004, 0x00150005,
                          0x00160006, 0x00170007, 0x00180008, 0x00190009, 0x001a000a, 0x001b000b,
                          0x001c000c, 0x001d000d, 0x001e000e, 0x001f000f);
    __m512i index = _mm512_add_epi8(lanes, _mm512_set1_epi8((char)first));
    __m512i halves =
        _mm512_mask_permutexvar_epi8(_mm512_set1_epi8(0x43), 0x5555555555555555, index, bytes);
    __m512 low = (__m512)_mm512_slli_epi32(halves, 16);
    __m512 high = (__m512)_mm512_and_si512(halves, _mm512_set1_epi32((int)0xffff0000));
    store_line(_mm512_fmadd_ps(low, _mm512_set1_ps(scale[0]), _mm512_set1_ps(offset[0])),
               _mm512_fmadd_ps(high, _mm512_set1_ps(scale[1]), _mm512_set1_ps(offset[1])), tile,
               line);
}

/* Values are at most 64, with or without a sign. */
ALWAYS_INLINE void unpack_supers(open_head *open, open_chunk *chunk, open_codes *open_block_codes,
                                 size_t block_bytes, const void *blocks, int n,
                                 struct tile_halves *tile, int line)
{
    const __m512i above = _mm512_set1_epi8(ABOVE_ZERO);
    const char *block = blocks;
    for (; n > 0; n -= 256, block += block_bytes, tile += 8) {
        struct codes codes;
        if (open_block_codes) open_block_codes(block, &codes);
        const void *source = open_block_codes ? (const void *)&codes : block;
        struct wide_head head = widen_head(open(block));
        float scales[16], offsets[16];
        _mm512_storeu_ps(scales, head.scales);
        _mm512_storeu_ps(
            offsets,
            _mm512_fnmadd_ps(head.scales, _mm512_set1_ps(ABOVE_ZERO + IN_HALF), head.offsets));
        UNROLL
        for (int j = 0; j < 4; j++) {
            struct chunk c = chunk(source, j);
            __m512i bytes = _mm512_mask_sub_epi8(_mm512_add_epi8(above, c.w), c.minus, above, c.w);
            const float *scale = scales + 4 * j, *offset = offsets + 4 * j;
            store_bytes(bytes, 0, scale, offset, &tile[2 * j], line);
            store_bytes(bytes, 32, scale + 2, offset + 2, &tile[2 * j + 1], line);
        }
    }
}

#define UNPACK_SUPERS(NAME, SIGNED, CODES)                                                         \
    static void lines_##NAME(const void *blocks, int n, struct tile_halves *tile, int line)        \
    {                                                                                              \
        unpack_supers(head_##NAME, chunk_##NAME, CODES, sizeof(struct block_##NAME), blocks, n,    \
                      tile, line);                                                                 \
    }
UNPACK_SUPERS(q6_k, false, NULL)
FOR_EACH_CODED_SUPER(UNPACK_SUPERS)

static void lines_q8_0(const void *blocks, int n, struct tile_halves *tile, int line)
{
    const struct block_q8_0 *block = blocks;
    for (; n > 0; n -= 32, block++, tile++) {
        float d = _cvtsh_ss(block->d);
        const __m128i *q = (const void *)block->qs;
        store_line(widen(_mm_loadu_si128(q), d, 0), widen(_mm_loadu_si128(q + 1), d, 0), tile,
                   line);
    }
}

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
