#pragma once

#include <stdbool.h>
#include <stddef.h>

/* An array as numpy saves it: C order, at most two dimensions, four-byte items. */
struct npy {
    int n_dims;
    size_t shape[2];
    void *data; /* freed by the caller */
};

/* `descr` is the item type the file must have: "<f4" or "<i4". False if it is not such a file. */
bool npy_read(const char *path, const char *descr, struct npy *out);
