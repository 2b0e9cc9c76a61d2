"""Models of each family with the names their papers give to sizes, and their rotary embeddings."""

import math

import torch
import transformers as hf
from convert import N_VOCAB

NAMES = {
    "hidden": "hidden_size",
    "ffn": "intermediate_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "tied": "tie_word_embeddings",
}
MIXTRAL_NAMES = NAMES | {"experts": "num_local_experts", "used": "num_experts_per_tok"}
DBRX_NAMES = {"hidden": "d_model", "heads": "n_heads", "layers": "n_layers"}
DEEPSEEK_NAMES = NAMES | {
    "expert_ffn": "moe_intermediate_size",
    "q_latent": "q_lora_rank",
    "kv_latent": "kv_lora_rank",
    "nope": "qk_nope_head_dim",
    "rotary": "qk_rope_head_dim",
    "value": "v_head_dim",
    "experts": "n_routed_experts",
    "used": "num_experts_per_tok",
    "groups": "n_group",
    "groups_used": "topk_group",
    "shared": "n_shared_experts",
    "dense": "first_k_dense_replace",
}


def plain_rope(theta: float = 10000.0) -> dict:
    return dict(rope_type="default", rope_theta=theta)


def llama3_rope(theta: float) -> dict:
    return dict(
        rope_type="llama3",
        rope_theta=theta,
        factor=8.0,
        low_freq_factor=1.0,
        high_freq_factor=4.0,
        original_max_position_embeddings=48,
    )


def yarn(factor: float, mscales: float | None = None, theta: float = 10000.0, **more) -> dict:
    """With the two mscales of DeepSeek equal, if it has any."""
    both = {} if mscales is None else dict(mscale=mscales, mscale_all_dim=mscales)
    rope = dict(rope_type="yarn", rope_theta=theta, factor=factor)
    return rope | both | dict(original_max_position_embeddings=48) | more


def yarn_attention_factor(factor: float, mscale: float, mscale_all_dim: float) -> float:
    return float(
        (0.1 * mscale * math.log(factor) + 1) / (0.1 * mscale_all_dim * math.log(factor) + 1)
    )


def trained_context(rope: dict) -> int:
    return (
        int(rope["factor"] * rope["original_max_position_embeddings"]) if "factor" in rope else 256
    )


def fields(names: dict[str, str], rope: dict, shape: dict) -> dict:
    """What a configuration is made of; a name that is in no table is that of transformers."""
    return dict(
        vocab_size=N_VOCAB,
        max_position_embeddings=trained_context(rope),
        rope_parameters=rope,
        attn_implementation="eager",
        experts_implementation="eager",
    ) | {names.get(name, name): value for name, value in shape.items()}


def llama(rope: dict, **shape) -> torch.nn.Module:
    return hf.LlamaForCausalLM(hf.LlamaConfig(**fields(NAMES, rope, shape), rms_norm_eps=1e-5))


def mixtral(rope: dict, **shape) -> torch.nn.Module:
    return hf.MixtralForCausalLM(hf.MixtralConfig(**fields(MIXTRAL_NAMES, rope, shape)))


def command_r(rope: dict, **shape) -> torch.nn.Module:
    ids = dict(pad_token_id=None, eos_token_id=None, bos_token_id=None)
    return hf.CohereForCausalLM(hf.CohereConfig(**fields(NAMES, rope, shape), **ids))


def dbrx(
    rope: dict, kv_heads: int, clip: float, ffn: int, experts: int, used: int, **shape
) -> torch.nn.Module:
    config = fields(DBRX_NAMES, rope, shape)
    config["max_seq_len"] = config.pop("max_position_embeddings")
    attention = dict(clip_qkv=clip, kv_n_heads=kv_heads, rope_theta=rope["rope_theta"])
    mlp = dict(ffn_hidden_size=ffn, moe_num_experts=experts, moe_top_k=used)
    return hf.DbrxForCausalLM(hf.DbrxConfig(**config, attn_config=attention, ffn_config=mlp))


def deepseek_fields(rope: dict, shape: dict) -> dict:
    """Latent attention has a key/value head for every query head once it is expanded."""
    return fields(DEEPSEEK_NAMES, rope, shape | dict(kv_heads=shape["heads"]))


def deepseek(rope: dict, **shape) -> torch.nn.Module:
    return hf.DeepseekV3ForCausalLM(hf.DeepseekV3Config(**deepseek_fields(rope, shape)))


def glm_lite(rope: dict, dense: int, **shape) -> torch.nn.Module:
    config = deepseek_fields(rope, shape)
    n_sparse = shape["layers"] - dense
    config["mlp_layer_types"] = ["dense"] * dense + ["sparse"] * n_sparse
    return hf.Glm4MoeLiteForCausalLM(hf.Glm4MoeLiteConfig(**config))


def mistral_large(rope: dict, **shape) -> torch.nn.Module:
    """Its class is that of a later model, which has all of it but another router."""
    ids = dict(pad_token_id=None, eos_token_id=None, bos_token_id=None)
    return hf.Mistral4ForCausalLM(hf.Mistral4Config(**deepseek_fields(rope, shape), **ids))


def deepseek_v2(rope: dict, **shape) -> torch.nn.Module:
    return hf.DeepseekV2ForCausalLM(hf.DeepseekV2Config(**deepseek_fields(rope, shape)))
