/* A named array as it lies in a file. */
#pragma once

#include "tensor/dtype.h"

enum { TENSOR_MAX_DIMS = 4 };

struct tensor {
    const char *name; /* NUL-terminated */
    enum dtype dtype;
    int n_dims;
    int64_t dims[TENSOR_MAX_DIMS]; /* fastest first, as in GGUF; 1 beyond n_dims */
    size_t n_bytes;
    const void *data;
};

static inline int64_t tensor_n_values(const struct tensor *t)
{
    return t->dims[0] * t->dims[1] * t->dims[2] * t->dims[3];
}
