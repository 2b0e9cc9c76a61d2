#include "cli/output.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "text/json_scan.h"

static void append_arguments(struct buffer *out, const char *string, size_t n_bytes);
static bool is_object(const char *text, size_t n_bytes);

heft_status output_json(json_t *value, heft_error *error)
{
    struct buffer text = {0};
    if (value) output_json_text(value, JSON_INDENT(2) | JSON_REAL_PRECISION(9), &text);
    json_decref(value);
    bool done = text.data && !text.failed;
    if (done) puts(text.data);
    buffer_free(&text);
    return done ? HEFT_OK : error_set(error, HEFT_INTERNAL, "no memory for the JSON output");
}

/* A quote that is not escaped ends a string, so the key is found where it is a key. */
void output_json_text(const json_t *value, size_t flags, struct buffer *out)
{
    static const char key[] = "\"arguments\": ";
    enum { KEY_BYTES = sizeof key - 1 };
    char *text = json_dumps(value, flags), *from = text, *at;
    if (!text) out->failed = true;
    while (from && (at = strstr(from, key)) != NULL && at[KEY_BYTES] == '"') {
        char *string = at + KEY_BYTES, *end = string + 1;
        while (*end != '"') end += *end == '\\' ? 2 : 1;
        buffer_append(out, from, (size_t)(string - from));
        append_arguments(out, string, (size_t)(end + 1 - string));
        from = end + 1;
    }
    if (from) buffer_text(out, from);
    free(text);
}

const char *output_bytes(char *text, uint64_t n_bytes)
{
    enum { ROOM = 16 };
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (n_bytes < 1024) {
        snprintf(text, ROOM, "%d B", (int)n_bytes);
        return text;
    }
    double value = (double)n_bytes / 1024;
    int unit = 0;
    for (; value >= 1023.95; value /= 1024) unit++;
    snprintf(text, ROOM, "%.1f %s", value, units[unit]);
    return text;
}

json_t *output_text(const char *text, size_t n_bytes)
{
    json_t *whole = memchr(text, 0, n_bytes) ? NULL : json_stringn(text, n_bytes);
    if (whole) return whole;
    struct buffer clean = {0};
    for (size_t i = 0; i < n_bytes;) {
        /* The longest piece of 1 to 4 bytes that jansson accepts as UTF-8 is one character. */
        json_t *character = NULL;
        size_t n = 0;
        while (!character && n < 4 && i + n < n_bytes && text[i])
            character = json_stringn(text + i, ++n);
        if (character)
            buffer_append(&clean, text + i, n);
        else
            buffer_text(&clean, "\xef\xbf\xbd");
        i += character ? n : 1;
        json_decref(character);
    }
    json_t *value = clean.failed ? NULL : json_stringn(clean.data ? clean.data : "", clean.n_bytes);
    buffer_free(&clean);
    return value;
}

static void append_arguments(struct buffer *out, const char *string, size_t n_bytes)
{
    json_t *decoded = json_loadb(string, n_bytes, JSON_DECODE_ANY, NULL);
    const char *text = json_string_value(decoded);
    if (text && is_object(text, json_string_length(decoded)))
        buffer_append(out, text, json_string_length(decoded));
    else
        buffer_append(out, string, n_bytes);
    json_decref(decoded);
}

/* By its form: jansson would refuse numbers that it cannot hold. */
static bool is_object(const char *text, size_t n_bytes)
{
    struct json_scan scan = {0};
    enum json_scan_result result = JSON_SCAN_MORE;
    if (n_bytes == 0 || text[0] != '{') return false;
    for (size_t i = 0; i < n_bytes && result == JSON_SCAN_MORE; i++) {
        result = json_scan_push(&scan, text[i]);
        if (result == JSON_SCAN_LAST) return i + 1 == n_bytes;
    }
    return false;
}
