/* Models in several files, "NAME-00001-of-00003.gguf": any of them stands for all. */
#pragma once

#include "format/gguf_part.h"

/* *parts is [*n_parts], one for a model that is not split. */
heft_status gguf_split_open(const char *path, struct gguf_part **parts, int *n_parts,
                            heft_error *error);
void gguf_split_close(struct gguf_part *parts, int n_parts);
