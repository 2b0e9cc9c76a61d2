/* Halves to floats for the panels of floats, as dtype_unpack makes them. */
#pragma once

#include <immintrin.h>

#include "backend/cpu/kernels/inline.h"
#include "tensor/dtype.h"

static void unpack_f16(const void *row, float *values, int n)
{
    const uint16_t *halves = row;
    int i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(values + i, _mm256_cvtph_ps(_mm_loadu_si128((const void *)(halves + i))));
    dtype_unpack(DTYPE_F16, halves + i, values + i, n - i);
}

/* F32 and BF16 cost dtype_unpack nothing. */
static void unpack_wide(enum dtype dtype, const void *row, float *values, int n)
{
    if (dtype == DTYPE_F16)
        unpack_f16(row, values, n);
    else
        dtype_unpack(dtype, row, values, n);
}

#define FOR_EACH_WIDE(DO) DO(F32) DO(F16) DO(BF16)
