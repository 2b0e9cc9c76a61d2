#include "model/family.h"

#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "model/neutral.h"

static const struct family FAMILIES[] = {
    {"command-r", command_r_describe},
    {"dbrx", dbrx_describe},
    {"deepseek2", deepseek2_describe},
    {"llama", llama_describe},
};

static bool has_selection_bias(const struct metadata *metadata);
static void check_scaling(struct metadata *metadata);
static heft_status refuse(const struct metadata *metadata);

heft_status family_describe(struct metadata *metadata, struct description *out)
{
    for (size_t i = 0; i < sizeof FAMILIES / sizeof *FAMILIES; i++) {
        if (strcmp(FAMILIES[i].architecture, metadata->architecture) != 0) continue;
        *out = (struct description){.architecture = metadata->architecture};
        FAMILIES[i].describe(metadata, out);
        if (metadata->status == HEFT_OK) neutral_check(metadata);
        return metadata->status;
    }
    return refuse(metadata);
}

int64_t family_tensor_rows(const struct metadata *metadata, const char *name)
{
    const struct tensor *tensor = gguf_find_tensor(metadata->file, name);
    return tensor ? tensor->dims[1] : 0;
}

void family_read_stack(struct metadata *metadata, enum norm_kind norm, struct description *out)
{
    out->n_layers = metadata_int(metadata, "block_count", 1, MAX_LAYERS);
    out->n_extra_layers =
        metadata_int_or(metadata, "nextn_predict_layers", 0, 0, out->n_layers - 1);
    out->n_layers -= out->n_extra_layers;
    out->d_model = metadata_int(metadata, "embedding_length", 1, MAX_WIDTH);
    out->n_ctx_train = metadata_int(metadata, "context_length", 1, MAX_CONTEXT);
    out->norm = norm;
    out->norm_eps = (float)metadata_float(metadata,
                                          norm == NORM_RMS ? "attention.layer_norm_rms_epsilon"
                                                           : "attention.layer_norm_epsilon",
                                          0, 1);
    out->logit_scale = (float)metadata_float_or(metadata, "logit_scale", 1, -1e6, 1e6);
    if (out->logit_scale == 0) out->logit_scale = 1; /* how some files say "none" */
}

/* Grouped heads, and the rotation of all or the first values of each. */
void family_read_heads(struct metadata *metadata, struct description *out)
{
    struct attention_description *attention = &out->attention;
    attention->kind = ATTENTION_GROUPED;
    attention->n_heads = metadata_int(metadata, "attention.head_count", 1, MAX_HEADS);
    attention->n_kv_heads = metadata_int_or(metadata, "attention.head_count_kv", attention->n_heads,
                                            1, attention->n_heads);
    if (attention->n_heads % attention->n_kv_heads != 0)
        metadata_fail(metadata, "attention.head_count_kv", "%d does not divide the %d query heads",
                      attention->n_kv_heads, attention->n_heads);
    int d_head = out->d_model / attention->n_heads;
    bool stated = metadata_has(metadata, "attention.key_length");
    if (!stated && (d_head < 1 || d_head > MAX_HEAD_WIDTH))
        metadata_fail(metadata, "attention.head_count",
                      "%d makes heads of %d values, expected 1 to %d", attention->n_heads, d_head,
                      MAX_HEAD_WIDTH);
    attention->d_k = metadata_int_or(metadata, "attention.key_length", d_head, 1, MAX_HEAD_WIDTH);
    attention->d_v =
        metadata_int_or(metadata, "attention.value_length", attention->d_k, 1, MAX_HEAD_WIDTH);
    attention->scale = 1.0f / sqrtf((float)attention->d_k);
    struct rope_description *rope = &attention->rope;
    rope->n_rot =
        metadata_int_or(metadata, "rope.dimension_count", attention->d_k, 2, attention->d_k);
    if (rope->n_rot % 2 != 0)
        metadata_fail(metadata, "rope.dimension_count", "%d is odd", rope->n_rot);
    family_read_scaling(metadata, rope);
}

/* YaRN's two magnitudes: that of cosine and sine is 1 + 0.1 ln(factor), unless the file says that
 * the scores carry it (yarn_log_multiplier) or gives it outright (yarn_attn_factor). */
void family_read_scaling(struct metadata *metadata, struct rope_description *rope)
{
    check_scaling(metadata);
    rope->theta = metadata_float_or(metadata, "rope.freq_base", 10000, 1, 1e15);
    rope->magnitude = 1;
    rope->factor =
        metadata_float_or(metadata, "rope.scaling.factor",
                          metadata_float_or(metadata, "rope.scale_linear", 1, 1e-6, 1e6), 0, 1e6);
    if (metadata_is(metadata, "rope.scaling.type", "none") || rope->factor == 0) rope->factor = 1;
    if (!metadata_is(metadata, "rope.scaling.type", "yarn")) {
        rope->scaling = rope->factor == 1 ? SCALING_NONE : SCALING_LINEAR;
        return;
    }
    rope->scaling = SCALING_YARN;
    rope->original_context =
        metadata_int(metadata, "rope.scaling.original_context_length", 1, MAX_CONTEXT);
    rope->beta_fast = metadata_float_or(metadata, "rope.scaling.yarn_beta_fast", 32, 1e-6, 1e6);
    rope->beta_slow = metadata_float_or(metadata, "rope.scaling.yarn_beta_slow", 1, 1e-6, 1e6);
    /* 0 is how some files say that there is none. */
    bool in_scores =
        metadata_float_or(metadata, "rope.scaling.yarn_log_multiplier", 0, -1e3, 1e3) != 0;
    double magnitude = in_scores ? 1 : 1 + 0.1 * log(rope->factor);
    rope->magnitude = metadata_float_or(
        metadata, "rope.scaling.yarn_attn_factor",
        metadata_float_or(metadata, "rope.scaling.attn_factor", magnitude, 0, 1e6), 0, 1e6);
}

void family_read_router(struct metadata *metadata, struct feed_forward_description *ffn)
{
    struct router *router = &ffn->router;
    ffn->n_experts = metadata_int_or(metadata, "expert_count", 0, 0, MAX_EXPERTS);
    if (ffn->n_experts == 0) return;
    enum { UNSAID = 0, SOFTMAX = 1, SIGMOID = 2 };
    int function = metadata_int_or(metadata, "expert_gating_func", UNSAID, 0, 8);
    if (function == UNSAID) function = has_selection_bias(metadata) ? SIGMOID : SOFTMAX;
    if (function > SIGMOID)
        metadata_fail(metadata, "expert_gating_func", "%d, expected 1 (softmax) or 2 (sigmoid)",
                      function);
    router->score = function == SIGMOID ? ROUTER_SIGMOID : ROUTER_SOFTMAX;
    router->n_experts = ffn->n_experts;
    router->n_used = metadata_int(metadata, "expert_used_count", 1, ffn->n_experts);
    router->n_groups = metadata_int_or(metadata, "expert_group_count", 1, 0, ffn->n_experts);
    router->n_groups_used =
        metadata_int_or(metadata, "expert_group_used_count", router->n_groups, 0, router->n_groups);
    if (router->n_groups < 1) router->n_groups = 1;
    if (router->n_groups_used < 1) router->n_groups_used = router->n_groups;
    router->scale = (float)metadata_float_or(metadata, "expert_weights_scale", 1, 0, 1e6);
    if (router->scale == 0) router->scale = 1;
    if (ffn->n_experts % router->n_groups != 0)
        metadata_fail(metadata, "expert_group_count", "%d does not divide the %d experts",
                      router->n_groups, ffn->n_experts);
    else if (router->n_used > ffn->n_experts / router->n_groups * router->n_groups_used)
        metadata_fail(metadata, "expert_used_count", "%d, but the groups kept have %d experts",
                      router->n_used, ffn->n_experts / router->n_groups * router->n_groups_used);
}

/* Networks that choose experts by score plus bias (arXiv 2408.15664) have sigmoid scores; their
 * files do not always say so. A bias in any layer tells: leading ones may be dense. */
static bool has_selection_bias(const struct metadata *metadata)
{
    static const char suffix[] = ".exp_probs_b.bias";
    for (int i = 0; i < gguf_n_tensors(metadata->file); i++) {
        const char *name = gguf_tensor(metadata->file, i)->name;
        size_t n = strlen(name);
        if (n >= sizeof suffix && strcmp(name + n - (sizeof suffix - 1), suffix) == 0) return true;
    }
    return false;
}

/* A scaling we do not know would give a model that talks, but worse than it should. */
static void check_scaling(struct metadata *metadata)
{
    static const char *const known[] = {"none", "linear", "yarn"};
    if (!metadata_has(metadata, "rope.scaling.type")) return;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (metadata_is(metadata, "rope.scaling.type", known[i])) return;
    metadata_fail(metadata, "rope.scaling.type",
                  "not a scaling that is supported: none, linear or yarn");
}

static heft_status refuse(const struct metadata *metadata)
{
    struct buffer known = {0};
    for (size_t i = 0; i < sizeof FAMILIES / sizeof *FAMILIES; i++)
        buffer_format(&known, "%s%s", i ? ", " : "", FAMILIES[i].architecture);
    heft_status status =
        error_set(metadata->error, HEFT_BAD_FILE,
                  "%s: general.architecture: \"%s\" is not supported; supported are %s",
                  gguf_part_path(metadata->file, 0), metadata->architecture,
                  known.failed ? "others" : known.data);
    buffer_free(&known);
    return status;
}
