#include "variant.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

static bool is_matrix(const struct model_tensor *tensor);
static enum dtype type_for(enum dtype dtype, const struct model_tensor *tensor);
static void convert(struct model_tensor *tensor, enum dtype dtype);
static struct model_value *value_ending(struct model_file *file, const char *end);
static int64_t int_of(const struct model_value *value);
static void set_int(struct model_file *file, const char *key, int64_t value);

void variant_unpack(struct model_file *file)
{
    for (int i = 0; i < file->n_tensors; i++) convert(&file->tensors[i], DTYPE_F32);
}

void variant_pack(struct model_file *file, enum dtype dtype)
{
    for (int i = 0; i < file->n_tensors; i++)
        if (is_matrix(&file->tensors[i]))
            convert(&file->tensors[i], type_for(dtype, &file->tensors[i]));
}

bool variant_take_all_experts(struct model_file *file)
{
    const struct model_value *n_experts = value_ending(file, ".expert_count");
    const struct model_value *n_groups = value_ending(file, ".expert_group_count");
    if (!n_experts) return false;
    set_int(file, ".expert_used_count", int_of(n_experts));
    if (n_groups) set_int(file, ".expert_group_used_count", int_of(n_groups));
    return true;
}

void variant_disturb(struct model_file *file, double share)
{
    struct model_tensor *table = model_file_tensor(file, "token_embd.weight");
    assert(table && table->dtype == DTYPE_F32);
    if (!model_file_tensor(file, "output.weight")) {
        model_file_add(file, "output.weight", DTYPE_F32, table->n_dims, table->dims);
        struct model_tensor *head = model_file_tensor(file, "output.weight");
        memcpy(head->data, table->data, table->n_bytes);
    }
    struct rng rng = {.state = 1};
    float *values = table->data;
    double deviation = share * sqrt(12); /* of a uniform number: 1 / sqrt(12) of its range */
    for (size_t i = 0; i < table->n_bytes / sizeof *values; i++)
        values[i] += values[i] * (float)((rng_uniform(&rng) - 0.5) * deviation);
}

bool variant_is_wide(const struct model_file *file)
{
    for (int i = 0; i < file->n_tensors; i++) switch (file->tensors[i].dtype) {
        case DTYPE_Q2_K:
        case DTYPE_Q3_K:
        case DTYPE_IQ1_S:
        case DTYPE_IQ1_M:
        case DTYPE_IQ2_XXS:
        case DTYPE_IQ2_XS:
        case DTYPE_IQ2_S:
        case DTYPE_IQ3_XXS:
        case DTYPE_IQ3_S:
        case DTYPE_TQ1_0:
        case DTYPE_TQ2_0:
            return false;
        default:
            break;
        }
    return true;
}

void variant_types(const struct model_file *file, char *text, size_t n_bytes)
{
    bool seen[DTYPE_LIMIT] = {false};
    size_t n = 0;
    for (int i = 0; i < file->n_tensors; i++)
        if (is_matrix(&file->tensors[i])) seen[file->tensors[i].dtype] = true;
    snprintf(text, n_bytes, "F32");
    for (int dtype = DTYPE_F32 + 1; dtype < DTYPE_LIMIT && n < n_bytes; dtype++)
        if (seen[dtype])
            n += (size_t)snprintf(text + n, n_bytes - n, "%s%s", n ? "," : "", dtype_name(dtype));
}

static bool is_matrix(const struct model_tensor *tensor)
{
    return tensor->n_dims > 1 && !strstr(tensor->name, "norm") &&
           !strstr(tensor->name, "ffn_gate_inp");
}

/* What is packed in 256 gets a type of 32 values a block and about as many bits. Published files
 * keep the embedding out of NVFP4. */
static enum dtype type_for(enum dtype dtype, const struct model_tensor *tensor)
{
    static const enum dtype smaller[DTYPE_LIMIT] = {
        [DTYPE_Q4_K] = DTYPE_Q5_0,   [DTYPE_Q5_K] = DTYPE_Q5_1,     [DTYPE_Q6_K] = DTYPE_Q8_0,
        [DTYPE_NVFP4] = DTYPE_MXFP4, [DTYPE_IQ4_XS] = DTYPE_IQ4_NL,
    };
    uint64_t row = tensor->dims[0];
    if (dtype == DTYPE_NVFP4 && strcmp(tensor->name, "token_embd.weight") == 0) dtype = DTYPE_Q8_0;
    if (row % (uint64_t)dtype_info(dtype)->block_values != 0) dtype = smaller[dtype];
    assert(row % (uint64_t)dtype_info(dtype)->block_values == 0);
    return dtype;
}

static void convert(struct model_tensor *tensor, enum dtype dtype)
{
    int64_t n = 1;
    for (int d = 0; d < tensor->n_dims; d++) n *= (int64_t)tensor->dims[d];
    float *values = malloc((size_t)n * sizeof *values);
    assert(values);
    dtype_unpack(tensor->dtype, tensor->data, values, n);
    free(tensor->data);
    tensor->dtype = dtype;
    tensor->n_bytes = dtype_bytes(dtype, n);
    tensor->data = malloc(tensor->n_bytes);
    assert(tensor->data);
    dtype_pack(dtype, values, tensor->data, n);
    free(values);
}

static struct model_value *value_ending(struct model_file *file, const char *end)
{
    for (int i = 0; i < file->n_values; i++) {
        const char *key = file->values[i].key;
        if (strlen(key) > strlen(end) && strcmp(key + strlen(key) - strlen(end), end) == 0)
            return &file->values[i];
    }
    return NULL;
}

/* Little-endian: a narrow number is the beginning of a wide one. */
static int64_t int_of(const struct model_value *value)
{
    int64_t number = 0;
    memcpy(&number, value->bytes, value->n_bytes);
    return number;
}

static void set_int(struct model_file *file, const char *end, int64_t number)
{
    struct model_value *value = value_ending(file, end);
    assert(value);
    memcpy(value->bytes, &number, value->n_bytes);
}
