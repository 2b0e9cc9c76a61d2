/* What several commands print: JSON, sizes, text of any bytes as JSON. */
#pragma once

#include <jansson.h>

#include "base/buffer.h"
#include "heft.h"

/* To standard output with a line end; takes the reference, NULL is "no memory". */
heft_status output_json(json_t *value, heft_error *error);

/* The value as text, with the flags of jansson. The "arguments" of a call, which are kept as text,
 * become the object that they are, byte for byte; what is no whole object stays a string. */
void output_json_text(const json_t *value, size_t flags, struct buffer *out);

/* "61.2 GiB"; `text` has room for 16. Returns `text`. */
const char *output_bytes(char *text, uint64_t n_bytes);

/* A JSON string of any bytes: what is not UTF-8 becomes U+FFFD, and so does NUL, which many readers
 * of JSON refuse. */
json_t *output_text(const char *text, size_t n_bytes);
