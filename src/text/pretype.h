/* The published pre-tokenizers: how each cuts text into words before byte-pair encoding. */
#pragma once

#include <stdbool.h>

enum { PRETYPE_MAX_PATTERNS = 6 };

struct pretype {
    const char *name; /* of tokenizer.ggml.pre */
    /* Applied one after the other: each cuts every piece the former ones left, at both ends of
     * every match. */
    const char *const *patterns; /* NULL-terminated */
    /* What files with this name leave unsaid. */
    bool ignore_merges, add_bos;
};

/* NULL or "" is "default"; returns NULL for a name that is not known. */
const struct pretype *pretype_find(const char *name);
