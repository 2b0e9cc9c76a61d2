/* Vectors of 256 bits in the words of the panel kernels: one row of a weight in each lane. */
#pragma once

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "backend/cpu/kernels/inline.h"

enum { LANES = 8 };

typedef __m256i ints;
typedef __m256 floats;

ALWAYS_INLINE ints load_ints(const void *from)
{
    return _mm256_load_si256(from);
}

ALWAYS_INLINE ints set_ints(int value)
{
    return _mm256_set1_epi32(value);
}

/* Four bytes, or two words, to all lanes. */
ALWAYS_INLINE ints broadcast_four(const void *bytes)
{
    int32_t four;
    memcpy(&four, bytes, sizeof four);
    return _mm256_set1_epi32(four);
}

/* Sums are added one after the other. In a tree, as the compiler would have them, more of them wait
 * than there are registers. */
ALWAYS_INLINE ints keep_order(ints sum)
{
    __asm__("" : "+x"(sum));
    return sum;
}

ALWAYS_INLINE ints add_ints(ints a, ints b)
{
    return keep_order(_mm256_add_epi32(a, b));
}

ALWAYS_INLINE ints subtract_ints(ints a, ints b)
{
    return _mm256_sub_epi32(a, b);
}

ALWAYS_INLINE ints add_words(ints a, ints b)
{
    return keep_order(_mm256_add_epi16(a, b));
}

/* Sums of two neighbouring products: of unsigned and signed bytes in 16 bits, of words in 32. */
ALWAYS_INLINE ints pair_bytes(ints without_sign, ints with_sign)
{
    return _mm256_maddubs_epi16(without_sign, with_sign);
}

ALWAYS_INLINE ints pair_words(ints a, ints b)
{
    return _mm256_madd_epi16(a, b);
}

ALWAYS_INLINE floats to_floats(ints a)
{
    return _mm256_cvtepi32_ps(a);
}

ALWAYS_INLINE floats load_floats(const float *from)
{
    return _mm256_load_ps(from);
}

ALWAYS_INLINE void store_floats(float *to, floats a)
{
    _mm256_store_ps(to, a);
}

ALWAYS_INLINE floats set_floats(float value)
{
    return _mm256_set1_ps(value);
}

ALWAYS_INLINE floats multiply_floats(floats a, floats b)
{
    return _mm256_mul_ps(a, b);
}

/* a * b + c, and c - a * b. */
ALWAYS_INLINE floats multiply_add(floats a, floats b, floats c)
{
    return _mm256_fmadd_ps(a, b, c);
}

ALWAYS_INLINE floats multiply_subtract(floats a, floats b, floats c)
{
    return _mm256_fnmadd_ps(a, b, c);
}
