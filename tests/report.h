/* What a test has found, as a line of words between tabs, appended to the file that HEFT_REPORT
 * names: docs/conformance.md is made of such lines. */
#pragma once

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((format(printf, 1, 2))) static inline void report(const char *format, ...)
{
    const char *path = getenv("HEFT_REPORT");
    FILE *file = path && *path ? fopen(path, "a") : NULL;
    if (!file) return;
    va_list arguments;
    va_start(arguments, format);
    vfprintf(file, format, arguments);
    va_end(arguments);
    fputc('\n', file);
    fclose(file);
}
