"""DeepSeek V2 and V3: latent attention, routed experts."""

import torch
from recipe import LONG, PLAIN_ROPE, Recipe, common, yarn, yarn_attention_factor
from transformers import (
    DeepseekV2Config,
    DeepseekV2ForCausalLM,
    DeepseekV3Config,
    DeepseekV3ForCausalLM,
)


def deepseek(
    rope: dict, config=DeepseekV3Config, model=DeepseekV3ForCausalLM, **shape
) -> torch.nn.Module:
    """Latent attention has a key/value head for every query head once it is expanded."""
    return model(config(**common(rope), num_key_value_heads=shape["num_attention_heads"], **shape))


def deepseek_v2(rope: dict, **shape) -> torch.nn.Module:
    return deepseek(rope, DeepseekV2Config, DeepseekV2ForCausalLM, **shape)


DEEPSEEK = {
    # Latent attention without query latent, plain RoPE, one router group.
    "deepseek-a": Recipe(
        seed=5,
        layout="split",
        build=deepseek,
        geometry=dict(
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
    "deepseek-b": Recipe(
        seed=6,
        layout="split",
        build=deepseek,
        geometry=dict(
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
    "deepseek-c": Recipe(
        seed=7,
        layout="unsplit",
        build=deepseek,
        geometry=dict(
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
    "deepseek-d": Recipe(
        seed=8,
        layout="split",
        build=deepseek,
        geometry=dict(
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
    "deepseek-e": Recipe(
        seed=9,
        layout="unsplit",
        build=deepseek_v2,
        geometry=dict(
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
    "deepseek-f": Recipe(
        seed=10,
        layout="split",
        build=deepseek_v2,
        geometry=dict(
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
    # Second generation: kv_b split, 256 experts still without group keys.
    "deepseek-g": Recipe(
        seed=11,
        layout="split-ungrouped",
        build=deepseek,
        geometry=dict(
            hidden_size=20,
            intermediate_size=28,
            moe_intermediate_size=3,
            num_hidden_layers=2,
            num_attention_heads=4,
            q_lora_rank=14,
            kv_lora_rank=12,
            qk_nope_head_dim=10,
            qk_rope_head_dim=12,
            v_head_dim=6,
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
    # Eight times the original context under YaRN 40.
    "deepseek-h": Recipe(
        seed=12,
        layout="split",
        build=deepseek,
        geometry=dict(
            hidden_size=28,
            intermediate_size=40,
            moe_intermediate_size=9,
            num_hidden_layers=2,
            num_attention_heads=3,
            q_lora_rank=14,
            kv_lora_rank=22,
            qk_nope_head_dim=12,
            qk_rope_head_dim=16,
            v_head_dim=14,
            n_routed_experts=8,
            num_experts_per_tok=2,
            n_group=4,
            topk_group=2,
            n_shared_experts=1,
            first_k_dense_replace=1,
            rope=yarn(
                factor=40.0, original_max_position_embeddings=48, mscale=1.0, mscale_all_dim=1.0
            ),
        ),
        **LONG,
    ),
}
