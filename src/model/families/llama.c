/* Llama 2 and 3, their relatives, and Mixtral, which published files call llama with experts. */
#include <math.h>

#include "model/family.h"

void llama_describe(struct metadata *metadata, struct description *out)
{
    family_read_stack(metadata, out);
    struct attention_description *attention = &out->attention;
    attention->kind = ATTENTION_GROUPED;
    attention->n_heads = metadata_int(metadata, "attention.head_count", 1, MAX_HEADS);
    attention->n_kv_heads =
        metadata_int_or(metadata, "attention.head_count_kv", attention->n_heads, 1, attention->n_heads);
    if (attention->n_heads % attention->n_kv_heads != 0)
        metadata_fail(metadata, "attention.head_count_kv", "%d does not divide the %d query heads",
                      attention->n_kv_heads, attention->n_heads);
    int d_head = out->d_model / attention->n_heads;
    bool stated = metadata_has(metadata, "attention.key_length");
    if (!stated && (d_head < 1 || d_head > MAX_HEAD_WIDTH))
        metadata_fail(metadata, "attention.head_count", "%d makes heads of %d values, expected 1 to %d",
                      attention->n_heads, d_head, MAX_HEAD_WIDTH);
    attention->d_k = metadata_int_or(metadata, "attention.key_length", d_head, 1, MAX_HEAD_WIDTH);
    attention->d_v = metadata_int_or(metadata, "attention.value_length", attention->d_k, 1, MAX_HEAD_WIDTH);
    attention->scale = 1.0f / sqrtf((float)attention->d_k);

    struct rope_description *rope = &attention->rope;
    rope->style = ROPE_PAIRS;
    rope->n_rot = metadata_int_or(metadata, "rope.dimension_count", attention->d_k, 2, attention->d_k);
    if (rope->n_rot % 2 != 0)
        metadata_fail(metadata, "rope.dimension_count", "%d is odd", rope->n_rot);
    family_read_scaling(metadata, rope);

    struct feed_forward_description *ffn = &out->ffn;
    family_read_router(metadata, ffn);
    int d_ff = metadata_int(metadata, "feed_forward_length", 1, MAX_WIDTH);
    ffn->activation = ACTIVATION_SILU;
    ffn->n_dense_layers = ffn->n_experts ? 0 : out->n_layers;
    ffn->d_ff = ffn->n_experts ? 0 : d_ff;
    ffn->d_ff_expert = metadata_int_or(metadata, "expert_feed_forward_length", d_ff, 1, MAX_WIDTH);
    /* Softmax over the chosen is softmax over all, renormalised. */
    ffn->router.renormalize = true;
}
