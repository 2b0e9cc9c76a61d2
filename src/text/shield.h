/* Keeps the words of a stranger apart from the control tokens of a template. What a person writes
 * may hold "<|eot_id|>"; once it stands in a rendered prompt nobody can tell it from the marker
 * that the template has written. So it is shielded before: U+FDD0, which Unicode sets aside for
 * such use inside of programs, goes between the first and the second character of each control
 * token. The text of the token is not found then, and the shield is taken out where the rest is
 * encoded. */
#pragma once

#include "base/buffer.h"
#include "base/slice.h"
#include "text/special.h"

void shield_raise(const struct special *special, const struct tokens *tokens, struct slice text,
                  struct buffer *out);
void shield_lower(struct slice text, struct buffer *out);
