/* What a model is made of, as far as bytes and time go: its tensors, one by one, and what a token
 * leaves in the cache. Three sources fill it in: a catalogue entry, a GGUF header, and the headers
 * of a safetensors folder. What is added up from it does not depend on which one it was. */
#pragma once

#include <stdbool.h>
#include "tensor/dtype.h"

/* Where the bytes of a model are, in the order they are printed and drawn. */
enum part {
    PART_EMBEDDING,
    PART_ATTENTION,
    PART_FEED_FORWARD, /* dense layers */
    PART_EXPERTS,
    PART_SHARED_EXPERTS,
    PART_HEAD,
    PART_OTHER, /* norms, routers, what nobody has named */
    PARTS
};

/* What a quantizer looks at when it picks the type of a tensor. */
enum role {
    ROLE_KEPT, /* norms and routers: never quantized in GGUF files */
    ROLE_EMBEDDING,
    ROLE_HEAD,
    ROLE_Q,
    ROLE_K,
    ROLE_V,
    ROLE_OUT,
    ROLE_GATE,
    ROLE_UP,
    ROLE_DOWN,
    ROLE_MATRIX /* any other */
};

struct piece {
    enum part part;
    enum role role;
    int layer;
    int64_t n_values;
    int64_t n_cols;   /* values of a row: what a block must divide */
    double share;     /* of it that one token reads: 1, or used / all experts, or one row */
    uint64_t n_bytes; /* as a file has it; 0: a mix decides */
    bool stays;       /* mixes do not change it: n_bytes is what it takes in any file */
};

/* What a session keeps. Layers that look at all positions grow with the context, those with a
 * window stop growing at its width, and recurrent ones keep a state of one size. */
struct cache_shape {
    int64_t token_values;        /* of all growing layers */
    int64_t window_token_values; /* of all layers with a window */
    int n_window;                /* tokens in a window; 0: none */
    int64_t fixed_bytes;
    bool blocks; /* its rows are multiples of 32 values, so that it can be q8_0 */
};

struct geometry {
    char name[96];
    char architecture[48];
    char native[64]; /* types of the original weights, in words; "" if not known */
    int n_layers, d_model, n_vocab, n_ctx_train;
    int n_heads, n_kv_heads;
    int n_experts, n_used;    /* 0: dense */
    int64_t attention_width;  /* of all layers that attend: heads times (key + value width) */
    int64_t widest;           /* activations of one token that are held at once, in values */
    int64_t extra_parameters; /* layers for multi-token prediction, in the original but not run */
    bool experts_mxfp4;       /* so in the original, and kept so by quantizers */
    struct cache_shape cache;
    struct piece *pieces;
    int n_pieces, n_room;
    bool is_file;        /* its pieces know their bytes */
    uint64_t file_bytes; /* of all parts, headers included */
    char types[32];      /* of a file: the type of most bytes, "Q4_K" */
};

/* Appends a copy; false if there is no memory. */
bool geometry_add(struct geometry *geometry, struct piece piece);
void geometry_free(struct geometry *geometry);

/* Bytes of so many values of a cache; `dtype` is F16, Q8_0 or F32. */
uint64_t cache_bytes(int64_t n_values, enum dtype dtype);

/* The trained context as a file has it; 4096 if that makes no sense. */
int geometry_context(int64_t n_ctx_train);

/* The number that a name goes on with, as in "blk.7.": 0 if there is none or it is negative, and
 * one of too many digits is the largest. */
int geometry_layer(const char *text);

/* Copies what fits, with '?' for what a terminal would obey; n_room counts the NUL. */
void geometry_text(char *to, size_t n_room, const char *text, size_t n_bytes);

/* "attention", "experts" */
const char *part_name(enum part part);
