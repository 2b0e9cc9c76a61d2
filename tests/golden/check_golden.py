"""Proves that the golden files suffice: a forward pass in numpy float64 that sees nothing but the
GGUF must give the logits that transformers computed from its own checkpoint.

    python check_golden.py [name ...]

It can also round what goes into a product with a matrix in blocks to bytes first, in groups that share
a scale, as fast programs do: what that changes is what the rounding costs.
"""

import argparse
import glob
import os
import sys

import gguf
import numpy as np

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
TOLERANCE = 1e-5


class File:
    """Metadata by key without the architecture's prefix, tensors as float64 [rows, columns]."""

    def __init__(self, path: str, rounded: bool = False):
        reader = gguf.GGUFReader(path)
        self.arch = reader.fields["general.architecture"].contents()
        self.keys = {
            key.removeprefix(self.arch + "."): field.contents()
            for key, field in reader.fields.items()
            if not key.startswith("tokenizer.")
        }
        self.tensors = {
            t.name: gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float64)
            for t in reader.tensors
        }
        self.n_layers = self.key("block_count") - self.key("nextn_predict_layers", 0)
        self.unused = {name for name in self.tensors if not self.is_extra(name)}
        blocks = {t.name: gguf.GGML_QUANT_SIZES[t.tensor_type][0] for t in reader.tensors}
        self.groups = {
            name: 256 if block == 256 else 32
            for name, block in blocks.items()
            if rounded and block > 1
        }

    def is_extra(self, name: str) -> bool:
        """Of a layer behind the last, which predicts the token after the next."""
        return name.startswith("blk.") and int(name.split(".")[1]) >= self.n_layers

    def key(self, name: str, default=None):
        if name not in self.keys and default is None:
            raise KeyError(name)
        return self.keys.get(name, default)

    def tensor(self, name: str) -> np.ndarray:
        self.unused.discard(name)
        return self.tensors[name]

    def input_of(self, name: str, x: np.ndarray) -> np.ndarray:
        """What the matrix sees of x: bytes with a scale for each group, or x itself."""
        if name not in self.groups:
            return x
        groups = x.reshape(*x.shape[:-1], -1, self.groups[name])
        scale = np.abs(groups).max(-1, keepdims=True) / 127
        return (np.round(groups / np.where(scale == 0, 1, scale)) * scale).reshape(x.shape)

    def linear(self, x: np.ndarray, name: str) -> np.ndarray:
        y = self.input_of(name + ".weight", x) @ self.tensor(name + ".weight").T
        return y + self.tensor(name + ".bias") if name + ".bias" in self.tensors else y

    def norm(self, x: np.ndarray, name: str) -> np.ndarray:
        """Of the last axis; with the mean taken out where the file states its epsilon so."""
        if "attention.layer_norm_epsilon" in self.keys:
            x = x - x.mean(-1, keepdims=True)
            epsilon = self.key("attention.layer_norm_epsilon")
        else:
            epsilon = self.key("attention.layer_norm_rms_epsilon")
        mean_square = np.mean(x * x, -1, keepdims=True)
        return x / np.sqrt(mean_square + epsilon) * self.tensor(name + ".weight")


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def silu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))


def yarn_mscale(file: File, multiplier: float) -> float:
    return 1 + 0.1 * multiplier * np.log(file.key("rope.scaling.factor"))


def yarn_divisors(file: File, n_rot: int, theta: float) -> np.ndarray:
    """1 where a pair turns often within the original context, `factor` where it hardly turns."""

    def pair_of(turns: float) -> float:
        original = file.key("rope.scaling.original_context_length")
        return n_rot * np.log(original / (turns * 2 * np.pi)) / (2 * np.log(theta))

    low = max(np.floor(pair_of(file.key("rope.scaling.yarn_beta_fast", 32.0))), 0)
    high = min(np.ceil(pair_of(file.key("rope.scaling.yarn_beta_slow", 1.0))), n_rot - 1)
    ramp = np.clip((np.arange(n_rot // 2) - low) / max(high - low, 0.001), 0, 1)
    return 1 / (1 - ramp + ramp / file.key("rope.scaling.factor"))


def rope_table(file: File, n_rot: int, n_tokens: int) -> tuple[np.ndarray, np.ndarray]:
    """cos and sin of [position, pair], already times the attention factor."""
    theta, factor = file.key("rope.freq_base", 10000.0), 1.0
    frequency = theta ** (-np.arange(0, n_rot, 2) / n_rot)
    if "rope_freqs.weight" in file.tensors:
        frequency = frequency / file.tensor("rope_freqs.weight")
    if file.key("rope.scaling.type", "none") == "yarn":
        frequency = frequency / yarn_divisors(file, n_rot, theta)
        has_multiplier = file.key("rope.scaling.yarn_log_multiplier", 0.0) != 0
        factor = file.key(
            "rope.scaling.yarn_attn_factor", 1.0 if has_multiplier else yarn_mscale(file, 1.0)
        )
    angle = np.arange(n_tokens)[:, None] * frequency
    return np.cos(angle) * factor, np.sin(angle) * factor


def rotate_halves(x: np.ndarray, table: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Turns (x[i], x[i + n_rot / 2]) of x [token, head, n_rot]."""
    cos, sin = (part[:, None] for part in table)
    first, second = np.split(x, 2, axis=-1)
    return np.concatenate([first * cos - second * sin, first * sin + second * cos], -1)


def rotate(x: np.ndarray, table: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Turns neighbouring pairs of x [token, head, n_rot]."""
    cos, sin = (part[:, None] for part in table)
    even, odd = x[..., 0::2], x[..., 1::2]
    return np.stack([even * cos - odd * sin, even * sin + odd * cos], -1).reshape(x.shape)


def attend(q: np.ndarray, k: np.ndarray, v: np.ndarray, scale: float) -> np.ndarray:
    """q, k, v [token, head, dim], fewer heads in k and v than in q -> [token, head * dim]."""
    n_tokens, n_heads, _ = q.shape
    k, v = (np.repeat(x, n_heads // x.shape[1], axis=1) for x in (k, v))
    scores = np.einsum("thd,shd->hts", q, k) * scale
    scores = np.where(np.tri(n_tokens, dtype=bool), scores, -np.inf)
    return np.einsum("hts,shd->thd", softmax(scores), v).reshape(n_tokens, -1)


def project_heads(file: File, x: np.ndarray, blk: str, head_dim: int) -> list[np.ndarray]:
    """q, k and v [token, head, dim], from three matrices or from one; clipped, and normed."""
    if blk + "attn_qkv.weight" in file.tensors:
        n_kv = file.key("attention.head_count_kv") * head_dim
        parts = np.split(file.linear(x, blk + "attn_qkv"), [-2 * n_kv, -n_kv], axis=-1)
    else:
        parts = [file.linear(x, blk + part) for part in ("attn_q", "attn_k", "attn_v")]
    clip = file.key("attention.clamp_kqv", np.inf)
    parts = [np.clip(part, -clip, clip).reshape(len(x), -1, head_dim) for part in parts]
    for i, norm in enumerate(("attn_q_norm", "attn_k_norm")):
        if blk + norm + ".weight" in file.tensors:
            parts[i] = file.norm(parts[i], blk + norm)
    return parts


def attention_grouped(file: File, x: np.ndarray, blk: str) -> np.ndarray:
    n_heads, n_tokens = file.key("attention.head_count"), len(x)
    head_dim = file.key("attention.key_length", file.key("embedding_length") // n_heads)
    q, k, v = project_heads(file, x, blk, head_dim)
    table = rope_table(file, file.key("rope.dimension_count", head_dim), n_tokens)
    turn = rotate_halves if file.arch == "dbrx" else rotate
    return file.linear(
        attend(turn(q, table), turn(k, table), v, head_dim**-0.5), blk + "attn_output"
    )


def expand_latent(
    file: File, c: np.ndarray, blk: str, n_nope: int
) -> tuple[np.ndarray, np.ndarray]:
    """Keys without position and values, [token, head, dim], from either layout of kv_b."""
    if blk + "attn_kv_b.weight" in file.tensors:
        kv = file.linear(c, blk + "attn_kv_b").reshape(len(c), file.key("attention.head_count"), -1)
        return kv[..., :n_nope], kv[..., n_nope:]
    k_b, v_b = file.tensor(blk + "attn_k_b.weight"), file.tensor(blk + "attn_v_b.weight")
    return np.einsum("tc,hcd->thd", c, k_b), np.einsum("tc,hdc->thd", c, v_b)


def attention_latent(file: File, x: np.ndarray, blk: str) -> np.ndarray:
    n_heads, n_tokens = file.key("attention.head_count"), len(x)
    n_rot, n_latent = file.key("rope.dimension_count"), file.key("attention.kv_lora_rank")
    n_key = file.key("attention.key_length_mla", file.key("attention.key_length"))
    if "attention.q_lora_rank" in file.keys:
        q = file.linear(
            file.norm(file.linear(x, blk + "attn_q_a"), blk + "attn_q_a_norm"), blk + "attn_q_b"
        )
    else:
        q = file.linear(x, blk + "attn_q")
    q = q.reshape(n_tokens, n_heads, n_key)
    kv = file.linear(x, blk + "attn_kv_a_mqa")
    k, v = expand_latent(
        file, file.norm(kv[:, :n_latent], blk + "attn_kv_a_norm"), blk, n_key - n_rot
    )

    table = rope_table(file, n_rot, n_tokens)
    q = np.concatenate([q[..., :-n_rot], rotate(q[..., -n_rot:], table)], -1)
    k_rot = rotate(kv[:, None, n_latent:], table)
    k = np.concatenate([k, np.repeat(k_rot, n_heads, axis=1)], -1)
    scale = n_key**-0.5
    if file.key("rope.scaling.type", "none") == "yarn":
        scale *= yarn_mscale(file, 10 * file.key("rope.scaling.yarn_log_multiplier", 0.0)) ** 2
    if "attention.temperature_scale" in file.keys:
        far = np.arange(n_tokens) // file.key("attention.temperature_length")
        q *= 1 + file.key("attention.temperature_scale") * np.log(1 + far)[:, None, None]
    return file.linear(attend(q, k, v, scale), blk + "attn_output")


def gated(file: File, x: np.ndarray, blk: str, suffix: str = "") -> np.ndarray:
    hidden = silu(file.linear(x, f"{blk}ffn_gate{suffix}")) * file.linear(x, f"{blk}ffn_up{suffix}")
    return file.linear(hidden, f"{blk}ffn_down{suffix}")


def router_groups(file: File, n_experts: int, is_sigmoid: bool) -> tuple[int, int]:
    """Of files older than the group keys, those with 256 sigmoid experts hold DeepSeek V3."""
    default = (8, 4) if n_experts == 256 and is_sigmoid else (1, 1)
    return file.key("expert_group_count", default[0]), file.key(
        "expert_group_used_count", default[1]
    )


def route(file: File, x: np.ndarray, blk: str) -> np.ndarray:
    """One token -> the weight of each expert, 0 for those not chosen."""
    has_bias = any(name.endswith("exp_probs_b.bias") for name in file.tensors)
    is_sigmoid = file.key("expert_gating_func", 2 if has_bias else 1) == 2
    router = file.linear(x, blk + "ffn_gate_inp")
    scores = 1 / (1 + np.exp(-router)) if is_sigmoid else softmax(router)
    choice = scores.copy()
    if blk + "exp_probs_b.bias" in file.tensors:
        choice += file.tensor(blk + "exp_probs_b.bias")
    n_groups, n_kept = router_groups(file, len(scores), is_sigmoid)
    groups = choice.reshape(n_groups, -1)
    if n_kept < n_groups:
        n_best = 2 if is_sigmoid else 1  # DeepSeek V3 and V2
        group_scores = np.sort(groups, -1)[:, -n_best:].sum(-1)
        groups[np.argsort(group_scores)[: n_groups - n_kept]] = -np.inf
    chosen = np.argsort(choice)[-file.key("expert_used_count") :]
    weights = np.zeros_like(scores)
    weights[chosen] = scores[chosen]
    if file.key("expert_weights_norm", file.arch != "deepseek2"):
        weights /= weights.sum()
    return weights * file.key("expert_weights_scale", 1.0)


def expert_matrices(file: File, blk: str) -> list[np.ndarray]:
    """gate, up and down [expert, row, column] from any of the three layouts."""

    def stacked(part: str) -> np.ndarray:
        if f"{blk}ffn_{part}_exps.weight" in file.tensors:
            return file.tensor(f"{blk}ffn_{part}_exps.weight")
        n_experts = file.key("expert_count")
        return np.stack([file.tensor(f"{blk}ffn_{part}.{e}.weight") for e in range(n_experts)])

    if blk + "ffn_gate_up_exps.weight" in file.tensors:
        return [*np.split(stacked("gate_up"), 2, axis=1), stacked("down")]
    return [stacked(part) for part in ("gate", "up", "down")]


def expert(file: File, x: np.ndarray, blk: str, matrices: list[np.ndarray]) -> np.ndarray:
    gate, up, down = matrices
    seen_by_gate = file.input_of(blk + "ffn_gate_exps.weight", x)
    hidden = silu(gate @ seen_by_gate) * (up @ file.input_of(blk + "ffn_up_exps.weight", x))
    return down @ file.input_of(blk + "ffn_down_exps.weight", hidden)


def experts(file: File, x: np.ndarray, blk: str) -> np.ndarray:
    matrices = expert_matrices(file, blk)
    has_shared = blk + "ffn_up_shexp.weight" in file.tensors
    out = gated(file, x, blk, "_shexp") if has_shared else np.zeros_like(x)
    for t, row in enumerate(x):
        weights = route(file, row, blk)
        for e in np.flatnonzero(weights):
            out[t] += weights[e] * expert(file, row, blk, [of_all[e] for of_all in matrices])
    return out


def forward(file: File, tokens: np.ndarray) -> np.ndarray:
    x = file.tensor("token_embd.weight")[tokens]
    n_dense = file.key(
        "leading_dense_block_count", 0 if "expert_count" in file.keys else file.n_layers
    )
    attention = attention_latent if file.arch == "deepseek2" else attention_grouped
    ffn_norm = "attn_output_norm" if file.arch == "dbrx" else "ffn_norm"
    for layer in range(file.n_layers):
        blk = f"blk.{layer}."
        ffn = gated if layer < n_dense else experts
        normed = file.norm(x, blk + "attn_norm")
        attended = x + attention(file, normed, blk)
        if file.arch == "command-r":
            x = attended + ffn(file, normed, blk)
        else:
            x = attended + ffn(file, file.norm(attended, blk + ffn_norm), blk)
    head = "output" if "output.weight" in file.tensors else "token_embd"
    return file.linear(file.norm(x, "output_norm"), head) * file.key("logit_scale", 1.0)


def rounded_logits(path: str) -> np.ndarray:
    """Of the model at path.gguf, with activations rounded; those positions that are kept."""
    n_logits = len(np.load(path + ".logits.npy"))
    return forward(File(path + ".gguf", True), np.load(path + ".tokens.npy"))[-n_logits:]


def check(name: str) -> bool:
    path = os.path.join(DATA, name)
    file = File(path + ".gguf")
    expected = np.load(path + ".logits.npy")
    computed = forward(file, np.load(path + ".tokens.npy"))[-len(expected) :]
    error = np.abs(computed - expected).max() / np.abs(expected).max()
    print(
        f"{name:19s} error {error:.1e}"
        + "".join(f"  unused: {tensor}" for tensor in sorted(file.unused))
    )
    return error <= TOLERANCE and not file.unused


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    found = sorted(
        os.path.basename(path).removesuffix(".gguf")
        for path in glob.glob(os.path.join(DATA, "*.gguf"))
    )
    passed = [check(name) for name in parser.parse_args().names or found]
    sys.exit(0 if passed and all(passed) else 1)


if __name__ == "__main__":
    main()
