#include "model_file.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/rng.h"

enum { ALIGNMENT = 32, N_VOCAB = 272, MAX_NAME = 80 };

static void encode(const struct gguf_value *value, struct buffer *out);
static void put_text(struct buffer *out, const char *text, size_t n_bytes);
static size_t type_bytes(enum gguf_type type);
static void add_keys(struct model_file *file, const struct model_shape *shape);
static void add_latent_keys(struct model_file *file, const struct model_shape *shape);
static void add_expert_keys(struct model_file *file, const struct model_shape *shape);
static void add_layer(struct model_file *file, const struct model_shape *shape, int layer);
static void add_attention(struct model_file *file, const struct model_shape *shape, int layer);
static void add_latent(struct model_file *file, const struct model_shape *shape, int layer);
static void add_gated(struct model_file *file, const struct model_shape *shape, int layer,
                      const char *suffix, int d_ff, int n_slices);
static void add_weight(struct model_file *file, const struct model_shape *shape, int layer,
                       const char *role, int n_cols, int n_rows, int n_slices);
static void add_norm(struct model_file *file, int layer, const char *role, int n);

struct model_file *model_file_read(const char *path)
{
    struct gguf *source;
    heft_error error;
    struct model_file *file = calloc(1, sizeof *file);
    heft_status status = gguf_open(path, &source, &error);
    assert(file && status == HEFT_OK);
    (void)status;
    for (int i = 0; i < gguf_n_values(source); i++) {
        const struct gguf_value *value = gguf_value(source, i);
        struct buffer bytes = {0};
        encode(value, &bytes);
        model_file_set(file, value->key, value->type, bytes.data, bytes.n_bytes);
        buffer_free(&bytes);
    }
    for (int i = 0; i < gguf_n_tensors(source); i++) {
        const struct tensor *from = gguf_tensor(source, i);
        assert(file->n_tensors < MODEL_FILE_TENSORS);
        struct model_tensor *to = &file->tensors[file->n_tensors++];
        *to = (struct model_tensor){.name = strdup(from->name),
                                    .dtype = from->dtype,
                                    .n_dims = from->n_dims,
                                    .data = malloc(from->n_bytes),
                                    .n_bytes = from->n_bytes};
        for (int d = 0; d < TENSOR_MAX_DIMS; d++) to->dims[d] = (uint64_t)from->dims[d];
        memcpy(to->data, from->data, from->n_bytes);
    }
    gguf_close(source);
    return file;
}

void model_file_write(const struct model_file *file, const char *path)
{
    struct buffer out = {0};
    uint64_t counts[] = {(uint64_t)file->n_tensors, (uint64_t)file->n_values}, offset = 0;
    buffer_append(&out, "GGUF\3\0\0\0", 8);
    buffer_append(&out, counts, sizeof counts);
    for (int i = 0; i < file->n_values; i++) {
        const struct model_value *value = &file->values[i];
        uint32_t type = value->type;
        put_text(&out, value->key, strlen(value->key));
        buffer_append(&out, &type, sizeof type);
        buffer_append(&out, value->bytes, value->n_bytes);
    }
    for (int i = 0; i < file->n_tensors; i++) {
        const struct model_tensor *tensor = &file->tensors[i];
        uint32_t n_dims = (uint32_t)tensor->n_dims;
        put_text(&out, tensor->name, strlen(tensor->name));
        buffer_append(&out, &n_dims, sizeof n_dims);
        buffer_append(&out, tensor->dims, n_dims * sizeof *tensor->dims);
        buffer_append(&out, &tensor->dtype, sizeof tensor->dtype);
        buffer_append(&out, &offset, sizeof offset);
        offset += (tensor->n_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    static const char padding[ALIGNMENT];
    for (int i = 0; i < file->n_tensors; i++) {
        buffer_append(&out, padding, (ALIGNMENT - out.n_bytes % ALIGNMENT) % ALIGNMENT);
        buffer_append(&out, file->tensors[i].data, file->tensors[i].n_bytes);
    }
    buffer_append(&out, padding, (ALIGNMENT - out.n_bytes % ALIGNMENT) % ALIGNMENT);
    heft_error error;
    heft_status status =
        out.failed ? HEFT_INTERNAL : file_write(path, out.data, out.n_bytes, &error);
    assert(status == HEFT_OK);
    (void)status;
    buffer_free(&out);
}

void model_file_free(struct model_file *file)
{
    while (file->n_values) model_file_drop_value(file, file->values[0].key);
    while (file->n_tensors) model_file_drop_tensor(file, file->tensors[0].name);
    free(file);
}

struct model_value *model_file_value(struct model_file *file, const char *key)
{
    for (int i = 0; i < file->n_values; i++)
        if (strcmp(file->values[i].key, key) == 0) return &file->values[i];
    return NULL;
}

struct model_tensor *model_file_tensor(struct model_file *file, const char *name)
{
    for (int i = 0; i < file->n_tensors; i++)
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
    return NULL;
}

void model_file_set(struct model_file *file, const char *key, enum gguf_type type,
                    const void *bytes, size_t n_bytes)
{
    struct model_value *value = model_file_value(file, key);
    if (!value) {
        assert(file->n_values < MODEL_FILE_VALUES);
        value = &file->values[file->n_values++];
        *value = (struct model_value){.key = strdup(key)};
    }
    free(value->bytes);
    value->type = type;
    value->bytes = malloc(n_bytes + 1);
    value->n_bytes = n_bytes;
    memcpy(value->bytes, bytes, n_bytes);
}

void model_file_set_int(struct model_file *file, const char *key, int64_t value)
{
    model_file_set(file, key, GGUF_I64, &value, sizeof value);
}

void model_file_set_float(struct model_file *file, const char *key, float value)
{
    model_file_set(file, key, GGUF_F32, &value, sizeof value);
}

void model_file_set_text(struct model_file *file, const char *key, const char *text)
{
    struct buffer bytes = {0};
    put_text(&bytes, text, strlen(text));
    model_file_set(file, key, GGUF_STRING, bytes.data, bytes.n_bytes);
    buffer_free(&bytes);
}

void model_file_add(struct model_file *file, const char *name, enum dtype dtype, int n_dims,
                    const uint64_t *dims)
{
    assert(file->n_tensors < MODEL_FILE_TENSORS);
    struct model_tensor *tensor = &file->tensors[file->n_tensors++];
    *tensor = (struct model_tensor){.name = strdup(name), .dtype = dtype, .n_dims = n_dims};
    int64_t n = 1;
    for (int d = 0; d < n_dims; d++) n *= (int64_t)(tensor->dims[d] = dims[d]);
    float *values = malloc((size_t)n * sizeof *values);
    struct rng rng = {.state = (uint64_t)file->n_tensors};
    double width = sqrt(3.0 / (double)dims[0]) * 2; /* uniform of deviation 1 / sqrt(dims[0]) */
    for (int64_t i = 0; i < n; i++) values[i] = (float)((rng_uniform(&rng) - 0.5) * width);
    tensor->n_bytes = dtype_bytes(dtype, n);
    tensor->data = malloc(tensor->n_bytes);
    dtype_pack(dtype, values, tensor->data, n);
    free(values);
}

void model_file_drop_value(struct model_file *file, const char *key)
{
    struct model_value *value = model_file_value(file, key);
    if (!value) return;
    free(value->key);
    free(value->bytes);
    *value = file->values[--file->n_values];
}

void model_file_drop_tensor(struct model_file *file, const char *name)
{
    struct model_tensor *tensor = model_file_tensor(file, name);
    if (!tensor) return;
    free(tensor->name);
    free(tensor->data);
    *tensor = file->tensors[--file->n_tensors];
}

struct model_file *model_file_make(const struct model_shape *shape, const char *like)
{
    struct model_file *file = model_file_read(like);
    while (file->n_tensors) model_file_drop_tensor(file, file->tensors[0].name);
    for (int i = file->n_values - 1; i >= 0; i--)
        if (strncmp(file->values[i].key, "tokenizer.", 10) != 0)
            model_file_drop_value(file, file->values[i].key);
    add_keys(file, shape);
    uint64_t table[] = {(uint64_t)shape->d_model, N_VOCAB};
    model_file_add(file, "token_embd.weight", DTYPE_F32, 2, table);
    add_norm(file, 0, "output_norm.weight", shape->d_model);
    for (int layer = 0; layer < shape->n_layers; layer++) add_layer(file, shape, layer);
    return file;
}

/* ---- bytes ---- */

static void encode(const struct gguf_value *value, struct buffer *out)
{
    if (value->type == GGUF_STRING) {
        put_text(out, value->text.data, value->text.n_bytes);
    } else if (value->type == GGUF_ARRAY) {
        uint32_t element = value->element;
        buffer_append(out, &element, sizeof element);
        buffer_append(out, &value->n, sizeof value->n);
        if (value->items)
            buffer_append(out, value->items, (size_t)value->n * type_bytes(value->element));
        for (uint64_t i = 0; value->texts && i < value->n; i++)
            put_text(out, value->texts[i].data, value->texts[i].n_bytes);
    } else if (value->type == GGUF_F32) {
        float single = (float)value->f;
        buffer_append(out, &single, sizeof single);
    } else { /* little-endian: a narrow number is the beginning of a wide one */
        buffer_append(out, &value->u, type_bytes(value->type));
    }
}

static void put_text(struct buffer *out, const char *text, size_t n_bytes)
{
    uint64_t length = n_bytes;
    buffer_append(out, &length, sizeof length);
    buffer_append(out, text, n_bytes);
}

static size_t type_bytes(enum gguf_type type)
{
    static const size_t bytes[GGUF_TYPES] = {
        [GGUF_U8] = 1,  [GGUF_I8] = 1,  [GGUF_U16] = 2, [GGUF_I16] = 2,
        [GGUF_U32] = 4, [GGUF_I32] = 4, [GGUF_F32] = 4, [GGUF_BOOL] = 1,
        [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8,
    };
    return bytes[type];
}

/* ---- a made model ---- */

static void set_key(struct model_file *file, const struct model_shape *shape, const char *key,
                    int value)
{
    char full[MAX_NAME];
    snprintf(full, sizeof full, "%s.%s", shape->kv_rank ? "deepseek2" : "llama", key);
    model_file_set_int(file, full, value);
}

static void add_keys(struct model_file *file, const struct model_shape *shape)
{
    model_file_set_text(file, "general.architecture", shape->kv_rank ? "deepseek2" : "llama");
    set_key(file, shape, "block_count", shape->n_layers);
    set_key(file, shape, "context_length", shape->n_ctx);
    set_key(file, shape, "embedding_length", shape->d_model);
    set_key(file, shape, "feed_forward_length", shape->d_ff);
    set_key(file, shape, "attention.head_count", shape->n_heads);
    model_file_set_float(file,
                         shape->kv_rank ? "deepseek2.attention.layer_norm_rms_epsilon"
                                        : "llama.attention.layer_norm_rms_epsilon",
                         1e-5f);
    if (shape->kv_rank) {
        add_latent_keys(file, shape);
    } else {
        set_key(file, shape, "attention.head_count_kv", shape->n_kv_heads);
        set_key(file, shape, "attention.key_length", shape->d_k);
        set_key(file, shape, "attention.value_length", shape->d_v);
        set_key(file, shape, "rope.dimension_count", shape->d_rope);
    }
    if (shape->n_experts) add_expert_keys(file, shape);
}

static void add_latent_keys(struct model_file *file, const struct model_shape *shape)
{
    bool split = !shape->whole_kv_b;
    if (shape->q_rank) set_key(file, shape, "attention.q_lora_rank", shape->q_rank);
    set_key(file, shape, "attention.kv_lora_rank", shape->kv_rank);
    set_key(file, shape, "rope.dimension_count", shape->d_rope);
    set_key(file, shape, split ? "attention.key_length_mla" : "attention.key_length", shape->d_k);
    set_key(file, shape, split ? "attention.value_length_mla" : "attention.value_length",
            shape->d_v);
}

static void add_expert_keys(struct model_file *file, const struct model_shape *shape)
{
    set_key(file, shape, "expert_count", shape->n_experts);
    set_key(file, shape, "expert_used_count", shape->n_used);
    set_key(file, shape, "expert_feed_forward_length", shape->d_ff_expert);
    set_key(file, shape, "expert_gating_func", shape->sigmoid ? 2 : 1);
    if (shape->n_groups) {
        set_key(file, shape, "expert_group_count", shape->n_groups);
        set_key(file, shape, "expert_group_used_count", shape->n_groups_used);
    }
    if (!shape->kv_rank) return;
    set_key(file, shape, "expert_shared_count", shape->n_shared);
    set_key(file, shape, "leading_dense_block_count", shape->n_dense_layers);
}

static void add_layer(struct model_file *file, const struct model_shape *shape, int layer)
{
    add_norm(file, layer, "blk.%d.attn_norm.weight", shape->d_model);
    add_norm(file, layer, "blk.%d.ffn_norm.weight", shape->d_model);
    add_weight(file, shape, layer, "blk.%d.attn_output.weight", shape->n_heads * shape->d_v,
               shape->d_model, 1);
    if (shape->kv_rank)
        add_latent(file, shape, layer);
    else
        add_attention(file, shape, layer);
    if (!shape->n_experts || layer < shape->n_dense_layers) {
        add_gated(file, shape, layer, "", shape->d_ff, 1);
        return;
    }
    add_weight(file, shape, layer, "blk.%d.ffn_gate_inp.weight", shape->d_model, shape->n_experts,
               1);
    add_gated(file, shape, layer, "_exps", shape->d_ff_expert, shape->n_experts);
    if (shape->n_shared)
        add_gated(file, shape, layer, "_shexp", shape->n_shared * shape->d_ff_expert, 1);
}

static void add_attention(struct model_file *file, const struct model_shape *shape, int layer)
{
    add_weight(file, shape, layer, "blk.%d.attn_q.weight", shape->d_model,
               shape->n_heads * shape->d_k, 1);
    add_weight(file, shape, layer, "blk.%d.attn_k.weight", shape->d_model,
               shape->n_kv_heads * shape->d_k, 1);
    add_weight(file, shape, layer, "blk.%d.attn_v.weight", shape->d_model,
               shape->n_kv_heads * shape->d_v, 1);
}

static void add_latent(struct model_file *file, const struct model_shape *shape, int layer)
{
    int d_nope = shape->d_k - shape->d_rope, q = shape->n_heads * shape->d_k, rank = shape->kv_rank;
    if (shape->q_rank) {
        add_weight(file, shape, layer, "blk.%d.attn_q_a.weight", shape->d_model, shape->q_rank, 1);
        add_norm(file, layer, "blk.%d.attn_q_a_norm.weight", shape->q_rank);
        add_weight(file, shape, layer, "blk.%d.attn_q_b.weight", shape->q_rank, q, 1);
    } else {
        add_weight(file, shape, layer, "blk.%d.attn_q.weight", shape->d_model, q, 1);
    }
    add_weight(file, shape, layer, "blk.%d.attn_kv_a_mqa.weight", shape->d_model,
               rank + shape->d_rope, 1);
    add_norm(file, layer, "blk.%d.attn_kv_a_norm.weight", rank);
    if (shape->whole_kv_b) {
        add_weight(file, shape, layer, "blk.%d.attn_kv_b.weight", rank,
                   shape->n_heads * (d_nope + shape->d_v), 1);
        return;
    }
    add_weight(file, shape, layer, "blk.%d.attn_k_b.weight", d_nope, rank, shape->n_heads);
    add_weight(file, shape, layer, "blk.%d.attn_v_b.weight", rank, shape->d_v, shape->n_heads);
}

static void add_gated(struct model_file *file, const struct model_shape *shape, int layer,
                      const char *suffix, int d_ff, int n_slices)
{
    char role[MAX_NAME];
    const char *const parts[] = {"gate", "up"};
    for (int i = 0; i < 2; i++) {
        snprintf(role, sizeof role, "blk.%%d.ffn_%s%s.weight", parts[i], suffix);
        add_weight(file, shape, layer, role, shape->d_model, d_ff, n_slices);
    }
    snprintf(role, sizeof role, "blk.%%d.ffn_down%s.weight", suffix);
    add_weight(file, shape, layer, role, d_ff, shape->d_model, n_slices);
}

static void add_weight(struct model_file *file, const struct model_shape *shape, int layer,
                       const char *role, int n_cols, int n_rows, int n_slices)
{
    char name[MAX_NAME];
    snprintf(name, sizeof name, role, layer);
    uint64_t dims[] = {(uint64_t)n_cols, (uint64_t)n_rows, (uint64_t)n_slices};
    bool whole = n_cols % dtype_info(shape->dtype)->block_values == 0;
    model_file_add(file, name, whole ? shape->dtype : DTYPE_F32, n_slices > 1 ? 3 : 2, dims);
}

static void add_norm(struct model_file *file, int layer, const char *role, int n)
{
    char name[MAX_NAME];
    snprintf(name, sizeof name, role, layer);
    model_file_add(file, name, DTYPE_F32, 1, (uint64_t[]){(uint64_t)n});
    float *values = file->tensors[file->n_tensors - 1].data;
    for (int i = 0; i < n; i++) values[i] = 1 + 0.25f * values[i];
}
