/* What the numbers stored by the non-linear types mean. */
#pragma once

#include <stdint.h>

#include "tensor/half.h"

/* Value of a 4-bit number of IQ4_NL and IQ4_XS. */
extern const int8_t iq4_values[16];

/* E2M1 of MXFP4 and NVFP4, doubled so that it is whole. The scales below are halved for it. */
extern const int8_t e2m1_values[16];

/* Rows of 8 magnitudes, a byte each, the first value lowest. */
extern const uint64_t iq2_xxs_rows[256], iq2_xs_rows[512], iq2_s_rows[1024];

/* Rows of 4 magnitudes. */
extern const uint32_t iq3_xxs_rows[256], iq3_s_rows[512];

/* Rows of 8 values of IQ1_S and IQ1_M, which are -1, 0 or 1: stored as 8 * (value + 1), so that
 * delta is a whole number too. */
extern const uint64_t iq1_s_rows[2048];

/* Signs of 8 values, one bit each, from 7: the number of minus signs is even. */
static inline uint8_t even_signs(uint32_t pattern)
{
    return (uint8_t)(pattern | (uint32_t)__builtin_parity(pattern) << 7);
}

/* Half of 2^(e - 127); the two smallest are subnormal. */
static inline float mxfp4_scale(uint8_t e)
{
    return float_of_bits(e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23);
}

/* Half of an E4M3 without sign (bias 7); its NaN counts as 0. */
static inline float nvfp4_scale(uint8_t d)
{
    if (d == 0x7f) return 0;
    uint32_t exponent = d >> 3 & 15, fraction = d & 7;
    if (exponent == 0) return (float)fraction * 0x1p-10f;
    return (float)(8 + fraction) * float_of_bits((exponent + 127 - 11) << 23);
}
