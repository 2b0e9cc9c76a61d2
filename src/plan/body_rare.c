/* Networks whose layers are like no others': described for their sizes alone. */
#include "plan/body.h"

/* One mixer or one feed-forward part a layer: state spaces, attention, experts in a narrow space.
 */
void body_build_nemotron(struct body *body)
{
    const json_t *mamba = json_object_get(body->shape, "mamba");
    int64_t width = body->d_model, heads = body_number(body, mamba, "heads");
    int64_t inner = heads * body_number(body, mamba, "head_dim");
    int64_t state = body_number(body, mamba, "state");
    int64_t mixed = inner + 2 * body_number(body, mamba, "groups") * state;
    int64_t n_mamba = body_int(body, "mamba_layers"), n_attend = body_int(body, "attn_layers");
    int64_t n_experts = body_int(body, "moe_layers"), d = body_int(body, "head_dim");
    int64_t q_heads = body_int(body, "heads"), kv = body_int(body, "kv_heads");
    body->out->n_layers = (int)(n_mamba + n_attend + n_experts);
    for (int64_t i = 0; i < n_mamba; i++, body->layer++) {
        body_matrix(body, PART_ATTENTION, ROLE_MATRIX, width, inner + mixed + heads);
        body_matrix(body, PART_ATTENTION, ROLE_OUT, inner, width);
        body_kept(body, mixed * body_number(body, mamba, "conv_kernel") + mixed + 3 * heads +
                            inner + width);
    }
    for (int64_t i = 0; i < n_attend; i++, body->layer++) {
        body_attention(body, q_heads, kv, d, d);
        body_kept(body, width);
    }
    for (int64_t i = 0; i < n_experts; i++, body->layer++) {
        body_experts(body);
        body_kept(body, width);
    }
    body->out->cache.token_values = n_attend * kv * 2 * d;
    body->out->cache.fixed_bytes = n_mamba * inner * state * (int64_t)sizeof(float);
    body->out->attention_width = n_attend * q_heads * 2 * d;
}

/* Rows of the cache are compressed, 4 or 128 tokens into one, beside a window of whole ones. */
void body_build_deepseek4(struct body *body)
{
    const json_t *index = json_object_get(body->shape, "indexer");
    const json_t *mixing = json_object_get(body->shape, "hyper_connections");
    int64_t width = body->d_model, n = body->out->n_layers;
    int64_t heads = body_int(body, "heads"), d = body_int(body, "head_dim");
    int64_t q_rank = body_int(body, "q_lora_rank"), o_rank = body_int(body, "o_lora_rank");
    int64_t groups = body_int(body, "o_groups"), ih = body_number(body, index, "heads");
    int64_t id = body_number(body, index, "dim"), streams = body_number(body, mixing, "streams");
    int64_t mix = (2 + streams) * streams, n4 = body_int(body, "layers_ratio4");
    int64_t n128 = body_int(body, "layers_ratio128"), hashed = body_int(body, "hash_layers");
    for (body->layer = 0; body->layer < n; body->layer++) {
        body_matrix(body, PART_ATTENTION, ROLE_MATRIX, width, q_rank + d);
        body_matrix(body, PART_ATTENTION, ROLE_MATRIX, q_rank, heads * d);
        if (groups > 0)
            body_matrix(body, PART_ATTENTION, ROLE_OUT, heads * d / groups, o_rank * groups);
        body_matrix(body, PART_ATTENTION, ROLE_OUT, groups * o_rank, width);
        body_kept(body, q_rank + d + heads + 2 * width + 2 * (streams * width * mix + mix + 3));
        body_experts(body);
    }
    body->layer = 0;
    body_matrix(body, PART_ATTENTION, ROLE_MATRIX, width, n4 * (4 * d + 4 * id) + n128 * 2 * d);
    body_matrix(body, PART_ATTENTION, ROLE_MATRIX, q_rank, n4 * ih * id);
    body_kept(body, n4 * (2 * d * 4 + d + width * ih + 9 * id) + n128 * (d * 128 + d) +
                        streams * width * streams + streams + 1 - hashed * body->out->n_experts);
    body->out->n_kv_heads = 1;
    body->out->cache.token_values = n4 * (d + id) / 4 + n128 * d / 128;
    body->out->cache.window_token_values = n * d;
    body->out->cache.n_window = (int)body_int(body, "sliding_window");
    body->out->attention_width = (n4 / 4 + n128 / 128) * heads * 2 * d;
}

/* Delta attention with a state, latent attention in some layers, experts in a narrow space. */
void body_build_kimi3(struct body *body)
{
    int64_t width = body->d_model, n = body->out->n_layers, heads = body_int(body, "heads");
    int64_t d = body_int(body, "kda_head_dim"), inner = heads * d;
    int64_t full = body_int(body, "full_layers"), delta = body_int(body, "kda_layers");
    int64_t v = body_int(body, "v_head_dim");
    int64_t qk = body_int(body, "qk_nope_head_dim") + body_int(body, "qk_rope_head_dim");
    for (body->layer = 0; body->layer < n; body->layer++) {
        if (body_among(body->layer, full, n)) {
            body_latent(body, heads);
            body_matrix(body, PART_ATTENTION, ROLE_MATRIX, width, heads * v);
        } else {
            body_matrix(body, PART_ATTENTION, ROLE_Q, width, inner);
            body_matrix(body, PART_ATTENTION, ROLE_K, width, inner);
            body_matrix(body, PART_ATTENTION, ROLE_V, width, inner);
            body_matrix(body, PART_ATTENTION, ROLE_MATRIX, width, inner + d + heads);
            body_matrix(body, PART_ATTENTION, ROLE_MATRIX, d, inner);
            body_matrix(body, PART_ATTENTION, ROLE_OUT, inner, width);
            body_kept(body, 3 * body_int(body, "conv_kernel") * inner + heads + inner + d);
        }
        body_kept(body, 4 * width);
        body_feed_forward(body);
    }
    body_kept(body, width);
    body->out->cache.token_values =
        full * (body_int(body, "kv_lora_rank") + body_int(body, "qk_rope_head_dim"));
    body->out->cache.fixed_bytes = delta * heads * d * d * (int64_t)sizeof(float);
    body->out->attention_width = full * heads * (qk + v);
}
