/* Model files for tests of the engine: a file is read whole, changed, and written again, or a small
 * one of random weights is made to measure. Nothing is checked, so that wrong files can be made
 * too. */
#pragma once

#include "format/gguf.h"

enum { MODEL_FILE_VALUES = 128, MODEL_FILE_TENSORS = 256 };

struct model_value {
    char *key;
    enum gguf_type type;
    char *bytes; /* as they lie in a file, behind the type */
    size_t n_bytes;
};

struct model_tensor {
    char *name;
    uint32_t dtype;
    int n_dims;
    uint64_t dims[TENSOR_MAX_DIMS];
    void *data;
    size_t n_bytes;
};

struct model_file {
    int n_values, n_tensors;
    struct model_value values[MODEL_FILE_VALUES];
    struct model_tensor tensors[MODEL_FILE_TENSORS];
};

struct model_file *model_file_read(const char *path);
void model_file_write(const struct model_file *file, const char *path);
void model_file_free(struct model_file *file);

struct model_value *model_file_value(struct model_file *file, const char *key); /* NULL: none */
struct model_tensor *model_file_tensor(struct model_file *file, const char *name);

/* Replace what is there under the key. */
void model_file_set(struct model_file *file, const char *key, enum gguf_type type,
                    const void *bytes, size_t n_bytes);
void model_file_set_int(struct model_file *file, const char *key, int64_t value);
void model_file_set_float(struct model_file *file, const char *key, float value);
void model_file_set_text(struct model_file *file, const char *key, const char *text);

/* Adds a tensor of random values of about 1 / sqrt(dims[0]). */
void model_file_add(struct model_file *file, const char *name, enum dtype dtype, int n_dims,
                    const uint64_t *dims);

void model_file_drop_value(struct model_file *file, const char *key);
void model_file_drop_tensor(struct model_file *file, const char *name);

/* Widths of a made model; 0 leaves a part out. kv_rank makes it deepseek2, else it is a llama. */
struct model_shape {
    int n_layers, d_model, n_heads, n_kv_heads, d_k, d_v, d_ff, n_ctx;
    int q_rank, kv_rank, d_rope;
    bool whole_kv_b;
    int n_dense_layers, n_experts, n_used, n_groups, n_groups_used, n_shared, d_ff_expert;
    bool sigmoid;
    enum dtype dtype; /* of matrices whose rows are whole blocks */
};

/* The vocabulary and its 272 tokens are those of the file `like`. */
struct model_file *model_file_make(const struct model_shape *shape, const char *like);
