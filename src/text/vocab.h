/* What a tokenizer is made from. Whoever reads a file fills this in; the defaults that a format
 * leaves to the reader (which vocabularies start with bos, ...) are settled there. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum vocab_kind { VOCAB_BPE, VOCAB_SPM };

/* The numbers are those of tokenizer.ggml.token_type. */
enum token_type {
    TOKEN_NORMAL = 1,
    TOKEN_UNKNOWN = 2,
    TOKEN_CONTROL = 3,
    TOKEN_USER_DEFINED = 4,
    TOKEN_UNUSED = 5,
    TOKEN_BYTE = 6
};

struct vocab_source {
    enum vocab_kind kind;
    const char *pre; /* name of the pre-tokenizer, for BPE; NULL or "": "default" */
    int n_tokens;
    const struct slice *tokens; /* BPE: in the byte alphabet of GPT-2; SPM: U+2581 for a space */
    const float *scores;        /* SPM: which merge comes first; NULL: all 0 */
    const int32_t *types;       /* NULL: all normal, and <0x00> to <0xFF> are bytes */
    int n_merges;
    const struct slice *merges;               /* BPE: "left right", the most important first */
    int32_t bos, eos, eot, eom, unknown, pad; /* -1: none */
    bool add_bos, add_eos;
    bool add_space_prefix;         /* SPM: text starts as if a space came before it */
    bool remove_extra_whitespaces; /* SPM: runs of spaces count as one, outer ones not at all */
    bool ignore_merges;            /* BPE: a word that is a token is taken whole */
};
