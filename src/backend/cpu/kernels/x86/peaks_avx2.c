#include <immintrin.h>
#include <string.h>

#include "backend/cpu/kernels/x86/lanes_256.h"
#include "backend/cpu/kernels/x86/peaks_bytes.h"

/* Two units with four cycles of latency need eight sums in flight. */
enum { CHAINS = 12 };

uint64_t peak_read_avx2(const uint8_t *data, size_t n_bytes)
{
    size_t part = n_bytes / PEAK_STREAMS / 64 * 64, i = 0;
    __m256i sum = _mm256_setzero_si256();
    for (; i < part; i += 64)
#pragma GCC unroll 4
        for (int j = 0; j < PEAK_STREAMS; j++) {
            const uint8_t *line = data + (size_t)j * part + i;
            _mm_prefetch((const char *)line + PEAK_AHEAD, _MM_HINT_T0);
            __m256i low = _mm256_loadu_si256((const __m256i *)line);
            __m256i high = _mm256_loadu_si256((const __m256i *)(line + 32));
            sum = _mm256_add_epi64(sum, _mm256_add_epi64(low, high));
        }
    uint64_t words[4], rest = 0, word;
    for (i = PEAK_STREAMS * part; i < n_bytes; i += sizeof word) {
        memcpy(&word, data + i, sizeof word);
        rest += word;
    }
    _mm256_storeu_si256((__m256i *)words, sum);
    return rest + words[0] + words[1] + words[2] + words[3];
}

double peak_f32_avx2(int64_t n_rounds, void *sink)
{
    __m256 sums[CHAINS], factor = _mm256_set1_ps(0.999f), term = _mm256_set1_ps(0.5f);
#pragma GCC unroll 12
    for (int j = 0; j < CHAINS; j++) sums[j] = _mm256_set1_ps((float)j);
    for (int64_t i = 0; i < n_rounds; i++)
#pragma GCC unroll 12
        for (int j = 0; j < CHAINS; j++) sums[j] = _mm256_fmadd_ps(sums[j], factor, term);
#pragma GCC unroll 12
    for (int j = 0; j < CHAINS; j++) _mm256_storeu_ps((float *)sink + 8 * j, sums[j]);
    return 2.0 * 8 * CHAINS * (double)n_rounds;
}

double peak_int8_avx2(int64_t n_rounds, void *sink)
{
    return peak_bytes(n_rounds / 4, sink);
}
