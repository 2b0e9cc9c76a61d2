#include "gguf_build.h"

#include <assert.h>
#include <stdlib.h>

#include "base/file.h"

enum { N_TENSORS_AT = 8, N_VALUES_AT = 16 };

static void put(struct gguf_build *build, const void *bytes, size_t n_bytes)
{
    buffer_append(&build->header, bytes, n_bytes);
}

static void put_field(struct gguf_build *build, enum gguf_build_kind kind, uint64_t value,
                      int n_bytes)
{
    assert(build->n_fields < GGUF_BUILD_FIELDS);
    build->fields[build->n_fields++] =
        (struct gguf_build_field){kind, build->header.n_bytes, n_bytes};
    put(build, &value, (size_t)n_bytes);
}

static void put_text(struct gguf_build *build, const char *text)
{
    put_field(build, BUILD_LENGTH, strlen(text), 8);
    put(build, text, strlen(text));
}

static void put_key(struct gguf_build *build, const char *key, uint32_t type)
{
    build->n_values++;
    put_text(build, key);
    put_field(build, BUILD_TYPE, type, 4);
}

void gguf_build_start(struct gguf_build *build)
{
    *build = (struct gguf_build){.version = 3, .alignment = 32};
    put(build, "GGUF....", 8);
    put_field(build, BUILD_COUNT, 0, 8);
    put_field(build, BUILD_COUNT, 0, 8);
}

void gguf_build_value(struct gguf_build *build, const char *key, uint32_t type, const void *bytes,
                      size_t n_bytes)
{
    put_key(build, key, type);
    put(build, bytes, n_bytes);
}

void gguf_build_array(struct gguf_build *build, const char *key, uint32_t element, uint64_t n,
                      const void *bytes, size_t n_bytes)
{
    put_key(build, key, GGUF_ARRAY);
    put_field(build, BUILD_TYPE, element, 4);
    put_field(build, BUILD_LENGTH, n, 8);
    put(build, bytes, n_bytes);
}

void gguf_build_u16(struct gguf_build *build, const char *key, uint16_t value)
{
    gguf_build_value(build, key, GGUF_U16, &value, sizeof value);
}

void gguf_build_u32(struct gguf_build *build, const char *key, uint32_t value)
{
    gguf_build_value(build, key, GGUF_U32, &value, sizeof value);
}

void gguf_build_i32(struct gguf_build *build, const char *key, int32_t value)
{
    gguf_build_value(build, key, GGUF_I32, &value, sizeof value);
}

void gguf_build_text(struct gguf_build *build, const char *key, const char *text)
{
    put_key(build, key, GGUF_STRING);
    put_text(build, text);
}

void gguf_build_texts(struct gguf_build *build, const char *key, uint64_t n,
                      const char *const *texts)
{
    gguf_build_array(build, key, GGUF_STRING, n, NULL, 0);
    for (uint64_t i = 0; i < n; i++) put_text(build, texts[i]);
}

void gguf_build_tensor_at(struct gguf_build *build, const char *name, uint32_t dtype,
                          uint32_t n_dims, const uint64_t *dims, uint64_t offset)
{
    build->n_tensors++;
    put_text(build, name);
    put_field(build, BUILD_N_DIMS, n_dims, 4);
    for (uint32_t i = 0; i < n_dims; i++) put_field(build, BUILD_DIM, dims[i], 8);
    put_field(build, BUILD_TYPE, dtype, 4);
    put_field(build, BUILD_OFFSET, offset, 8);
}

void gguf_build_tensor(struct gguf_build *build, const char *name, uint32_t dtype, uint32_t n_dims,
                       const uint64_t *dims, size_t n_bytes, uint8_t fill)
{
    gguf_build_tensor_at(build, name, dtype, n_dims, dims, build->data.n_bytes);
    size_t n_padded = (n_bytes + build->alignment - 1) / build->alignment * build->alignment;
    for (size_t i = 0; i < n_padded; i++) {
        uint8_t byte = i < n_bytes ? fill : 0;
        buffer_append(&build->data, &byte, 1);
    }
}

uint8_t *gguf_build_finish(struct gguf_build *build, size_t *n_bytes)
{
    while (build->header.n_bytes % build->alignment != 0) put(build, "", 1);
    buffer_append(&build->header, build->data.data, build->data.n_bytes);
    assert(!build->header.failed && !build->data.failed);
    *n_bytes = build->header.n_bytes;
    uint8_t *image = (uint8_t *)buffer_take(&build->header);
    buffer_free(&build->data);
    assert(image);
    memcpy(image + 4, &build->version, 4);
    memcpy(image + N_TENSORS_AT, &build->n_tensors, 8);
    memcpy(image + N_VALUES_AT, &build->n_values, 8);
    return image;
}

void gguf_build_write(struct gguf_build *build, const char *path)
{
    size_t n_bytes;
    uint8_t *image = gguf_build_finish(build, &n_bytes);
    heft_error error;
    heft_status status = file_write(path, image, n_bytes, &error);
    assert(status == HEFT_OK);
    (void)status;
    free(image);
}
