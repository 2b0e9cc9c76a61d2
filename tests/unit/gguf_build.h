/* Writes small GGUF images for tests, right ones and wrong ones: it checks nothing. Values first,
 * then tensors, then gguf_build_finish. */
#pragma once

#include "base/buffer.h"
#include "format/gguf.h"

enum { GGUF_BUILD_FIELDS = 256 };

struct gguf_build {
    uint32_t version;
    size_t alignment; /* of the data; the key is the caller's to write */
    uint64_t n_values, n_tensors;
    struct buffer header, data;

    /* Where the numbers lie that say how much follows, or what. */
    struct gguf_build_field {
        enum gguf_build_kind {
            BUILD_COUNT,  /* of tensors, of keys */
            BUILD_LENGTH, /* of a text or an array */
            BUILD_TYPE,
            BUILD_N_DIMS,
            BUILD_DIM,
            BUILD_OFFSET
        } kind;
        size_t at;
        int n_bytes;
    } fields[GGUF_BUILD_FIELDS];
    int n_fields;
};

void gguf_build_start(struct gguf_build *build);

/* `bytes` is the value as it will lie in the file. */
void gguf_build_value(struct gguf_build *build, const char *key, uint32_t type, const void *bytes,
                      size_t n_bytes);
void gguf_build_array(struct gguf_build *build, const char *key, uint32_t element, uint64_t n,
                      const void *bytes, size_t n_bytes);
void gguf_build_u16(struct gguf_build *build, const char *key, uint16_t value);
void gguf_build_u32(struct gguf_build *build, const char *key, uint32_t value);
void gguf_build_i32(struct gguf_build *build, const char *key, int32_t value);
void gguf_build_text(struct gguf_build *build, const char *key, const char *text);
void gguf_build_texts(struct gguf_build *build, const char *key, uint64_t n,
                      const char *const *texts);

/* Puts n_bytes of `fill` into the data and describes them as asked. */
void gguf_build_tensor(struct gguf_build *build, const char *name, uint32_t dtype, uint32_t n_dims,
                       const uint64_t *dims, size_t n_bytes, uint8_t fill);
/* Describes a tensor and puts nothing. */
void gguf_build_tensor_at(struct gguf_build *build, const char *name, uint32_t dtype,
                          uint32_t n_dims, const uint64_t *dims, uint64_t offset);

/* The image; the caller frees it. Empties the builder, but for `fields`. */
uint8_t *gguf_build_finish(struct gguf_build *build, size_t *n_bytes);

/* The same into a file. */
void gguf_build_write(struct gguf_build *build, const char *path);
