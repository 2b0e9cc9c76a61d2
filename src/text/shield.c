#include "text/shield.h"

#include <string.h>

#include "text/utf8.h"

static const char shield[] = "\xEF\xB7\x90"; /* U+FDD0 */
enum { SHIELD_BYTES = sizeof shield - 1 };

/* The search goes on inside of a match: another token may begin there. */
void shield_raise(const struct special *special, const struct tokens *tokens, struct slice text,
                  struct buffer *out)
{
    for (size_t at = 0; at < text.n_bytes;) {
        struct special_match match = special_find(special, tokens, text, at, SPECIAL_ALL);
        buffer_append(out, text.data + at, match.start - at);
        at = match.start;
        if (match.token < 0) break;
        int character = utf8_next(text.data + at, text.n_bytes - at);
        size_t n = character > 0 ? (size_t)character : 1;
        buffer_append(out, text.data + at, n);
        at += n;
        bool control = tokens->items[match.token].type != TOKEN_USER_DEFINED;
        if (control && match.n_bytes > n) buffer_append(out, shield, SHIELD_BYTES);
    }
}

void shield_lower(struct slice text, struct buffer *out)
{
    while (text.n_bytes) {
        const char *next = memmem(text.data, text.n_bytes, shield, SHIELD_BYTES);
        size_t n = next ? (size_t)(next - text.data) : text.n_bytes;
        buffer_append(out, text.data, n);
        n += next ? SHIELD_BYTES : 0;
        text = (struct slice){text.data + n, text.n_bytes - n};
    }
}
