/* Follows one JSON value byte by byte, so that it can be passed on while it is being written. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { JSON_SCAN_DEPTH = 256 };

/* Zero-initialise. */
struct json_scan {
    uint8_t state, after_string;
    uint8_t n_left;                         /* of a \u escape, or of a word */
    uint16_t depth;                         /* objects and arrays that are open */
    uint64_t objects[JSON_SCAN_DEPTH / 64]; /* a bit for each: it is an object */
    const char *word;                       /* what is left of true, false or null */
};

enum json_scan_result {
    JSON_SCAN_MORE,
    JSON_SCAN_LAST, /* this byte ends the value */
    JSON_SCAN_PAST, /* the value, a number, has ended before this byte */
    JSON_SCAN_BAD   /* this byte cannot be there */
};

/* White space may stand before the value. Control characters are let through in strings: models
 * write line ends there. */
enum json_scan_result json_scan_push(struct json_scan *scan, char byte);

/* True inside of a string. */
bool json_scan_in_string(const struct json_scan *scan);
