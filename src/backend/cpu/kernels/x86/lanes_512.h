/* Vectors of 512 bits in the words of the panel kernels: one row of a weight in each lane. */
#pragma once

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "backend/cpu/kernels/inline.h"

enum { LANES = 16 };

typedef __m512i ints;
typedef __m512 floats;

ALWAYS_INLINE ints load_ints(const void *from)
{
    return _mm512_load_si512(from);
}

ALWAYS_INLINE ints set_ints(int value)
{
    return _mm512_set1_epi32(value);
}

/* Four bytes, or two words, to all lanes. */
ALWAYS_INLINE ints broadcast_four(const void *bytes)
{
    int32_t four;
    memcpy(&four, bytes, sizeof four);
    return _mm512_set1_epi32(four);
}

/* Sums are added one after the other. In a tree, as the compiler would have them, more of them wait
 * than there are registers. */
ALWAYS_INLINE ints keep_order(ints sum)
{
    __asm__("" : "+v"(sum));
    return sum;
}

ALWAYS_INLINE ints add_ints(ints a, ints b)
{
    return keep_order(_mm512_add_epi32(a, b));
}

ALWAYS_INLINE ints subtract_ints(ints a, ints b)
{
    return _mm512_sub_epi32(a, b);
}

ALWAYS_INLINE ints add_words(ints a, ints b)
{
    return keep_order(_mm512_add_epi16(a, b));
}

/* Sums of two neighbouring products: of unsigned and signed bytes in 16 bits, of words in 32. */
ALWAYS_INLINE ints pair_bytes(ints without_sign, ints with_sign)
{
    return _mm512_maddubs_epi16(without_sign, with_sign);
}

ALWAYS_INLINE ints pair_words(ints a, ints b)
{
    return _mm512_madd_epi16(a, b);
}

ALWAYS_INLINE floats to_floats(ints a)
{
    return _mm512_cvtepi32_ps(a);
}

ALWAYS_INLINE floats load_floats(const float *from)
{
    return _mm512_load_ps(from);
}

ALWAYS_INLINE void store_floats(float *to, floats a)
{
    _mm512_store_ps(to, a);
}

ALWAYS_INLINE floats set_floats(float value)
{
    return _mm512_set1_ps(value);
}

ALWAYS_INLINE floats multiply_floats(floats a, floats b)
{
    return _mm512_mul_ps(a, b);
}

/* a * b + c, and c - a * b. */
ALWAYS_INLINE floats multiply_add(floats a, floats b, floats c)
{
    return _mm512_fmadd_ps(a, b, c);
}

ALWAYS_INLINE floats multiply_subtract(floats a, floats b, floats c)
{
    return _mm512_fnmadd_ps(a, b, c);
}
