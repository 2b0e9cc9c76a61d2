/* Finds the tokens that are written out in a text: control tokens such as <|eot_id|>, and those a
 * user of the vocabulary has added. */
#pragma once

#include "text/tokens.h"

struct special_node {
    int32_t token; /* what ends here, or -1 */
    int32_t child, sibling;
    uint8_t byte;
};

struct special {
    struct special_node *nodes; /* a tree of bytes; children are lists */
    int32_t n_nodes, capacity;
    int32_t first[256]; /* the nodes of the first bytes, -1: none */
};

struct special_match {
    size_t start, n_bytes;
    int32_t token; /* -1: nothing found */
};

heft_status special_create(struct special *special, const struct tokens *tokens, heft_error *error);
void special_free(struct special *special);

enum special_kinds {
    SPECIAL_CONTROL = 1, /* and unknown */
    SPECIAL_ADDED = 2,   /* user-defined */
    SPECIAL_SYMBOL = 4,  /* user-defined, and as such known to SentencePiece */
    SPECIAL_ALL = 7
};

/* The leftmost, and there the longest, token of some kinds in text[from..]. */
struct special_match special_find(const struct special *special, const struct tokens *tokens,
                                  struct slice text, size_t from, int kinds);

size_t special_memory(const struct special *special);
