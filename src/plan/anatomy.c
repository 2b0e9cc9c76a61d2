#include "plan/anatomy.h"

#include <string.h>

#include "base/error.h"
#include "plan/body.h"

static heft_status check(const struct body *body, heft_error *error);
static void build_grouped(struct body *body);
static void build_latent(struct body *body);
static void build_falcon(struct body *body);
static void build_llama4(struct body *body);
static void build_grok2(struct body *body);
static void build_delta(struct body *body);
static void build_step(struct body *body);
static void build_mimo(struct body *body);
static void grouped_norms(struct body *body);
static void latent_index(struct body *body);
static void delta_layer(struct body *body);
static void windows(struct body *body, int64_t n_layers, int64_t values_each);

static const struct {
    const char *type;
    void (*build)(struct body *body);
} builders[] = {
    {"gqa", build_grouped},
    {"mla", build_latent},
    {"falcon", build_falcon},
    {"llama4", build_llama4},
    {"grok2", build_grok2},
    {"hybrid_gdn", build_delta},
    {"step35", build_step},
    {"mimo2", build_mimo},
    {"nemotron_h", body_build_nemotron},
    {"dsv4", body_build_deepseek4},
    {"kimi_k3", body_build_kimi3},
};

heft_status anatomy_build(const json_t *shape, struct geometry *out, heft_error *error)
{
    struct body body = body_of(shape, out);
    const char *type = json_string_value(json_object_get(shape, "type"));
    for (size_t i = 0; type && i < sizeof builders / sizeof *builders; i++) {
        if (strcmp(builders[i].type, type) != 0) continue;
        body_ends(&body);
        if (!body.wrong[0]) builders[i].build(&body);
        return check(&body, error);
    }
    return error_set(error, HEFT_BAD_FILE, "networks of type \"%s\" are not known",
                     type ? type : "");
}

static heft_status check(const struct body *body, heft_error *error)
{
    const struct geometry *out = body->out;
    if (body->wrong[0])
        return error_set(error, HEFT_BAD_FILE, "%s: not a number that a network can have",
                         body->wrong);
    if (body->no_memory) return error_set(error, HEFT_INTERNAL, "no memory for the tensors");
    if (out->n_layers < 1 || out->d_model < 1 || out->n_vocab < 1)
        return error_set(error, HEFT_BAD_FILE, "it has no layers, no width or no vocabulary");
    return HEFT_OK;
}

static void build_grouped(struct body *body)
{
    int64_t heads = body_int(body, "heads"), kv = body_int(body, "kv_heads");
    int64_t d = body_int(body, "head_dim"), n = body->out->n_layers;
    int64_t full = body_has(body, "full_layers") ? body_int(body, "full_layers") : n;
    const char *pattern = json_string_value(json_object_get(body->shape, "swa_pattern"));
    if (pattern && !body_has(body, "full_layers")) full = n / 4; /* three of four have a window */
    bool windowed = body_int(body, "sliding_window") > 0;
    for (body->layer = 0; body->layer < n; body->layer++) {
        body_attention(body, heads, kv, d, d);
        grouped_norms(body);
        body_feed_forward(body);
    }
    const json_t *index = json_object_get(body->shape, "indexer");
    if (index) {
        int64_t layers = body_number(body, index, "layers"), dim = body_number(body, index, "dim");
        body_matrix(body, PART_ATTENTION, ROLE_MATRIX, body->d_model,
                    layers * (body_number(body, index, "heads") + 1) * dim);
        body->out->cache.token_values += layers * dim;
    }
    body->out->cache.token_values += (windowed ? full : n) * kv * 2 * d;
    if (windowed) windows(body, n - full, kv * 2 * d);
    body->out->attention_width = (windowed ? full : n) * heads * 2 * d;
}

static void grouped_norms(struct body *body)
{
    int64_t heads = body_int(body, "heads"), kv = body_int(body, "kv_heads");
    int64_t d = body_int(body, "head_dim"), width = body->d_model;
    int64_t norms = body_int(body, "norms_per_layer") * width;
    const char *qk_norm = json_string_value(json_object_get(body->shape, "qk_norm"));
    if (body_has(body, "post_norms")) norms += 2 * width;
    if (body_is(body, "attn_bias")) norms += (heads + 2 * kv) * d;
    if (body_is(body, "sinks")) norms += heads + width; /* and a bias of the output */
    if (qk_norm && strcmp(qk_norm, "rmsnorm_head") == 0) norms += 2 * d;
    if (qk_norm &&
        (strcmp(qk_norm, "layernorm_per_head") == 0 || strcmp(qk_norm, "rmsnorm_full_vector") == 0))
        norms += (heads + kv) * d;
    body_kept(body, norms);
}

static void build_latent(struct body *body)
{
    int64_t heads = body_int(body, "heads"), n = body->out->n_layers;
    int64_t nope = body_int(body, "qk_nope_head_dim"), rope = body_int(body, "qk_rope_head_dim");
    int64_t v = body_int(body, "v_head_dim"), kv_rank = body_int(body, "kv_lora_rank");
    for (body->layer = 0; body->layer < n; body->layer++) {
        body_latent(body, heads);
        latent_index(body);
        body_kept(body, body_int(body, "norms_per_layer") * body->d_model);
        body_feed_forward(body);
    }
    body->out->cache.token_values += n * (kv_rank + rope);
    body->out->attention_width = n * heads * (nope + rope + v);
}

/* Heads that choose which positions attention looks at. */
static void latent_index(struct body *body)
{
    const json_t *index = json_object_get(body->shape, "indexer");
    if (!index) return;
    const char *pattern = json_string_value(json_object_get(index, "pattern"));
    bool in_all = pattern && strcmp(pattern, "all") == 0;
    if (!in_all && body->layer >= 3 && (body->layer - 3) % 4 != 3) return;
    int64_t heads = body_number(body, index, "heads"), dim = body_number(body, index, "dim");
    int64_t q_rank = body_int(body, "q_lora_rank");
    body_matrix(body, PART_ATTENTION, ROLE_MATRIX, q_rank, heads * dim);
    body_matrix(body, PART_ATTENTION, ROLE_MATRIX, body->d_model, dim + heads);
    body_kept(body, 2 * dim);
    body->out->cache.token_values += dim;
}

static void build_falcon(struct body *body)
{
    int64_t heads = body_int(body, "heads"), kv = body_int(body, "kv_heads");
    int64_t d = body_int(body, "head_dim"), n = body->out->n_layers;
    for (body->layer = 0; body->layer < n; body->layer++) {
        body_attention(body, heads, kv, d, d);
        body_kept(body, 4 * body->d_model);
        body_dense(body, PART_FEED_FORWARD, body_int(body, "ffn"));
    }
    body_kept(body, body->d_model);
    body->out->cache.token_values = n * kv * 2 * d;
    body->out->attention_width = n * heads * 2 * d;
}

/* Attention within chunks in three of four layers; experts in every one, or every second. */
static void build_llama4(struct body *body)
{
    int64_t heads = body_int(body, "heads"), kv = body_int(body, "kv_heads");
    int64_t d = body_int(body, "head_dim"), n = body->out->n_layers;
    int64_t every = body_number(body, body->moe, "every");
    int64_t full = n / (body_int(body, "nope_every") > 0 ? body_int(body, "nope_every") : n);
    for (body->layer = 0; body->layer < n; body->layer++) {
        body_attention(body, heads, kv, d, d);
        body_kept(body, 2 * body->d_model);
        if (every > 0 && body->layer % every == every - 1)
            body_experts(body);
        else
            body_dense(body, PART_FEED_FORWARD, body_int(body, "ffn"));
    }
    body->out->cache.token_values = full * kv * 2 * d;
    windows(body, n - full, kv * 2 * d);
    body->out->cache.n_window = (int)body_int(body, "chunked_attention");
    body->out->attention_width = full * heads * 2 * d;
}

/* A dense part beside the experts of every layer. */
static void build_grok2(struct body *body)
{
    int64_t heads = body_int(body, "heads"), kv = body_int(body, "kv_heads");
    int64_t d = body_int(body, "head_dim"), n = body->out->n_layers;
    for (body->layer = 0; body->layer < n; body->layer++) {
        body_attention(body, heads, kv, d, d);
        body_kept(body, body_int(body, "norms_per_layer") * body->d_model);
        body_dense(body, PART_FEED_FORWARD, body_int(body, "ffn"));
        body_experts(body);
    }
    body->out->cache.token_values = n * kv * 2 * d;
    body->out->attention_width = n * heads * 2 * d;
}

/* Gated delta nets, and attention in every few layers. */
static void build_delta(struct body *body)
{
    int64_t heads = body_int(body, "heads"), kv = body_int(body, "kv_heads");
    int64_t d = body_int(body, "head_dim"), n = body->out->n_layers;
    int64_t interval = body_int(body, "full_interval");
    int64_t full = interval > 0 ? n / interval : n;
    for (body->layer = 0; body->layer < n; body->layer++) {
        if (interval == 0 || body->layer % interval == interval - 1) {
            body_attention(body, heads, kv, d, d);
            body_matrix(body, PART_ATTENTION, ROLE_Q, body->d_model, heads * d); /* a gate */
            body_kept(body, 2 * d);
        } else {
            delta_layer(body);
        }
        body_kept(body, 2 * body->d_model);
        body_feed_forward(body);
    }
    body->out->cache.token_values = full * kv * 2 * d;
    body->out->attention_width = full * heads * 2 * d;
}

static void delta_layer(struct body *body)
{
    const json_t *delta = json_object_get(body->shape, "gdn");
    int64_t width = body->d_model;
    int64_t v_heads = body_number(body, delta, "value_heads");
    int64_t v_dim = body_number(body, delta, "value_dim"), v = v_heads * v_dim;
    int64_t k_dim = body_number(body, delta, "key_dim");
    int64_t mixed = 2 * body_number(body, delta, "key_heads") * k_dim + v;
    body_matrix(body, PART_ATTENTION, ROLE_V, width, mixed);
    body_matrix(body, PART_ATTENTION, ROLE_MATRIX, width, v);
    body_matrix(body, PART_ATTENTION, ROLE_OUT, v, width);
    body_kept(body, width * 2 * v_heads + mixed * body_number(body, delta, "conv_kernel") +
                        2 * v_heads + v_dim);
    body->out->cache.fixed_bytes += v_heads * k_dim * v_dim * (int64_t)sizeof(float);
}

/* Layers with a window have more heads than those without, and each head has a gate. */
static void build_step(struct body *body)
{
    int64_t kv = body_int(body, "kv_heads"), d = body_int(body, "head_dim");
    int64_t full = body_int(body, "full_layers"), n = body->out->n_layers;
    int64_t wide = body_int(body, "heads_full"), narrow = body_int(body, "heads_sliding");
    for (body->layer = 0; body->layer < n; body->layer++) {
        int64_t heads = body_among(body->layer, full, n) ? wide : narrow;
        body_attention(body, heads, kv, d, d);
        body_matrix(body, PART_ATTENTION, ROLE_MATRIX, body->d_model, heads);
        body_kept(body, 2 * body->d_model + 2 * d);
        body_feed_forward(body);
    }
    body->out->cache.token_values = full * kv * 2 * d;
    windows(body, n - full, kv * 2 * d);
    body->out->attention_width = full * wide * 2 * d;
}

/* Layers with a window have more key-value heads, and sinks. */
static void build_mimo(struct body *body)
{
    int64_t heads = body_int(body, "heads"), d = body_int(body, "head_dim");
    int64_t v = body_int(body, "v_head_dim"), n = body->out->n_layers;
    int64_t full = body_int(body, "full_layers"), kv_full = body_int(body, "kv_heads_full");
    int64_t kv_window = body_int(body, "kv_heads_sliding");
    for (body->layer = 0; body->layer < n; body->layer++) {
        bool is_full = body_among(body->layer, full, n);
        body_attention(body, heads, is_full ? kv_full : kv_window, d, v);
        body_kept(body, 2 * body->d_model + (is_full ? 0 : heads));
        body_feed_forward(body);
    }
    body->out->n_kv_heads = (int)kv_window;
    body->out->cache.token_values = full * kv_full * (d + v);
    windows(body, n - full, kv_window * (d + v));
    body->out->attention_width = full * heads * (d + v);
}

static void windows(struct body *body, int64_t n_layers, int64_t values_each)
{
    body->out->cache.window_token_values = n_layers * values_each;
    body->out->cache.n_window = (int)body_int(body, "sliding_window");
}
