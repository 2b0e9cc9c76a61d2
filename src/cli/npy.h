/* Arrays of float32 as numpy saves them: written row by row, read where they lie. */
#pragma once

#include <stdio.h>

#include "base/file.h"
#include "heft.h"

struct npy_writer {
    FILE *file;
    const char *path;
    int64_t n_rows_left;
    int n_columns;
};

heft_status npy_create(struct npy_writer *writer, const char *path, int64_t n_rows, int n_columns,
                       heft_error *error);
heft_status npy_write(struct npy_writer *writer, const float *rows, int n_rows, heft_error *error);

/* All rows must have been written; after an error, or for a writer of zeros, only cleans up. */
heft_status npy_finish(struct npy_writer *writer, heft_error *error);

struct npy_map {
    struct file_map file;
    const uint8_t *rows; /* [n_rows][n_columns] float32, maybe not aligned */
    int64_t n_rows;
    int n_columns;
};

heft_status npy_open(struct npy_map *map, const char *path, heft_error *error);
void npy_row(const struct npy_map *map, int64_t row, float *values);
void npy_close(struct npy_map *map);
