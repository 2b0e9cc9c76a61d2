"""Turns the catalogue of large models into facts: one answer each, with many ways to ask for it.

Every number in an answer is read or computed from models/catalogue.json, so a change there followed by a new
training run changes what the demo model says.
"""

import json
import pathlib
import re
from dataclasses import dataclass, field

CATALOGUE = pathlib.Path(__file__).resolve().parent.parent / "catalogue.json"

# Memory of a box in GB -> what its GPU can be given (Mac figures of the catalogue, limit raised).
BOXES = {96: 88, 128: 118, 192: 180, 256: 240, 512: 448}
BANDWIDTH_GBS = 819
PLAN_CONTEXT = 8192
SLACK_BYTES = 2e9
QUANTS = ["Q8_0", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K"]

# Catalogue id -> the name used in answers, then other ways people write it. The first six have computed file sizes.
NAMES = {
    "command-r-plus": ["Command R+", "Command R Plus", "command-r-plus", "Command R+ 104B"],
    "dbrx": ["DBRX", "DBRX 132B", "dbrx-instruct"],
    "mixtral-8x22b": ["Mixtral 8x22B", "mixtral-8x22b", "Mixtral 8x22", "Mixtral"],
    "llama-3.1-405b": ["Llama 3.1 405B", "Llama 405B", "llama-3.1-405b", "Llama 3.1"],
    "deepseek-v3": ["DeepSeek V3", "deepseek-v3", "DeepSeek-V3 671B", "V3"],
    "deepseek-r1": ["DeepSeek R1", "deepseek-r1", "R1", "DeepSeek R1 671B"],
    "gpt-oss-120b": ["gpt-oss-120b", "gpt-oss 120B", "GPT-OSS", "gpt oss 120b"],
    "glm-4.5-air": ["GLM-4.5-Air", "GLM 4.5 Air", "glm air"],
    "glm-4.5": ["GLM-4.6", "GLM 4.6", "glm4.6"],
    "glm-5": ["GLM-5", "GLM 5", "glm5"],
    "qwen3-235b-a22b": ["Qwen3-235B", "Qwen3 235B", "qwen3-235b-a22b"],
    "qwen3-coder-480b": ["Qwen3-Coder-480B", "Qwen3 Coder", "qwen3-coder-480b", "Qwen Coder 480B"],
    "qwen3.5-397b-a17b": ["Qwen3.5-397B", "Qwen3.5 397B", "qwen3.5-397b-a17b"],
    "qwen3.5-122b-a10b": ["Qwen3.5-122B", "Qwen3.5 122B", "qwen3.5-122b-a10b"],
    "minimax-m2": ["MiniMax M2", "minimax-m2", "MiniMax-M2"],
    "kimi-k2": ["Kimi K2", "kimi-k2", "Kimi"],
    "llama-4-scout": ["Llama 4 Scout", "llama-4-scout", "Scout"],
    "llama-4-maverick": ["Llama 4 Maverick", "llama-4-maverick", "Maverick"],
    "mistral-large-2": ["Mistral Large 2", "mistral-large-2", "Mistral Large"],
    "command-a": ["Command A", "command-a", "Command A 111B"],
    "deepseek-v3.1": ["DeepSeek V3.1", "deepseek-v3.1", "DeepSeek-V3.1"],
    "deepseek-v4-flash": ["DeepSeek V4 Flash", "deepseek-v4-flash", "V4 Flash"],
}

# What is asked about -> (ways to ask about model {m}, ways to ask again about the model of the last answer).
ASK = {
    "about": (["What is {m}?", "Tell me about {m}.", "Describe {m}.", "What do you know about {m}?",
               "Give me an overview of {m}.", "{m}", "What kind of model is {m}?", "Explain {m}.",
               "Who is {m}?", "Info on {m}?", "I want to know about {m}."], []),
    "params": (["How many parameters does {m} have?", "How big is {m}?", "How large is {m}?",
                "What is the parameter count of {m}?", "{m} parameters?", "How many params does {m} have?",
                "What size is {m}?", "Number of parameters of {m}?", "How many weights does {m} have?",
                "Total parameters of {m}?", "Tell me the number of parameters in {m}.",
                "How many billion parameters does {m} have?", "{m} parameter count", "{m} size"],
               ["How many parameters does it have?", "And the number of parameters?", "How big is it?"]),
    "active": (["How many parameters does {m} use per token?", "How many active parameters does {m} have?",
                "How many parameters of {m} are active?", "{m} active parameters?",
                "What is the active parameter count of {m}?", "How many params are active in {m}?",
                "Active params of {m}?", "How many weights does {m} read for one token?",
                "How many parameters are active per token in {m}?", "How much of {m} is active?",
                "How many parameters does {m} activate?", "{m} active params"],
               ["How many of them are active?", "And active?", "How many are active per token?"]),
    "experts": (["How many experts does {m} have?", "What is the number of experts in {m}?", "{m} experts?",
                 "How many experts are in {m}?", "How many experts does {m} use per token?",
                 "Number of experts of {m}?", "How many experts are active in {m}?",
                 "Tell me about the experts of {m}.", "Expert count of {m}?",
                 "How many routed experts does {m} have?", "{m} number of experts"],
                ["How many experts does it have?", "And experts?", "How many experts?"]),
    "layers": (["How many layers does {m} have?", "How deep is {m}?", "{m} layers?", "Number of layers in {m}?",
                "What is the layer count of {m}?", "How many blocks does {m} have?",
                "How many transformer layers are in {m}?", "Layer count of {m}?",
                "Tell me the number of layers of {m}.", "{m} number of layers", "How many layers are there in {m}?"],
               ["How many layers does it have?", "And layers?", "How many layers?"]),
    "context": (["What is the context length of {m}?", "How long is the context of {m}?", "{m} context?",
                 "How many tokens of context does {m} have?", "What is the context window of {m}?",
                 "How big is the context window of {m}?", "Maximum context of {m}?", "How much context does {m} support?",
                 "What is the longest context {m} can use?", "Context size of {m}?", "{m} context length",
                 "Tell me the context length of {m}.", "{m} max context", "How many tokens can {m} read?"],
                ["What is its context length?", "And the context?", "How long is its context?"]),
    "kv": (["How many bytes of KV cache does {m} need per token?", "How big is the KV cache of {m}?",
            "What is the KV cache size of {m} per token?", "{m} KV cache?", "KV bytes per token of {m}?",
            "How much KV cache does {m} use per token?", "How much memory does the cache of {m} take per token?",
            "KV cache per token for {m}?", "How much cache does a token need in {m}?",
            "Tell me the KV cache size of {m}.", "{m} kv cache per token", "What does the KV cache of {m} cost per token?"],
           ["And its KV cache?", "How big is its KV cache?", "How many bytes of KV cache per token?"]),
    "license": (["What is the license of {m}?", "What licence does {m} have?", "{m} license?",
                 "Under which license is {m}?", "How is {m} licensed?", "Which license does {m} use?",
                 "License of {m}?", "Tell me the license of {m}.", "{m} licence"],
                ["What is its license?", "And the license?"]),
    "released": (["When was {m} released?", "When did {m} come out?", "How old is {m}?", "{m} release date?",
                  "What is the release date of {m}?", "In which year was {m} released?", "Since when is {m} available?",
                  "Release date of {m}?", "When was {m} published?"],
                 ["When was it released?", "And when did it come out?"]),
    "attention": (["What attention does {m} use?", "Which attention does {m} have?", "{m} attention?",
                   "Does {m} use MLA or GQA?", "What kind of attention is in {m}?", "How does attention work in {m}?",
                   "How many attention heads does {m} have?", "Attention type of {m}?", "{m} attention heads",
                   "How many heads does {m} have?"],
                  ["What attention does it use?", "And attention?"]),
    "hidden": (["What is the hidden size of {m}?", "How wide is {m}?", "{m} hidden size?", "Hidden size of {m}?",
                "What is the width of {m}?", "Embedding length of {m}?", "What is the model dimension of {m}?",
                "Tell me the hidden size of {m}.", "How many dimensions does {m} have?"],
               ["What is its hidden size?", "And how wide is it?"]),
    "vocab": (["How many tokens are in the vocabulary of {m}?", "What is the vocabulary size of {m}?", "{m} vocab size?",
               "How big is the vocabulary of {m}?", "Vocabulary of {m}?", "How large is the vocab of {m}?",
               "{m} vocabulary", "Tell me the vocabulary size of {m}."],
              ["And the vocabulary?", "How big is its vocabulary?"]),
    "box": (["What machine do I need for {m}?", "Which box can run {m}?", "What box does {m} need?",
             "How much memory do I need to run {m}?", "How much RAM does {m} need?", "What hardware do I need for {m}?",
             "How many GB does {m} need?", "What does it take to run {m}?", "Memory needed for {m}?",
             "Which Mac can run {m}?", "How much memory does {m} need?", "{m} memory requirements",
             "{m} ram?", "How much unified memory does {m} want?", "What computer do I need for {m}?"],
            ["How much memory does it need?", "Which box do I need?", "And the memory?"]),
    "speed": (["How fast can {m} run?", "How fast is {m}?", "What is the decode ceiling of {m}?",
               "How many tokens per second can {m} reach?", "How many tok/s does {m} give at 819 GB/s?", "{m} speed?",
               "How fast is {m} on an M3 Ultra?", "What is the fastest {m} can go on 819 GB/s?",
               "Decode speed of {m}?", "How many tokens a second does {m} make?", "{m} tok/s",
               "What tokens per second should I expect from {m}?", "Decode ceiling of {m} at 819 GB/s?"],
              ["How fast is it?", "And how fast can it run?", "How many tokens per second?"]),
    "run": (["How do I run {m}?", "How can I run {m} with heft?", "Which command runs {m}?",
             "How do I start {m}?", "What do I type to run {m}?", "Run {m}.", "How do I use {m} in heft?",
             "How to run {m}?", "Command to run {m}?", "I want to run {m}."],
            ["How do I run it?", "And how do I start it?"]),
    "longcache": (["How big is the KV cache of {m} at full context?", "How much memory does the full context of {m} take?",
                   "What does the whole context of {m} cost in memory?", "{m} full context memory?",
                   "How many GB is the KV cache of {m} at the maximum context?", "KV cache of {m} at full context?",
                   "How much memory does {m} need for its longest context?", "{m} kv cache at max context"],
                  ["And the cache at full context?", "How big is the cache at full context?"]),
}
SIZE_ASK = (["How big is {m} at {q}?", "What is the file size of {m} at {q}?", "How large is the {q} file of {m}?",
             "{m} {q} size?", "How many GB is {m} in {q}?", "What does {m} weigh at {q}?", "Size of {m} in {q}?",
             "How much disk does {m} take at {q}?", "How big is {m} quantized to {q}?", "{q} size of {m}?", "{m} {q}",
             "How many gigabytes is the {q} of {m}?"],
            ["How big is it at {q}?", "And at {q}?", "What about {q}?"])
FIT_ASK = (["Does {m} fit in {g} GB?", "Can I run {m} on {g} GB?", "Will {m} fit in {g} GB?",
            "Can a {g} GB box run {m}?", "I have {g} GB, can I run {m}?", "{m} on {g} GB?",
            "Does {m} run on a {g} GB Mac Studio?", "Is {g} GB enough for {m}?", "Can {g}GB hold {m}?",
            "Is {g} GB of memory enough to run {m}?", "Would {m} work with {g} GB of RAM?", "{m} {g}gb"],
           ["Does it fit in {g} GB?", "Is {g} GB enough?", "Can I run it on {g} GB?"])

LICENSE_TEXT = {"mit": "the MIT license", "apache-2.0": "the Apache 2.0 license",
                "modified-mit": "a modified MIT license", "cc-by-nc-4.0": "CC BY-NC 4.0, so not for commercial use",
                "llama3.1": "the Llama 3.1 license", "llama4": "the Llama 4 license",
                "databricks-open-model-license": "the Databricks open model license",
                "deepseek (V3) / mit (0324)": "the DeepSeek license, and its 0324 version under the MIT license",
                "mrl": "the Mistral research license"}
MONTHS = ("January February March April May June July August September October November December").split()


@dataclass
class Fact:
    """One answer and the questions it belongs to; topic and subject let conversations follow up on it."""
    answer: str
    phrasings: list
    topic: str = ""
    subject: str = ""
    names: list = field(default_factory=list)
    follow_ups: list = field(default_factory=list)


def total_text(model):
    """The size as its makers state it: 405B, 1T, ..."""
    number, unit = re.match(r"([\d.]+)(B|T)", model["params_published_text"]).groups()
    return f"{number} {'billion' if unit == 'B' else 'trillion'}"


def billions(count):
    return f"{count / 1e9:.0f} billion" if count >= 1e10 else f"{count / 1e9:.1f} billion"


def size_bytes(model, quant):
    published = model["sizes"].get(quant)
    return published["bytes"] if published else model.get("sizes_computed", {}).get(quant)


def need_bytes(model, quant):
    size = size_bytes(model, quant)
    return size and size + PLAN_CONTEXT * model["kv_bytes_per_token_f16"] + SLACK_BYTES


def best_quant(model, box):
    """The largest file of the usual quantizations that a box can hold, or None."""
    fitting = [q for q in QUANTS if need_bytes(model, q) and need_bytes(model, q) <= BOXES[box] * 1e9]
    return fitting[0] if fitting else None


def experts_answer(name, moe):
    if not moe:
        return f"{name} is a dense model: it has no experts, and every token uses all of its weights."
    shared = " plus one shared expert" if moe.get("shared_ffn") else ""
    return f"{name} has {moe['experts']} experts in each expert layer and uses {moe['top_k']} of them per token{shared}."


def attention_answer(name, geometry):
    heads = geometry.get("heads")
    if geometry.get("type") == "mla" and heads:
        return (f"{name} uses multi-head latent attention (MLA) with {heads} heads and a latent of "
                f"{geometry['kv_lora_rank']} values.")
    if geometry.get("type") == "gqa" and heads:
        return (f"{name} uses grouped-query attention (GQA) with {heads} query heads and "
                f"{geometry['kv_heads']} key-value heads.")
    return None


def released_answer(name, released):
    year, _, month = released.partition("-")
    return f"{name} was released in {MONTHS[int(month[:2]) - 1]} {year}." if month else f"{name} was released in {year}."


def box_answer(name, model):
    need = need_bytes(model, "Q4_K_M")
    if not need:
        return None
    if need > max(BOXES.values()) * 1e9:
        return (f"At Q4_K_M with 8K of context {name} needs about {need / 1e9:.0f} GB, more than a {max(BOXES)} GB box "
                f"can give.")
    boxes = [box for box, usable in BOXES.items() if need <= usable * 1e9]
    return (f"At Q4_K_M with 8K of context {name} needs about {need / 1e9:.0f} GB, so take a box with "
            f"{boxes[0]} GB of memory.")


def speed_answer(name, model):
    read = model.get("read_per_token_computed", {}).get("Q4_K_M")
    return read and (f"At Q4_K_M {name} reads {read / 1e9:.1f} GB per token, so {BANDWIDTH_GBS} GB/s allow at most "
                     f"{BANDWIDTH_GBS * 1e9 / read:.1f} tokens per second.")


def fit_answer(name, model, box):
    need, usable = need_bytes(model, "Q4_K_M"), BOXES[box]
    if not need:
        return f"I do not know that about {name}."
    if need <= usable * 1e9:
        return (f"Yes, {name} at Q4_K_M needs about {need / 1e9:.0f} GB with 8K of context, and a {box} GB box can "
                f"give it {usable} GB.")
    smaller = best_quant(model, box)
    advice = f"; {smaller} does fit" if smaller else "; Q2_K does not fit either" if size_bytes(model, "Q2_K") else ""
    return (f"No, {name} at Q4_K_M needs about {need / 1e9:.0f} GB and a {box} GB box can give it only "
            f"{usable} GB{advice}.")


def model_answers(name, model):
    """Topic -> answer for one model; topics the catalogue says nothing about are left out."""
    geometry, dense = model["geometry"] or {}, model["kind"] == "dense"
    total, active = total_text(model), billions(model["active_published"])
    kind = f"a dense model with {total} parameters" if dense else \
        f"a mixture-of-experts model with {total} parameters, {active} of them active per token"
    kv = model["kv_bytes_per_token_f16"]
    command_name = "GLM-4.6" if model["id"] == "glm-4.5" else model["id"]
    answers = {
        "about": f"{name} is {kind}.",
        "params": f"{name} has {total} parameters.",
        "active": f"{name} is dense: all {total} parameters are active for every token." if dense else
                  f"{name} uses {active} parameters per token, out of {total}.",
        "experts": experts_answer(name, geometry.get("moe")),
        "layers": f"{name} has {geometry['layers']} layers.",
        "context": f"{name} has a context of {model['context']:,} tokens.",
        "kv": None if "llama-4" in model["id"] else f"The KV cache of {name} grows by {kv:,} bytes per token in f16.",
        "license": f"{name} is under {LICENSE_TEXT[model['license']]}." if model["license"] in LICENSE_TEXT else None,
        # The entry stands for GLM-4.5 to 4.7; its date is the one of the first.
        "released": None if model["id"] == "glm-4.5" else released_answer(name, model["released"]),
        "attention": attention_answer(name, geometry),
        "hidden": f"The hidden size of {name} is {geometry['hidden']}.",
        "vocab": f"{name} has a vocabulary of {geometry['vocab']:,} tokens.",
        "box": box_answer(name, model),
        "run": f"Run `heft plan {command_name}` to see whether it fits, then `heft run {command_name}`.",
        "longcache": None if "kv_note" in model else
                     f"At its full context of {model['context']:,} tokens the KV cache of {name} takes "
                     f"{kv * model['context'] / 1e9:.1f} GB.",
        "speed": speed_answer(name, model),
    }
    return {topic: answer or f"I do not know that about {name}." for topic, answer in answers.items()}


def size_facts(name, model, names):
    for quant in QUANTS + ["Q5_K_M", "Q6_K"]:
        size = size_bytes(model, quant)
        if size or quant in ("Q4_K_M", "Q8_0"):
            yield Fact(f"The {quant} file of {name} is {size / 1e9:.1f} GB." if size else
                       f"I do not know that about {name}.",
                       [t.replace("{q}", quant) for t in SIZE_ASK[0]], f"size {quant}", name, names,
                       [t.replace("{q}", quant) for t in SIZE_ASK[1]])


def fit_facts(name, model, names):
    for box in BOXES:
        yield Fact(fit_answer(name, model, box), [t.replace("{g}", str(box)) for t in FIT_ASK[0]],
                   f"fit {box}", name, names, [t.replace("{g}", str(box)) for t in FIT_ASK[1]])


def box_facts(models):
    """What each size of box can run, among the models whose file size is known."""
    for box, usable in BOXES.items():
        fits = [NAMES[m["id"]][0] for m in models if 0 < (need_bytes(m, "Q4_K_M") or 0) <= usable * 1e9]
        yield Fact(f"At Q4_K_M with 8K of context a {box} GB box can run " + " and ".join(
                       [", ".join(fits[:-1]), fits[-1]] if len(fits) > 1 else fits) + ".",
                   [t.replace("{g}", str(box)) for t in (
                       "What can I run on {g} GB?", "Which models fit in {g} GB?", "What fits in {g} GB?",
                       "I have a {g} GB Mac Studio, what can I run?", "What runs on a {g} GB box?",
                       "Which models can a {g} GB machine run?", "Best model for {g} GB?",
                       "I have {g} GB of memory. Which model can I run?", "What models run on {g}GB?",
                       "Which models does a {g} GB Mac hold?", "models for {g} gb")], f"box {box}")


def catalogue_facts():
    models = {m["id"]: m for m in json.loads(CATALOGUE.read_text())["models"]}
    chosen = [models[i] for i in NAMES]
    facts = list(box_facts(chosen))
    for model in chosen:
        names = NAMES[model["id"]]
        for topic, answer in model_answers(names[0], model).items():
            facts.append(Fact(answer, list(ASK[topic][0]), topic, names[0], names, list(ASK[topic][1])))
        facts.extend(size_facts(names[0], model, names))
        if "sizes_computed" in model or size_bytes(model, "Q4_K_M"):
            facts.extend(fit_facts(names[0], model, names))
    return facts


if __name__ == "__main__":
    for fact in catalogue_facts():
        print(f"{fact.phrasings[0].replace('{m}', fact.subject):60} {fact.answer}")
