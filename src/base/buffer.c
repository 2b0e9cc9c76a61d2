#include "base/buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct buffer *buffer, size_t n_more);

void buffer_append(struct buffer *buffer, const void *data, size_t n_bytes)
{
    if (!reserve(buffer, n_bytes)) return;
    if (n_bytes) memcpy(buffer->data + buffer->n_bytes, data, n_bytes);
    buffer->n_bytes += n_bytes;
    buffer->data[buffer->n_bytes] = 0;
}

void buffer_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void buffer_format(struct buffer *buffer, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n >= 0 && reserve(buffer, (size_t)n)) {
        vsnprintf(buffer->data + buffer->n_bytes, (size_t)n + 1, format, again);
        buffer->n_bytes += (size_t)n;
    }
    va_end(again);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->n_bytes = 0;
    buffer->failed = false;
    if (buffer->data) buffer->data[0] = 0;
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}

char *buffer_take(struct buffer *buffer)
{
    char *data = reserve(buffer, 0) ? buffer->data : NULL;
    if (data) data[buffer->n_bytes] = 0;
    if (!data) free(buffer->data);
    *buffer = (struct buffer){0};
    return data;
}

/* Room for `n_more` bytes and the NUL. */
static bool reserve(struct buffer *buffer, size_t n_more)
{
    if (buffer->failed) return false;
    size_t limit = buffer->limit ? buffer->limit : SIZE_MAX / 4;
    if (n_more > limit || buffer->n_bytes > limit - n_more) {
        buffer->failed = true;
        return false;
    }
    size_t needed = buffer->n_bytes + n_more + 1;
    if (needed <= buffer->capacity) return true;
    size_t capacity = needed + needed / 2 + 64;
    char *data = realloc(buffer->data, capacity);
    if (!data) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}
