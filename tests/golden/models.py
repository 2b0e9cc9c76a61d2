"""The geometries of the golden models: scaled RoPE is tested beyond the original context."""

import math

import torch
from convert import N_VOCAB
from transformers import (
    DeepseekV2Config,
    DeepseekV2ForCausalLM,
    DeepseekV3Config,
    DeepseekV3ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
)


def common(rope: dict) -> dict:
    trained = (
        int(rope["factor"] * rope["original_max_position_embeddings"]) if "factor" in rope else 256
    )
    return dict(
        vocab_size=N_VOCAB,
        max_position_embeddings=trained,
        rope_parameters=rope,
        attn_implementation="eager",
        experts_implementation="eager",
    )


def llama(rope: dict, **shape) -> LlamaForCausalLM:
    return LlamaForCausalLM(LlamaConfig(**common(rope), rms_norm_eps=1e-5, **shape))


def deepseek(
    rope: dict, config=DeepseekV3Config, model=DeepseekV3ForCausalLM, **shape
) -> torch.nn.Module:
    """Latent attention has a key/value head for every query head once it is expanded."""
    return model(config(**common(rope), num_key_value_heads=shape["num_attention_heads"], **shape))


def deepseek_v2(rope: dict, **shape) -> torch.nn.Module:
    return deepseek(rope, DeepseekV2Config, DeepseekV2ForCausalLM, **shape)


def yarn(theta: float = 10000.0, **parameters) -> dict:
    return dict(rope_type="yarn", rope_theta=theta, **parameters)


def yarn_attention_factor(factor: float, mscale: float, mscale_all_dim: float) -> float:
    return float(
        (0.1 * mscale * math.log(factor) + 1) / (0.1 * mscale_all_dim * math.log(factor) + 1)
    )


PLAIN_ROPE = dict(rope_type="default", rope_theta=10000.0)

# name: (layout of the GGUF, builder, geometry)
MODELS = {
    # Grouped queries, plain RoPE, untied.
    "llama-a": (
        "",
        llama,
        dict(
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
    "llama-b": (
        "",
        llama,
        dict(
            hidden_size=36,
            intermediate_size=44,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=20,
            tie_word_embeddings=True,
            rope=dict(
                rope_type="llama3",
                rope_theta=500.0,
                factor=8.0,
                low_freq_factor=1.0,
                high_freq_factor=4.0,
                original_max_position_embeddings=48,
            ),
        ),
    ),
    # One key/value head for all, YaRN with the attention factor that follows from `factor`.
    "llama-c": (
        "",
        llama,
        dict(
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
    "llama-d": (
        "",
        llama,
        dict(
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
    # Latent attention without query latent, plain RoPE, one router group.
    "deepseek-a": (
        "split",
        deepseek,
        dict(
            hidden_size=36,
            intermediate_size=56,
            moe_intermediate_size=10,
            num_hidden_layers=3,
            num_attention_heads=3,
            q_lora_rank=None,
            kv_lora_rank=24,
            qk_nope_head_dim=16,
            qk_rope_head_dim=8,
            v_head_dim=12,
            n_routed_experts=8,
            num_experts_per_tok=2,
            n_group=1,
            topk_group=1,
            n_shared_experts=1,
            first_k_dense_replace=1,
            rope=PLAIN_ROPE,
        ),
    ),
    # The shape of DeepSeek V3 in little: query latent, router groups, YaRN with equal mscales.
    "deepseek-b": (
        "split",
        deepseek,
        dict(
            hidden_size=36,
            intermediate_size=52,
            moe_intermediate_size=8,
            num_hidden_layers=3,
            num_attention_heads=4,
            q_lora_rank=20,
            kv_lora_rank=32,
            qk_nope_head_dim=16,
            qk_rope_head_dim=16,
            v_head_dim=16,
            n_routed_experts=16,
            num_experts_per_tok=4,
            n_group=4,
            topk_group=2,
            n_shared_experts=2,
            first_k_dense_replace=1,
            rope=yarn(
                factor=40.0,
                original_max_position_embeddings=48,
                beta_fast=32,
                beta_slow=1,
                mscale=1.0,
                mscale_all_dim=1.0,
            ),
        ),
    ),
    # First generation: whole kv_b, 256 experts without group keys, which means 8 groups, 4 kept.
    "deepseek-c": (
        "unsplit",
        deepseek,
        dict(
            hidden_size=20,
            intermediate_size=36,
            moe_intermediate_size=3,
            num_hidden_layers=2,
            num_attention_heads=2,
            q_lora_rank=12,
            kv_lora_rank=16,
            qk_nope_head_dim=8,
            qk_rope_head_dim=16,
            v_head_dim=8,
            n_routed_experts=256,
            num_experts_per_tok=8,
            n_group=8,
            topk_group=4,
            n_shared_experts=1,
            first_k_dense_replace=1,
            rope=yarn(
                factor=40.0, original_max_position_embeddings=48, mscale=1.0, mscale_all_dim=1.0
            ),
        ),
    ),
    # YaRN that scales cos and sin too, beta_fast off its default, wide values, no dense layer.
    "deepseek-d": (
        "split",
        deepseek,
        dict(
            hidden_size=36,
            intermediate_size=40,
            moe_intermediate_size=10,
            num_hidden_layers=2,
            num_attention_heads=3,
            q_lora_rank=16,
            kv_lora_rank=20,
            qk_nope_head_dim=8,
            qk_rope_head_dim=24,
            v_head_dim=20,
            n_routed_experts=6,
            num_experts_per_tok=3,
            n_group=1,
            topk_group=1,
            n_shared_experts=1,
            first_k_dense_replace=0,
            norm_topk_prob=False,
            routed_scaling_factor=1.5,
            rope=yarn(
                theta=1000.0,
                factor=8.0,
                original_max_position_embeddings=48,
                beta_fast=4,
                beta_slow=1,
                mscale=0.707,
                mscale_all_dim=1.0,
                attention_factor=yarn_attention_factor(8.0, 0.707, 1.0),
            ),
        ),
    ),
    # V2-Lite: softmax router, not normalised, no query latent, mscales 0.707, first generation.
    "deepseek-e": (
        "unsplit",
        deepseek_v2,
        dict(
            hidden_size=32,
            intermediate_size=48,
            moe_intermediate_size=10,
            num_hidden_layers=2,
            num_attention_heads=4,
            q_lora_rank=None,
            kv_lora_rank=16,
            qk_nope_head_dim=16,
            qk_rope_head_dim=8,
            v_head_dim=16,
            n_routed_experts=10,
            num_experts_per_tok=3,
            n_shared_experts=2,
            first_k_dense_replace=1,
            routed_scaling_factor=1.0,
            topk_method="greedy",
            rope=yarn(
                factor=40.0, original_max_position_embeddings=48, mscale=0.707, mscale_all_dim=0.707
            ),
        ),
    ),
    # V2: softmax router with groups that count by their best expert, not normalised, scaled.
    "deepseek-f": (
        "split",
        deepseek_v2,
        dict(
            hidden_size=30,
            intermediate_size=40,
            moe_intermediate_size=8,
            num_hidden_layers=2,
            num_attention_heads=3,
            q_lora_rank=12,
            kv_lora_rank=20,
            qk_nope_head_dim=12,
            qk_rope_head_dim=8,
            v_head_dim=12,
            n_routed_experts=12,
            num_experts_per_tok=3,
            n_group=4,
            topk_group=2,
            n_shared_experts=1,
            first_k_dense_replace=1,
            routed_scaling_factor=4.0,
            topk_method="group_limited_greedy",
            rope=yarn(
                factor=40.0,
                original_max_position_embeddings=48,
                mscale=1.0,
                mscale_all_dim=1.0,
            ),
        ),
    ),
}


def build(name: str) -> tuple[str, torch.nn.Module]:
    layout, family, geometry = MODELS[name]
    return layout, family(**geometry).eval()
