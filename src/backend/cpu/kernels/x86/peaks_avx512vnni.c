#include <immintrin.h>

#include "backend/cpu/kernels/x86/peaks_x86.h"

/* Two units with five cycles of latency need ten sums in flight. */
enum { CHAINS = 16 };

double peak_int8_avx512vnni(int64_t n_rounds, void *sink)
{
    __m512i sums[CHAINS], a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(-2);
#pragma GCC unroll 16
    for (int j = 0; j < CHAINS; j++) sums[j] = _mm512_set1_epi32(j);
    for (int64_t i = 0; i < n_rounds; i++)
#pragma GCC unroll 16
        for (int j = 0; j < CHAINS; j++) sums[j] = _mm512_dpbusd_epi32(sums[j], a, b);
#pragma GCC unroll 16
    for (int j = 0; j < CHAINS; j++) _mm512_storeu_si512((__m512i *)sink + j, sums[j]);
    return 2.0 * 64 * CHAINS * (double)n_rounds;
}
