#include "peak.h"

#include <string.h>

enum { STREAMS = 4, SUMS = 16 };

/* In whatever registers there are: memory is slower than the narrowest. */
typedef uint64_t words __attribute__((vector_size(64)));

uint64_t peak_read(const void *memory, size_t n_bytes)
{
    const char *bytes = memory;
    size_t part = n_bytes / STREAMS;
    words sums[STREAMS] = {0};
    for (size_t i = 0; i < part; i += sizeof(words)) {
        words loaded[STREAMS];
        for (int s = 0; s < STREAMS; s++) {
            __builtin_prefetch(bytes + (size_t)s * part + i + 2048);
            memcpy(&loaded[s], bytes + (size_t)s * part + i, sizeof(words));
            sums[s] ^= loaded[s];
        }
    }
    uint64_t all = 0;
    for (int s = 0; s < STREAMS; s++)
        for (size_t i = 0; i < sizeof(words) / 8; i++) all ^= sums[s][i];
    return all;
}

#if defined __x86_64__
#include <immintrin.h>

__attribute__((target("avx512f"))) static double floats_512(int n_rounds)
{
    __m512 sums[SUMS], half = _mm512_set1_ps(0.5f);
#pragma GCC unroll 16
    for (int s = 0; s < SUMS; s++) sums[s] = _mm512_set1_ps((float)s);
    for (int i = 0; i < n_rounds; i++) {
#pragma GCC unroll 16
        for (int s = 0; s < SUMS; s++) sums[s] = _mm512_fmadd_ps(sums[s], half, half);
        __asm__ volatile("" : "+v"(sums[0]));
    }
#pragma GCC unroll 16
    for (int s = 0; s < SUMS; s++) __asm__ volatile("" : "+v"(sums[s]));
    return 16.0 * SUMS * n_rounds;
}

__attribute__((target("avx2,fma"))) static double floats_256(int n_rounds)
{
    __m256 sums[12], half = _mm256_set1_ps(0.5f);
#pragma GCC unroll 12
    for (int s = 0; s < 12; s++) sums[s] = _mm256_set1_ps((float)s);
    for (int i = 0; i < n_rounds; i++) {
#pragma GCC unroll 12
        for (int s = 0; s < 12; s++) sums[s] = _mm256_fmadd_ps(sums[s], half, half);
        __asm__ volatile("" : "+x"(sums[0]));
    }
#pragma GCC unroll 12
    for (int s = 0; s < 12; s++) __asm__ volatile("" : "+x"(sums[s]));
    return 8.0 * 12 * n_rounds;
}

__attribute__((target("avx512f,avx512vnni"))) static double bytes_512(int n_rounds)
{
    __m512i sums[SUMS], ones = _mm512_set1_epi8(1);
#pragma GCC unroll 16
    for (int s = 0; s < SUMS; s++) sums[s] = _mm512_set1_epi32(s);
    for (int i = 0; i < n_rounds; i++) {
#pragma GCC unroll 16
        for (int s = 0; s < SUMS; s++) sums[s] = _mm512_dpbusd_epi32(sums[s], ones, ones);
        __asm__ volatile("" : "+v"(sums[0]));
    }
#pragma GCC unroll 16
    for (int s = 0; s < SUMS; s++) __asm__ volatile("" : "+v"(sums[s]));
    return 64.0 * SUMS * n_rounds;
}

double peak_float(int n_rounds)
{
    if (__builtin_cpu_supports("avx512f")) return floats_512(n_rounds);
    return __builtin_cpu_supports("avx2") ? floats_256(n_rounds) : 0;
}

double peak_byte(int n_rounds)
{
    return __builtin_cpu_supports("avx512vnni") ? bytes_512(n_rounds) : 0;
}

#elif defined __aarch64__
#include <arm_neon.h>

double peak_float(int n_rounds)
{
    float32x4_t sums[SUMS], half = vdupq_n_f32(0.5f);
#pragma GCC unroll 16
    for (int s = 0; s < SUMS; s++) sums[s] = vdupq_n_f32((float)s);
    for (int i = 0; i < n_rounds; i++) {
#pragma GCC unroll 16
        for (int s = 0; s < SUMS; s++) sums[s] = vfmaq_f32(half, sums[s], half);
        __asm__ volatile("" : "+w"(sums[0]));
    }
#pragma GCC unroll 16
    for (int s = 0; s < SUMS; s++) __asm__ volatile("" : "+w"(sums[s]));
    return 4.0 * SUMS * n_rounds;
}

double peak_byte(int n_rounds)
{
    (void)n_rounds;
    return 0;
}

#else

double peak_float(int n_rounds)
{
    (void)n_rounds;
    return 0;
}

double peak_byte(int n_rounds)
{
    (void)n_rounds;
    return 0;
}
#endif
