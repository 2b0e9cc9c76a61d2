#include "model/bind.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { MAX_NAME = 128 };

static int find(const struct binder *binder, const char *role, char *name);
static const struct tensor *take(struct binder *binder, const char *role, int n_slices, int n_rows,
                                 int n_cols);
static void fail(struct binder *binder, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool is_in_layers(const char *name, int first, int n);

heft_status binder_open(const struct gguf *file, struct model *model, struct binder *out,
                        heft_error *error)
{
    *out = (struct binder){.file = file, .model = model, .error = error};
    out->used = calloc((size_t)gguf_n_tensors(file) + 1, sizeof *out->used);
    if (!out->used) return error_set(error, HEFT_INTERNAL, "no memory to bind the tensors");
    return HEFT_OK;
}

void binder_close(struct binder *binder)
{
    free(binder->used);
}

bool bind_has(const struct binder *binder, const char *role)
{
    char name[MAX_NAME];
    return find(binder, role, name) >= 0;
}

struct weight bind_weight(struct binder *binder, const char *role, int n_slices, int n_rows,
                          int n_cols)
{
    const struct tensor *tensor = take(binder, role, n_slices, n_rows, n_cols);
    if (!tensor) return (struct weight){0};
    struct weight weight = {.data = tensor->data,
                            .dtype = tensor->dtype,
                            .n_slices = n_slices,
                            .n_rows = n_rows,
                            .n_cols = n_cols,
                            .row_bytes = dtype_bytes(tensor->dtype, n_cols)};
    weight.slice_bytes = weight.row_bytes * (size_t)n_rows;
    return weight;
}

struct weight bind_parts(struct binder *binder, const char *role, int n_slices, int n_rows,
                         int n_cols)
{
    struct weight all = {0};
    const void **parts = arena_alloc(&binder->model->arena, (size_t)n_slices * sizeof *parts);
    if (!parts) {
        fail(binder, "no memory for %d experts", n_slices);
        return all;
    }
    for (int i = 0; i < n_slices && binder->status == HEFT_OK; i++) {
        char part_role[MAX_NAME];
        snprintf(part_role, sizeof part_role, "%s.%d.weight", role, i);
        struct weight part = bind_weight(binder, part_role, 1, n_rows, n_cols);
        if (i == 0) all = part;
        if (part.dtype != all.dtype)
            fail(binder, "layer %d: the experts of one matrix have the types %s and %s",
                 binder->layer, dtype_name(all.dtype), dtype_name(part.dtype));
        parts[i] = part.data;
    }
    all.n_slices = n_slices;
    all.parts = parts;
    return all;
}

const float *bind_vector(struct binder *binder, const char *role, int n)
{
    return bind_head_vectors(binder, role, 1, n);
}

/* Vectors are used where they lie if they are floats, else unpacked once: they are small. */
const float *bind_head_vectors(struct binder *binder, const char *role, int n_heads, int n)
{
    const struct tensor *tensor = take(binder, role, 1, n_heads, n);
    if (!tensor) return NULL;
    if (tensor->dtype == DTYPE_F32) return tensor->data;
    size_t n_values = (size_t)n_heads * (size_t)n;
    float *values = arena_alloc(&binder->model->arena, n_values * sizeof *values);
    if (values)
        dtype_unpack(tensor->dtype, tensor->data, values, (int64_t)n_values);
    else
        fail(binder, "no memory for tensor %s", tensor->name);
    return values;
}

const float *bind_vector_or_null(struct binder *binder, const char *role, int n)
{
    return bind_has(binder, role) ? bind_vector(binder, role, n) : NULL;
}

struct weight bind_rows(const struct weight *weight, int first, int n_rows)
{
    struct weight part = *weight;
    if (!part.data) return part;
    part.data = (const char *)weight->data + (size_t)first * weight->row_bytes;
    part.n_rows = n_rows;
    return part;
}

void bind_extra_layers(struct binder *binder, int first_layer, int n_layers)
{
    for (int i = 0; i < gguf_n_tensors(binder->file); i++)
        if (is_in_layers(gguf_tensor(binder->file, i)->name, first_layer, n_layers))
            binder->used[i] = true;
}

heft_status binder_finish(struct binder *binder)
{
    for (int i = 0; i < gguf_n_tensors(binder->file) && binder->status == HEFT_OK; i++)
        if (!binder->used[i])
            fail(binder, "tensor %s has no role in a model of architecture \"%s\"",
                 gguf_tensor(binder->file, i)->name, binder->model->architecture);
    return binder->status;
}

/* -1: the file has no such tensor. */
static int find(const struct binder *binder, const char *role, char *name)
{
    snprintf(name, MAX_NAME, role, binder->layer);
    return gguf_find_tensor_index(binder->file, name);
}

/* Finds, checks and marks. */
static const struct tensor *take(struct binder *binder, const char *role, int n_slices, int n_rows,
                                 int n_cols)
{
    char name[MAX_NAME];
    int index = find(binder, role, name);
    if (binder->status != HEFT_OK) return NULL;
    if (index < 0) {
        fail(binder, "tensor %s is missing", name);
        return NULL;
    }
    const struct tensor *tensor = gguf_tensor(binder->file, index);
    const int64_t *dims = tensor->dims;
    if (dims[0] != n_cols || dims[1] * dims[2] != (int64_t)n_rows * n_slices || dims[3] != 1 ||
        (dims[2] != n_slices && dims[2] != 1)) {
        fail(binder, "tensor %s is [%" PRId64 ", %" PRId64 ", %" PRId64 "], expected [%d, %d, %d]",
             name, dims[0], dims[1], dims[2], n_cols, n_rows, n_slices);
        return NULL;
    }
    if (!dtype_info(tensor->dtype)->runs) {
        fail(binder, "tensor %s has type %s, which heft cannot compute with", name,
             dtype_name(tensor->dtype));
        return NULL;
    }
    binder->used[index] = true;
    return tensor;
}

static void fail(struct binder *binder, const char *format, ...)
{
    if (binder->status != HEFT_OK) return;
    char what[512];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    binder->status =
        error_set(binder->error, HEFT_BAD_FILE, "%s: %s", gguf_part_path(binder->file, 0), what);
}

static bool is_in_layers(const char *name, int first, int n)
{
    static const char prefix[] = "blk.";
    if (strncmp(name, prefix, sizeof prefix - 1) != 0) return false;
    char *end;
    long layer = strtol(name + sizeof prefix - 1, &end, 10); /* limits itself, unlike sscanf */
    return *end == '.' && layer >= first && layer < (long)first + n;
}
