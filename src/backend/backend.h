/* What the engine may ask of a device: memory, single steps as a paper lists them, and whole stages
 * that a device may fuse. Steps and stages are enqueued in reading order; they neither wait,
 * allocate nor fail. Everything that can fail happens in `open`, `prepare` and `take`.
 *
 * Pointers to activations and caches are addresses on the device; only `read` moves data
 * across. Weights are addresses in the mapped file, which a device may adopt in its own way.
 * Shapes stand beside the names, slowest first: x [n_rows, d_model]. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heft.h"
#include "tensor/dtype.h"

/* ---- what a network is made of: filled once at load ---- */

/* [n_slices, n_rows, n_cols], each row contiguous; out = W in, n_cols values in, n_rows out. */
struct weight {
    const void *data; /* NULL: this network has none */
    enum dtype dtype;
    int n_slices, n_rows, n_cols;
    size_t row_bytes, slice_bytes;
    const void *const *parts; /* [n_slices] where slices lie anywhere in the file; NULL: in a row */
};

static inline const void *weight_slice(const struct weight *w, int slice)
{
    return w->parts ? w->parts[slice] : (const char *)w->data + (size_t)slice * w->slice_bytes;
}

/* Values out of all slices, one above the other. */
static inline int weight_outputs(const struct weight *w)
{
    return w->n_slices * w->n_rows;
}

enum norm_kind { NORM_NONE, NORM_RMS, NORM_LAYER };

struct norm {
    enum norm_kind kind;
    float eps;
    int n;                      /* values normalised together */
    const float *weight, *bias; /* [n] or, for norms of heads, [n_heads, n]; NULL: ones, zeros */
    bool per_head;              /* weight has a row for each head */
};

enum rope_style { ROPE_NONE, ROPE_PAIRS, ROPE_HALVES };

/* Rotation of the values [offset, offset + n_rot) of each head. */
struct rope {
    enum rope_style style;
    int n_rot, offset;
    const double *frequencies; /* [n_rot / 2] radians a position, scaling included */
    float magnitude;           /* multiplies cosine and sine; 1 but for some yarn models */
};

/* Queries of position p are multiplied by 1 + scale ln(1 + floor(p / length)), which keeps attention
 * as peaked over a long context as over that of the training. */
struct temperature {
    float scale;
    int length; /* 0: off */
};

enum attention_kind { ATTENTION_GROUPED, ATTENTION_LATENT };

/* GROUPED: multi-head attention whose query heads share key-value heads in groups (arXiv
 * 2305.13245). LATENT: multi-head latent attention, MLA (arXiv 2405.04434): the cache holds one row
 * of kv_rank latent values and d_rope rotated ones for all heads. */
struct attention {
    enum attention_kind kind;
    int layer;               /* which layer of the cache */
    int n_heads, n_kv_heads; /* LATENT: n_kv_heads is 1 */
    int d_k, d_v;     /* head widths; LATENT: d_nope + d_rope, and the width of an output head */
    float scale;      /* of the scores */
    float clip;       /* limits q, k and v to +-clip before the rotation; 0: off */
    struct norm norm; /* of the input; NORM_NONE: it shares the one before */
    struct norm q_norm, k_norm;
    struct rope rope;
    struct temperature temperature;
    struct weight q, k, v, out;                       /* GROUPED; `out` for both */
    const float *q_bias, *k_bias, *v_bias, *out_bias; /* NULL: none */

    int q_rank, kv_rank, d_nope, d_rope; /* LATENT; q_rank 0: q comes from the input directly */
    struct weight q_a, q_b; /* [q_rank, d_model], [n_heads * d_k, q_rank]; or q alone */
    struct weight kv_a;     /* [kv_rank + d_rope, d_model] */
    struct weight k_b;      /* n_heads slices: [kv_rank, d_nope], or transposed if so said */
    struct weight v_b;      /* n_heads slices: [d_v, kv_rank] */
    bool k_b_rows_are_keys; /* k_b slices are [d_nope, kv_rank] */
    struct norm q_a_norm, kv_a_norm;
};

/* down(silu(gate x) * up x), each with its bias */
struct gated {
    int d_ff;
    struct weight gate, up, down;
    const float *gate_bias, *up_bias, *down_bias; /* NULL: none; experts have none */
};

enum router_score { ROUTER_SOFTMAX, ROUTER_SIGMOID };

/* Which experts a row visits and how much each counts. */
struct router {
    enum router_score score;
    int n_experts, n_used;
    int n_groups, n_groups_used; /* 1, 1: all experts compete */
    bool group_by_best; /* a group counts by its best expert, else by the sum of its two best */
    bool renormalize;   /* the weights of the chosen sum to one before `scale` */
    float scale;
    struct weight weight;        /* [n_experts, d_model] */
    const float *selection_bias; /* [n_experts]: added for the choice only; NULL: none */
};

struct feed_forward {
    struct norm norm;
    struct gated dense;   /* d_ff 0: none. In a layer of experts: the shared expert */
    struct gated experts; /* slices are experts; d_ff 0: none */
    struct router router;
};

/* ---- what a step works on ---- */

/* One layer of one session's cache. Rows are [n_kv_heads, n_ctx] of d_k and d_v values. LATENT: one
 * row a position, kv_rank + d_rope values, in `k`; `v` is NULL. */
struct kv_layer {
    void *k, *v;
};

struct kv_cache {
    enum dtype dtype; /* F16, Q8_0 or F32 */
    int n_ctx;
    const struct kv_layer *layers;
};

/* Consecutive rows of a step that continue one session. */
struct span {
    const struct kv_cache *kv;
    int first_row, n_rows;
    int first_position; /* of first_row: so many rows are in the cache before it */
};

struct batch {
    int n_rows, n_spans;
    const struct span *spans; /* [n_spans], in the order of their rows */
    const int32_t *tokens;    /* [n_rows] */
    const int32_t *positions; /* [n_rows] */
};

/* Buffers of a step, all on the device, as wide as the widest layer needs. They may share memory: q
 * to o and y are lost when gated or expert_gated is written or rows are routed, and the other way
 * round, and q when y is written. */
struct activations {
    float *x; /* [n_rows, d_model] the residual stream */
    float *h; /* [n_rows, d_model] normed input of a block */
    float *y; /* [n_rows, d_model] output of a block, where it is not added at once */
    float *q; /* [n_rows, n_heads, d_k] */
    float *k,
        *v; /* [n_rows, n_kv_heads, d_k], [.., d_v]; LATENT: k is [n_rows, kv_rank + d_rope] */
    float *q_low;          /* [n_rows, q_rank] */
    float *o;              /* [n_rows, n_heads, d_v] */
    float *router_logits;  /* [n_rows, n_experts] */
    int32_t *expert_ids;   /* [n_rows, n_used] */
    float *expert_weights; /* [n_rows, n_used] */
    float *gated;          /* [n_rows, d_ff] of the dense or shared network */
    float *expert_gated;   /* [n_rows * n_used, d_ff] of the experts */
    float *logits;         /* [n_logits, n_vocab] */
};

/* The largest sizes any step will have: what `prepare` allocates for. */
struct limits {
    int n_rows, n_logits;
    int d_model, n_vocab;
    int q_width, k_width, v_width, o_width, q_rank; /* values a row */
    int n_experts, n_used, d_ff, d_ff_expert;
    int n_heads, d_k_max, d_v_max; /* of the scores: LATENT counts the latent widths */
    int kv_rank, d_nope;           /* LATENT, else 0 */
    uint64_t dtypes;               /* of the weights, bit 1 << dtype; 0: any */
};

/* ---- the contract ---- */

struct backend;

struct backend_ops {
    /* Lifetime and memory. scratch_bytes says beforehand what prepare will allocate. */
    size_t (*scratch_bytes)(const struct backend *, const struct limits *limits);
    heft_status (*prepare)(struct backend *, const struct limits *limits, heft_error *error);
    void (*close)(struct backend *);
    void *(*take)(struct backend *, size_t n_bytes); /* zeroed; NULL: no memory */
    void (*give)(struct backend *, void *memory, size_t n_bytes);
    void (*read)(struct backend *, void *to, const void *from,
                 size_t n_bytes); /* device to host; waits */
    const struct activations *(*activations)(const struct backend *);

    /* Steps: they read and write the activations named in the comments. */
    void (*embed)(struct backend *, const struct weight *table,
                  const struct batch *); /* tokens -> x */
    void (*norm)(struct backend *, const struct norm *, const float *in, float *out, int n_rows);
    void (*matmul)(struct backend *, const struct weight *, const float *bias, const float *in,
                   float *out, int n_rows);
    void (*add)(struct backend *, float *x, const float *y, int64_t n); /* x += y */
    /* clip, norms, rotation and temperature of q and k, then k and v into the cache */
    void (*rope_append)(struct backend *, const struct attention *, const struct batch *);
    void (*attend)(struct backend *, const struct attention *,
                   const struct batch *); /* q, cache -> o */
    void (*route)(struct backend *, const struct router *,
                  int n_rows); /* router_logits -> experts */
    void (*gate)(struct backend *, const struct feed_forward *, int n_rows); /* h -> gated */
    void (*gate_experts)(struct backend *, const struct feed_forward *,
                         int n_rows);                                       /* h -> expert_gated */
    void (*mix)(struct backend *, const struct feed_forward *, int n_rows); /* x += down gated */
    void (*mix_experts)(struct backend *, const struct feed_forward *,
                        int n_rows); /* x += sum of experts */
    /* x of the rows listed -> logits [n, n_vocab]; overwrites h */
    void (*head)(struct backend *, const struct norm *norm, const struct weight *w, float scale,
                 const int32_t *rows, int n);

    /* Stages, see stage.h; NULL: composed from steps. */
    void (*stage_qkv)(struct backend *, const struct attention *, const struct batch *);
    void (*stage_project)(struct backend *, const struct attention *, const struct feed_forward *,
                          int n_rows);
    void (*stage_up)(struct backend *, const struct feed_forward *, int n_rows);
    void (*stage_down)(struct backend *, const struct feed_forward *, int n_rows);
};

/* Every backend begins with this. */
struct backend {
    const struct backend_ops *ops;
    const char *name; /* "cpu, avx512vnni, 2 threads" */
    int n_threads;
};

struct backend_options {
    int n_threads;        /* 0: one for each core */
    const char *cpu_tier; /* NULL: the best this machine has */
};

heft_status backend_open_cpu(const struct backend_options *options, struct backend **out,
                             heft_error *error);
