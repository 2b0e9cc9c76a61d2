/* The tokenizer of a GGUF file. */
#pragma once

#include "format/gguf.h"
#include "text/tokenizer.h"

/* Reads the keys tokenizer.ggml.*; errors name the key. HEFT_BAD_FILE if there is no vocabulary. */
heft_status vocabulary_open(const struct gguf *file, struct tokenizer **out, heft_error *error);
