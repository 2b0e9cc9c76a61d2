/* Cuts text into the words that byte-pair encoding works on, with the patterns of a pretype. */
#pragma once

#include "heft.h"
#include "text/pretype.h"

struct pretokenizer;

heft_status pretokenizer_create(const char *name, struct pretokenizer **out, heft_error *error);
void pretokenizer_free(struct pretokenizer *pretokenizer);

/* Whether the text is to be normalised before it is split; see text/normalize.h. */
bool pretokenizer_composes(const struct pretokenizer *pretokenizer);

/* Receives one word after the other, which together are the text; false stops the split. */
typedef bool pretokenizer_word(void *context, size_t start, size_t n_bytes);

/* False if `word` said so or memory ran out. For the patterns a byte that is not UTF-8 is a control
 * character; the words have it as it was. */
bool pretokenizer_split(const struct pretokenizer *pretokenizer, const char *text, size_t n_bytes,
                        pretokenizer_word *word, void *context);
