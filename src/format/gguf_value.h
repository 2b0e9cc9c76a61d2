/* Reading the values of the metadata, for gguf_part.c. */
#pragma once

#include "format/gguf.h"
#include "format/gguf_reader.h"

/* The least a key with its value takes in a file. */
enum { GGUF_VALUE_BYTES = 8 + 1 + 4 + 1 };

/* Reads key, type and value. What is allocated belongs to `value` even after a failure. */
bool gguf_value_read(struct gguf_reader *reader, struct gguf_value *value);
void gguf_value_clear(struct gguf_value *value);
