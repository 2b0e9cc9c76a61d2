"""The golden models: what README.md says of each, in numbers."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from families import (
    command_r,
    dbrx,
    deepseek,
    deepseek_v2,
    glm_lite,
    llama,
    llama3_rope,
    mistral_large,
    mixtral,
    plain_rope,
    yarn,
    yarn_attention_factor,
)

# Types whose products programs compute in the same way: with floats, with activations rounded in
# groups of 32, and of 256. Those behind the bar are for rows that are not whole groups of 256.
HALVES = "F16 BF16"
BLOCKS = "Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 IQ4_NL MXFP4 NVFP4"
SUPERS = "Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_XS TQ1_0 TQ2_0 | Q8_0 IQ4_NL"
CODEBOOKS = "IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S IQ3_XXS IQ3_S | Q5_1 MXFP4"


@dataclass
class Recipe:
    seed: int
    build: Callable[..., torch.nn.Module]
    geometry: dict
    layout: str = ""  # generation of the GGUF, see convert.py
    n_tokens: int = 72
    n_logits: int = 0  # positions whose logits are kept, the last ones; 0: all
    n_twin_layers: int = 0  # layers in which key/value heads 2i and 2i + 1 are made equal
    types: str = ""  # those of the matrices, see retype.py; else F32

    @property
    def rounds(self) -> bool:
        """Whether a program may round the activations."""
        return self.types not in ("", HALVES)


# Far beyond the original context of the scaled models, whose logits at the end tell.
LONG = dict(n_tokens=384, n_logits=64)

# Llama 3.1 405B in little, with one pair of each kind: left alone, between, slowed by the factor.
LLAMA_405B = dict(hidden=32, ffn=50, layers=2, heads=32, head_dim=6, rope=llama3_rope(theta=50.0))

SHORT = dict(n_tokens=40, n_logits=8)

# fmt: off
MODELS = {
    "llama-a": Recipe(1, llama, dict(
        hidden=42, ffn=44, layers=3, heads=6, kv_heads=2, head_dim=16, rope=plain_rope())),
    "llama-b": Recipe(2, llama, dict(
        hidden=36, ffn=44, layers=4, heads=4, kv_heads=2, head_dim=20, tied=True,
        rope=llama3_rope(theta=500.0))),
    "llama-c": Recipe(3, llama, dict(
        hidden=36, ffn=52, layers=2, heads=3, kv_heads=1, head_dim=16, rope=yarn(4.0))),
    "llama-d": Recipe(4, llama, dict(
        hidden=32, ffn=44, layers=2, heads=4, kv_heads=4, head_dim=8, attention_bias=True,
        rope=plain_rope())),
    "llama-e": Recipe(13, llama, LLAMA_405B | dict(kv_heads=8), **LONG),
    "llama-f": Recipe(14, llama, LLAMA_405B | dict(kv_heads=16), n_twin_layers=2),
    "llama-g": Recipe(15, llama, LLAMA_405B | dict(kv_heads=16), n_twin_layers=1),
    "llama-h": Recipe(16, llama, dict(
        hidden=36, ffn=46, layers=2, heads=4, kv_heads=2, head_dim=18,
        rope=yarn(8.0, theta=50000.0)), **LONG),
    "llama-i": Recipe(48, llama, dict(
        hidden=36, ffn=46, layers=3, heads=4, kv_heads=2, head_dim=12, mlp_bias=True,
        rope=plain_rope())),
    "llama-j": Recipe(49, llama, dict(
        hidden=32, ffn=42, layers=2, heads=4, kv_heads=2, head_dim=16,
        rope=yarn(8.0, 0.0, beta_fast=32, beta_slow=1))),

    "mixtral-a": Recipe(17, mixtral, dict(
        hidden=42, ffn=18, layers=2, heads=6, kv_heads=2, head_dim=14, experts=8, used=2,
        rope=plain_rope(1e6)), layout="stacked"),
    "mixtral-b": Recipe(18, mixtral, dict(
        hidden=36, ffn=22, layers=2, heads=3, kv_heads=3, head_dim=12, experts=8, used=2,
        rope=plain_rope(1e6)), layout="apart"),
    "mixtral-c": Recipe(19, mixtral, dict(
        hidden=30, ffn=26, layers=3, heads=4, kv_heads=1, head_dim=16, experts=6, used=3, tied=True,
        rope=plain_rope()), layout="fused"),

    "command-r-a": Recipe(20, command_r, dict(
        hidden=42, ffn=58, layers=3, heads=6, kv_heads=2, head_dim=16, use_qk_norm=True,
        logit_scale=0.8333333333333334, rope=plain_rope(75e6))),
    "command-r-b": Recipe(21, command_r, dict(
        hidden=40, ffn=50, layers=2, heads=4, kv_heads=4, use_qk_norm=False, logit_scale=0.0625,
        rope=plain_rope(8e6))),
    "command-r-c": Recipe(22, command_r, dict(
        hidden=54, ffn=44, layers=2, heads=3, kv_heads=1, use_qk_norm=True,
        logit_scale=0.8333333333333334, rope=plain_rope(8e6))),

    "dbrx-a": Recipe(23, dbrx, dict(
        hidden=42, ffn=10, layers=2, heads=3, kv_heads=1, clip=1.5, experts=16, used=4,
        rope=plain_rope(5e5)), layout="one"),
    "dbrx-b": Recipe(24, dbrx, dict(
        hidden=40, ffn=12, layers=2, heads=4, kv_heads=2, clip=2.0, experts=16, used=4,
        rope=plain_rope(5e5)), layout="used"),
    "dbrx-c": Recipe(25, dbrx, dict(
        hidden=36, ffn=20, layers=3, heads=2, kv_heads=2, clip=3.0, experts=5, used=2,
        rope=plain_rope()), layout="one"),

    "deepseek-a": Recipe(5, deepseek, dict(
        hidden=36, ffn=56, expert_ffn=10, layers=3, dense=1, heads=3, q_latent=None, kv_latent=24,
        nope=16, rotary=8, value=12, experts=8, used=2, groups=1, groups_used=1, shared=1,
        rope=plain_rope()), layout="split"),
    "deepseek-b": Recipe(6, deepseek, dict(
        hidden=36, ffn=52, expert_ffn=8, layers=3, dense=1, heads=4, q_latent=20, kv_latent=32,
        nope=16, rotary=16, value=16, experts=16, used=4, groups=4, groups_used=2, shared=2,
        rope=yarn(40.0, 1.0, beta_fast=32, beta_slow=1)), layout="split"),
    "deepseek-c": Recipe(7, deepseek, dict(
        hidden=20, ffn=36, expert_ffn=3, layers=2, dense=1, heads=2, q_latent=12, kv_latent=16,
        nope=8, rotary=16, value=8, experts=256, used=8, groups=8, groups_used=4, shared=1,
        rope=yarn(40.0, 1.0)), layout="unsplit"),
    "deepseek-d": Recipe(8, deepseek, dict(
        hidden=36, ffn=40, expert_ffn=10, layers=2, dense=0, heads=3, q_latent=16, kv_latent=20,
        nope=8, rotary=24, value=20, experts=6, used=3, groups=1, groups_used=1, shared=1,
        norm_topk_prob=False, routed_scaling_factor=1.5,
        rope=yarn(8.0, theta=1000.0, beta_fast=4, beta_slow=1, mscale=0.707, mscale_all_dim=1.0,
                  attention_factor=yarn_attention_factor(8.0, 0.707, 1.0))), layout="split"),
    "deepseek-e": Recipe(9, deepseek_v2, dict(
        hidden=32, ffn=48, expert_ffn=10, layers=2, dense=1, heads=4, q_latent=None, kv_latent=16,
        nope=16, rotary=8, value=16, experts=10, used=3, shared=2, routed_scaling_factor=1.0,
        topk_method="greedy", rope=yarn(40.0, 0.707)), layout="unsplit"),
    "deepseek-f": Recipe(10, deepseek_v2, dict(
        hidden=30, ffn=40, expert_ffn=8, layers=2, dense=1, heads=3, q_latent=12, kv_latent=20,
        nope=12, rotary=8, value=12, experts=12, used=3, groups=4, groups_used=2, shared=1,
        routed_scaling_factor=4.0, topk_method="group_limited_greedy", rope=yarn(40.0, 1.0)),
        layout="split"),
    "deepseek-g": Recipe(11, deepseek, dict(
        hidden=20, ffn=28, expert_ffn=3, layers=2, dense=1, heads=4, q_latent=14, kv_latent=12,
        nope=10, rotary=12, value=6, experts=256, used=8, groups=8, groups_used=4, shared=1,
        rope=yarn(40.0, 1.0)), layout="split-ungrouped"),
    "deepseek-h": Recipe(12, deepseek, dict(
        hidden=28, ffn=40, expert_ffn=9, layers=2, dense=1, heads=3, q_latent=14, kv_latent=22,
        nope=12, rotary=16, value=14, experts=8, used=2, groups=4, groups_used=2, shared=1,
        rope=yarn(40.0, 1.0)), layout="split", **LONG),
    "deepseek-i": Recipe(50, glm_lite, dict(
        hidden=36, ffn=52, expert_ffn=10, layers=3, dense=1, heads=4, q_latent=20, kv_latent=24,
        nope=14, rotary=8, value=18, experts=12, used=4, groups=1, groups_used=1, shared=1,
        routed_scaling_factor=1.8, rms_norm_eps=1e-6, rope=plain_rope(1e6)), layout="split-ungated"),
    "deepseek-j": Recipe(51, mistral_large, dict(
        hidden=32, ffn=40, expert_ffn=10, layers=2, dense=0, heads=3, q_latent=16, kv_latent=20,
        nope=12, rotary=12, value=16, experts=8, used=2, groups=1, groups_used=1, shared=1,
        routed_scaling_factor=1.0,
        rope=yarn(8.0, 1.0, beta_fast=32, beta_slow=1, llama_4_scaling_beta=0.3)),
        layout="split", **LONG),

    "llama-halves": Recipe(26, llama, dict(
        hidden=26, ffn=34, layers=2, heads=2, kv_heads=1, head_dim=14, rope=plain_rope()),
        types=HALVES, **SHORT),
    "llama-blocks": Recipe(27, llama, dict(
        hidden=64, ffn=96, layers=2, heads=4, kv_heads=2, head_dim=16, rope=plain_rope()),
        types=BLOCKS, **SHORT),
    "llama-supers": Recipe(28, llama, dict(
        hidden=256, ffn=256, layers=1, heads=4, kv_heads=1, head_dim=64, tied=True,
        rope=plain_rope()), types=SUPERS, **SHORT),
    "llama-codebooks": Recipe(29, llama, dict(
        hidden=256, ffn=256, layers=1, heads=4, kv_heads=2, head_dim=16, tied=True,
        rope=plain_rope()), types=CODEBOOKS, **SHORT),

    "mixtral-halves": Recipe(30, mixtral, dict(
        hidden=24, ffn=14, layers=2, heads=2, kv_heads=1, head_dim=14, experts=4, used=2,
        rope=plain_rope(1e6)), layout="stacked", types=HALVES, **SHORT),
    "mixtral-blocks": Recipe(31, mixtral, dict(
        hidden=64, ffn=32, layers=2, heads=4, kv_heads=1, head_dim=16, experts=4, used=2,
        rope=plain_rope(1e6)), layout="stacked", types=BLOCKS, **SHORT),
    "mixtral-supers": Recipe(32, mixtral, dict(
        hidden=256, ffn=32, layers=2, heads=4, kv_heads=1, head_dim=16, experts=3, used=2,
        tied=True, rope=plain_rope(1e6)), layout="stacked", types=SUPERS, **SHORT),
    "mixtral-codebooks": Recipe(33, mixtral, dict(
        hidden=256, ffn=256, layers=1, heads=4, kv_heads=1, head_dim=16, experts=3, used=2,
        tied=True, rope=plain_rope(1e6)), layout="stacked", types=CODEBOOKS, **SHORT),

    "command-r-halves": Recipe(34, command_r, dict(
        hidden=36, ffn=38, layers=2, heads=3, kv_heads=1, use_qk_norm=True,
        logit_scale=0.8333333333333334, rope=plain_rope(8e6)), types=HALVES, **SHORT),
    "command-r-blocks": Recipe(35, command_r, dict(
        hidden=64, ffn=96, layers=2, heads=4, kv_heads=2, use_qk_norm=True,
        logit_scale=0.8333333333333334, rope=plain_rope(8e6)), types=BLOCKS, **SHORT),
    "command-r-supers": Recipe(36, command_r, dict(
        hidden=256, ffn=64, layers=2, heads=4, kv_heads=1, head_dim=32, use_qk_norm=True,
        logit_scale=0.8333333333333334, rope=plain_rope(8e6)), types=SUPERS, **SHORT),
    "command-r-codebooks": Recipe(37, command_r, dict(
        hidden=256, ffn=256, layers=1, heads=4, kv_heads=1, use_qk_norm=False,
        logit_scale=0.0625, rope=plain_rope(8e6)), types=CODEBOOKS, **SHORT),

    "dbrx-halves": Recipe(38, dbrx, dict(
        hidden=24, ffn=10, layers=2, heads=2, kv_heads=1, clip=2.0, experts=5, used=2,
        rope=plain_rope(5e5)), layout="one", types=HALVES, **SHORT),
    "dbrx-blocks": Recipe(39, dbrx, dict(
        hidden=64, ffn=32, layers=2, heads=4, kv_heads=2, clip=2.0, experts=4, used=2,
        rope=plain_rope(5e5)), layout="one", types=BLOCKS, **SHORT),
    "dbrx-supers": Recipe(40, dbrx, dict(
        hidden=256, ffn=32, layers=2, heads=8, kv_heads=1, clip=2.0, experts=3, used=2,
        rope=plain_rope(5e5)), layout="one", types=SUPERS, **SHORT),
    "dbrx-codebooks": Recipe(41, dbrx, dict(
        hidden=256, ffn=32, layers=2, heads=8, kv_heads=1, clip=2.0, experts=3, used=2,
        rope=plain_rope(5e5)), layout="one", types=CODEBOOKS, **SHORT),

    "deepseek-halves": Recipe(42, deepseek, dict(
        hidden=20, ffn=28, expert_ffn=6, layers=2, dense=1, heads=2, q_latent=14, kv_latent=18,
        nope=10, rotary=8, value=12, experts=8, used=2, groups=4, groups_used=2, shared=1,
        rope=yarn(40.0, 1.0)), layout="nextn", types=HALVES, **SHORT),
    "deepseek-blocks": Recipe(43, deepseek, dict(
        hidden=64, ffn=64, expert_ffn=32, layers=2, dense=1, heads=2, q_latent=64, kv_latent=64,
        nope=32, rotary=16, value=32, experts=4, used=2, groups=2, groups_used=1, shared=1,
        rope=yarn(40.0, 1.0)), layout="split", types=BLOCKS, **SHORT),
    "deepseek-supers": Recipe(47, deepseek, dict(
        hidden=256, ffn=32, expert_ffn=32, layers=2, dense=1, heads=2, q_latent=64, kv_latent=64,
        nope=32, rotary=16, value=16, experts=4, used=2, groups=2, groups_used=1, shared=1,
        tied=True, rope=yarn(40.0, 1.0)), layout="split", types=SUPERS, **SHORT),
    "deepseek-codebooks": Recipe(45, deepseek, dict(
        hidden=256, ffn=64, expert_ffn=32, layers=2, dense=1, heads=2, q_latent=64, kv_latent=256,
        nope=32, rotary=16, value=16, experts=4, used=2, groups=1, groups_used=1, shared=1,
        rope=yarn(40.0, 1.0)), layout="unsplit", types=CODEBOOKS, **SHORT),
}
