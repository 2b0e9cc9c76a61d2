#include "plan/config.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "plan/anatomy.h"

static json_t *shape_of(const json_t *config);
static json_t *experts_of(const json_t *config);
static int64_t number_of(const json_t *config, const char *keys, int64_t otherwise);
static void set(json_t *shape, const char *key, int64_t value);

heft_status config_geometry(const json_t *config, struct geometry *out, heft_error *error)
{
    const json_t *text = json_object_get(config, "text_config"); /* models that see, too */
    if (json_is_object(text)) config = text;
    json_t *shape = shape_of(config);
    if (!shape) return error_set(error, HEFT_INTERNAL, "no memory for config.json");
    heft_status status = anatomy_build(shape, out, error);
    json_decref(shape);
    if (status != HEFT_OK) return error_prefix(error, status, "config.json");
    out->n_ctx_train = geometry_context(
        number_of(config, "max_position_embeddings model_max_length max_seq_len", 0));
    const json_t *kind = json_object_get(config, "model_type");
    if (json_is_string(kind))
        geometry_text(out->architecture, sizeof out->architecture, json_string_value(kind),
                      json_string_length(kind));
    return HEFT_OK;
}

static json_t *shape_of(const json_t *config)
{
    const json_t *attention = json_object_get(config, "attn_config"); /* of DBRX */
    int64_t hidden = number_of(config, "hidden_size d_model n_embd", 0);
    int64_t heads = number_of(config, "num_attention_heads n_heads n_head", 0);
    int64_t d = heads > 0 ? hidden / heads : 0;
    int64_t kv =
        number_of(config, "num_key_value_heads", number_of(attention, "kv_n_heads", heads));
    const char *kind = json_string_value(json_object_get(config, "model_type"));
    bool cohere = kind && strncmp(kind, "cohere", 6) == 0;
    const json_t *tied = json_object_get(config, "tie_word_embeddings");
    bool is_tied = tied ? json_is_true(tied) : cohere;
    bool latent = number_of(config, "kv_lora_rank", 0) > 0;
    json_t *shape = json_pack("{s:s, s:b}", "type", latent ? "mla" : "gqa", "tied", is_tied);
    set(shape, "hidden", hidden);
    set(shape, "layers", number_of(config, "num_hidden_layers n_layers n_layer", 0));
    set(shape, "heads", heads);
    set(shape, "kv_heads", kv);
    set(shape, "head_dim", number_of(config, "head_dim", d));
    set(shape, "ffn", number_of(config, "intermediate_size", 0));
    set(shape, "vocab", number_of(config, "vocab_size", 0));
    set(shape, "norms_per_layer", cohere ? 1 : 2);
    for (const char *const *key =
             (const char *const[]){"q_lora_rank", "kv_lora_rank", "qk_nope_head_dim",
                                   "qk_rope_head_dim", "v_head_dim", "sliding_window", NULL};
         *key; key++)
        if (number_of(config, *key, 0) > 0) set(shape, *key, number_of(config, *key, 0));
    if (json_is_number(json_object_get(attention, "clip_qkv"))) set(shape, "clip_qkv", 1);
    json_t *experts = experts_of(config);
    if (experts) json_object_set_new(shape, "moe", experts);
    return shape;
}

/* NULL for dense ones. */
static json_t *experts_of(const json_t *config)
{
    const json_t *ffn = json_object_get(config, "ffn_config"); /* of DBRX */
    int64_t n = number_of(config, "n_routed_experts num_local_experts num_experts",
                          number_of(ffn, "moe_num_experts", 0));
    if (n < 2) return NULL;
    int64_t width = number_of(config, "moe_intermediate_size intermediate_size",
                              number_of(ffn, "ffn_hidden_size", 0));
    int64_t shared = number_of(config, "shared_expert_intermediate_size",
                               number_of(config, "n_shared_experts", 0) * width);
    json_t *experts = json_object();
    set(experts, "experts", n);
    set(experts, "top_k", number_of(config, "num_experts_per_tok", number_of(ffn, "moe_top_k", 1)));
    set(experts, "expert_ffn", width);
    set(experts, "shared_ffn", shared);
    set(experts, "first_k_dense", number_of(config, "first_k_dense_replace", 0));
    return experts;
}

/* The first of several keys, with blanks between, that is there; what no network has is made small
 * enough to be multiplied, and refused by whoever builds the network. */
static int64_t number_of(const json_t *config, const char *keys, int64_t otherwise)
{
    char key[64];
    int n;
    for (; sscanf(keys, " %63s%n", key, &n) == 1; keys += n) {
        const json_t *value = json_object_get(config, key);
        if (!json_is_integer(value)) continue;
        json_int_t number = json_integer_value(value);
        return number < -1 ? -1 : number > INT32_MAX ? INT32_MAX : number;
    }
    return otherwise;
}

static void set(json_t *shape, const char *key, int64_t value)
{
    json_object_set_new(shape, key, json_integer(value));
}
