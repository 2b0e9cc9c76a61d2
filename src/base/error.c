#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

heft_status error_set(heft_error *error, heft_status status, const char *format, ...)
{
    if (!error) return status;
    error->status = status;
    va_list args;
    va_start(args, format);
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    return status;
}

heft_status error_prefix(heft_error *error, heft_status status, const char *prefix)
{
    if (!error) return status;
    char old[sizeof error->message];
    memcpy(old, error->message, sizeof old);
    error->status = status;
    int n = snprintf(error->message, sizeof error->message, "%s: ", prefix);
    if (n > 0 && (size_t)n < sizeof error->message)
        snprintf(error->message + n, sizeof error->message - (size_t)n, "%s", old);
    return status;
}
