"""Command R and DBRX: norms that subtract the mean."""

from recipe import Recipe, common, plain_rope
from transformers import CohereConfig, CohereForCausalLM, DbrxConfig, DbrxForCausalLM


def command_r(rope: dict, **shape) -> CohereForCausalLM:
    ids = dict(pad_token_id=None, eos_token_id=None, bos_token_id=None)
    return CohereForCausalLM(CohereConfig(**common(rope), **ids, **shape))


def dbrx(
    rope: dict, kv_n_heads: int, clip_qkv: float, ffn_config: dict, **shape
) -> DbrxForCausalLM:
    attention = dict(clip_qkv=clip_qkv, kv_n_heads=kv_n_heads, rope_theta=rope["rope_theta"])
    fields = common(rope)
    fields["max_seq_len"] = fields.pop("max_position_embeddings")
    return DbrxForCausalLM(
        DbrxConfig(**fields, attn_config=attention, ffn_config=ffn_config, **shape)
    )


COMMAND_R = {
    # R+ of April 2024: a norm for each head of q and k, which has weights of its own.
    "command-r-a": Recipe(
        seed=20,
        build=command_r,
        geometry=dict(
            hidden_size=42,
            intermediate_size=58,
            num_hidden_layers=3,
            num_attention_heads=6,
            num_key_value_heads=2,
            head_dim=16,
            use_qk_norm=True,
            logit_scale=0.8333333333333334,
            rope=plain_rope(75e6),
        ),
    ),
    # R: no norm of heads, as many key/value heads as heads, small logits.
    "command-r-b": Recipe(
        seed=21,
        build=command_r,
        geometry=dict(
            hidden_size=40,
            intermediate_size=50,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=4,
            use_qk_norm=False,
            logit_scale=0.0625,
            rope=plain_rope(8e6),
        ),
    ),
    # R+ of August 2024, one key/value head.
    "command-r-c": Recipe(
        seed=22,
        build=command_r,
        geometry=dict(
            hidden_size=54,
            intermediate_size=44,
            num_hidden_layers=2,
            num_attention_heads=3,
            num_key_value_heads=1,
            use_qk_norm=True,
            logit_scale=0.8333333333333334,
            rope=plain_rope(8e6),
        ),
    ),
}

DBRX = {
    # 16 experts, 4 taken; the file states the width of one expert.
    "dbrx-a": Recipe(
        seed=23,
        layout="one",
        build=dbrx,
        geometry=dict(
            d_model=42,
            n_heads=3,
            n_layers=2,
            kv_n_heads=1,
            clip_qkv=1.5,
            ffn_config=dict(ffn_hidden_size=10, moe_num_experts=16, moe_top_k=4),
            rope=plain_rope(5e5),
        ),
    ),
    # The file states the width of the experts a token uses, taken together.
    "dbrx-b": Recipe(
        seed=24,
        layout="used",
        build=dbrx,
        geometry=dict(
            d_model=40,
            n_heads=4,
            n_layers=2,
            kv_n_heads=2,
            clip_qkv=2.0,
            ffn_config=dict(ffn_hidden_size=12, moe_num_experts=16, moe_top_k=4),
            rope=plain_rope(5e5),
        ),
    ),
    # As many key/value heads as heads, a wide clip, 2 of 5 experts.
    "dbrx-c": Recipe(
        seed=25,
        layout="one",
        build=dbrx,
        geometry=dict(
            d_model=36,
            n_heads=2,
            n_layers=3,
            kv_n_heads=2,
            clip_qkv=3.0,
            ffn_config=dict(ffn_hidden_size=20, moe_num_experts=5, moe_top_k=2),
            rope=plain_rope(10000.0),
        ),
    ),
}
