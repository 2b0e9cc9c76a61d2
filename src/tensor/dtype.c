#include "tensor/dtype.h"

#include <assert.h>

static const struct dtype_info infos[DTYPE_LIMIT];

const struct dtype_info *dtype_info(int64_t dtype)
{
    if (dtype < 0 || dtype >= DTYPE_LIMIT || !infos[dtype].name) return NULL;
    return &infos[dtype];
}

const char *dtype_name(enum dtype dtype)
{
    const struct dtype_info *info = dtype_info(dtype);
    return info ? info->name : "?";
}

size_t dtype_bytes(enum dtype dtype, int64_t n)
{
    const struct dtype_info *info = &infos[dtype];
    assert(n >= 0 && n % info->block_values == 0);
    return (size_t)(n / info->block_values) * (size_t)info->block_bytes;
}

static const struct dtype_info infos[DTYPE_LIMIT] = {
    [DTYPE_F32] = {"F32", 1, 4, true},
    [DTYPE_F16] = {"F16", 1, 2, true},
    [DTYPE_BF16] = {"BF16", 1, 2, true},
    [DTYPE_Q4_0] = {"Q4_0", 32, 18, true},
    [DTYPE_Q4_1] = {"Q4_1", 32, 20, true},
    [DTYPE_Q5_0] = {"Q5_0", 32, 22, true},
    [DTYPE_Q5_1] = {"Q5_1", 32, 24, true},
    [DTYPE_Q8_0] = {"Q8_0", 32, 34, true},
    [DTYPE_Q2_K] = {"Q2_K", 256, 84, true},
    [DTYPE_Q3_K] = {"Q3_K", 256, 110, true},
    [DTYPE_Q4_K] = {"Q4_K", 256, 144, true},
    [DTYPE_Q5_K] = {"Q5_K", 256, 176, true},
    [DTYPE_Q6_K] = {"Q6_K", 256, 210, true},
    [DTYPE_IQ1_S] = {"IQ1_S", 256, 50, true},
    [DTYPE_IQ1_M] = {"IQ1_M", 256, 56, true},
    [DTYPE_IQ2_XXS] = {"IQ2_XXS", 256, 66, true},
    [DTYPE_IQ2_XS] = {"IQ2_XS", 256, 74, true},
    [DTYPE_IQ2_S] = {"IQ2_S", 256, 82, true},
    [DTYPE_IQ3_XXS] = {"IQ3_XXS", 256, 98, true},
    [DTYPE_IQ3_S] = {"IQ3_S", 256, 110, true},
    [DTYPE_IQ4_NL] = {"IQ4_NL", 32, 18, true},
    [DTYPE_IQ4_XS] = {"IQ4_XS", 256, 136, true},
    [DTYPE_TQ1_0] = {"TQ1_0", 256, 54, true},
    [DTYPE_TQ2_0] = {"TQ2_0", 256, 66, true},
    [DTYPE_MXFP4] = {"MXFP4", 32, 17, true},
    [DTYPE_NVFP4] = {"NVFP4", 64, 36, true},

    /* Described, but never weights: integers, what other programs keep between two steps, and a
     * type that no published model has. */
    [DTYPE_Q1_0] = {"Q1_0", 128, 18, false},
    [DTYPE_Q8_1] = {"Q8_1", 32, 36, false},
    [DTYPE_Q8_K] = {"Q8_K", 256, 292, false},
    [DTYPE_I8] = {"I8", 1, 1, false},
    [DTYPE_I16] = {"I16", 1, 2, false},
    [DTYPE_I32] = {"I32", 1, 4, false},
    [DTYPE_I64] = {"I64", 1, 8, false},
    [DTYPE_F64] = {"F64", 1, 8, false},
};
