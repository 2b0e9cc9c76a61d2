/* Finding things by name. Sorted, because a hash of names that a stranger chose can be made slow.
 */
#pragma once

struct name_entry {
    const char *name;
    int index;
};

struct name_index {
    struct name_entry *entries;
    int n;
};

/* Sorts the entries the caller has filled in. Returns the index of an entry whose name another one
 * has too, the later of the two, or -1. */
int name_index_sort(struct name_index *names);

/* The entry's index, or -1. */
int name_index_find(const struct name_index *names, const char *name);
