"""What a golden model is made of, and the pieces that the geometries of all families share."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from convert import N_VOCAB


@dataclass
class Recipe:
    seed: int
    build: Callable[..., torch.nn.Module]
    geometry: dict
    layout: str = ""  # generation of the GGUF, see convert.py
    n_tokens: int = 72
    n_logits: int = 0  # positions whose logits are kept, the last ones; 0: all
    n_twin_layers: int = 0  # layers in which key/value heads 2i and 2i + 1 are made equal


# Far beyond the original context of the scaled models, whose logits at the end tell.
LONG = dict(n_tokens=384, n_logits=64)

PLAIN_ROPE = dict(rope_type="default", rope_theta=10000.0)


def plain_rope(theta: float) -> dict:
    return dict(rope_type="default", rope_theta=theta)


def llama3_rope(theta: float, original: int) -> dict:
    return dict(
        rope_type="llama3",
        rope_theta=theta,
        factor=8.0,
        low_freq_factor=1.0,
        high_freq_factor=4.0,
        original_max_position_embeddings=original,
    )


def yarn(theta: float = 10000.0, **parameters) -> dict:
    return dict(rope_type="yarn", rope_theta=theta, **parameters)


def yarn_attention_factor(factor: float, mscale: float, mscale_all_dim: float) -> float:
    return float(
        (0.1 * mscale * math.log(factor) + 1) / (0.1 * mscale_all_dim * math.log(factor) + 1)
    )


def trained_context(rope: dict) -> int:
    return (
        int(rope["factor"] * rope["original_max_position_embeddings"]) if "factor" in rope else 256
    )


def common(rope: dict) -> dict:
    return dict(
        vocab_size=N_VOCAB,
        max_position_embeddings=trained_context(rope),
        rope_parameters=rope,
        attn_implementation="eager",
        experts_implementation="eager",
    )
