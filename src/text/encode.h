/* The parts of a tokenizer, and how they turn a text into tokens. Private to text/. */
#pragma once

#include "text/bpe.h"
#include "text/pretokenize.h"
#include "text/special.h"
#include "text/spm.h"
#include "text/tokens.h"

struct tokenizer {
    enum vocab_kind kind;
    struct tokens tokens;
    struct special special;
    struct pretokenizer *pretokenizer; /* BPE */
    struct bpe bpe;
    struct spm spm;
    int32_t bos, eos, unknown; /* -1: none */
    bool add_bos, add_eos, add_space_prefix;
};

/* Beside the flags of heft.h: the text has been through shield_raise. */
enum { ENCODE_SHIELDED = 1 << 8 };

/* See tokenizer_encode; the flags are valid. */
int encode(const struct tokenizer *tokenizer, struct slice text, int flags, int32_t *tokens,
           int cap);
