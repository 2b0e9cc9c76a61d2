/* One GGUF file by itself; gguf.c joins the parts of a model. */
#pragma once

#include "base/file.h"
#include "format/gguf.h"
#include "format/names.h"

struct gguf_part {
    char *path;
    struct file_map map;
    uint32_t version;
    size_t alignment;
    struct gguf_value *values;
    int n_values;
    struct name_index keys;
    struct tensor *tensors;
    int n_tensors;
};

/* Most tensors a model may have; the largest real ones, with every expert apart, have 60000. */
enum { GGUF_MAX_TENSORS = 1 << 20 };

heft_status gguf_part_open(struct gguf_part *part, const char *path, heft_error *error);
void gguf_part_close(struct gguf_part *part);

/* The work of gguf_part_open once `path` and `map` are there. After a failure the part is closed or
 * cleared as after success. */
heft_status gguf_part_parse(struct gguf_part *part, heft_error *error);
void gguf_part_clear(struct gguf_part *part); /* forgets what was parsed */

const struct gguf_value *gguf_part_find(const struct gguf_part *part, const char *key);
