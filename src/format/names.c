#include "format/names.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    const struct name_entry *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

int name_index_sort(struct name_index *names)
{
    struct name_entry *entries = names->entries;
    if (names->n > 1) qsort(entries, (size_t)names->n, sizeof *entries, compare);
    for (int i = 1; i < names->n; i++)
        if (strcmp(entries[i - 1].name, entries[i].name) == 0) return entries[i].index;
    return -1;
}

int name_index_find(const struct name_index *names, const char *name)
{
    int first = 0, end = names->n;
    while (first < end) {
        int middle = first + (end - first) / 2;
        int order = strcmp(name, names->entries[middle].name);
        if (order == 0) return names->entries[middle].index;
        if (order < 0)
            end = middle;
        else
            first = middle + 1;
    }
    return -1;
}
