"""Llama and Mixtral: RMS norms, grouped queries."""

from recipe import LONG, PLAIN_ROPE, Recipe, common, llama3_rope, plain_rope, yarn
from transformers import LlamaConfig, LlamaForCausalLM, MixtralConfig, MixtralForCausalLM


def llama(rope: dict, **shape) -> LlamaForCausalLM:
    return LlamaForCausalLM(LlamaConfig(**common(rope), rms_norm_eps=1e-5, **shape))


def mixtral(rope: dict, **shape) -> MixtralForCausalLM:
    return MixtralForCausalLM(MixtralConfig(**common(rope), **shape))


# Llama 3.1 405B in little, with one pair of each kind: left alone, between, slowed by the factor.
LLAMA_405B = dict(
    hidden_size=32,
    intermediate_size=50,
    num_hidden_layers=2,
    num_attention_heads=32,
    head_dim=6,
    rope=llama3_rope(theta=50.0, original=48),
)

LLAMA = {
    # Grouped queries, plain RoPE, untied.
    "llama-a": Recipe(
        seed=1,
        build=llama,
        geometry=dict(
            hidden_size=42,
            intermediate_size=44,
            num_hidden_layers=3,
            num_attention_heads=6,
            num_key_value_heads=2,
            head_dim=16,
            rope=PLAIN_ROPE,
        ),
    ),
    # llama3 scaling as rope_freqs, tied, heads wider than hidden / heads.
    "llama-b": Recipe(
        seed=2,
        build=llama,
        geometry=dict(
            hidden_size=36,
            intermediate_size=44,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=20,
            tie_word_embeddings=True,
            rope=llama3_rope(theta=500.0, original=48),
        ),
    ),
    # One key/value head for all, YaRN with the attention factor that follows from `factor`.
    "llama-c": Recipe(
        seed=3,
        build=llama,
        geometry=dict(
            hidden_size=36,
            intermediate_size=52,
            num_hidden_layers=2,
            num_attention_heads=3,
            num_key_value_heads=1,
            head_dim=16,
            rope=yarn(factor=4.0, original_max_position_embeddings=48),
        ),
    ),
    # As many key/value heads as heads, biases on q, k, v and the output.
    "llama-d": Recipe(
        seed=4,
        build=llama,
        geometry=dict(
            hidden_size=32,
            intermediate_size=44,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=4,
            head_dim=8,
            attention_bias=True,
            rope=PLAIN_ROPE,
        ),
    ),
    # 8 key/value heads, llama3 scaling to the end of its context.
    "llama-e": Recipe(
        seed=13,
        build=llama,
        geometry=LLAMA_405B | dict(num_key_value_heads=8),
        **LONG,
    ),
    # 16 key/value heads, each there twice.
    "llama-f": Recipe(
        seed=14,
        build=llama,
        geometry=LLAMA_405B | dict(num_key_value_heads=16),
        n_twin_layers=2,
    ),
    # 16 key/value heads, there twice in the first layer only: none may be left out.
    "llama-g": Recipe(
        seed=15,
        build=llama,
        geometry=LLAMA_405B | dict(num_key_value_heads=16),
        n_twin_layers=1,
    ),
    # YaRN to the end of its context.
    "llama-h": Recipe(
        seed=16,
        build=llama,
        geometry=dict(
            hidden_size=36,
            intermediate_size=46,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=18,
            rope=yarn(theta=50000.0, factor=8.0, original_max_position_embeddings=48),
        ),
        **LONG,
    ),
}

MIXTRAL = {
    # 8 experts, 2 taken, as published since experts are stacked.
    "mixtral-a": Recipe(
        seed=17,
        layout="stacked",
        build=mixtral,
        geometry=dict(
            hidden_size=42,
            intermediate_size=18,
            num_hidden_layers=2,
            num_attention_heads=6,
            num_key_value_heads=2,
            head_dim=14,
            num_local_experts=8,
            num_experts_per_tok=2,
            rope=plain_rope(1e6),
        ),
    ),
    # The older layout: one tensor for each matrix of each expert.
    "mixtral-b": Recipe(
        seed=18,
        layout="apart",
        build=mixtral,
        geometry=dict(
            hidden_size=36,
            intermediate_size=22,
            num_hidden_layers=2,
            num_attention_heads=3,
            num_key_value_heads=3,
            head_dim=12,
            num_local_experts=8,
            num_experts_per_tok=2,
            rope=plain_rope(1e6),
        ),
    ),
    # Gate and up in one tensor, heads wider than hidden / heads, tied.
    "mixtral-c": Recipe(
        seed=19,
        layout="fused",
        build=mixtral,
        geometry=dict(
            hidden_size=30,
            intermediate_size=26,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=1,
            head_dim=16,
            num_local_experts=6,
            num_experts_per_tok=3,
            tie_word_embeddings=True,
            rope=PLAIN_ROPE,
        ),
    ),
}
