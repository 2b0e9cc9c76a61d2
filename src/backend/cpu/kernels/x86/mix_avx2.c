#include "backend/cpu/kernels/x86/floats_avx2.h"
#include "backend/cpu/kernels/x86/kernels_x86.h"
#include "tensor/half.h"

enum { TILE_VECTORS = 2 };

#define MIX_OF(type) mix_##type##_avx2
#include "backend/cpu/kernels/mix.h"

void store_f16_avx2(const float *x, void *destination, int n)
{
    uint16_t *halves = destination;
    int i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((void *)(halves + i), _mm256_cvtps_ph(_mm256_loadu_ps(x + i), 0));
    for (; i < n; i++) halves[i] = f32_to_f16(x[i]);
}
