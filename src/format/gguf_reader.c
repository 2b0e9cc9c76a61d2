#include "format/gguf_reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

enum {
    MAX_TEXT_BYTES = 64 << 20, /* real ones, chat templates above all, are a thousandth of it */
    MAX_NAME_BYTES = 65535,    /* of the GGUF specification */
};

static bool skip(struct gguf_reader *reader, uint64_t n_bytes, const char *field);

bool gguf_read(struct gguf_reader *reader, void *out, size_t n_bytes, const char *field)
{
    const uint8_t *from = reader->data + reader->at;
    if (!skip(reader, n_bytes, field)) return false;
    memcpy(out, from, n_bytes);
    return true;
}

bool gguf_read_u32(struct gguf_reader *reader, uint32_t *out, const char *field)
{
    return gguf_read(reader, out, sizeof *out, field);
}

bool gguf_read_u64(struct gguf_reader *reader, uint64_t *out, const char *field)
{
    return gguf_read(reader, out, sizeof *out, field);
}

bool gguf_read_text(struct gguf_reader *reader, struct slice *out, const char *field)
{
    uint64_t n_bytes;
    if (!gguf_read_u64(reader, &n_bytes, field)) return false;
    const char *data = (const char *)reader->data + reader->at;
    if (!skip(reader, n_bytes, field)) return false;
    if (n_bytes > MAX_TEXT_BYTES)
        return gguf_fail(reader, "the %s is %" PRIu64 " bytes long, the limit is %d", field,
                         n_bytes, MAX_TEXT_BYTES);
    *out = (struct slice){data, (size_t)n_bytes};
    return true;
}

bool gguf_read_count(struct gguf_reader *reader, uint64_t *out, size_t item_bytes, uint64_t limit,
                     const char *field)
{
    if (!gguf_read_u64(reader, out, field)) return false;
    size_t n_left = reader->n_bytes - reader->at;
    if (*out > n_left / item_bytes)
        return gguf_fail(reader, "the %s is %" PRIu64 ", but only %zu bytes follow", field, *out,
                         n_left);
    if (*out > limit)
        return gguf_fail(reader, "the %s is %" PRIu64 ", the limit is %" PRIu64, field, *out,
                         limit);
    return true;
}

bool gguf_read_name(struct gguf_reader *reader, char **out)
{
    struct slice text;
    if (!gguf_read_text(reader, &text, "name")) return false;
    if (text.n_bytes == 0) return gguf_fail(reader, "the name is empty");
    if (text.n_bytes > MAX_NAME_BYTES)
        return gguf_fail(reader, "the name is %zu bytes long, the limit is %d", text.n_bytes,
                         MAX_NAME_BYTES);
    for (size_t i = 0; i < text.n_bytes; i++)
        if (text.data[i] < ' ' || text.data[i] > '~')
            return gguf_fail(reader, "the name has a byte that is not printable ASCII");
    *out = strndup(text.data, text.n_bytes);
    return *out || gguf_no_memory(reader);
}

bool gguf_fail(struct gguf_reader *reader, const char *format, ...)
{
    if (reader->status != HEFT_OK) return false;
    char what[512], where[160] = "";
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (reader->name)
        snprintf(where, sizeof where, "%s '%.100s': ", reader->kind, reader->name);
    else if (reader->kind)
        snprintf(where, sizeof where, "%s number %" PRIu64 ": ", reader->kind, reader->number);
    reader->status = error_set(reader->error, HEFT_BAD_FILE, "%s: %s%s", reader->path, where, what);
    return false;
}

bool gguf_no_memory(struct gguf_reader *reader)
{
    if (reader->status == HEFT_OK)
        reader->status =
            error_set(reader->error, HEFT_INTERNAL, "%s: no memory to describe it", reader->path);
    return false;
}

static bool skip(struct gguf_reader *reader, uint64_t n_bytes, const char *field)
{
    if (reader->status != HEFT_OK) return false;
    size_t n_left = reader->n_bytes - reader->at;
    if (n_bytes > n_left)
        return gguf_fail(reader,
                         "the %s needs %" PRIu64 " bytes at byte %zu, but the file ends after %zu",
                         field, n_bytes, reader->at, n_left);
    reader->at += (size_t)n_bytes;
    return true;
}
