#include "text/normalize.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "text/utf8.h"

/* The Unicode standard calls more than 30 in a row unsafe to process. */
enum { MAX_MARKS = 30 };

static size_t part_length(struct slice text, bool *can_compose);

bool normalize_is_plain(struct slice text)
{
    for (size_t i = 0; i < text.n_bytes; i++)
        if ((uint8_t)text.data[i] >= 0x80) return false;
    return true;
}

void normalize_append(struct slice text, struct buffer *out)
{
    while (text.n_bytes && !out->failed) {
        bool can_compose;
        size_t n_part = part_length(text, &can_compose);
        uint8_t *composed = NULL;
        if (can_compose) {
            utf8proc_ssize_t n = utf8proc_map((const uint8_t *)text.data, (utf8proc_ssize_t)n_part,
                                              &composed, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
            if (n >= 0)
                buffer_append(out, composed, (size_t)n);
            else
                out->failed = true; /* the part is valid, so memory ran out */
        } else {
            buffer_append(out, text.data, n_part);
        }
        free(composed);
        text.data += n_part;
        text.n_bytes -= n_part;
    }
}

/* Parts end before an ASCII character, which composes with nothing before it, and around bytes that
 * are not UTF-8. */
static size_t part_length(struct slice text, bool *can_compose)
{
    size_t i = 0;
    int n_marks = 0;
    *can_compose = true;
    while (i < text.n_bytes) {
        int length = utf8_next(text.data + i, text.n_bytes - i);
        if (length <= 0) break;
        if (i > 0 && length == 1) return i;
        int32_t code = (int32_t)utf8_code(text.data + i, length);
        n_marks = utf8proc_get_property(code)->combining_class ? n_marks + 1 : 0;
        if (n_marks > MAX_MARKS) *can_compose = false;
        i += (size_t)length;
    }
    if (i > 0) return i;
    *can_compose = false;
    return 1;
}
