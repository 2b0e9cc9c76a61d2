"""Trains the demo model on the CPU and writes demo.gguf; verify.py checks it.

The whole run is fixed by the seed and the number of steps; see README.md for the commands.
"""

import argparse
import ctypes
import math
import os
import pathlib
import random
import time

# Set before torch is loaded: threads that wait by spinning slow a shared machine down.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch
import torch.nn.functional as F

import conversations
import export
from model import DemoModel, Geometry
from tokenizer import PAD, encode, train_tokenizer

HERE = pathlib.Path(__file__).resolve().parent
BATCH_TOKENS = 4096
POOL = 1500
PEAK_RATE, LAST_RATE, WARMUP_STEPS = 3e-3, 2e-5, 80
QUESTION_WEIGHT = 0.05
BALANCE_RATE, BALANCE_UNTIL = 0.01, 0.8


def batch_of(examples):
    """Pads examples to one length; the weight says how much each token to predict counts."""
    width = -(-max(len(ids) for ids, _ in examples) // 8) * 8
    tokens = torch.full((len(examples), width), PAD)
    weight = torch.zeros(len(examples), width)
    for row, (ids, answer) in enumerate(examples):
        tokens[row, : len(ids)] = torch.tensor(ids)
        weight[row, : len(ids)] = torch.tensor([1.0 if a else QUESTION_WEIGHT for a in answer])
    return tokens, weight


def batches_by_length(examples):
    """Groups examples of similar length, so that little is spent on padding."""
    rows = []
    for example in sorted(examples, key=lambda e: len(e[0])):
        if rows and (len(rows) + 1) * (len(example[0]) + 7) > BATCH_TOKENS:
            yield batch_of(rows)
            rows = []
        rows.append(example)
    if rows:
        yield batch_of(rows)


def endless_batches(tokenizer, writer, context, rng):
    while True:
        drawn = [encode(tokenizer, writer.draw().messages) for _ in range(POOL)]
        batches = list(
            batches_by_length([(ids[:context], answer[:context]) for ids, answer in drawn])
        )
        rng.shuffle(batches)
        yield from batches


def learning_rate(step, steps):
    if step < WARMUP_STEPS:
        return PEAK_RATE * (step + 1) / WARMUP_STEPS
    progress = (step - WARMUP_STEPS) / max(1, steps - WARMUP_STEPS)
    return LAST_RATE + (PEAK_RATE - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * progress))


def loss_of(model, tokens, weight):
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(tokens[:, :-1])
    each = F.cross_entropy(logits.float().flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
    weight = weight[:, 1:].flatten()
    return (each * weight).sum() / weight.sum()


def make_optimizer(model):
    matrices = [p for p in model.parameters() if p.dim() > 1]
    norms = [p for p in model.parameters() if p.dim() == 1]
    return torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.05}, {"params": norms, "weight_decay": 0.0}],
        lr=PEAK_RATE,
        betas=(0.9, 0.98),
        fused=True,
    )


def train(model, batches, steps):
    optimizer, started, running = make_optimizer(model), time.time(), None
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps)
        loss = loss_of(model, *next(batches))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        model.balance(BALANCE_RATE if step < BALANCE_UNTIL * steps else 0.0)
        running = loss.item() if running is None else 0.95 * running + 0.05 * loss.item()
        if step % 50 == 0 or step + 1 == steps:
            print(f"step {step:5d}  loss {running:.4f}  {time.time() - started:6.0f} s", flush=True)


def keep_freed_memory():
    """Lets glibc reuse large buffers instead of asking for fresh, zeroed pages in every step."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        trim_threshold, mmap_threshold = -1, -3
        libc.mallopt(mmap_threshold, 1 << 30)
        libc.mallopt(trim_threshold, (1 << 31) - 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument(
        "--threads", type=int, default=1, help="one is nearly as fast as two: the network is small"
    )
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "demo.gguf")
    options = parser.parse_args()

    keep_freed_memory()
    torch.set_num_threads(options.threads)
    torch.manual_seed(20)
    geometry = Geometry()
    tokenizer = train_tokenizer(conversations.corpus(), geometry.vocab)
    model = DemoModel(geometry)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} million parameters")
    writer = conversations.Writer(seed=20)
    train(
        model,
        endless_batches(tokenizer, writer, geometry.context, random.Random(20)),
        options.steps,
    )
    export.write_gguf(options.out, model, tokenizer)
    print(f"{options.out}: {options.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
