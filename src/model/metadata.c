#include "model/metadata.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

enum { MAX_KEY = 128 };

static const struct gguf_value *find(const struct metadata *metadata, const char *key);
static const struct gguf_value *take(struct metadata *metadata, const char *key);
static bool uniform_int(const struct gguf_value *value, int64_t *out);
static bool uniform_float(const struct gguf_value *value, double *out);

heft_status metadata_open(const struct gguf *file, char *name, size_t cap, struct metadata *out,
                          heft_error *error)
{
    const char *path = gguf_part_path(file, 0);
    const struct gguf_value *value = gguf_find(file, "general.architecture");
    if (!value || value->type != GGUF_STRING)
        return error_set(error, HEFT_BAD_FILE, "%s: general.architecture is missing", path);
    if (value->text.n_bytes == 0 || value->text.n_bytes >= cap)
        return error_set(error, HEFT_BAD_FILE,
                         "%s: general.architecture has %zu bytes, 1 to %zu were expected", path,
                         value->text.n_bytes, cap - 1);
    for (size_t i = 0; i < value->text.n_bytes; i++) {
        unsigned char c = (unsigned char)value->text.data[i];
        if (c < '!' || c > '~')
            return error_set(error, HEFT_BAD_FILE, "%s: general.architecture is not a name", path);
    }
    memcpy(name, value->text.data, value->text.n_bytes);
    name[value->text.n_bytes] = 0;
    *out = (struct metadata){.file = file, .architecture = name, .error = error};
    return HEFT_OK;
}

bool metadata_has(const struct metadata *metadata, const char *key)
{
    return find(metadata, key) != NULL;
}

int metadata_int(struct metadata *metadata, const char *key, int min, int max)
{
    if (!find(metadata, key)) {
        metadata_fail(metadata, key, "missing");
        return min;
    }
    return metadata_int_or(metadata, key, min, min, max);
}

int metadata_int_or(struct metadata *metadata, const char *key, int fallback, int min, int max)
{
    const struct gguf_value *value = take(metadata, key);
    if (!value || metadata->status != HEFT_OK) return fallback;
    int64_t number;
    if (!uniform_int(value, &number)) {
        metadata_fail(metadata, key, "%s, one integer was expected", gguf_type_name(value->type));
        return fallback;
    }
    if (number < min || number > max) {
        metadata_fail(metadata, key, "%" PRId64 ", expected %d to %d", number, min, max);
        return fallback;
    }
    return (int)number;
}

double metadata_float(struct metadata *metadata, const char *key, double min, double max)
{
    if (!find(metadata, key)) {
        metadata_fail(metadata, key, "missing");
        return min;
    }
    return metadata_float_or(metadata, key, min, min, max);
}

double metadata_float_or(struct metadata *metadata, const char *key, double fallback, double min,
                         double max)
{
    const struct gguf_value *value = take(metadata, key);
    if (!value || metadata->status != HEFT_OK) return fallback;
    double number;
    if (!uniform_float(value, &number)) {
        metadata_fail(metadata, key, "%s, one number was expected", gguf_type_name(value->type));
        return fallback;
    }
    if (!(number >= min && number <= max)) {
        metadata_fail(metadata, key, "%g, expected %g to %g", number, min, max);
        return fallback;
    }
    return number;
}

bool metadata_bool_or(struct metadata *metadata, const char *key, bool fallback)
{
    return metadata_int_or(metadata, key, fallback, 0, 1) != 0;
}

bool metadata_was_read(const struct metadata *metadata, const char *key)
{
    for (int i = 0; i < metadata->n_read; i++)
        if (strcmp(metadata->read[i], key) == 0) return true;
    return false;
}

bool metadata_range(const struct metadata *metadata, const char *key, double *low, double *high)
{
    const struct gguf_value *value = find(metadata, key);
    if (!value) return false;
    if (value->type != GGUF_ARRAY) {
        int64_t integer;
        bool whole = gguf_value_int(value, &integer);
        if (!whole && !gguf_value_float(value, low)) return false;
        if (whole) *low = (double)integer;
        *high = *low;
        return true;
    }
    for (uint64_t i = 0; i < value->n; i++) {
        double item;
        if (!gguf_array_float(value, i, &item)) return false;
        if (i == 0) *low = *high = item;
        *low = fmin(*low, item);
        *high = fmax(*high, item);
    }
    return value->n > 0;
}

bool metadata_is(const struct metadata *metadata, const char *key, const char *text)
{
    const struct gguf_value *value = find(metadata, key);
    return value && value->type == GGUF_STRING && slice_is(value->text, text);
}

void metadata_fail(struct metadata *metadata, const char *key, const char *format, ...)
{
    if (metadata->status != HEFT_OK) return;
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    metadata->status =
        error_set(metadata->error, HEFT_BAD_FILE, "%s: %s.%s: %s",
                  gguf_part_path(metadata->file, 0), metadata->architecture, key, what);
}

static const struct gguf_value *find(const struct metadata *metadata, const char *key)
{
    char full[MAX_KEY];
    int n = snprintf(full, sizeof full, "%s.%s", metadata->architecture, key);
    return n > 0 && n < MAX_KEY ? gguf_find(metadata->file, full) : NULL;
}

/* Finds, and remembers that the key was read. Keys are constants of the program. */
static const struct gguf_value *take(struct metadata *metadata, const char *key)
{
    const struct gguf_value *value = find(metadata, key);
    if (value && metadata->n_read < METADATA_KEYS && !metadata_was_read(metadata, key))
        metadata->read[metadata->n_read++] = key;
    return value;
}

static bool uniform_int(const struct gguf_value *value, int64_t *out)
{
    if (value->type != GGUF_ARRAY) return gguf_value_int(value, out);
    if (!gguf_array_int(value, 0, out)) return false;
    for (uint64_t i = 1; i < value->n; i++) {
        int64_t next;
        if (!gguf_array_int(value, i, &next) || next != *out) return false;
    }
    return true;
}

static bool uniform_float(const struct gguf_value *value, double *out)
{
    if (value->type != GGUF_ARRAY) return gguf_value_float(value, out) && isfinite(*out);
    if (!gguf_array_float(value, 0, out) || !isfinite(*out)) return false;
    for (uint64_t i = 1; i < value->n; i++) {
        double next;
        if (!gguf_array_float(value, i, &next) || next != *out) return false;
    }
    return true;
}
