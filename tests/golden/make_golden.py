"""Writes data/: tiny seeded models as GGUF, tokens for them, and the logits transformers computes.

    python make_golden.py [name ...]        all models, or those named

The weights are random but not meek: attention is peaked, routers decide by margins that no float32
rounding can cross (MIN_MARGIN), norms and biases are away from their neutral values.
"""

import argparse
import os
import tempfile

import numpy as np
import torch

from check_golden import rounded_logits
from convert import N_VOCAB, convert, take_back
from models import MODELS, Recipe
from retype import retype, types_of


MIN_MARGIN = 1e-3
MIN_ROUNDED_MARGIN = 0.05  # where activations are rounded too
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")

# Standard deviation of a weight, times the square root of its inputs; 1 for all others.
GAINS = {
    "q_proj": 1.4,
    "k_proj": 1.4,
    "q_b_proj": 1.4,
    "kv_b_proj": 1.4,
    "gate_proj": 1.5,
    "up_proj": 1.5,
    "gate": 1.5,
    "experts": 1.5,
    "Wqkv": 2.0,
    "mlp": 1.5,
    "layer": 1.5,
    "lm_head": 2.0,
}


@torch.no_grad()
def randomize(model: torch.nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    tied = model.config.tie_word_embeddings
    tensors = list(model.named_parameters()) + [
        b for b in model.named_buffers() if b[0].endswith("correction_bias")
    ]
    for name, tensor in tensors:
        noise = torch.randn(tensor.shape, generator=generator)
        owner = name.split(".")[-2]
        if owner in ("q_norm", "k_norm"):  # these decide how peaked attention is
            tensor.copy_(1.6 + 0.3 * noise)
        elif "norm" in owner:
            tensor.copy_(1 + 0.1 * noise)
        elif name.endswith("bias"):
            tensor.copy_(0.2 * noise)
        elif owner in ("embed_tokens", "wte"):
            tensor.copy_(noise * (2 * tensor.shape[1] ** -0.5 if tied else 1))
        else:
            tensor.copy_(noise * GAINS.get(owner, 1.0) * tensor.shape[-1] ** -0.5)


@torch.no_grad()
def make_twins(model: torch.nn.Module, n_layers: int) -> None:
    """Key/value heads 2i and 2i + 1 made equal, as where a checkpoint was cut for more devices."""
    for layer in model.model.layers[:n_layers]:
        for weight in (layer.self_attn.k_proj.weight, layer.self_attn.v_proj.weight):
            heads = weight.view(model.config.num_key_value_heads // 2, 2, -1)
            heads[:, 1] = heads[:, 0]


GROUPED_ROUTERS = (
    "DeepseekV2TopkRouter",
    "DeepseekV3TopkRouter",
    "Glm4MoeLiteTopkRouter",
    "Mistral4TopkRouter",
)


class RouterMargin:
    """Over all choices made for the last token of a pass, the least distance of taken and left."""

    def __init__(self, model: torch.nn.Module):
        self.smallest = float("inf")
        for module in model.modules():
            kind = type(module).__name__
            if kind in GROUPED_ROUTERS:
                module.register_forward_hook(self.measure_groups)
            elif kind == "MixtralTopKRouter":
                self.n_used = module.top_k
                module.register_forward_hook(self.measure)
            elif kind == "DbrxRouter":
                self.n_used = model.config.ffn_config.moe_top_k
                module.register_forward_hook(self.measure)

    def measure(self, _router, _inputs, outputs) -> None:
        logits = outputs[0] if isinstance(outputs, tuple) else outputs
        self.note(logits.detach()[-1].double().softmax(-1), self.n_used)

    def measure_groups(self, router, _inputs, outputs) -> None:
        logits = outputs[0].detach()[-1].double()
        if hasattr(router, "e_score_correction_bias"):
            scores = logits.sigmoid() + router.e_score_correction_bias.double()
            n_best = 2
        else:
            scores, n_best = logits.softmax(-1), 1
        n_groups, n_kept = router.num_group or 1, router.topk_group or 1
        groups = scores.view(n_groups, -1)
        group_scores = groups.topk(n_best)[0].sum(-1)
        if n_kept < n_groups:
            self.note(group_scores, n_kept)
        kept = groups[group_scores.topk(n_kept)[1]].flatten()
        if router.top_k < len(kept):
            self.note(kept, router.top_k)

    def note(self, scores: torch.Tensor, k: int) -> None:
        best = scores.sort(descending=True)[0]
        self.smallest = min(self.smallest, (best[k - 1] - best[k]).item())


@torch.no_grad()
def choose_tokens(model: torch.nn.Module, recipe: Recipe) -> tuple[np.ndarray, float]:
    """Random tokens, each drawn again while it puts some layer's router too near a tie."""
    generator = np.random.default_rng(recipe.seed)
    margin = RouterMargin(model)
    least = MIN_ROUNDED_MARGIN if recipe.rounds else MIN_MARGIN
    tokens, worst = [], float("inf")
    while len(tokens) < recipe.n_tokens:
        candidate = int(generator.integers(N_VOCAB))
        margin.smallest = float("inf")
        model(torch.tensor([tokens + [candidate]]), use_cache=False)
        if margin.smallest >= least:
            tokens.append(candidate)
            worst = min(worst, margin.smallest)
    return np.array(tokens, np.int32), worst


def as_batch(tokens: np.ndarray) -> torch.Tensor:
    return torch.tensor(tokens[None].astype(np.int64))


@torch.no_grad()
def logits(model: torch.nn.Module, tokens: np.ndarray, dtype: torch.dtype) -> np.ndarray:
    return model.to(dtype)(as_batch(tokens), use_cache=False).logits[0].double().numpy()


@torch.no_grad()
def attention_peak(model: torch.nn.Module, tokens: np.ndarray) -> float:
    """Mean over heads and late positions of the largest attention weight."""
    maps = model(as_batch(tokens), use_cache=False, output_attentions=True).attentions
    return float(torch.stack([m[0, :, len(tokens) // 2 :].max(-1)[0].mean() for m in maps]).mean())


def with_types(model: torch.nn.Module, recipe: Recipe, folder: str, path: str) -> torch.nn.Module:
    """The file gets the types of the recipe, and what their values are goes back into the model."""
    plain = os.path.join(folder, os.path.basename(path))
    os.rename(path, plain)
    retype(plain, path, recipe.types.replace("|", "").split(), recipe.seed)
    wanted = recipe.types.partition("|")[0].split()
    assert set(wanted) <= set(types_of(path)), "more types than matrices"
    take_back(folder, path, recipe.layout)
    eager = dict(attn_implementation="eager", experts_implementation="eager")
    return type(model).from_pretrained(folder, **eager).eval()


def make(name: str) -> None:
    recipe, path = MODELS[name], os.path.join(DATA, name)
    model = recipe.build(**recipe.geometry).eval()
    randomize(model, recipe.seed)
    if recipe.n_twin_layers > 0:
        make_twins(model, recipe.n_twin_layers)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        convert(folder, path + ".gguf", recipe.layout)
        if recipe.types:
            model = with_types(model, recipe, folder, path + ".gguf")
    tokens, margin = choose_tokens(model, recipe)
    peak = attention_peak(model, tokens)
    single, double = logits(model, tokens, torch.float32), logits(model, tokens, torch.float64)
    kept = double[-recipe.n_logits :]
    np.save(path + ".tokens.npy", tokens)
    np.save(path + ".logits.npy", kept.astype(np.float32))
    if recipe.rounds:
        np.save(path + ".rounded.npy", rounded_logits(path).astype(np.float32))
    largest = np.abs(double).max()
    error = np.abs(single - double).max() / largest
    print(
        f"{name:19s} logits std {double.std():.2f} largest {largest:.1f}  peak {peak:.2f}  "
        f"float32 error {error:.1e}  router margin {margin:.1e}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=", ".join(MODELS))
    names = parser.parse_args().names or list(MODELS)
    torch.set_num_threads(1)
    os.makedirs(DATA, exist_ok=True)
    for name in names:
        make(name)


if __name__ == "__main__":
    main()
