#include <immintrin.h>

#include "backend/cpu/kernels/x86/lanes_512.h"
#include "backend/cpu/kernels/x86/peaks_bytes.h"

/* Two units with four cycles of latency need eight sums in flight. */
enum { CHAINS = 16 };

/* One stream does not keep as many lines under way as a core can, so there are four. */
uint64_t peak_read_avx512(const uint8_t *data, size_t n_bytes)
{
    size_t part = n_bytes / PEAK_STREAMS / 64 * 64, i = 0;
    __m512i sums[PEAK_STREAMS] = {_mm512_setzero_si512(), _mm512_setzero_si512(),
                                  _mm512_setzero_si512(), _mm512_setzero_si512()};
    for (; i < part; i += 64)
#pragma GCC unroll 4
        for (int j = 0; j < PEAK_STREAMS; j++) {
            const uint8_t *line = data + (size_t)j * part + i;
            _mm_prefetch((const char *)line + PEAK_AHEAD, _MM_HINT_T0);
            sums[j] = _mm512_add_epi64(sums[j], _mm512_loadu_si512(line));
        }
    for (i = PEAK_STREAMS * part; i < n_bytes; i += 64)
        sums[0] = _mm512_add_epi64(sums[0], _mm512_loadu_si512(data + i));
    __m512i sum =
        _mm512_add_epi64(_mm512_add_epi64(sums[0], sums[1]), _mm512_add_epi64(sums[2], sums[3]));
    return (uint64_t)_mm512_reduce_add_epi64(sum);
}

double peak_f32_avx512(int64_t n_rounds, void *sink)
{
    __m512 sums[CHAINS], factor = _mm512_set1_ps(0.999f), term = _mm512_set1_ps(0.5f);
#pragma GCC unroll 16
    for (int j = 0; j < CHAINS; j++) sums[j] = _mm512_set1_ps((float)j);
    for (int64_t i = 0; i < n_rounds; i++)
#pragma GCC unroll 16
        for (int j = 0; j < CHAINS; j++) sums[j] = _mm512_fmadd_ps(sums[j], factor, term);
#pragma GCC unroll 16
    for (int j = 0; j < CHAINS; j++) _mm512_storeu_ps((float *)sink + 16 * j, sums[j]);
    return 2.0 * 16 * CHAINS * (double)n_rounds;
}

double peak_int8_avx512(int64_t n_rounds, void *sink)
{
    return peak_bytes(n_rounds / 4, sink);
}
