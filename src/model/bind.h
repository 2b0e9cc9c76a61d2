/* Finds the tensors of a model by their role. Like metadata, a binder keeps its first problem. */
#pragma once

#include "model/model.h"

struct binder {
    const struct gguf *file;
    struct model *model;
    bool *used; /* [n_tensors] */
    heft_status status;
    heft_error *error;
    int layer; /* what %d in a role stands for */
};

heft_status binder_open(const struct gguf *file, struct model *model, struct binder *out,
                        heft_error *error);
void binder_close(struct binder *binder);

/* Roles are names such as "blk.%d.attn_q.weight". */
bool bind_has(const struct binder *binder, const char *role);
struct weight bind_weight(struct binder *binder, const char *role, int n_slices, int n_rows,
                          int n_cols);
const float *bind_vector(struct binder *binder, const char *role, int n);
const float *bind_head_vectors(struct binder *binder, const char *role, int n_heads,
                               int n); /* [n_heads, n] */
const float *bind_vector_or_null(struct binder *binder, const char *role, int n);

/* Old files have each expert in a tensor of its own: "blk.%d.ffn_up.0.weight" and so on, here all
 * of "blk.%d.ffn_up". They must be of one type. */
struct weight bind_parts(struct binder *binder, const char *role, int n_slices, int n_rows,
                         int n_cols);

/* The rows [first, first + n_rows) of every slice. */
struct weight bind_rows(const struct weight *weight, int first, int n_rows);

/* Tensors of layers behind the last that runs. */
void bind_extra_layers(struct binder *binder, int first_layer, int n_layers);

/* Fails for a tensor that no role has taken. */
heft_status binder_finish(struct binder *binder);
