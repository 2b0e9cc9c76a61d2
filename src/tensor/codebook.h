/* What the numbers stored by the non-linear types mean. */
#pragma once

#include <stdint.h>

#include "tensor/half.h"

/* Value of a 4-bit number of IQ4_NL and IQ4_XS. */
extern const int8_t iq4_values[16];

/* E2M1 of MXFP4 and NVFP4, doubled so that it is whole. The scales below are halved for it. */
extern const int8_t e2m1_values[16];

/* Rows of 8 values of 2 bits, first value lowest; they index iq2_values. */
extern const uint16_t iq2_xxs_rows[256], iq2_xs_rows[512], iq2_s_rows[1024];
extern const int8_t iq2_values[3];

/* Rows of 4 values of 4 bits; they index iq3_xxs_values, and mean 2 * index + 1 in IQ3_S. */
extern const uint16_t iq3_xxs_rows[256], iq3_s_rows[512];
extern const int8_t iq3_xxs_values[8];

/* Rows of 8 values of 2 bits, which mean index - 1: IQ1_S and IQ1_M. */
extern const uint16_t iq1_s_rows[2048];

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
