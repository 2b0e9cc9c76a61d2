"""heft against llama.cpp: the same files, the same tokens, how far apart are the distributions?

    python compare_llama_cpp.py [--heft build/heft] [--only REGEX] [--write llama_cpp.tsv]

Runs every golden model, the golden models with rounded matrices, and synthetic models of every
architecture with matrices of every type. Needs `cyllama`, which carries llama.cpp. `make conformance`
turns llama_cpp.tsv into tables; tests/golden/conformance says what is compared and when a case fails.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from retype import PACKED, RANDOM, drop_prediction, retype, types_of, unpack

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DATA = os.path.join(HERE, "data")
MAKE_MODEL = os.path.join(ROOT, "tools", "make_model.py")

MAX_DIVERGENCE = 1e-3
MAX_EXACT_DIVERGENCE = 1e-9
SLACK = 1.5  # heft from the exact result, as a multiple of llama.cpp from it
SLACK_BETWEEN = 1.5  # heft from llama.cpp, where that is itself far from the exact result
SLACK_CHOICE = 0.05  # by which heft may find the exact choice less often
N_TOKENS = 96
N_GREEDY = 64

# Rounding moves the logits of llama.cpp by s = sqrt(2 * its divergence from the exact result), there
# or at most positions. Where another program moves them as much, independently, the distance of two of
# them differs by 2 s, which a margin must exceed three times. The rest is for what is left where
# nothing is rounded.
TIE = 6
MIN_MARGIN = 1e-3

MADE_TYPES = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"]
MADE_TYPES += ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "q4_k_m"]
RETYPED = [name for name in RANDOM if name not in MADE_TYPES]
WHOLE_BLOCKS = ["llama-a", "llama-d", "llama-e", "llama-f", "llama-g", "deepseek-b"]
ARCHITECTURES = {
    "llama": "llama",
    "mixtral": "mixtral",
    "command-r": "command-r",
    "dbrx": "dbrx",
    "deepseek": "deepseek2",
}
# So many that no groups can be made of those of deepseek2.
ALL_EXPERTS = {"mixtral": "8", "dbrx": "8", "deepseek2": "7"}

HEAD_NORMS = "expects norms of heads only from 64 layers on"
QUERY_LATENT = "tells by the number of layers whether there is a query latent"
NO_GROUPS = "routes without groups where their keys are absent"

# Golden models that llama.cpp refuses or reads otherwise, see README.md.
DIFFERENT = {
    "command-r-a": HEAD_NORMS,
    "command-r-c": HEAD_NORMS,
    "command-r-halves": HEAD_NORMS,
    "command-r-blocks": HEAD_NORMS,
    "command-r-supers": HEAD_NORMS,
    "dbrx-b": "expects the width of one expert",
    "mixtral-b": "no longer reads one tensor for each expert",
    "mixtral-c": "expects gate and up apart",
    "deepseek-a": QUERY_LATENT,
    "deepseek-c": NO_GROUPS,
    "deepseek-d": "reads neither the attention factor nor the betas of deepseek2",
    "deepseek-e": QUERY_LATENT,
    "deepseek-f": "counts a group of a softmax router by its best two experts",
    "deepseek-g": NO_GROUPS,
}


@dataclass
class Case:
    model: str
    types: str  # of the matrices, between commas; q4_k_m for the mix of that name
    make: Callable[[], str]  # gives the path
    tokens: list[int]


@dataclass
class Distance:
    divergence: float  # mean over positions, nats
    worst: float
    agreement: float  # share of positions at which both choose the same token


@dataclass
class Result:
    both: Distance
    ours: Distance  # from the exact result
    theirs: Distance
    n_decided: int  # of a continuation that llama.cpp has chosen: positions that are no ties
    n_agreed: int  # those of them at which heft chooses the same

    def passed(self) -> bool:
        """No further from the exact result than llama.cpp, and no further from llama.cpp than that."""
        slack = SLACK_CHOICE if self.theirs.divergence > 0 else 0
        between = max(MAX_DIVERGENCE, SLACK_BETWEEN * self.theirs.divergence)
        return (
            self.ours.divergence <= SLACK * self.theirs.divergence + MAX_EXACT_DIVERGENCE
            and self.ours.agreement >= self.theirs.agreement - slack
            and self.both.divergence < between
            and self.n_agreed == self.n_decided
        )


def log_softmax(logits: np.ndarray) -> np.ndarray:
    logits = logits.astype(np.float64)
    logits = logits - logits.max(-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def divergences(theirs: np.ndarray, ours: np.ndarray) -> np.ndarray:
    p, q = log_softmax(theirs), log_softmax(ours)
    return (np.exp(p) * (p - q)).sum(-1)


def compare(theirs: np.ndarray, ours: np.ndarray) -> Distance:
    divergence = divergences(theirs, ours)
    same = theirs.argmax(-1) == ours.argmax(-1)
    return Distance(float(divergence.mean()), float(divergence.max()), float(same.mean()))


def run_llama_cpp(path: str, out: str, n_new: int, tokens: list[int]) -> None:
    """In a process of its own: it may abort. Saves the tokens and the logits of all of them, after
    the given ones those that llama.cpp finds likeliest."""
    from cyllama.llama import llama_cpp as cy

    cy.set_log_callback(lambda level, text: print(text, end="", file=sys.stderr))
    cy.ggml_backend_load_all()

    class Model(cy.LlamaModel):
        """cyllama asks the model for what only its vocabulary tells."""

        @property
        def n_vocab(self) -> int:
            return self.get_vocab().n_vocab

    model = Model(path, cy.LlamaModelParams())
    params = cy.LlamaContextParams()
    params.n_ctx = params.n_batch = params.n_ubatch = 512
    params.n_threads = params.n_threads_batch = 1
    params.type_k = params.type_v = 0  # F32
    params.flash_attn_type = 0
    context = cy.LlamaContext(model, params)

    def decode(new: list[int], position: int) -> list[np.ndarray]:
        batch = cy.LlamaBatch(n_tokens=len(new), embd=0, n_seq_max=1)
        for i, token in enumerate(new):
            batch.add(token, position + i, [0], True)
        context.decode(batch)
        return [np.array(context.get_logits_ith(i), np.float32) for i in range(len(new))]

    logits = decode(tokens, 0)
    for _ in range(n_new):
        tokens = [*tokens, int(logits[-1].argmax())]
        logits += decode(tokens[-1:], len(tokens) - 1)
    np.savez(out, tokens=tokens, logits=np.array(logits))


def llama_cpp(
    path: str, tokens: list[int], folder: str, n_new: int = 0
) -> tuple[list[int], np.ndarray]:
    out = os.path.join(folder, "theirs.npz")
    path = drop_prediction(path, os.path.join(folder, "dropped.gguf"))
    command = [sys.executable, __file__, "--reference", path, out, str(n_new), *map(str, tokens)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        raise RuntimeError(said[0] if said else f"exit status {done.returncode}")
    saved = np.load(out)
    return saved["tokens"].tolist(), saved["logits"]


def heft_logits(heft: str, path: str, tokens: list[int], folder: str, *options: str) -> np.ndarray:
    text, out = os.path.join(folder, "tokens.txt"), os.path.join(folder, "ours.npy")
    with open(text, "w") as f:
        f.write(" ".join(map(str, tokens)))
    command = [heft, "perplexity", "-q", "-c", str(len(tokens)), "-ctk", "f32", "-t", "1", *options]
    command += ["--tokens", text, "--save-logits", out, path]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return np.load(out)


def run_case(heft: str, case: Case, folder: str) -> Result:
    """The given tokens at once; then those that llama.cpp chooses, one at a time."""
    n, path = len(case.tokens), case.make()
    tokens, theirs = llama_cpp(path, case.tokens, folder, N_GREEDY - 1)
    exact = theirs
    if case.types != "F32":
        unpacked = os.path.join(folder, "exact.gguf")
        unpack(path, unpacked)
        _, exact = llama_cpp(unpacked, tokens, folder)
    ours = heft_logits(heft, path, tokens, folder)[:n]
    singly = heft_logits(heft, path, tokens, folder, "-b", "1")
    n_decided, n_agreed = follow(theirs[n - 1 :], exact[n - 1 :], singly[n - 1 :])
    return Result(
        compare(theirs[:n], ours),
        compare(exact[:n], ours),
        compare(exact[:n], theirs[:n]),
        n_decided,
        n_agreed,
    )


def follow(theirs: np.ndarray, exact: np.ndarray, ours: np.ndarray) -> tuple[int, int]:
    """The positions where the choice of llama.cpp is no tie, and those where it is also ours."""
    divergence = divergences(exact, theirs)
    least = TIE * np.sqrt(2 * np.maximum(divergence, np.median(divergence))) + MIN_MARGIN
    second, first = np.sort(theirs, -1)[:, -2:].T
    decided = first - second >= least
    agreed = decided & (theirs.argmax(-1) == ours.argmax(-1))
    return int(decided.sum()), int(agreed.sum())


def golden_cases() -> Iterator[Case]:
    for file in sorted(os.listdir(DATA)):
        if file.endswith(".gguf"):
            name, path = file.removesuffix(".gguf"), os.path.join(DATA, file)
            tokens = np.load(os.path.join(DATA, name + ".tokens.npy")).tolist()
            yield Case(name, ",".join(types_of(path)), lambda path=path: path, tokens)


def is_plain(case: Case) -> bool:
    return case.types == "F32"


def rounded_golden_cases(folder: str) -> Iterator[Case]:
    """Odd widths, and copies of key/value heads that are still copies once rounded."""
    target = os.path.join(folder, "rounded.gguf")

    def rounded(source: str, kind: str) -> str:
        retype(source, target, [kind])
        return target

    for case in filter(is_plain, golden_cases()):
        if case.model not in DIFFERENT:
            for kind in ["F16", "BF16"] + ["Q8_0"] * (case.model in WHOLE_BLOCKS):
                make = lambda case=case, kind=kind: rounded(case.make(), kind)  # noqa: E731
                yield Case(case.model, kind, make, case.tokens)


def make_synthetic(arch: str, types: str, folder: str, *options: str) -> str:
    """With rounded weights all experts are taken: no rounding of activations can turn a choice."""
    path = os.path.join(folder, "synthetic.gguf")
    made = types if types in MADE_TYPES else "F32"
    if arch in ALL_EXPERTS and types != "F32":
        options += ("--experts", ALL_EXPERTS[arch], "--experts-used", ALL_EXPERTS[arch])
    command = [sys.executable, MAKE_MODEL, "--arch", arch, "--preset", "tiny", "--quant", made]
    command += ["--logit-gain", "1", *options, "--no-fsync", path]
    subprocess.run(command, check=True, capture_output=True)
    if types in MADE_TYPES:
        return path
    retyped = os.path.join(folder, "retyped.gguf")
    retype(path, retyped, types.split(","))
    return retyped


def synthetic_cases(folder: str) -> Iterator[Case]:
    tokens = np.random.default_rng(1).integers(0, 256, N_TOKENS).tolist()
    for model, arch in ARCHITECTURES.items():
        for types in [*MADE_TYPES, *RETYPED, ",".join(PACKED + RANDOM)]:
            make = lambda arch=arch, types=types: make_synthetic(arch, types, folder)  # noqa: E731
            yield Case(model, types, make, tokens)
    deep = ["--layers", "64", "--qk-norm", "on"]
    for types in ("F32", "Q8_0", "q4_k_m"):
        make = lambda types=types: make_synthetic("command-r", types, folder, *deep)  # noqa: E731
        yield Case("command-r, 64 layers", types, make, tokens)


COLUMNS = "model types verdict divergence worst same heft_from_exact llama_cpp_from_exact agreed decided note"


def row(case: Case, heft: str, folder: str) -> list[str]:
    """Golden models keep their name, so that they are not taken for the others with such types."""
    if case.model in DIFFERENT:
        return [case.model, case.types, "different", *[""] * 7, DIFFERENT[case.model]]
    try:
        result = run_case(heft, case, folder)
    except RuntimeError as error:
        return [case.model, case.types, "failed", *[""] * 7, str(error)]
    distances = [result.both.divergence, result.both.worst, result.both.agreement]
    distances += [result.ours.divergence, result.theirs.divergence]
    return [
        case.model,
        case.types,
        "passed" if result.passed() else "failed",
        *(f"{distance:.2g}" for distance in distances),
        str(result.n_agreed),
        str(result.n_decided),
        "",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--heft", default=os.path.join(ROOT, "build", "heft"))
    parser.add_argument("--only", default="", help="a regular expression for MODEL TYPES")
    parser.add_argument("--write", metavar="FILE", help="the table, between tabs")
    parser.add_argument("--reference", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.reference:
        path, out, n_new, *tokens = args.reference
        run_llama_cpp(path, out, int(n_new), [int(token) for token in tokens])
        return

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        cases = [*golden_cases(), *rounded_golden_cases(folder), *synthetic_cases(folder)]
        for case in cases:
            if re.search(args.only, f"{case.model} {case.types}"):
                rows.append(row(case, args.heft, folder))
                print(*rows[-1], flush=True)
    if args.write:
        with open(args.write, "w") as f:
            f.writelines("\t".join(line) + "\n" for line in [COLUMNS.split(), *rows])
    n_failed = sum(line[2] == "failed" for line in rows)
    print(f"{len(rows)} cases, {n_failed} failed")
    sys.exit(1 if n_failed else 0)


if __name__ == "__main__":
    main()
