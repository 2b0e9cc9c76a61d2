#include "hub/split.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MAX_PARTS = 9999 };

/* Reads backwards from *at: digits, as many as there are. */
static bool number_before(const char *name, size_t *at, int *value, int *n_digits)
{
    size_t end = *at, begin = end;
    while (begin > 0 && name[begin - 1] >= '0' && name[begin - 1] <= '9') begin--;
    if (begin == end || end - begin > 9) return false;
    *value = 0;
    for (size_t i = begin; i < end; i++) *value = *value * 10 + (name[i] - '0');
    *n_digits = (int)(end - begin);
    *at = begin;
    return true;
}

static bool text_before(const char *name, size_t *at, const char *text)
{
    size_t n = strlen(text);
    if (*at < n || strncasecmp(name + *at - n, text, n) != 0) return false;
    *at -= n;
    return true;
}

/* `at` is the end of the numbering. */
static bool parse_numbering(const char *name, size_t at, const char *before, const char *between,
                            struct split *split)
{
    int ignored;
    if (!number_before(name, &at, &split->n_parts, &ignored) || !text_before(name, &at, between) ||
        !number_before(name, &at, &split->number, &split->n_digits))
        return false;
    split->number_at = at;
    if (!text_before(name, &at, before)) return false;
    split->n_base = at;
    return split->n_parts >= 1 && split->n_parts <= MAX_PARTS && split->number <= split->n_parts;
}

struct split split_parse(const char *name)
{
    size_t n = strlen(name);
    const char *dot = strrchr(name, '.');
    size_t n_stem = dot ? (size_t)(dot - name) : n;
    struct split split = {.n_name = n};
    if (parse_numbering(name, n_stem, "-", "-of-", &split)) return split;
    split = (struct split){.n_name = n};
    if (parse_numbering(name, n, ".part", "of", &split)) {
        split.n_name = split.n_base;
        return split;
    }
    return (struct split){.n_base = n_stem, .n_name = n};
}

void split_part_name(const char *name, const struct split *split, int number, char *out,
                     size_t n_room)
{
    snprintf(out, n_room, "%.*s%0*d%s", (int)split->number_at, name, split->n_digits, number,
             name + split->number_at + split->n_digits);
}

size_t split_name_at(const char *path)
{
    size_t at = 0, end = strcspn(path, "?#");
    for (size_t i = 0; i < end; i++)
        if (path[i] == '/') at = i + 1;
    return at;
}
