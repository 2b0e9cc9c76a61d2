/* Llama 2 and 3, their relatives, and Mixtral, which published files call llama with experts. */
#include "model/family.h"

void llama_describe(struct metadata *metadata, struct description *out)
{
    family_read_stack(metadata, NORM_RMS, out);
    family_read_heads(metadata, out);
    out->attention.rope.style = ROPE_PAIRS;

    struct feed_forward_description *ffn = &out->ffn;
    family_read_router(metadata, ffn);
    int d_ff = metadata_int(metadata, "feed_forward_length", 1, MAX_WIDTH);
    ffn->n_dense_layers = ffn->n_experts ? 0 : out->n_layers;
    ffn->d_ff = ffn->n_experts ? 0 : d_ff;
    ffn->d_ff_expert = metadata_int_or(metadata, "expert_feed_forward_length", d_ff, 1, MAX_WIDTH);
    /* Softmax over the chosen is softmax over all, renormalised. */
    ffn->router.renormalize = true;
}
