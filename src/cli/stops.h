/* Text that ends an answer, found in a stream of pieces: what may yet become a stop text is held
 * back. A stop text is looked for twice: in the answer with its control tokens written out, and in
 * the answer as it is shown, without them. */
#pragma once

#include "base/buffer.h"
#include "cli/options.h"

struct stops {
    const struct text_list *list;
    struct buffer held;   /* control tokens written out */
    struct buffer hidden; /* for each byte of `held` 1 if it is not shown, else 0 */
    struct buffer shown;  /* the bytes of `held` that are */
};

/* Takes a piece; a hidden one is matched but never put out. Appends to `out` what is certainly no
 * part of a stop text. True once one is complete: `out` then ends before it. Without memory `out`
 * has failed. */
bool stops_push(struct stops *stops, const char *text, size_t n_bytes, bool hidden,
                struct buffer *out);

/* The answer has ended otherwise: appends what was held back. */
void stops_flush(struct stops *stops, struct buffer *out);
void stops_free(struct stops *stops);
