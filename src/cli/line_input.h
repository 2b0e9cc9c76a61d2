/* Lines from a person at a terminal, with editing and a history, or from a pipe, without. */
#pragma once

#include <stddef.h>

#include "heft.h"

struct line_input;

/* The history is kept in $XDG_STATE_HOME/heft or ~/.local/state/heft. */
heft_status line_input_open(struct line_input **out, heft_error *error);
void line_input_close(struct line_input *input); /* NULL is fine */
bool line_input_is_terminal(const struct line_input *input);

enum line_result { LINE_TEXT, LINE_END, LINE_INTERRUPTED };

/* One message: a line, or several when a line ends in a backslash or the text is between """ and
 * """. *text is valid until the next call. */
enum line_result line_input_read(struct line_input *input, const char **text, size_t *n_bytes);
