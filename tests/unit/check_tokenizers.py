#!/usr/bin/env python3
"""Compare heft's tokenizers with Hugging Face `tokenizers` on random strings.

    check_tokenizers.py VOCAB_DIR [--strings N] [--seed S]

VOCAB_DIR has gpt-2.gguf, deepseek-coder.gguf, deepseek-llm.gguf and llama-spm.gguf. The C sources
are compiled into a library in a temporary folder. Every pre-tokenizer whose published definition
is written below is compared: those without a vocabulary here run on that of GPT-2, where they cut
words just as well. The SentencePiece vocabulary is compared with the package sentencepiece too.
Needs the packages tokenizers, sentencepiece, protobuf and gguf, and the PCRE2 headers.
"""

import argparse
import ctypes
import pathlib
import random
import subprocess
import sys
import tempfile
import unicodedata

import sentencepiece
from gguf import GGUFReader
from sentencepiece import sentencepiece_model_pb2 as sentencepiece_model
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONTROL, USER_DEFINED = 3, 4
ADD_SPECIAL, PARSE_SPECIAL = 1, 2

# ---- definitions, as the tokenizer.json files of the models have them ---------------------------

CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
HEAD = r"[^\r\n\p{L}\p{N}]?"
LLAMA3 = CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
KANJI = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
HANGUL = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
V3 = (r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"""
      r""" ?[\p{P}\p{S}]+[\r\n]*|""" + SPACES)
GPT4O = (f"{HEAD}{UPPER}*{LOWER}+{CONTRACTION}?|{HEAD}{UPPER}+{LOWER}*{CONTRACTION}?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACES)
TEKKEN = (f"{HEAD}{UPPER}*{LOWER}+|{HEAD}{UPPER}+{LOWER}*|"
          r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACES)
NO_HAN = "&&[^\\p{Han}]]"
KIMI = (r"[\p{Han}]+|"
        f"{HEAD}{UPPER[:-1]}{NO_HAN}*{LOWER[:-1]}{NO_HAN}+{CONTRACTION}?|"
        f"{HEAD}{UPPER[:-1]}{NO_HAN}+{LOWER[:-1]}{NO_HAN}*{CONTRACTION}?|"
        r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES)
QWEN35 = (CONTRACTION + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" +
          SPACES)
BAILING = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|"
           r"\s*[\r\n]|\s+(?!\S)|\s+")


def cased_letters():
    """The letters of DeepSeek LLM's pattern: those with case, less what its list leaves out."""
    left_out = [(0x560, 0x588), (0x10C7, 0x10CD), (0x10D0, 0x10FF), (0x1C80, 0x1C88),
                (0x2D00, 0x2D2D), (0xA790, 0xA7FA), (0xAB30, 0xAB68), (0x10570, 0x105BC),
                (0x16E40, 0x16E7F), (0x1D400, 0x1D7CB), (0x1DF00, 0x1DF1E)]
    codes = [
        c for c in range(0x110000)
        if unicodedata.category(chr(c)) in ("Lu", "Ll", "Lt") and not any(a <= c <= b
                                                                          for a, b in left_out)
    ]
    return "".join(f"\\x{{{c:x}}}" for c in codes)


def split(pattern):
    return pre_tokenizers.Split(Regex(pattern), "isolated")


def digits(individual):
    return pre_tokenizers.Digits(individual_digits=individual)


def byte_level(use_regex):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


PRETOKENIZERS = {  # name: (splits before the byte level, whether GPT-2's pattern comes last)
    "gpt-2": lambda: ([], True),
    "deepseek-coder": lambda: ([
        split("[\r\n]"),
        split(r"\s?\p{L}+"),
        split(r"\s?\p{P}+"),
        split(HANGUL),
        digits(True)
    ], False),
    "deepseek-llm": lambda: ([
        split("[\r\n]"),
        split(rf"\s?[{cased_letters()}]+"),
        split("\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+"),
        split(r"\s+$"),
        split(HANGUL),
        digits(False)
    ], False),
    "deepseek-v3": lambda: ([split(r"\p{N}{1,3}"), split(KANJI), split(V3)], False),
    "llama-bpe": lambda: ([split(LLAMA3)], False),
    "qwen2": lambda: ([split(QWEN2)], False),
    "qwen35": lambda: ([split(QWEN35)], False),
    "gpt-4o": lambda: ([split(GPT4O)], False),
    "tekken": lambda: ([split(TEKKEN)], False),
    "kimi-k2": lambda: ([split(KIMI)], False),
    "command-r": lambda: ([digits(True)], True),
    "falcon": lambda: ([split(r"[\p{P}\$\+<=>\^~\|`]+")], None),
    "bailingmoe": lambda: ([split(BAILING)], False),
    "tiny_aya": lambda: ([split(r"\d{1,3}(?=(?:\d{3})*\b)"), split(GPT4O)], False)
}
COMPOSES = ("qwen2", "qwen35", "command-r")


def pre_tokenizer(name):
    splits, gpt2_last = PRETOKENIZERS[name]()
    if gpt2_last is None:  # Falcon: digits in threes after GPT-2's pattern
        # The byte level is applied last, so GPT-2's pattern is written out.
        splits += [
            split(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"),
            split("[0-9][0-9][0-9]")
        ]
    return pre_tokenizers.Sequence(splits + [byte_level(bool(gpt2_last))])


# ---- heft ---------------------------------------------------------------------------------------


class Slice(ctypes.Structure):
    _fields_ = [("data", ctypes.c_char_p), ("n_bytes", ctypes.c_size_t)]


class Source(ctypes.Structure):
    """struct vocab_source"""

    _fields_ = ([("kind", ctypes.c_int), ("pre", ctypes.c_char_p), ("n_tokens", ctypes.c_int),
                 ("tokens", ctypes.POINTER(Slice)), ("scores", ctypes.POINTER(ctypes.c_float)),
                 ("types", ctypes.POINTER(ctypes.c_int32)), ("n_merges", ctypes.c_int),
                 ("merges", ctypes.POINTER(Slice))] +
                [(name, ctypes.c_int32)
                 for name in ("bos", "eos", "eot", "eom", "unknown", "pad")] +
                [(name, ctypes.c_bool) for name in ("add_bos", "add_eos", "add_space_prefix",
                                                    "remove_extra_whitespaces", "ignore_merges")])


class Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("message", ctypes.c_char * 1024)]


def build_library(folder):
    library = pathlib.Path(folder) / "libtokenizer.so"
    sources = [
        str(p) for p in sorted((ROOT / "src/text").glob("*.c")) if not p.name.startswith("template")
    ]
    sources += [str(ROOT / "src/base" / name) for name in ("error.c", "buffer.c")]
    options = ["-std=c17", "-O2", "-fPIC", "-shared", "-D_GNU_SOURCE"]
    folders = [f"-I{ROOT}/include", f"-I{ROOT}/src"]
    libraries = ["-lpcre2-8", "-lutf8proc", "-lm"]
    subprocess.run(["cc", *options, *folders, "-o", library, *sources, *libraries], check=True)
    return ctypes.CDLL(str(library))


class Heft:

    def __init__(self, library, vocab, pre, kind=0):
        self.library = library
        tokens = (Slice * len(vocab.tokens))(*[(t, len(t)) for t in vocab.tokens])
        merges = (Slice * len(vocab.merges))(*[(m, len(m)) for m in vocab.merges])
        types = (ctypes.c_int32 * len(vocab.types))(*vocab.types)
        scores = (ctypes.c_float * len(vocab.tokens))(*vocab.scores)
        source = Source(kind, pre.encode(), len(tokens), tokens, scores, types, len(merges), merges,
                        -1, -1, -1, -1, 0 if kind else -1, -1, False, False, kind == 1, False,
                        pre in ("llama-bpe", "tekken"))
        self.tokenizer, error = ctypes.c_void_p(), Error()
        if library.tokenizer_create(ctypes.byref(source), ctypes.byref(self.tokenizer),
                                    ctypes.byref(error)):
            sys.exit(error.message.decode())

    def encode(self, data, flags=PARSE_SPECIAL):
        ids = (ctypes.c_int32 * (len(data) * 2 + 8))()
        n = self.library.tokenizer_encode(self.tokenizer, data, ctypes.c_size_t(len(data)), flags,
                                          ids, len(ids))
        return list(ids[:n])

    def decode(self, ids):
        text = ctypes.create_string_buffer(4096)
        parts = []
        for i in ids:
            n = self.library.tokenizer_decode(self.tokenizer, i, True, text, len(text))
            parts.append(text.raw[:n])
        return b"".join(parts)


# ---- vocabularies and texts ---------------------------------------------------------------------


class Vocab:

    def __init__(self, path):
        fields = GGUFReader(path).fields

        def strings(key):
            field = fields.get("tokenizer.ggml." + key)
            return [bytes(field.parts[i]) for i in field.data] if field else []

        self.tokens, self.merges = strings("tokens"), strings("merges")
        self.types = [int(v) for v in fields["tokenizer.ggml.token_type"].contents()]
        field = fields.get("tokenizer.ggml.scores")
        self.scores = field.contents() if field else [0.0] * len(self.tokens)
        self.special = [
            self.tokens[i].decode() for i, t in enumerate(self.types)
            if t in (CONTROL, USER_DEFINED)
        ]


def reference(vocab, pre):
    texts = [t.decode() for t in vocab.tokens]
    merges = [tuple(m.decode().split(" ")) for m in vocab.merges]
    model = models.BPE({
        t: i
        for i, t in enumerate(texts)
    },
                       merges,
                       ignore_merges=pre in ("llama-bpe", "tekken"))
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizer(pre)
    if pre in COMPOSES:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.decoder = decoders.ByteLevel()
    add_special(tokenizer, vocab)
    return tokenizer


def spm_reference(vocab):
    """As transformers converts such a vocabulary: merges by the scores of their results."""
    texts = [t.decode() for t in vocab.tokens]
    ids = {t: i for i, t in enumerate(texts)}
    merges = []
    for text, i in ids.items():
        if vocab.types[i] != 1:
            continue
        for cut in range(1, len(text)):
            left, right = text[:cut], text[cut:]
            if left in ids and right in ids:
                merges.append((left, right, i))
    merges.sort(key=lambda m: (-vocab.scores[m[2]], len(m[0]), len(m[1])))
    tokenizer = Tokenizer(
        models.BPE(ids, [m[:2] for m in merges],
                   unk_token="<unk>",
                   fuse_unk=True,
                   byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"),
         normalizers.Replace(" ", "\u2581")])
    add_special(tokenizer, vocab)
    return tokenizer


class SentencePiece:
    """The package's own encoder, with the vocabulary as a model file, for `compare`."""

    def __init__(self, vocab):
        model = sentencepiece_model.ModelProto()
        model.trainer_spec.model_type = 2  # byte-pair encoding
        model.trainer_spec.byte_fallback = True
        model.normalizer_spec.name = "identity"
        model.normalizer_spec.remove_extra_whitespaces = False
        for text, score, kind in zip(vocab.tokens, vocab.scores, vocab.types):
            model.pieces.add(piece=text.decode(), score=score, type=kind)
        self.processor = sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())

    def encode(self, text, add_special_tokens):
        self.ids = self.processor.encode(text)
        return self


def add_special(tokenizer, vocab):
    for text, kind in zip(vocab.tokens, vocab.types):
        if kind == CONTROL:
            tokenizer.add_special_tokens(
                [AddedToken(text.decode(), special=True, normalized=False)])
        if kind == USER_DEFINED:
            tokenizer.add_tokens([AddedToken(text.decode(), normalized=False)])


def characters():
    """Characters by general category, without those that are not assigned."""
    groups = {}
    for code in range(0x110000):
        category = unicodedata.category(chr(code))
        if category not in ("Cn", "Cs", "Co"):
            groups.setdefault(category, []).append(chr(code))
    return list(groups.values())


def random_text(rng, groups, special):
    pieces = [
        "'s", "'S", "'\u017f", "'re", "'VE", "'ll", "'D", " ", "  ", "   ", "\n", "\r\n", "\n\n ",
        "\t", "\u00a0", "\u3000", "\u0085", "\u180e", "\u200b", "\u2028", "don't", " World",
        "camelCase", "ABC", "HTTPServer", "123", "12345678", "1,234.5", "\u0662\u0663", "\u00bd",
        "\u4f60\u597d", "\u3053\u3093", "\u30ab\u30bf", "\uc548\ub155", "e\u0301", "o\u0323\u0302", "\u1100\u1161", "\u212b", "\u0e01\u0e33",
        "\U0001f44d\U0001f3fd", "\u200d", "...", "!?", "--", "_x_", "\u2014", "\u00df", "\u0130",
        "\u01c5", "\ufb01", "</", "==", " $x", "\x00", "\x7f"
    ]
    parts = []
    for _ in range(rng.randrange(1, 14)):
        kind = rng.random()
        if kind < 0.55:
            parts.append(rng.choice(pieces))
        elif kind < 0.75:
            parts.append(rng.choice(rng.choice(groups)) * rng.choice((1, 1, 1, 2, 4)))
        elif kind < 0.97 or not special:
            parts.append("".join(
                rng.choice("abcdefghijklmnopqrstuvwxyz ABCDE 0123 \n.,'-") for _ in range(9)))
        else:
            parts.append(rng.choice(special))
    return "".join(parts)


def compare(name, heft, tokenizer, special, n_strings, seed, groups, round_trip):
    rng, n_wrong = random.Random(seed), 0
    for _ in range(n_strings):
        text = random_text(rng, groups, special)
        ours = heft.encode(text.encode())
        theirs = tokenizer.encode(text, add_special_tokens=False).ids
        back = heft.decode(ours)
        if ours == theirs and (not round_trip or back == text.encode()):
            continue
        n_wrong += 1
        if n_wrong <= 5:
            print(
                f"  {text!r}\n  heft       {ours}\n  tokenizers {theirs}\n  decoded    {back!r}"
            )
    print(f"{name}: {n_strings} strings, {n_wrong} differ", flush=True)
    return n_wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("vocab_dir", type=pathlib.Path)
    parser.add_argument("--strings", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    groups, n_wrong = characters(), 0
    with tempfile.TemporaryDirectory() as folder:
        library = build_library(folder)
        vocabs = {p.stem: Vocab(p) for p in arguments.vocab_dir.glob("*.gguf")}
        for pre in PRETOKENIZERS:
            vocab = vocabs.get(pre, vocabs["gpt-2"])
            n_wrong += compare(pre, Heft(library, vocab, pre), reference(vocab, pre), vocab.special,
                               arguments.strings, arguments.seed, groups, pre not in COMPOSES)
        spm = vocabs["llama-spm"]
        for name, make in (("llama-spm", spm_reference), ("llama-spm (sentencepiece)",
                                                          SentencePiece)):
            n_wrong += compare(name, Heft(library, spm, "", 1), make(spm), [], arguments.strings,
                               arguments.seed, groups, False)
    sys.exit(1 if n_wrong else 0)


if __name__ == "__main__":
    main()
