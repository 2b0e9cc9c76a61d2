#include "text/words.h"

#include <stdlib.h>

/* Half a megabyte, which stays in a second-level cache; below some kilobytes clearing it costs more
 * than it saves. */
enum { N_SLOTS = 8192, MIN_TEXT_BYTES = 16384 };

void words_open(struct words *words, const struct hash_key *key, size_t n_text_bytes)
{
    words->key = *key;
    words->slots = n_text_bytes >= MIN_TEXT_BYTES ? calloc(N_SLOTS, sizeof *words->slots) : NULL;
}

void words_close(struct words *words)
{
    free(words->slots);
    words->slots = NULL;
}

struct word *words_slot(const struct words *words, struct slice text)
{
    if (!words->slots || text.n_bytes == 0 || text.n_bytes > WORD_MAX_BYTES) return NULL;
    return &words->slots[hash_bytes(&words->key, text.data, text.n_bytes) % N_SLOTS];
}
