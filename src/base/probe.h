/* Small texts and named values asked from a machine_source, whatever it answers: what is missing,
 * cut, or not of the expected form is treated as not there. Paths and names are printf formats. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/machine.h"

enum { PROBE_TEXT = 8192, PROBE_PATH = 2048, PROBE_CPUS = 4096 };

/* The whole lines of a file, NUL-terminated; of a file that is longer, those that fit. */
struct probe_text {
    char data[PROBE_TEXT + 1];
};

bool probe_text(const struct machine_source *source, struct probe_text *out, const char *path, ...)
    __attribute__((format(printf, 3, 4)));

/* A file that begins with a number and nothing glued to it. */
bool probe_number(const struct machine_source *source, uint64_t *out, const char *path, ...)
    __attribute__((format(printf, 3, 4)));

/* The number after `name`, which begins a line. */
bool probe_field(const struct probe_text *text, const char *name, uint64_t *out);

/* What follows `name`, which begins a line, up to its end: "" if there is none. */
void probe_words(const struct probe_text *text, const char *name, char *out, size_t cap);

/* The first line of a file, without what does not print: "" if there is none. */
void probe_line(const struct machine_source *source, char *out, size_t cap, const char *path);

/* The processors of a list like "0-3,8": marks each in `set` and returns how many there are; 0 if
 * it is no such list. */
int probe_list(const char *list, bool set[PROBE_CPUS]);

/* Integers of 4 or 8 bytes. */
bool probe_value(const struct machine_source *source, uint64_t *out, const char *name, ...)
    __attribute__((format(printf, 3, 4)));

void probe_value_text(const struct machine_source *source, char *out, size_t cap, const char *name);
