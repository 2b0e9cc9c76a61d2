"""A checkpoint folder saved by transformers (config.json + model.safetensors) -> GGUF v3, F32.

Written for the golden models only, keys and tensors as in published files. `layout` picks one of
the generations or habits of such files (see README.md):

    deepseek2   "unsplit"          attn_kv_b whole, a key/value head for each query head
                "split-ungrouped"  attn_k_b (transposed) and attn_v_b, one shared latent head
                "split"            the same with router groups
                "split-ungated"    the same, and nothing says how routers score
                "nextn"            as "split", with a layer that predicts the token after the next
    Mixtral     "stacked"          ffn_gate_exps, ffn_up_exps, ffn_down_exps
                "apart"            ffn_gate.E, ffn_up.E, ffn_down.E
                "fused"            ffn_gate_up_exps, ffn_down_exps
    dbrx        "one"              feed_forward_length is the width of one expert
                "used"             feed_forward_length is the width of all that a token uses
"""

import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass

import gguf
import numpy as np
from safetensors.numpy import load_file, save_file

CONTROL_TOKENS = ["<|bos|>", "<|eos|>", "<|user|>", "<|assistant|>"]
MERGES = "t h|th e|i n|a n|e r|Ġ the|Ġ a|r e|o n|an d|in g|Ġ and".split("|")
N_VOCAB = 256 + len(MERGES) + len(CONTROL_TOKENS)


def byte_alphabet() -> list[str]:
    """The printable stand-in of each byte in a byte-level BPE vocabulary, in byte order."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    unprintable = [b for b in range(256) if b not in printable]
    return [chr(b) if b in printable else chr(256 + unprintable.index(b)) for b in range(256)]


def write_tokenizer(writer: gguf.GGUFWriter, pre: str) -> None:
    words = byte_alphabet() + [merge.replace(" ", "") for merge in MERGES]
    n_words = len(words)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(words + CONTROL_TOKENS)
    writer.add_token_types(
        [gguf.TokenType.NORMAL] * n_words + [gguf.TokenType.CONTROL] * len(CONTROL_TOKENS)
    )
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(n_words)
    writer.add_eos_token_id(n_words + 1)
    writer.add_add_bos_token(True)


def llama3_divisors(rope: dict, head_dim: int) -> np.ndarray:
    """What divides the frequency of a pair: 1 for short waves, `factor` for long ones."""
    frequency = rope["rope_theta"] ** (-np.arange(0, head_dim, 2) / head_dim)
    wavelength = 2 * math.pi / frequency
    original = rope["original_max_position_embeddings"]
    low, high, factor = rope["low_freq_factor"], rope["high_freq_factor"], rope["factor"]
    smooth = np.clip((original / wavelength - low) / (high - low), 0, 1)
    return (1 / ((1 - smooth) / factor + smooth)).astype(np.float32)


def interleave(rows: np.ndarray, n_heads: int) -> np.ndarray:
    """Rotary halves (x[i], x[i + D/2]) of each head -> neighbouring pairs (x[2i], x[2i + 1])."""
    halves = rows.reshape(n_heads, 2, -1, *rows.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(rows.shape)


def write_common(writer: gguf.GGUFWriter, config: dict, name: str) -> None:
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"] + config["n_extra_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_head_count(config["num_attention_heads"])
    if "rms_norm_eps" in config:
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    else:
        writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])


def write_yarn(writer: gguf.GGUFWriter, rope: dict) -> None:
    """The attention factor has a key only where the config states it."""
    writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    writer.add_rope_scaling_factor(rope["factor"])
    writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    if "beta_fast" in rope:
        writer.add_rope_scaling_yarn_beta_fast(rope["beta_fast"])
    if "beta_slow" in rope:
        writer.add_rope_scaling_yarn_beta_slow(rope["beta_slow"])
    if "attention_factor" in rope:
        writer.add_rope_scaling_yarn_attn_factor(rope["attention_factor"])
    if "mscale_all_dim" in rope:
        writer.add_rope_scaling_yarn_log_mul(0.1 * rope["mscale_all_dim"])
    if "llama_4_scaling_beta" in rope:
        writer.add_attn_temperature_scale(rope["llama_4_scaling_beta"])
        writer.add_attn_temperature_length(rope["original_max_position_embeddings"])


def write_head_width(writer: gguf.GGUFWriter, config: dict) -> None:
    """Said only where it is not what hidden / heads makes it."""
    head_dim = config.get("head_dim")
    if head_dim and head_dim * config["num_attention_heads"] != config["hidden_size"]:
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)


def write_llama_keys(writer: gguf.GGUFWriter, config: dict, _layout: str) -> None:
    head_dim, rope = config["head_dim"], config["rope_parameters"]
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_dimension_count(head_dim)
    write_head_width(writer, config)
    if "num_local_experts" in config:
        writer.add_expert_count(config["num_local_experts"])
        writer.add_expert_used_count(config["num_experts_per_tok"])
    if rope["rope_type"] == "yarn":
        write_yarn(writer, rope)
    if rope["rope_type"] == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_divisors(rope, head_dim))


def write_command_r_keys(writer: gguf.GGUFWriter, config: dict, _layout: str) -> None:
    writer.add_head_count_kv(config["num_key_value_heads"])
    write_head_width(writer, config)
    writer.add_logit_scale(config["logit_scale"])
    writer.add_rope_scaling_type(gguf.RopeScalingType.NONE)


def write_dbrx_keys(writer: gguf.GGUFWriter, config: dict, _layout: str) -> None:
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_clamp_kqv(config["attn_config"]["clip_qkv"])
    writer.add_expert_count(config["ffn_config"]["moe_num_experts"])
    writer.add_expert_used_count(config["ffn_config"]["moe_top_k"])


def write_deepseek_keys(writer: gguf.GGUFWriter, config: dict, layout: str) -> None:
    nope, rope_dim = config["qk_nope_head_dim"], config["qk_rope_head_dim"]
    value, latent = config["v_head_dim"], config["kv_lora_rank"]
    if layout == "unsplit":
        writer.add_head_count_kv(config["num_attention_heads"])
        writer.add_key_length(nope + rope_dim)
        writer.add_value_length(value)
    else:
        writer.add_head_count_kv(1)
        writer.add_key_length(latent + rope_dim)
        writer.add_value_length(latent)
        writer.add_key_length_mla(nope + rope_dim)
        writer.add_value_length_mla(value)
    if config["q_lora_rank"] is not None:
        writer.add_q_lora_rank(config["q_lora_rank"])
    writer.add_kv_lora_rank(latent)
    writer.add_rope_dimension_count(rope_dim)
    writer.add_leading_dense_block_count(config["first_k_dense_replace"])
    if config["rope_parameters"]["rope_type"] == "yarn":
        write_yarn(writer, config["rope_parameters"])
    write_router_keys(writer, config, layout)


def write_router_keys(writer: gguf.GGUFWriter, config: dict, layout: str) -> None:
    writer.add_expert_count(config["n_routed_experts"])
    writer.add_expert_used_count(config["num_experts_per_tok"])
    writer.add_expert_shared_count(config["n_shared_experts"])
    writer.add_expert_feed_forward_length(config["moe_intermediate_size"])
    writer.add_expert_weights_scale(config["routed_scaling_factor"])
    if config["model_type"] != "deepseek_v2":
        writer.add_expert_weights_norm(config["norm_topk_prob"])
    if layout == "split-ungated":
        pass
    elif config["model_type"] == "deepseek_v3":
        writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    elif layout != "unsplit":  # older V2 files leave it out
        writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SOFTMAX)
    if layout in ("split", "split-ungated", "nextn"):
        writer.add_expert_group_count(config["n_group"])
        writer.add_expert_group_used_count(config["topk_group"])
    if layout == "nextn":
        writer.add_nextn_predict_layers(config["n_extra_layers"])


LAYER_NAMES = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_a_proj": "attn_q_a",
    "self_attn.q_a_layernorm": "attn_q_a_norm",
    "self_attn.q_b_proj": "attn_q_b",
    "self_attn.kv_a_proj_with_mqa": "attn_kv_a_mqa",
    "self_attn.kv_a_layernorm": "attn_kv_a_norm",
    "self_attn.kv_b_proj": "attn_kv_b",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "mlp.gate": "ffn_gate_inp",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "block_sparse_moe.gate": "ffn_gate_inp",
    "norm_attn_norm.norm_1": "attn_norm",
    "norm_attn_norm.norm_2": "attn_output_norm",
    "norm_attn_norm.attn.Wqkv": "attn_qkv",
    "norm_attn_norm.attn.out_proj": "attn_output",
    "ffn.router.layer": "ffn_gate_inp",
    "mlp.shared_experts.gate_proj": "ffn_gate_shexp",
    "mlp.shared_experts.up_proj": "ffn_up_shexp",
    "mlp.shared_experts.down_proj": "ffn_down_shexp",
}
TOP_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
    "transformer.wte.weight": "token_embd.weight",
    "transformer.norm_f.weight": "output_norm.weight",
}


def stack(state: dict, prefix: str, n_experts: int, parts: dict[str, str]) -> dict[str, np.ndarray]:
    """part of the GGUF -> [expert, row, column], taken out of `state`."""
    return {
        part: np.stack([state.pop(f"{prefix}.{e}.{name}.weight") for e in range(n_experts)])
        for part, name in parts.items()
    }


def deepseek_experts(state: dict, config: dict, _layout: str) -> dict[str, np.ndarray]:
    out, parts = {}, dict(gate="gate_proj", up="up_proj", down="down_proj")
    for layer in range(config["first_k_dense_replace"], config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}.mlp.experts"
        if prefix + ".gate_up_proj" in state:  # some models are saved stacked
            gate, up = np.split(state.pop(prefix + ".gate_up_proj"), 2, axis=1)
            stacks = dict(gate=gate, up=up, down=state.pop(prefix + ".down_proj"))
        else:
            stacks = stack(state, prefix, config["n_routed_experts"], parts)
        for part, all_of in stacks.items():
            out[f"blk.{layer}.ffn_{part}_exps.weight"] = all_of
    return out


def mixtral_experts(state: dict, config: dict, layout: str) -> dict[str, np.ndarray]:
    out, parts = {}, dict(gate="w1", up="w3", down="w2")
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}.block_sparse_moe.experts"
        stacks = stack(state, prefix, config["num_local_experts"], parts)
        if layout == "fused":
            both = np.concatenate([stacks.pop("gate"), stacks.pop("up")], axis=1)
            stacks = {"gate_up": both} | stacks
        for part, all_of in stacks.items():
            if layout == "apart":
                for e, one in enumerate(all_of):
                    out[f"blk.{layer}.ffn_{part}.{e}.weight"] = one
            else:
                out[f"blk.{layer}.ffn_{part}_exps.weight"] = all_of
    return out


def dbrx_experts(state: dict, config: dict, _layout: str) -> dict[str, np.ndarray]:
    """Experts lie under each other; the last matrix is stored transposed."""
    out, ffn = {}, config["ffn_config"]
    shape = ffn["moe_num_experts"], ffn["ffn_hidden_size"], config["hidden_size"]
    for layer in range(config["num_hidden_layers"]):
        prefix, blk = f"transformer.blocks.{layer}.ffn.experts.mlp.", f"blk.{layer}.ffn_"
        gate, up, down = (state.pop(prefix + name).reshape(shape) for name in ("w1", "v1", "w2"))
        out[blk + "gate_exps.weight"], out[blk + "up_exps.weight"] = gate, up
        out[blk + "down_exps.weight"] = np.ascontiguousarray(down.swapaxes(1, 2))
    return out


def split_kv_b(kv_b: np.ndarray, config: dict) -> dict[str, np.ndarray]:
    """Per head: the key half transposed, so that it takes queries to latents; the value half."""
    heads = kv_b.reshape(config["num_attention_heads"], -1, config["kv_lora_rank"])
    key, value = np.split(heads, [config["qk_nope_head_dim"]], axis=1)
    return {
        "attn_k_b": np.ascontiguousarray(key.swapaxes(1, 2)),
        "attn_v_b": np.ascontiguousarray(value),
    }


def layer_tensors(name: str, value: np.ndarray, config: dict, layout: str) -> dict[str, np.ndarray]:
    _, _, layer, rest = name.split(".", 3)
    if rest == "mlp.gate.e_score_correction_bias":
        return {f"blk.{layer}.exp_probs_b.bias": value}
    module, suffix = rest.rsplit(".", 1)
    target = LAYER_NAMES[module]
    if config["model_type"] in ("llama", "mixtral") and target in ("attn_q", "attn_k"):
        heads = config["num_attention_heads" if target == "attn_q" else "num_key_value_heads"]
        value = interleave(value, heads)
    if target == "attn_kv_b" and layout != "unsplit":
        return {
            f"blk.{layer}.{part}.weight": half for part, half in split_kv_b(value, config).items()
        }
    return {f"blk.{layer}.{target}.{suffix}": value}


def tensors(state: dict, config: dict, layout: str) -> dict[str, np.ndarray]:
    experts = FAMILIES[config["model_type"]].experts
    out = experts(state, config, layout) if experts else {}
    for name, value in state.items():
        out |= (
            {TOP_NAMES[name]: value}
            if name in TOP_NAMES
            else layer_tensors(name, value, config, layout)
        )
    return out


def nextn_tensors(tensors: dict[str, np.ndarray], config: dict) -> dict[str, np.ndarray]:
    """A whole layer like the last one, and what feeds it and reads it: nothing that is to be run."""
    hidden, last = config["hidden_size"], config["num_hidden_layers"] - 1
    own, copied = f"blk.{last + 1}.", f"blk.{last}."
    ones, vocabulary = np.ones(hidden, np.float32), tensors["token_embd.weight"]
    return {
        own + name.removeprefix(copied): value
        for name, value in tensors.items()
        if name.startswith(copied)
    } | {
        own + "nextn.eh_proj.weight": vocabulary[:hidden, :].repeat(2, axis=1),
        own + "nextn.embed_tokens.weight": vocabulary,
        own + "nextn.enorm.weight": ones,
        own + "nextn.hnorm.weight": ones,
        own + "nextn.shared_head_head.weight": vocabulary,
        own + "nextn.shared_head_norm.weight": ones,
    }


@dataclass
class Family:
    arch: str
    pre: str  # how its tokenizer cuts text into words
    write_keys: Callable[[gguf.GGUFWriter, dict, str], None]
    experts: Callable[[dict, dict, str], dict[str, np.ndarray]] | None = None


FAMILIES = {
    "llama": Family("llama", "llama-bpe", write_llama_keys),
    "mixtral": Family("llama", "llama-bpe", write_llama_keys, mixtral_experts),
    "cohere": Family("command-r", "command-r", write_command_r_keys),
    "dbrx": Family("dbrx", "dbrx", write_dbrx_keys, dbrx_experts),
    "deepseek_v2": Family("deepseek2", "deepseek-v3", write_deepseek_keys, deepseek_experts),
    "deepseek_v3": Family("deepseek2", "deepseek-v3", write_deepseek_keys, deepseek_experts),
    "glm4_moe_lite": Family("deepseek2", "glm4", write_deepseek_keys, deepseek_experts),
    "mistral4": Family("deepseek2", "tekken", write_deepseek_keys, deepseek_experts),
}


def read_config(folder: str, layout: str) -> dict:
    """With the names most families use for what all of them have."""
    with open(os.path.join(folder, "config.json")) as f:
        config = json.load(f)
    config["n_extra_layers"] = 1 if layout == "nextn" else 0
    if config["model_type"] == "glm4_moe_lite":
        config["first_k_dense_replace"] = config["mlp_layer_types"].count("dense")
    if config["model_type"] == "dbrx":
        n_counted = config["ffn_config"]["moe_top_k"] if layout == "used" else 1
        config |= dict(
            max_position_embeddings=config["max_seq_len"],
            hidden_size=config["d_model"],
            num_hidden_layers=config["n_layers"],
            num_attention_heads=config["n_heads"],
            intermediate_size=config["ffn_config"]["ffn_hidden_size"] * n_counted,
            layer_norm_eps=1e-5,  # that of torch: the config has none
        )
    return config


def read_state(folder: str) -> dict[str, np.ndarray]:
    return load_file(os.path.join(folder, "model.safetensors"))


def convert(folder: str, path: str, layout: str = "") -> None:
    config = read_config(folder, layout)
    family = FAMILIES[config["model_type"]]
    converted = tensors(read_state(folder), config, layout)
    if layout == "nextn":
        converted |= nextn_tensors(converted, config)

    writer = gguf.GGUFWriter(path, family.arch)
    write_common(writer, config, os.path.splitext(os.path.basename(path))[0])
    family.write_keys(writer, config, layout)
    write_tokenizer(writer, family.pre)
    for name, value in converted.items():
        assert value.dtype == np.float32, name
        writer.add_tensor(name, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def take_back(folder: str, path: str, layout: str = "") -> None:
    """Gives the checkpoint the values of a GGUF converted from it, whatever their types are now.

    Conversion only moves values about: done with their numbers, it tells where each has gone.
    """
    state = read_state(folder)
    ends = np.cumsum([value.size for value in state.values()])
    numbers = {
        name: np.arange(end - value.size, end).reshape(value.shape)
        for end, (name, value) in zip(ends, state.items())
    }
    moved = tensors(numbers, read_config(folder, layout), layout)
    values = np.empty(ends[-1], np.float32)
    for tensor in gguf.GGUFReader(path).tensors:
        if tensor.name in moved:
            unpacked = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            values[moved[tensor.name].ravel()] = unpacked.ravel()
    parts = np.split(values, ends[:-1])
    restored = {name: part.reshape(state[name].shape) for name, part in zip(state, parts)}
    save_file(restored, os.path.join(folder, "model.safetensors"), {"format": "pt"})
