/* Reading the header fields of an answer. Bytes from strangers: nothing is NUL-terminated. */
#pragma once

#include <stdint.h>

#include "base/slice.h"

/* True if `line` is "NAME: value"; *value is without the space around it. */
bool http_field(struct slice line, const char *name, struct slice *value);

/* "bytes 0-99/1234"; an unknown total is UINT64_MAX. */
bool http_content_range(struct slice value, uint64_t *first, uint64_t *total);

/* The address in a Link field whose relation is "next". */
bool http_link_next(struct slice value, struct slice *url);
