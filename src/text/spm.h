/* SentencePiece-style encoding: merges by score, bytes for what no token covers. */
#pragma once

#include "base/buffer.h"
#include "text/merge.h"
#include "text/tokens.h"

struct spm {
    uint32_t *ranks;       /* [n_tokens] from the scores; MERGE_NONE: not to be made from text */
    int32_t byte_ids[256]; /* <0x00> to <0xFF>, -1 where there is none */
    size_t max_token_bytes;
    bool words_apart; /* no token goes on past a space: words can be encoded one by one */
    bool remove_extra_whitespaces;
};

heft_status spm_create(struct spm *spm, const struct vocab_source *source,
                       const struct tokens *tokens, heft_error *error);
void spm_free(struct spm *spm);

/* Appends `text` as the vocabulary writes it: U+2581 for spaces. */
void spm_escape(const struct spm *spm, struct slice text, bool add_space, struct buffer *out);

/* The length of the first part of escaped text that can be encoded by itself. */
size_t spm_word_length(const struct spm *spm, struct slice escaped);

/* Leaves the tokens of a word in `merger`, symbols that are no token with id -1; false without
 * memory. */
bool spm_encode(const struct spm *spm, const struct tokens *tokens, struct slice word,
                struct merger *merger);

size_t spm_memory(const struct spm *spm, const struct tokens *tokens);
