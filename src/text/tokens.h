/* The tokens of a vocabulary: their texts, found by a hash, and the bytes they stand for. */
#pragma once

#include "heft.h"
#include "text/hash.h"
#include "text/vocab.h"

struct token {
    uint32_t text, n_text;   /* as the vocabulary writes it, in `bytes` */
    uint32_t piece, n_piece; /* as it reads, in `bytes` */
    uint8_t type;
    bool is_end;
    bool is_symbol; /* SPM: user-defined, and as such known to SentencePiece */
};

struct tokens {
    int n;
    struct token *items;
    char *bytes;
    size_t n_bytes;
    int32_t *slots; /* hash of the text -> id; -1: empty */
    struct hash_key key;
    uint32_t mask;
};

heft_status tokens_create(struct tokens *tokens, const struct vocab_source *source,
                          heft_error *error);
void tokens_free(struct tokens *tokens);

/* The first token with this text, or -1. Empty tokens are not found. */
int32_t tokens_find(const struct tokens *tokens, const char *text, size_t n_bytes);

static inline struct slice tokens_text(const struct tokens *tokens, int32_t id)
{
    const struct token *token = &tokens->items[id];
    return (struct slice){tokens->bytes + token->text, token->n_text};
}

static inline struct slice tokens_piece(const struct tokens *tokens, int32_t id)
{
    const struct token *token = &tokens->items[id];
    return (struct slice){tokens->bytes + token->piece, token->n_piece};
}

/* "<0x0A>" -> 10; -1 for any other text. */
int tokens_byte_value(struct slice text);

/* Heap memory held, in bytes. */
size_t tokens_memory(const struct tokens *tokens);
