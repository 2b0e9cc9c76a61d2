/* Sets a heft_error: `return error_set(error, HEFT_BAD_FILE, "%s: ...", path);` */
#pragma once

#include "heft.h"

/* `error` may be NULL. Returns `status`. */
heft_status error_set(heft_error *error, heft_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "<prefix>: " before a message that is already set. */
heft_status error_prefix(heft_error *error, heft_status status, const char *prefix);
