/* Finds the tokens that are written out in a text: control tokens such as <|eot_id|>, and those a
 * user of the vocabulary has added. */
#pragma once

#include "text/tokens.h"

struct special_text {
    uint32_t text, n_bytes; /* in the bytes of the tokens */
    int32_t token;
};

struct special {
    struct special_text *texts; /* in the order of their bytes, each text once */
    uint32_t n_texts;
    uint32_t begin[257]; /* those with the first byte b are begin[b] up to begin[b + 1] */
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
