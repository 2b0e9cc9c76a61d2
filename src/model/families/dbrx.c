/* DBRX: queries, keys and values in one matrix and clipped, fine-grained experts. */
#include "model/family.h"

void dbrx_describe(struct metadata *metadata, struct description *out)
{
    family_read_stack(metadata, NORM_LAYER, out);
    family_read_heads(metadata, out);
    out->attention.rope.style = ROPE_HALVES;
    out->attention.clip = (float)metadata_float_or(metadata, "attention.clamp_kqv", 0, 0, 1e6);

    struct feed_forward_description *ffn = &out->ffn;
    family_read_router(metadata, ffn);
    if (ffn->n_experts == 0) metadata_fail(metadata, "expert_count", "missing");
    ffn->router.renormalize = true;
    /* Some files give the width of one expert, others of all that a token uses. */
    int d_ff = metadata_int(metadata, "feed_forward_length", 1, MAX_WIDTH);
    int n_used = ffn->router.n_used > 0 ? ffn->router.n_used : 1;
    bool of_all = family_tensor_rows(metadata, "blk.0.ffn_gate_exps.weight") == d_ff / n_used;
    ffn->d_ff_expert = of_all ? d_ff / n_used : d_ff;
}
