/* A growing run of bytes, always followed by a NUL. Zero-initialise; free with buffer_free.
 * After an allocation failure, or once `limit` (when not 0) would be passed, `failed` stays set and
 * appends do nothing: check it once at the end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *data;
    size_t n_bytes, capacity;
    size_t limit; /* 0: none */
    bool failed;
};

void buffer_append(struct buffer *buffer, const void *data, size_t n_bytes);
void buffer_text(struct buffer *buffer, const char *text);
void buffer_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buffer_clear(struct buffer *buffer);
void buffer_free(struct buffer *buffer);

/* Gives the bytes away; the caller frees them. NULL if `failed`; never NULL otherwise. */
char *buffer_take(struct buffer *buffer);
