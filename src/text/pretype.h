/* The published pre-tokenizers: how each cuts text into words before byte-pair encoding. */
#pragma once

#include <stdbool.h>

enum { PRETYPE_MAX_PATTERNS = 6 };

/* What files with the name leave unsaid. */
enum {
    PRETYPE_ADD_BOS = 1,       /* texts start with bos */
    PRETYPE_IGNORE_MERGES = 2, /* words that are tokens are taken whole */
    PRETYPE_COMPOSE = 4        /* text is first brought into normalisation form C */
};

struct pretype {
    const char *name; /* of tokenizer.ggml.pre */
    /* Applied one after the other: each cuts every piece the former ones left, at both ends of
     * every match. */
    const char *const *patterns; /* NULL-terminated */
    int flags;
};

/* NULL or "" is "default"; returns NULL for a name that is not known. */
const struct pretype *pretype_find(const char *name);
