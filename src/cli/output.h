/* What several commands print: JSON, sizes, text of any bytes as JSON. */
#pragma once

#include <jansson.h>

#include "heft.h"

/* To standard output with a line end; takes the reference, NULL is "no memory". */
heft_status output_json(json_t *value, heft_error *error);

/* "61.2 GiB"; `text` has room for 16. Returns `text`. */
const char *output_bytes(char *text, uint64_t n_bytes);

/* A JSON string of any bytes: what is not UTF-8 becomes U+FFFD, and so does NUL, which many readers
 * of JSON refuse. */
json_t *output_text(const char *text, size_t n_bytes);
