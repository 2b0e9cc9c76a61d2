/* Quantizations as file names spell them: "Llama-3-70B.i1-Q4_K_M.gguf" says Q4_K_M. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { QUANT_LABEL_BYTES = 32 };

/* Upper case, with "UD-" before it where the name has that: "UD-Q4_K_XL". The last one counts,
 * those of the file's own name before those of its folders. False, and "", if there is none. */
bool quant_label(const char *path, char out[QUANT_LABEL_BYTES]);

/* How well a file answers to `tag`, whatever the case: 0 it is its label, 1 but for "UD-", 2 the
 * tag stands in its path between separators; -1 not at all. */
int quant_match(const char *path, const char *tag);

/* What most people want, best first; NULL-terminated. */
extern const char *const quant_preferred[];
