#include "model/neutral.h"

#include <string.h>

#include "model/family.h"

/* A key means nothing where its value, or every one of an array, is one of the two. Programs that
 * write every key they know give those of other architectures what they have as defaults: 50 and 30
 * of the soft caps. */
struct neutral {
    const char *key;
    double values[2];
};

static const struct neutral NEUTRAL[] = {
    {"activation_sparsity_scale", {0, 0}},   {"attention.causal", {1, 1}},
    {"attention.clamp_kqv", {0, 0}},         {"attention.max_alibi_bias", {0, 0}},
    {"attention.output_scale", {0, 1}},      {"attention.scale", {0, 0}},
    {"attention.shared_kv_layers", {0, 0}},  {"attention.sliding_window", {0, 0}},
    {"attention.temperature_scale", {0, 0}}, {"attention.value_scale", {0, 1}},
    {"attn_logit_softcapping", {0, 50}},     {"embedding_scale", {0, 1}},
    {"expert_group_scale", {0, 1}},          {"final_logit_softcapping", {0, 30}},
    {"full_attention_interval", {0, 1}},     {"interleave_moe_layer_step", {0, 1}},
    {"moe_every_n_layers", {0, 1}},          {"residual_scale", {0, 1}},
    {"rope.dimension_sections", {0, 0}},     {"rope.scaling.alpha", {0, 1}},
    {"rope.scaling.attn_factor", {0, 1}},    {"rope.scaling.yarn_ext_factor", {-1, 1}},
    {"router_logit_softcapping", {0, 30}},   {"swiglu_clamp_exp", {0, 0}},
    {"swiglu_clamp_shexp", {0, 0}},
};

static bool is_neutral(const struct metadata *metadata, const struct neutral *neutral);
static bool window_holds_all(struct metadata *metadata, const char *key);

void neutral_check(struct metadata *metadata)
{
    for (size_t i = 0; i < sizeof NEUTRAL / sizeof *NEUTRAL; i++) {
        const char *key = NEUTRAL[i].key;
        if (metadata_was_read(metadata, key) || is_neutral(metadata, &NEUTRAL[i])) continue;
        if (window_holds_all(metadata, key)) continue;
        if (strstr(key, "scaling.yarn_") && !metadata_is(metadata, "rope.scaling.type", "yarn"))
            continue;
        metadata_fail(metadata, key,
                      "it changes what the network computes, and heft does not support it for this "
                      "architecture");
    }
}

static bool is_neutral(const struct metadata *metadata, const struct neutral *neutral)
{
    double low, high;
    if (!metadata_range(metadata, neutral->key, &low, &high))
        return !metadata_has(metadata, neutral->key);
    const double *values = neutral->values;
    return low == high && (low == values[0] || low == values[1]);
}

/* A window as wide as the trained context leaves nothing out. */
static bool window_holds_all(struct metadata *metadata, const char *key)
{
    double low, high;
    if (strcmp(key, "attention.sliding_window") != 0) return false;
    return metadata_range(metadata, key, &low, &high) &&
           low >= metadata_int(metadata, "context_length", 1, MAX_CONTEXT);
}
