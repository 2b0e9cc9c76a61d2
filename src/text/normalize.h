/* Unicode normalisation form C: e and a combining accent become one letter. */
#pragma once

#include "base/buffer.h"
#include "base/slice.h"

/* True if there is nothing to do, which for most text is seen from the bytes. */
bool normalize_is_plain(struct slice text);

/* Appends the normalised text. What is not UTF-8 stays as it is, and so do heaps of accents that no
 * writing has: sorting them would take quadratic time. */
void normalize_append(struct slice text, struct buffer *out);
