#include "plan/body.h"

#include <stdio.h>
#include <string.h>

static const int layers_most = 4096;

/* Three such numbers can be multiplied. */
static const int64_t number_most = 1 << 20, product_most = (int64_t)1 << 40;

static void add(struct body *body, struct piece piece);
static void complain(struct body *body, const char *field);
static bool is_gated(const struct body *body);
static void expert_matrix(struct body *body, enum role role, int64_t n_cols, int64_t n_rows);

struct body body_of(const json_t *shape, struct geometry *out)
{
    struct body body = {.shape = shape, .moe = json_object_get(shape, "moe"), .out = out};
    body.d_model = body_int(&body, "hidden");
    out->d_model = (int)body.d_model;
    out->n_layers = (int)body_int(&body, "layers");
    out->n_vocab = (int)body_int(&body, "vocab");
    out->n_heads = (int)body_int(&body, "heads");
    out->n_kv_heads = (int)body_int(&body, "kv_heads");
    out->cache.blocks = true;
    if (out->n_layers > layers_most) complain(&body, "layers");
    if (body.moe) {
        out->n_experts = (int)body_number(&body, body.moe, "experts");
        out->n_used = (int)body_number(&body, body.moe, "top_k");
        if (out->n_used > out->n_experts) complain(&body, "top_k");
    }
    return body;
}

int64_t body_int(struct body *body, const char *key)
{
    return body_number(body, body->shape, key);
}

int64_t body_number(struct body *body, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value)) return 0;
    double number = json_number_value(value);
    if (number >= 0 && number <= (double)number_most) return (int64_t)number;
    complain(body, key);
    return 0;
}

bool body_has(const struct body *body, const char *key)
{
    return json_object_get(body->shape, key) != NULL;
}

bool body_is(const struct body *body, const char *key)
{
    const json_t *value = json_object_get(body->shape, key);
    return json_is_true(value) || json_is_string(value);
}

bool body_among(int64_t index, int64_t n_chosen, int64_t n)
{
    return n > 0 && (index + 1) * n_chosen / n > index * n_chosen / n;
}

void body_matrix(struct body *body, enum part part, enum role role, int64_t n_cols, int64_t n_rows)
{
    if (n_cols > product_most || n_rows > product_most / (n_cols ? n_cols : 1)) {
        complain(body, "the product of two sizes");
        return;
    }
    add(body,
        (struct piece){
            .part = part, .role = role, .n_values = n_cols * n_rows, .n_cols = n_cols, .share = 1});
}

void body_kept(struct body *body, int64_t n_values)
{
    add(body, (struct piece){.part = PART_OTHER,
                             .role = ROLE_KEPT,
                             .n_values = n_values,
                             .n_cols = n_values,
                             .share = 1});
}

void body_ends(struct body *body)
{
    struct geometry *out = body->out;
    int64_t n_vocab = out->n_vocab, width = body->d_model;
    bool tied = body_is(body, "tied");
    body_matrix(body, PART_EMBEDDING, ROLE_EMBEDDING, width, n_vocab);
    /* A table that is also the head is read whole; otherwise one row of it. */
    if (!tied && out->n_pieces > 0)
        out->pieces[out->n_pieces - 1].share = n_vocab > 0 ? 1.0 / (double)n_vocab : 0;
    body_kept(body, width);
    if (!tied) body_matrix(body, PART_HEAD, ROLE_HEAD, width, n_vocab);
    out->widest = 4 * width;
}

void body_attention(struct body *body, int64_t heads, int64_t kv_heads, int64_t d_k, int64_t d_v)
{
    int64_t width = body->d_model, q = heads * d_k, k = kv_heads * d_k, v = kv_heads * d_v;
    if (body_has(body, "clip_qkv")) { /* DBRX keeps the three in one */
        body_matrix(body, PART_ATTENTION, ROLE_V, width, q + k + v);
    } else {
        body_matrix(body, PART_ATTENTION, ROLE_Q, width, q);
        body_matrix(body, PART_ATTENTION, ROLE_K, width, k);
        body_matrix(body, PART_ATTENTION, ROLE_V, width, v);
    }
    body_matrix(body, PART_ATTENTION, ROLE_OUT, heads * d_v, width);
    if (body->layer == 0) body->out->widest += q + k + v + heads * d_v;
}

void body_latent(struct body *body, int64_t heads)
{
    int64_t width = body->d_model, q_rank = body_int(body, "q_lora_rank");
    int64_t kv_rank = body_int(body, "kv_lora_rank"), v = body_int(body, "v_head_dim");
    int64_t nope = body_int(body, "qk_nope_head_dim"), rope = body_int(body, "qk_rope_head_dim");
    if (q_rank > 0) {
        body_matrix(body, PART_ATTENTION, ROLE_MATRIX, width, q_rank);
        body_matrix(body, PART_ATTENTION, ROLE_MATRIX, q_rank, heads * (nope + rope));
    } else {
        body_matrix(body, PART_ATTENTION, ROLE_Q, width, heads * (nope + rope));
    }
    body_matrix(body, PART_ATTENTION, ROLE_MATRIX, width, kv_rank + rope);
    body_matrix(body, PART_ATTENTION, ROLE_V, kv_rank, heads * (nope + v));
    body_matrix(body, PART_ATTENTION, ROLE_OUT, heads * v, width);
    body_kept(body, q_rank + kv_rank);
    if (body->layer == 0)
        body->out->widest += q_rank + heads * (nope + rope + v) + 2 * (kv_rank + rope);
}

void body_dense(struct body *body, enum part part, int64_t d_ff)
{
    if (d_ff == 0) return;
    if (is_gated(body)) body_matrix(body, part, ROLE_GATE, body->d_model, d_ff);
    body_matrix(body, part, ROLE_UP, body->d_model, d_ff);
    body_matrix(body, part, ROLE_DOWN, d_ff, body->d_model);
    if (body->layer == 0) body->out->widest += d_ff;
}

void body_experts(struct body *body)
{
    const json_t *moe = body->moe;
    int64_t n = body->out->n_experts, used = body->out->n_used;
    int64_t latent = body_number(body, moe, "latent"), d_ff = body_number(body, moe, "expert_ffn");
    int64_t width = latent > 0 ? latent : body->d_model;
    int64_t router = n * body->d_model;
    if (json_is_true(json_object_get(moe, "router_bias"))) router += n;
    if (json_is_true(json_object_get(moe, "router_linear_bias"))) router += n;
    if (json_is_true(json_object_get(moe, "shared_gate"))) router += body->d_model;
    body_kept(body, router);
    if (json_is_true(json_object_get(moe, "expert_bias")))
        add(body, (struct piece){.part = PART_EXPERTS,
                                 .role = ROLE_KEPT,
                                 .n_values = n * (2 * d_ff + width),
                                 .n_cols = width,
                                 .share = n > 0 ? (double)used / (double)n : 0});
    if (latent > 0) {
        body_matrix(body, PART_ATTENTION, ROLE_MATRIX, body->d_model, latent);
        body_matrix(body, PART_ATTENTION, ROLE_MATRIX, latent, body->d_model);
    }
    if (is_gated(body)) expert_matrix(body, ROLE_GATE, width, d_ff);
    expert_matrix(body, ROLE_UP, width, d_ff);
    expert_matrix(body, ROLE_DOWN, d_ff, width);
    body_dense(body, PART_SHARED_EXPERTS, body_number(body, moe, "shared_ffn"));
    if (body->layer == body->out->n_layers - 1) body->out->widest += used * d_ff;
}

void body_feed_forward(struct body *body)
{
    if (body->moe && body->layer >= body_number(body, body->moe, "first_k_dense"))
        body_experts(body);
    else
        body_dense(body, PART_FEED_FORWARD, body_int(body, "ffn"));
}

static void expert_matrix(struct body *body, enum role role, int64_t n_cols, int64_t n_rows)
{
    int64_t n = body->out->n_experts;
    int before = body->out->n_pieces;
    body_matrix(body, PART_EXPERTS, role, n_cols, n_rows * n);
    if (body->out->n_pieces == before || n == 0) return;
    struct piece *piece = &body->out->pieces[before];
    piece->share = (double)body->out->n_used / (double)n;
    if (!body->out->experts_mxfp4) return;
    piece->stays = true;
    piece->n_bytes = cache_bytes(piece->n_values, DTYPE_MXFP4);
}

static bool is_gated(const struct body *body)
{
    const char *act = json_string_value(json_object_get(body->shape, "act"));
    bool squared = act && strncmp(act, "relu2", 5) == 0;
    return !squared && !json_is_false(json_object_get(body->shape, "gated"));
}

static void add(struct body *body, struct piece piece)
{
    piece.layer = body->layer;
    if (piece.n_values > 0 && !geometry_add(body->out, piece)) body->no_memory = true;
}

static void complain(struct body *body, const char *field)
{
    if (!body->wrong[0]) snprintf(body->wrong, sizeof body->wrong, "%s", field);
}
