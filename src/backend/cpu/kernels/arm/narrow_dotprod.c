#include <arm_neon.h>

#include "backend/cpu/kernels/inline.h"

ALWAYS_INLINE int32x4_t dot_16(int32x4_t sum, int8x16_t w, int8x16_t x)
{
    return vdotq_s32(sum, w, x);
}

#define NAME_OF(type) matmul_##type##_dotprod
#include "backend/cpu/kernels/arm/narrow.h"
