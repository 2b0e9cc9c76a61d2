/* A description with its weights: every tensor of the file has found its role. */
#pragma once

#include "base/arena.h"
#include "format/gguf.h"
#include "model/description.h"

struct tally {
    uint64_t parameters, bytes;
};

struct layer {
    struct attention attention;
    struct feed_forward ffn;
};

struct model {
    char architecture[64];
    struct description description;
    struct weight embedding; /* [n_vocab, d_model] */
    struct weight head;      /* [n_vocab, d_model]; the embedding where they are tied */
    struct norm output_norm;
    struct layer *layers;   /* [n_layers] */
    struct arena arena;     /* what is not in the file: tables, unpacked vectors */
    struct tally all;       /* tensors of the file */
    struct tally of_layers; /* used for one token: of experts only the chosen */
    struct tally of_head;
    uint64_t dtypes; /* of the tensors, a bit each */
    char summary[128]; /* "deepseek2, 61 layers, 671.0B parameters, Q4_K" */
};

/* The file stays open as long as the model. Fails if a role is missing, if a shape or a type is not
 * what the description says, or if a tensor is left over; the sentence names it. */
heft_status model_open(const struct gguf *file, struct model **out, heft_error *error);
void model_close(struct model *model);

/* What a backend must prepare for. */
struct limits model_limits(const struct model *model, int n_rows, int n_logits);

/* Bytes of key-value cache one token takes in all layers; 0 if rows of `dtype` do not fit the
 * heads. */
size_t model_kv_token_bytes(const struct model *model, enum dtype dtype);
