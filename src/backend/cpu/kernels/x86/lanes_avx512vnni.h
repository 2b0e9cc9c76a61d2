/* Vectors of 512 bits with VNNI. */
#pragma once

#include "backend/cpu/kernels/x86/lanes_512.h"

/* Four products of unsigned and signed bytes are added to each sum, or two of words. */
ALWAYS_INLINE ints add_products_of_bytes(ints sums, ints without_sign, ints with_sign)
{
    return _mm512_dpbusd_epi32(sums, without_sign, with_sign);
}

ALWAYS_INLINE ints add_products_of_words(ints sums, ints a, ints b)
{
    return _mm512_dpwssd_epi32(sums, a, b);
}
