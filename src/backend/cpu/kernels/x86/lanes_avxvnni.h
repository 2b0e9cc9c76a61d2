/* Vectors of 256 bits with VNNI. */
#pragma once

#include "backend/cpu/kernels/x86/lanes_256.h"

/* Four products of unsigned and signed bytes are added to each sum, or two of words. */
ALWAYS_INLINE ints add_products_of_bytes(ints sums, ints without_sign, ints with_sign)
{
    return _mm256_dpbusd_avx_epi32(sums, without_sign, with_sign);
}

ALWAYS_INLINE ints add_products_of_words(ints sums, ints a, ints b)
{
    return _mm256_dpwssd_avx_epi32(sums, a, b);
}
