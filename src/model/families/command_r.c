/* Command R and R+: one norm a layer, attention and feed-forward beside each other, and, in R+, a
 * norm of each query and key head. */
#include "model/family.h"

void command_r_describe(struct metadata *metadata, struct description *out)
{
    family_read_stack(metadata, NORM_LAYER, out);
    family_read_heads(metadata, out);
    out->parallel = true;
    out->attention.qk_norm = NORM_LAYER;
    out->attention.rope.style = ROPE_PAIRS;
    out->ffn.n_dense_layers = out->n_layers;
    out->ffn.d_ff = metadata_int(metadata, "feed_forward_length", 1, MAX_WIDTH);
}
