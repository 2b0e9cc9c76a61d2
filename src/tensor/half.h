/* The two 16-bit floats, exact in plain C: subnormals, infinities and the payload of a NaN survive,
 * and the way down rounds to nearest, ties to even. */
#pragma once

#include <stdint.h>
#include <string.h>

static inline float float_of_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint32_t float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* IEEE binary16: 5 bits of exponent (bias 15), 10 of fraction. */
static inline float f16_to_f32(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, magnitude = half & 0x7fff;
    if (magnitude >= 0x7c00) return float_of_bits(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
    if (magnitude >= 0x0400) return float_of_bits(sign | ((magnitude << 13) + (112u << 23)));
    return float_of_bits(sign | float_bits((float)magnitude * 0x1p-24f));
}

static inline uint16_t f32_to_f16(float x)
{
    uint32_t bits = float_bits(x), magnitude = bits & 0x7fffffff;
    uint32_t sign = bits >> 16 & 0x8000;
    if (magnitude > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
    if (magnitude >= 0x477ff000) return (uint16_t)(sign | 0x7c00); /* 65520 and more: infinity */
    if (magnitude >= 0x38800000) {
        uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
        return (uint16_t)(sign | (rounded - (112u << 23)) >> 13);
    }
    /* Below 2^-14 the result counts units of 2^-24, which is what the last bit of 0.5 + |x| is
     * worth: the addition rounds for us. */
    uint32_t units = float_bits(float_of_bits(magnitude) + 0.5f) - float_bits(0.5f);
    return (uint16_t)(sign | units);
}

/* bfloat16: the upper half of a float. */
static inline float bf16_to_f32(uint16_t half)
{
    return float_of_bits((uint32_t)half << 16);
}

static inline uint16_t f32_to_bf16(float x)
{
    uint32_t bits = float_bits(x);
    if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40); /* stays a NaN */
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
