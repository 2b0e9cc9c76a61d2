/* Byte-level byte-pair encoding of one word. */
#pragma once

#include "text/merge.h"
#include "text/tokens.h"

struct bpe_pair {
    int32_t left, right, merged;
    uint32_t rank; /* MERGE_NONE: an empty slot */
};

struct bpe {
    struct bpe_pair *pairs; /* hash of (left, right) */
    uint32_t mask;
    struct hash_key key;
    int32_t byte_ids[256]; /* the token of a single byte, or -1 */
    bool ignore_merges;
};

heft_status bpe_create(struct bpe *bpe, const struct vocab_source *source,
                       const struct tokens *tokens, heft_error *error);
void bpe_free(struct bpe *bpe);

/* Leaves the tokens of a word in `merger`; false without memory. */
bool bpe_encode(const struct bpe *bpe, const struct tokens *tokens, struct slice word,
                struct merger *merger);

size_t bpe_memory(const struct bpe *bpe);
