#include "cli/output.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"

heft_status output_json(json_t *value, heft_error *error)
{
    char *text = value ? json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(value);
    if (!text) return error_set(error, HEFT_INTERNAL, "no memory for the JSON output");
    puts(text);
    free(text);
    return HEFT_OK;
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
