/* Rounds activations to 8 bits, bit by bit as plain C does. */
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "backend/cpu/kernels/column.h"
#include "backend/cpu/kernels/inline.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "tensor/half.h"

static const float SMALLEST_MAXIMUM = 1e-30f;

/* The greatest |x| as its bits: integers order them right, infinities and NaNs above all numbers.
 */
ALWAYS_INLINE float greatest(const float *x, int n)
{
    __m256i greatest = _mm256_setzero_si256(), magnitude = _mm256_set1_epi32(0x7fffffff);
    for (int i = 0; i < n; i += 8) {
        __m256i bits = _mm256_and_si256(_mm256_loadu_si256((const void *)(x + i)), magnitude);
        greatest = _mm256_max_epu32(greatest, bits);
    }
    __m128i rest =
        _mm_max_epu32(_mm256_castsi256_si128(greatest), _mm256_extracti128_si256(greatest, 1));
    rest = _mm_max_epu32(rest, _mm_shuffle_epi32(rest, 0x4e));
    rest = _mm_max_epu32(rest, _mm_shuffle_epi32(rest, 0xb1));
    return float_of_bits((uint32_t)_mm_cvtsi128_si32(rest));
}

/* The factor from values to bytes, and `scale` back again. Groups that are not finite become zeros
 * with a NaN for their scale; too small ones become zeros. */
ALWAYS_INLINE float factor_of(const float *x, int n, float *scale)
{
    float max = greatest(x, n);
    if (!isfinite(max) || max < SMALLEST_MAXIMUM) {
        *scale = isfinite(max) ? 0 : NAN;
        return 0;
    }
    *scale = max / 127;
    return 127 / max;
}

ALWAYS_INLINE __m256i round_eight(const float *x, __m256 factor)
{
    return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x), factor));
}

/* 32 values to bytes. */
ALWAYS_INLINE __m256i round_group(const float *x, float factor)
{
    if (factor == 0) return _mm256_setzero_si256(); /* x may be infinite */
    __m256 factors = _mm256_set1_ps(factor);
    __m256i low = _mm256_packs_epi32(round_eight(x, factors), round_eight(x + 8, factors));
    __m256i high = _mm256_packs_epi32(round_eight(x + 16, factors), round_eight(x + 24, factors));
    __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    return _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
}

/* Sums of eight values each, as 64-bit numbers: 128 is added for the instruction and taken away. */
ALWAYS_INLINE __m256i sum_eights(__m256i q)
{
    __m256i biased = _mm256_xor_si256(q, _mm256_set1_epi8((char)0x80));
    __m256i sums = _mm256_sad_epu8(biased, _mm256_setzero_si256());
    return _mm256_sub_epi64(sums, _mm256_set1_epi64x(8 * 128));
}

ALWAYS_INLINE void sum_sixteens(__m256i q, int16_t to[2])
{
    __m256i sums = sum_eights(q);
    sums = _mm256_add_epi64(sums, _mm256_unpackhi_epi64(sums, sums));
    to[0] = (int16_t)_mm256_extract_epi16(sums, 0);
    to[1] = (int16_t)_mm256_extract_epi16(sums, 8);
}

/* Of 32 values. */
ALWAYS_INLINE int sum_group(__m256i q)
{
    __m256i sums = sum_eights(q);
    __m128i sum = _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    return _mm_cvtsi128_si32(_mm_add_epi64(sum, _mm_unpackhi_epi64(sum, sum)));
}

void quantize_q8_32_avx2(const float *x, void *column, int k)
{
    struct column_q8_32 out = column_q8_32(column, k);
    for (int g = 0; g < k / 32; g++, x += 32) {
        __m256i q = round_group(x, factor_of(x, 32, &out.scale[g]));
        _mm256_storeu_si256((void *)(out.q + 32 * g), q);
        out.bias[g] = -128 * sum_group(q);
    }
}

void quantize_q8_256_avx2(const float *x, void *column, int k)
{
    struct column_q8_256 out = column_q8_256(column, k);
    for (int g = 0; g < k / 256; g++, x += 256) {
        float factor = factor_of(x, 256, &out.scale[g]);
        for (int i = 0; i < 256; i += 32) {
            __m256i q = round_group(x + i, factor);
            _mm256_storeu_si256((void *)(out.q + 256 * g + i), q);
            sum_sixteens(q, out.sums + 16 * g + i / 16);
        }
    }
}

/* Sums of four neighbours of two runs. */
ALWAYS_INLINE __m256i start_lanes(const int8_t *q)
{
    __m256i ones = _mm256_set1_epi8(1), factor = _mm256_set1_epi16(-32);
    __m256i first = _mm256_maddubs_epi16(ones, _mm256_loadu_si256((const void *)q));
    __m256i second = _mm256_maddubs_epi16(ones, _mm256_loadu_si256((const void *)(q + 64)));
    return _mm256_madd_epi16(_mm256_add_epi16(first, second), factor);
}

void quantize_q8_lanes_avx2(const float *x, void *column, int k)
{
    struct column_q8_lanes out = column_q8_lanes(column, k);
    for (int g = 0; g < k / 256; g++, x += 256) {
        float factor = factor_of(x, 256, &out.scale[g]);
        int8_t *lanes = out.q + 256 * g;
        for (int i = 0; i < 256; i += 32) {
            __m256i q = round_group(x + i, factor);
            int64_t eights[4];
            _mm256_storeu_si256((void *)eights, q);
            for (int j = 0; j < 4; j++) memcpy(lanes + column_q8_lane(i + 8 * j), &eights[j], 8);
            int16_t sums[2];
            sum_sixteens(q, sums);
            for (int j = 0; j < 2; j++)
                out.sums[16 * g + column_q8_lanes_sum(i / 16 + j)] = sums[j] * out.scale[g];
        }
        for (int i = 0; i < 32; i += 8)
            _mm256_storeu_si256((void *)(out.starts + 32 * g + i),
                                start_lanes(lanes + i / 16 * 128 + i % 16 * 4));
    }
}

/* Zeros for the groups that the last eight lack. */
static void clear_last_eights(struct column_q8_eights out, int k)
{
    size_t first = (size_t)k / 256 * 256;
    memset(out.q + first, 0, 256);
    memset(out.scale + first / 16, 0, 16 * sizeof *out.scale);
    memset(out.sums + first / 16, 0, 16 * sizeof *out.sums);
}

void quantize_q8_eights_avx2(const float *x, void *column, int k)
{
    struct column_q8_eights out = column_q8_eights(column, k);
    if (k % 256 != 0) clear_last_eights(out, k);
    for (int g = 0; g < k / 32; g++, x += 32) {
        float scale;
        __m256i q = round_group(x, factor_of(x, 32, &scale));
        int64_t eights[4];
        _mm256_storeu_si256((void *)eights, q);
        for (int i = 0; i < 4; i++)
            memcpy(out.q + 256 * (size_t)(g / 8) + column_q8_eight(g % 8 * 32 + 8 * i), &eights[i],
                   sizeof eights[i]);
        float sum = scale * (0.5f * (float)sum_group(q));
        for (int i = 2 * g; i < 2 * g + 2; i++) {
            out.scale[i] = scale;
            out.sums[i] = sum;
        }
    }
}
