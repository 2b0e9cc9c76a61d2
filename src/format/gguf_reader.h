/* A place in the header of a GGUF file. Every read is checked against the end of the file; the
 * first failure writes the sentence and is remembered, and all reads after it fail too. */
#pragma once

#include "base/slice.h"
#include "heft.h"

struct gguf_reader {
    const char *path;
    const uint8_t *data;
    size_t n_bytes, at;

    /* For the sentence: "key" or "tensor", or NULL; which one; its name, once it is known. */
    const char *kind;
    uint64_t number;
    const char *name;

    heft_status status;
    heft_error *error;
};

/* All return false after a failure. `field` names what is being read. */
bool gguf_read(struct gguf_reader *reader, void *out, size_t n_bytes, const char *field);
bool gguf_read_u32(struct gguf_reader *reader, uint32_t *out, const char *field);
bool gguf_read_u64(struct gguf_reader *reader, uint64_t *out, const char *field);
bool gguf_read_text(struct gguf_reader *reader, struct slice *out, const char *field);

/* A count of things that take at least `item_bytes` each in what is left of the file. */
bool gguf_read_count(struct gguf_reader *reader, uint64_t *out, size_t item_bytes, uint64_t limit,
                     const char *field);

/* A key or a tensor's name: printable ASCII, not empty; *out is a copy for the caller to free. */
bool gguf_read_name(struct gguf_reader *reader, char **out);

/* Always returns false. */
bool gguf_fail(struct gguf_reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool gguf_no_memory(struct gguf_reader *reader);
