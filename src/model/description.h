/* What a network is, as data. A family file fills this in from a file's metadata; binding and the
 * decoder are driven by it and know no model by name. */
#pragma once

#include "backend/backend.h"

enum scaling_kind { SCALING_NONE, SCALING_LINEAR, SCALING_YARN };

/* Rotary position embedding (arXiv 2104.09864). Pair i turns by theta^(-2i / n_rot) radians a
 * position, divided by the factors tensor where the file has one, and changed by the scaling. */
struct rope_description {
    enum rope_style style;
    int n_rot, offset;
    double theta;
    enum scaling_kind scaling;
    double factor;                                 /* LINEAR and YARN (arXiv 2309.00071) */
    double original_context, beta_fast, beta_slow; /* YARN */
    double magnitude;                              /* of cosine and sine */
};

struct attention_description {
    enum attention_kind kind;
    int n_heads, n_kv_heads, d_k, d_v;
    float scale, clip;
    enum norm_kind qk_norm;
    int q_rank, kv_rank, d_nope, d_rope; /* LATENT; q_rank 0: none */
    struct rope_description rope;
    struct temperature temperature;
};

struct feed_forward_description {
    int d_ff;                   /* of dense layers */
    int n_dense_layers;         /* leading ones; all, if there are no experts */
    int n_experts, d_ff_expert; /* 0: none */
    int d_ff_shared;            /* 0: none */
    struct router router;       /* its weights are bound later */
};

struct description {
    const char *architecture; /* as the file says it */
    int n_layers, d_model, n_vocab, n_ctx_train;
    int n_extra_layers; /* behind the last: multi-token prediction, kept but not run */
    enum norm_kind norm;
    float norm_eps;
    bool parallel; /* attention and feed-forward share one norm and one input */
    float logit_scale;
    struct attention_description attention;
    struct feed_forward_description ffn;
};
