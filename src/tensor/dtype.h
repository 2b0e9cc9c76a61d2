/* Number formats of tensors: how many values a block holds, in how many bytes. The values of the
 * enumeration are those of GGUF files (the ggml type numbers of the GGUF specification). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dtype {
    DTYPE_F32 = 0,
    DTYPE_F16 = 1,
    DTYPE_Q4_0 = 2,
    DTYPE_Q4_1 = 3,
    DTYPE_Q5_0 = 6,
    DTYPE_Q5_1 = 7,
    DTYPE_Q8_0 = 8,
    DTYPE_Q8_1 = 9,
    DTYPE_Q2_K = 10,
    DTYPE_Q3_K = 11,
    DTYPE_Q4_K = 12,
    DTYPE_Q5_K = 13,
    DTYPE_Q6_K = 14,
    DTYPE_Q8_K = 15,
    DTYPE_IQ2_XXS = 16,
    DTYPE_IQ2_XS = 17,
    DTYPE_IQ3_XXS = 18,
    DTYPE_IQ1_S = 19,
    DTYPE_IQ4_NL = 20,
    DTYPE_IQ3_S = 21,
    DTYPE_IQ2_S = 22,
    DTYPE_IQ4_XS = 23,
    DTYPE_I8 = 24,
    DTYPE_I16 = 25,
    DTYPE_I32 = 26,
    DTYPE_I64 = 27,
    DTYPE_F64 = 28,
    DTYPE_IQ1_M = 29,
    DTYPE_BF16 = 30,
    DTYPE_TQ1_0 = 34,
    DTYPE_TQ2_0 = 35,
    DTYPE_MXFP4 = 39,
    DTYPE_NVFP4 = 40,
    DTYPE_Q1_0 = 41,
    DTYPE_LIMIT = 42
};

struct dtype_info {
    const char *name; /* "Q4_K"; NULL for numbers that no format has */
    int block_values; /* values in a block; rows are whole blocks */
    int block_bytes;
    bool runs; /* dtype_unpack knows it, so weights may have it */
};

/* NULL for a number that no format has. */
const struct dtype_info *dtype_info(int64_t dtype);
const char *dtype_name(enum dtype dtype);

/* Bytes of `n` values; `n` is a multiple of the block. */
size_t dtype_bytes(enum dtype dtype, int64_t n);

/* Plain C, the reference for every backend: `n` values, a multiple of the block. */
void dtype_unpack(enum dtype dtype, const void *source, float *values, int64_t n);

/* Rounds to nearest, without an importance matrix; `dtype_can_pack` says for which types. */
bool dtype_can_pack(enum dtype dtype);
void dtype_pack(enum dtype dtype, const float *values, void *destination, int64_t n);
