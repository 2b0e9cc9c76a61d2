/* The tokens that end a turn. Files name one or two of them; models use more. */
#pragma once

#include "text/tokens.h"

/* Makes control tokens of well-known end marks that a file calls normal, unless the merges of the
 * vocabulary give them from plain text. */
void ends_correct_types(struct tokens *tokens, const struct vocab_source *source);

/* Sets `is_end` of the tokens that the source names and of the well-known ones. */
void ends_mark(struct tokens *tokens, const struct vocab_source *source);
