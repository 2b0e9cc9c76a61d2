/* Remembers the tokens of short words while one text is encoded: most words of a text are repeats.
 */
#pragma once

#include <stdint.h>

#include "base/slice.h"
#include "text/hash.h"

enum { WORD_MAX_BYTES = 22, WORD_MAX_TOKENS = 10 };

struct word {
    uint8_t n_bytes; /* 0: nothing remembered here */
    uint8_t n_tokens;
    char text[WORD_MAX_BYTES];
    int32_t tokens[WORD_MAX_TOKENS];
};

struct words {
    struct hash_key key;
    struct word *slots; /* NULL: nothing is remembered */
};

/* Does without for short texts and without memory. */
void words_open(struct words *words, const struct hash_key *key, size_t n_text_bytes);
void words_close(struct words *words);

/* Where `text` is or would be; NULL if it is too long to be remembered. */
struct word *words_slot(const struct words *words, struct slice text);

static inline bool word_is(const struct word *word, struct slice text)
{
    return slice_equal((struct slice){word->text, word->n_bytes}, text);
}

/* Forgets what is there and starts to remember `text`. */
static inline void word_begin(struct word *word, struct slice text)
{
    word->n_bytes = (uint8_t)text.n_bytes;
    word->n_tokens = 0;
    memcpy(word->text, text.data, text.n_bytes);
}

/* False, and the word is forgotten, if it has too many tokens. */
static inline bool word_add(struct word *word, int32_t token)
{
    if (word->n_tokens == WORD_MAX_TOKENS) {
        word->n_bytes = 0;
        return false;
    }
    word->tokens[word->n_tokens++] = token;
    return true;
}
