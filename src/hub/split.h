/* Names of the parts of a model: "NAME-00002-of-00005.gguf", and "NAME.gguf.part2of5" for a file
 * that was cut into pieces to be uploaded. */
#pragma once

#include <stddef.h>

struct split {
    int number, n_parts; /* n_parts 0: a whole file; parts are counted from 1, rarely from 0 */
    size_t number_at;    /* where the digits of the number lie in the name, and how many */
    int n_digits;
    size_t n_base; /* of the name, what comes before the numbering */
    size_t n_name; /* of a piece, the name of the file they make together; else all */
};

struct split split_parse(const char *name);

/* The name of another part. */
void split_part_name(const char *name, const struct split *split, int number, char *out,
                     size_t n_room);

/* Where the last segment of the path of an address, or of a path, begins. */
size_t split_name_at(const char *path);
