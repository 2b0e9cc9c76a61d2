/* Text that ends an answer, found in a stream of pieces: what may yet become a stop text is held
 * back. */
#pragma once

#include "base/buffer.h"
#include "cli/options.h"

struct stops {
    const struct text_list *list;
    struct buffer held;
};

/* Appends to `out` what is certainly no part of a stop text. True once one is complete: `out` then
 * ends before it. */
bool stops_push(struct stops *stops, const char *text, size_t n_bytes, struct buffer *out);

/* The answer has ended otherwise: appends what was held back. */
void stops_flush(struct stops *stops, struct buffer *out);
void stops_free(struct stops *stops);
