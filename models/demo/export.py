"""Writes the trained model as GGUF: arch deepseek2, latent projections split, groups given."""

import json

import gguf
import numpy as np

from tokenizer import BEGIN, CHAT_TEMPLATE, END, PAD, SPECIAL

ARCH = "deepseek2"
Q8_0 = gguf.GGMLQuantizationType.Q8_0


def add_matrix(writer, name, weight):
    """A matrix in Q8_0; the last axis is the one that is cut into blocks of 32."""
    packed = gguf.quants.quantize(np.ascontiguousarray(weight.detach().float().numpy()), Q8_0)
    writer.add_tensor(name, packed, raw_dtype=Q8_0)


def add_plain(writer, name, values):
    writer.add_tensor(name, np.ascontiguousarray(values.detach().float().numpy()))


def add_attention(writer, prefix, attention, g):
    add_matrix(writer, f"{prefix}.attn_q_a.weight", attention.q_a)
    add_plain(writer, f"{prefix}.attn_q_a_norm.weight", attention.q_norm.weight)
    add_matrix(writer, f"{prefix}.attn_q_b.weight", attention.q_b)
    add_matrix(writer, f"{prefix}.attn_kv_a_mqa.weight", attention.kv_a)
    add_plain(writer, f"{prefix}.attn_kv_a_norm.weight", attention.kv_norm.weight)
    per_head = attention.kv_b.view(g.heads, g.nope + g.value, g.kv_rank)
    # Keys are stored transposed, [heads, latent, nope]: decoding moves the query into the latent
    # space with them.
    add_matrix(writer, f"{prefix}.attn_k_b.weight", per_head[:, : g.nope].transpose(1, 2))
    add_matrix(writer, f"{prefix}.attn_v_b.weight", per_head[:, g.nope :])
    add_matrix(writer, f"{prefix}.attn_output.weight", attention.out)


def add_ffn(writer, prefix, ffn, dense):
    if dense:
        for part in ("gate", "up", "down"):
            add_matrix(writer, f"{prefix}.ffn_{part}.weight", getattr(ffn, part))
        return
    add_plain(writer, f"{prefix}.ffn_gate_inp.weight", ffn.router)
    add_plain(writer, f"{prefix}.exp_probs_b.bias", ffn.bias)
    for part in ("gate", "up", "down"):
        stacked = getattr(ffn, part)
        add_matrix(writer, f"{prefix}.ffn_{part}_exps.weight", stacked[:-1])
        add_matrix(writer, f"{prefix}.ffn_{part}_shexp.weight", stacked[-1])


def add_tensors(writer, model):
    g = model.g
    add_matrix(writer, "token_embd.weight", model.embedding)
    for i, layer in enumerate(model.layers):
        prefix = f"blk.{i}"
        add_plain(writer, f"{prefix}.attn_norm.weight", layer.attention_norm.weight)
        add_attention(writer, prefix, layer.attention, g)
        add_plain(writer, f"{prefix}.ffn_norm.weight", layer.ffn_norm.weight)
        add_ffn(writer, prefix, layer.ffn, i < g.dense_layers)
    add_plain(writer, "output_norm.weight", model.norm.weight)
    add_matrix(writer, "output.weight", model.head)


def add_geometry(writer, g):
    writer.add_block_count(g.layers)
    writer.add_context_length(g.context)
    writer.add_embedding_length(g.hidden)
    writer.add_feed_forward_length(g.ffn)
    writer.add_vocab_size(g.vocab)
    writer.add_head_count(g.heads)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(g.epsilon)
    writer.add_q_lora_rank(g.q_rank)
    writer.add_kv_lora_rank(g.kv_rank)
    writer.add_key_length(g.kv_rank + g.rope)
    writer.add_value_length(g.kv_rank)
    writer.add_key_length_mla(g.nope + g.rope)
    writer.add_value_length_mla(g.value)
    writer.add_rope_dimension_count(g.rope)
    writer.add_rope_freq_base(g.theta)
    writer.add_leading_dense_block_count(g.dense_layers)
    writer.add_expert_count(g.experts)
    writer.add_expert_used_count(g.experts_used)
    writer.add_expert_shared_count(1)
    writer.add_expert_group_count(g.groups)
    writer.add_expert_group_used_count(g.groups_used)
    writer.add_expert_feed_forward_length(g.expert_ffn)
    writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    writer.add_expert_weights_norm(True)
    writer.add_expert_weights_scale(g.expert_scale)


def add_tokenizer(writer, tokenizer):
    description = json.loads(tokenizer.to_str())["model"]
    tokens = [token for token, _ in sorted(description["vocab"].items(), key=lambda item: item[1])]
    merges = [
        merge if isinstance(merge, str) else " ".join(merge) for merge in description["merges"]
    ]
    kinds = [
        gguf.TokenType.CONTROL if token in SPECIAL else gguf.TokenType.NORMAL for token in tokens
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("deepseek-v3")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)
    writer.add_pad_token_id(PAD)
    writer.add_add_bos_token(True)
    writer.add_chat_template(CHAT_TEMPLATE)


def write_gguf(path, model, tokenizer):
    writer = gguf.GGUFWriter(path, ARCH)
    writer.add_name("heft demo")
    writer.add_description(
        "A small model with the DeepSeek-V3 geometry that answers questions about running large "
        "language models on one box."
    )
    writer.add_license("MIT")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    add_geometry(writer, model.g)
    add_tokenizer(writer, tokenizer)
    add_tensors(writer, model)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
