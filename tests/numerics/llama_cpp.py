"""How far llama.cpp is from floats: the files, tokens and float logits of test_numerics.

    python llama_cpp.py [--test build/bin/test_numerics] [--write llama_cpp.tsv]

Needs `cyllama`, which carries llama.cpp, and numpy. Its cache is F32 and flash attention is off, which
is where it rounds least. A text is given at once; it rounds activations in the same way for few rows.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "golden"))

from compare_llama_cpp import DIFFERENT, divergences, llama_cpp, log_softmax  # noqa: E402

N_POSITIONS = 512
COLUMNS = "model type mean deviation worst perplexity".split()


def loss(logits: np.ndarray, tokens: np.ndarray) -> float:
    """Mean over the tokens that have one before them in their text."""
    logits = log_softmax(logits.reshape(-1, N_POSITIONS, logits.shape[-1])[:, :-1])
    wanted = tokens.reshape(-1, N_POSITIONS)[:, 1:, None]
    return -float(np.take_along_axis(logits, wanted, -1).mean())


def row(folder: str, line: str, only: str) -> list[str] | None:
    index, model, types, path, n_texts = line.split("\t")
    if not re.search(only, f"{model} {types}"):
        return None
    if os.path.basename(path).removesuffix(".gguf") in DIFFERENT:
        return None
    start = os.path.join(folder, index)
    tokens = np.fromfile(start + ".tokens", np.int32)
    exact = np.fromfile(start + ".logits", np.float32).reshape(len(tokens), -1)
    texts = tokens.reshape(int(n_texts), N_POSITIONS)
    theirs = np.concatenate([llama_cpp(start + ".gguf", t.tolist(), folder)[1] for t in texts])
    divergence = np.maximum(divergences(exact, theirs), 0)
    change = np.exp(loss(theirs, tokens) - loss(exact, tokens)) - 1
    deviation = divergence.std() / np.sqrt(len(divergence))
    numbers = [divergence.mean(), deviation, divergence.max(), change]
    return [model, types, *(f"{number:.2g}" for number in numbers)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--test", default=os.path.join(ROOT, "build", "bin", "test_numerics"))
    parser.add_argument("--only", default="", help="a regular expression for MODEL TYPE")
    parser.add_argument("--write", metavar="FILE", help="the table, between tabs")
    args = parser.parse_args()
    rows = [COLUMNS]
    with tempfile.TemporaryDirectory() as folder:
        command = [args.test, "--write", folder]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
        for line in done.stdout.splitlines():
            found = row(folder, line, args.only)
            if found:
                rows.append(found)
                print(*found, flush=True)
    if args.write:
        with open(args.write, "w") as f:
            f.writelines("\t".join(line) + "\n" for line in rows)


if __name__ == "__main__":
    main()
