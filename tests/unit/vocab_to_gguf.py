"""Published vocabularies as GGUF files that hold nothing else.

    python vocab_to_gguf.py sentencepiece tokenizer.model OUT.gguf
    python vocab_to_gguf.py tiktoken RANKS OUT.gguf --pre llama-bpe
    python vocab_to_gguf.py json tokenizer.json OUT.gguf --pre deepseek-v3

A file of tiktoken says nothing of special tokens: whoever has them gives them to `from_ranks`.
Needs the packages gguf, sentencepiece and protobuf.
"""

import argparse
import base64
import json
import pathlib
from dataclasses import dataclass, field

from gguf import GGUFWriter
from sentencepiece import sentencepiece_model_pb2 as sentencepiece_model

NORMAL, CONTROL, USER_DEFINED, UNUSED = 1, 3, 4, 5


def byte_alphabet():
    """GPT-2's letter for every byte: printable ones stand for themselves."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}


ALPHABET = byte_alphabet()


@dataclass
class Vocabulary:
    model: str  # "gpt2" or "llama"
    pre: str = ""
    tokens: list[str] = field(default_factory=list)
    types: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    merges: list[str] = field(default_factory=list)
    add_space_prefix: bool = False
    remove_extra_whitespaces: bool = False

    def texts_of(self, kind):
        return [text for text, t in zip(self.tokens, self.types) if t == kind]

    def write(self, path):
        writer = GGUFWriter(path, "llama")
        writer.add_tokenizer_model(self.model)
        writer.add_token_list(self.tokens)
        writer.add_token_types(self.types)
        if self.model == "llama":
            writer.add_token_scores(self.scores)
            writer.add_add_space_prefix(self.add_space_prefix)
            writer.add_remove_extra_whitespaces(self.remove_extra_whitespaces)
        else:
            writer.add_tokenizer_pre(self.pre)
            writer.add_token_merges(self.merges)
        writer.add_add_bos_token(False)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.close()


def from_sentencepiece(path):
    model = sentencepiece_model.ModelProto.FromString(pathlib.Path(path).read_bytes())
    normalizer = model.normalizer_spec
    if model.trainer_spec.model_type != 2 or normalizer.name != "identity":
        raise ValueError(f"{path}: not byte-pair encoding of the text as it is")
    return Vocabulary("llama",
                      tokens=[p.piece for p in model.pieces],
                      types=[p.type for p in model.pieces],
                      scores=[p.score for p in model.pieces],
                      add_space_prefix=normalizer.add_dummy_prefix,
                      remove_extra_whitespaces=normalizer.remove_extra_whitespaces)


def read_ranks(path):
    lines = pathlib.Path(path).read_bytes().splitlines()
    return {base64.b64decode(text): int(rank) for text, rank in (line.split() for line in lines)}


def from_ranks(ranks, pre, special=None, offset=0):
    """tiktoken's order of tokens, with special ids outside of it; `offset` is the id of rank 0."""
    special = special or {}
    n = max([rank + offset for rank in ranks.values()] + list(special.values())) + 1
    result = Vocabulary("gpt2", pre, [f"[unused {i}]" for i in range(n)], [UNUSED] * n)
    for text, rank in ranks.items():
        result.tokens[rank + offset] = letters(text)
        result.types[rank + offset] = NORMAL
    for text, i in special.items():
        result.tokens[i], result.types[i] = text, CONTROL
    for text in sorted(ranks, key=ranks.get):
        parts = split_token(ranks, text)
        if len(parts) == 2:
            result.merges.append(" ".join(map(letters, parts)))
    return result


def letters(text):
    return "".join(ALPHABET[b] for b in text)


def split_token(ranks, text):
    """What the text is merged from last: byte-pair encoding that stops before the text itself."""
    parts = [text[i:i + 1] for i in range(len(text))]
    while len(parts) > 2:
        pairs = [ranks.get(a + b, len(ranks)) for a, b in zip(parts, parts[1:])]
        i = min(range(len(pairs)), key=pairs.__getitem__)
        if pairs[i] >= ranks[text]:
            break
        parts[i:i + 2] = [parts[i] + parts[i + 1]]
    return parts


def from_json(path, pre):
    """tokenizer.json of the package tokenizers, with a byte-level model."""
    data = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    ids = dict(data["model"]["vocab"])
    kinds = dict.fromkeys(ids, NORMAL)
    for token in data["added_tokens"]:
        ids[token["content"]] = token["id"]
        kinds[token["content"]] = CONTROL if token["special"] else USER_DEFINED
    n = max(ids.values()) + 1
    result = Vocabulary("gpt2", pre, [f"[unused {i}]" for i in range(n)], [UNUSED] * n)
    for text, i in ids.items():
        result.tokens[i], result.types[i] = text, kinds[text]
    result.merges = [m if isinstance(m, str) else " ".join(m) for m in data["model"]["merges"]]
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("kind", choices=["sentencepiece", "tiktoken", "json"])
    parser.add_argument("input")
    parser.add_argument("output")
    parser.add_argument("--pre", default="default", help="name of the pre-tokenizer, as in GGUF")
    arguments = parser.parse_args()
    if arguments.kind == "sentencepiece":
        vocabulary = from_sentencepiece(arguments.input)
    elif arguments.kind == "tiktoken":
        vocabulary = from_ranks(read_ranks(arguments.input), arguments.pre)
    else:
        vocabulary = from_json(arguments.input, arguments.pre)
    vocabulary.write(arguments.output)


if __name__ == "__main__":
    main()
