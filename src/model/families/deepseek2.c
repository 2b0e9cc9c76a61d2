/* DeepSeek V2, V3 and R1 (arXiv 2405.04434, 2412.19437): latent attention and routed experts. Files
 * of GLM-4.7-Flash and Mistral Large 3 have this architecture, too. */
#include <math.h>

#include "model/family.h"

static void read_latent(struct metadata *metadata, struct attention_description *attention);
static void read_temperature(struct metadata *metadata, struct temperature *out);
static void read_experts(struct metadata *metadata, struct description *out);

void deepseek2_describe(struct metadata *metadata, struct description *out)
{
    family_read_stack(metadata, NORM_RMS, out);
    read_latent(metadata, &out->attention);
    read_experts(metadata, out);
}

/* Files say the widths of a head either directly (kv_b whole) or, since the split, as *_mla, with
 * key_length and value_length naming the latent row. */
static void read_latent(struct metadata *metadata, struct attention_description *attention)
{
    attention->kind = ATTENTION_LATENT;
    attention->n_heads = metadata_int(metadata, "attention.head_count", 1, MAX_HEADS);
    attention->n_kv_heads = 1;
    attention->q_rank = metadata_int_or(metadata, "attention.q_lora_rank", 0, 0, MAX_WIDTH);
    attention->kv_rank = metadata_int(metadata, "attention.kv_lora_rank", 1, MAX_WIDTH / 2);
    attention->d_rope = metadata_int(metadata, "rope.dimension_count", 2, MAX_HEAD_WIDTH / 2);
    bool split = metadata_has(metadata, "attention.key_length_mla");
    attention->d_k =
        metadata_int(metadata, split ? "attention.key_length_mla" : "attention.key_length",
                     attention->d_rope + 1, MAX_HEAD_WIDTH);
    attention->d_v =
        metadata_int(metadata, split ? "attention.value_length_mla" : "attention.value_length", 1,
                     MAX_HEAD_WIDTH);
    attention->d_nope = attention->d_k - attention->d_rope;
    if (attention->d_rope % 2 != 0)
        metadata_fail(metadata, "rope.dimension_count", "%d is odd", attention->d_rope);

    struct rope_description *rope = &attention->rope;
    rope->style = ROPE_PAIRS;
    rope->n_rot = attention->d_rope;
    rope->offset = attention->d_nope;
    family_read_scaling(metadata, rope);
    /* yarn_log_multiplier is 0.1 * mscale_all_dim. */
    double multiplier =
        metadata_float_or(metadata, "rope.scaling.yarn_log_multiplier", 0, -1e3, 1e3);
    double magnitude = rope->scaling == SCALING_YARN ? 1 + multiplier * log(rope->factor) : 1;
    attention->scale = (float)(magnitude * magnitude / sqrt(attention->d_k));
    read_temperature(metadata, &attention->temperature);
}

/* The length is that of the original context where a file does not state it. */
static void read_temperature(struct metadata *metadata, struct temperature *out)
{
    static const char scale[] = "attention.temperature_scale";
    static const char length[] = "attention.temperature_length";
    static const char original[] = "rope.scaling.original_context_length";
    out->scale = (float)metadata_float_or(metadata, scale, 0, 0, 1e3);
    if (out->scale == 0) return;
    bool stated = metadata_has(metadata, length) || !metadata_has(metadata, original);
    out->length = metadata_int(metadata, stated ? length : original, 1, MAX_CONTEXT);
}

static void read_experts(struct metadata *metadata, struct description *out)
{
    enum { V3_EXPERTS = 256, V3_GROUPS = 8, V3_GROUPS_USED = 4 };
    struct feed_forward_description *ffn = &out->ffn;
    struct router *router = &ffn->router;
    family_read_router(metadata, ffn);
    ffn->n_dense_layers =
        metadata_int_or(metadata, "leading_dense_block_count", 0, 0, out->n_layers);
    if (ffn->n_experts == 0) ffn->n_dense_layers = out->n_layers;
    if (ffn->n_dense_layers > 0)
        ffn->d_ff = metadata_int(metadata, "feed_forward_length", 1, MAX_WIDTH);
    if (ffn->n_experts == 0) return;
    ffn->d_ff_expert = metadata_int(metadata, "expert_feed_forward_length", 1, MAX_WIDTH);
    int n_shared =
        metadata_int_or(metadata, "expert_shared_count", 0, 0, MAX_WIDTH / ffn->d_ff_expert);
    ffn->d_ff_shared = n_shared * ffn->d_ff_expert;
    router->renormalize = metadata_bool_or(metadata, "expert_weights_norm", false);
    router->group_by_best = router->score == ROUTER_SOFTMAX;
    /* Files of before October 2025 leave the groups out; the model has them all the same. */
    if (!metadata_has(metadata, "expert_group_count") && router->score == ROUTER_SIGMOID &&
        ffn->n_experts == V3_EXPERTS && router->n_used <= V3_EXPERTS / V3_GROUPS * V3_GROUPS_USED) {
        router->n_groups = V3_GROUPS;
        router->n_groups_used = V3_GROUPS_USED;
    }
}
