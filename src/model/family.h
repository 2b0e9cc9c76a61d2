/* The one list of families. A family reads a file's metadata into a description; model names stop
 * there. A new architecture is a new file in families/ and a line in family.c. */
#pragma once

#include "model/description.h"
#include "model/metadata.h"

enum {
    MAX_LAYERS = 1024,
    MAX_WIDTH = 1 << 20, /* values of any one vector */
    MAX_HEADS = 1024,
    MAX_HEAD_WIDTH = 1024,
    MAX_EXPERTS = 1024,
    MAX_CONTEXT = 1 << 27,
};

struct family {
    const char *architecture;
    void (*describe)(struct metadata *metadata, struct description *out);
};

/* Rows of a matrix of the file, for what files of one family say in different ways; 0: no such
 * tensor. */
int64_t family_tensor_rows(const struct metadata *metadata, const char *name);

/* Fills everything but n_vocab, which the embedding decides. `architecture` is borrowed. */
heft_status family_describe(struct metadata *metadata, struct description *out);

/* Parts that families share. */
void family_read_stack(struct metadata *metadata, enum norm_kind norm, struct description *out);
void family_read_heads(struct metadata *metadata, struct description *out);
void family_read_scaling(struct metadata *metadata, struct rope_description *rope);
void family_read_router(struct metadata *metadata, struct feed_forward_description *ffn);

void command_r_describe(struct metadata *metadata, struct description *out);
void dbrx_describe(struct metadata *metadata, struct description *out);
void llama_describe(struct metadata *metadata, struct description *out);
void deepseek2_describe(struct metadata *metadata, struct description *out);
