#include <arm_neon.h>

#include "backend/cpu/kernels/inline.h"

/* Two products fit 16 bits even at w = -128: 2 * 128 * 127 is below 2^15. */
ALWAYS_INLINE int32x4_t dot_16(int32x4_t sum, int8x16_t w, int8x16_t x)
{
    int16x8_t products = vmull_s8(vget_low_s8(w), vget_low_s8(x));
    return vpadalq_s16(sum, vmlal_s8(products, vget_high_s8(w), vget_high_s8(x)));
}

#define NAME_OF(type) matmul_##type##_neon
#include "backend/cpu/kernels/arm/narrow.h"
