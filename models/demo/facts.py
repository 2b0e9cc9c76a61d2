"""Turns the catalogue of large models into facts: one answer each, with many ways to ask for it.

Every number in an answer is read or computed from models/catalogue.json, so a change there
followed by a new training run changes what the demo model says.
"""

import json
import pathlib
import re
from dataclasses import dataclass, field

from wordings import ASK, BOX_ASK, FIT_ASK, NAMES, OTHER_BOXES, SIZE_ASK

CATALOGUE = pathlib.Path(__file__).resolve().parent.parent / "catalogue.json"

# Memory of a box in GB -> what its GPU can be given (Mac figures of the catalogue, limit raised).
BOXES = {96: 88, 128: 118, 192: 180, 256: 240, 512: 448}
BANDWIDTH_GBS = 819
PLAN_CONTEXT = 8192
SLACK_BYTES = 2e9
QUANTS = ["Q8_0", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K"]

LICENSE_TEXT = {
    "mit": "the MIT license",
    "apache-2.0": "the Apache 2.0 license",
    "modified-mit": "a modified MIT license",
    "cc-by-nc-4.0": "CC BY-NC 4.0, so not for commercial use",
    "llama3.1": "the Llama 3.1 license",
    "llama4": "the Llama 4 license",
    "databricks-open-model-license": "the Databricks open model license",
    "deepseek (V3) / mit (0324)": "the DeepSeek license, and its 0324 version under "
    "the MIT license",
    "mrl": "the Mistral research license",
}
MONTHS = (
    "January February March April May June July August September October November December"
).split()


@dataclass
class Fact:
    """One answer and its questions; topic and subject let conversations follow up on it."""

    answer: str
    phrasings: list
    topic: str = ""
    subject: str = ""
    names: list = field(default_factory=list)
    follow_ups: list = field(default_factory=list)


def unknown_answer(name):
    return f"I do not know that about {name}."


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
    fitting = [
        q for q in QUANTS if need_bytes(model, q) and need_bytes(model, q) <= BOXES[box] * 1e9
    ]
    return fitting[0] if fitting else None


def experts_answer(name, moe):
    if not moe:
        return (
            f"{name} is a dense model: it has no experts, and every token uses all of its weights."
        )
    shared = " plus one shared expert" if moe.get("shared_ffn") else ""
    used = f"uses {moe['top_k']} of them per token{shared}"
    return f"{name} has {moe['experts']} experts in each expert layer and {used}."


def attention_answer(name, geometry):
    heads = geometry.get("heads")
    if geometry.get("type") == "mla" and heads:
        return (
            f"{name} uses multi-head latent attention (MLA) with {heads} heads and a latent of "
            f"{geometry['kv_lora_rank']} values."
        )
    if geometry.get("type") == "gqa" and heads:
        return (
            f"{name} uses grouped-query attention (GQA) with {heads} query heads and "
            f"{geometry['kv_heads']} key-value heads."
        )
    return None


def released_answer(name, released):
    year, _, month = released.partition("-")
    return (
        f"{name} was released in {MONTHS[int(month[:2]) - 1]} {year}."
        if month
        else f"{name} was released in {year}."
    )


def box_answer(name, model):
    need = need_bytes(model, "Q4_K_M")
    if not need:
        return None
    if need > max(BOXES.values()) * 1e9:
        return (
            f"At Q4_K_M with 8K of context {name} needs about {need / 1e9:.0f} GB, "
            f"more than a {max(BOXES)} GB box "
            f"can give."
        )
    boxes = [box for box, usable in BOXES.items() if need <= usable * 1e9]
    return (
        f"At Q4_K_M with 8K of context {name} needs about {need / 1e9:.0f} GB, so take a box with "
        f"{boxes[0]} GB of memory."
    )


def speed_answer(name, model):
    read = model.get("read_per_token_computed", {}).get("Q4_K_M")
    return read and (
        f"At Q4_K_M {name} reads {read / 1e9:.1f} GB per token, "
        f"so {BANDWIDTH_GBS} GB/s allow at most "
        f"{BANDWIDTH_GBS * 1e9 / read:.1f} tokens per second."
    )


def fit_answer(name, model, box):
    need, usable = need_bytes(model, "Q4_K_M"), BOXES[box]
    if not need:
        return unknown_answer(name)
    if need <= usable * 1e9:
        return (
            f"Yes, {name} at Q4_K_M needs about {need / 1e9:.0f} GB with 8K of context, "
            f"and a {box} GB box can "
            f"give it {usable} GB."
        )
    smaller = best_quant(model, box)
    if smaller:
        advice = f"; {smaller} does fit"
    else:
        advice = "; Q2_K does not fit either" if size_bytes(model, "Q2_K") else ""
    return (
        f"No, {name} at Q4_K_M needs about {need / 1e9:.0f} GB and a {box} GB box can give it only "
        f"{usable} GB{advice}."
    )


def about_answer(name, dense, total, active):
    if dense:
        return f"{name} is a dense model with {total} parameters."
    return (
        f"{name} is a mixture-of-experts model with {total} parameters, "
        f"{active} of them active per token."
    )


def active_answer(name, dense, total, active):
    if dense:
        return f"{name} is dense: all {total} parameters are active for every token."
    return f"{name} uses {active} parameters per token, out of {total}."


def license_answer(name, license_id):
    text = LICENSE_TEXT.get(license_id)
    return text and f"{name} is under {text}."


def kv_answer(name, model):
    # Three of four Llama 4 layers stop growing at 8192 tokens, so one number would mislead.
    if "llama-4" in model["id"]:
        return None
    bytes_per_token = model["kv_bytes_per_token_f16"]
    return f"The KV cache of {name} grows by {bytes_per_token:,} bytes per token in f16."


def longest_cache_answer(name, model):
    if "kv_note" in model:
        return None
    cache = model["kv_bytes_per_token_f16"] * model["context"]
    return (
        f"At its full context of {model['context']:,} tokens the KV cache of {name} takes "
        f"{cache / 1e9:.1f} GB."
    )


def run_answer(model):
    # The catalogue keeps GLM-4.5, 4.6 and 4.7 in one entry; the answers are about 4.6.
    name = "GLM-4.6" if model["id"] == "glm-4.5" else model["id"]
    return f"Run `heft plan {name}` to see whether it fits, then `heft run {name}`."


def model_answers(name, model):
    """Topic -> answer for one model, which says so where the catalogue has no number."""
    geometry, dense = model["geometry"], model["kind"] == "dense"
    total, active = total_text(model), billions(model["active_published"])
    answers = {
        "about": about_answer(name, dense, total, active),
        "params": f"{name} has {total} parameters.",
        "active": active_answer(name, dense, total, active),
        "experts": experts_answer(name, geometry.get("moe")),
        "layers": f"{name} has {geometry['layers']} layers.",
        "context": f"{name} has a context of {model['context']:,} tokens.",
        "kv": kv_answer(name, model),
        "license": license_answer(name, model["license"]),
        # The date of the entry that GLM-4.6 shares is the one of GLM-4.5.
        "released": None if model["id"] == "glm-4.5" else released_answer(name, model["released"]),
        "attention": attention_answer(name, geometry),
        "hidden": f"The hidden size of {name} is {geometry['hidden']}.",
        "vocab": f"{name} has a vocabulary of {geometry['vocab']:,} tokens.",
        "box": box_answer(name, model),
        "run": run_answer(model),
        "longcache": longest_cache_answer(name, model),
        "speed": speed_answer(name, model),
    }
    return {topic: answer or unknown_answer(name) for topic, answer in answers.items()}


def size_facts(name, model, names):
    for quant in QUANTS + ["Q5_K_M", "Q6_K"]:
        size = size_bytes(model, quant)
        if size or quant in ("Q4_K_M", "Q8_0"):
            known = size and f"The {quant} file of {name} is {size / 1e9:.1f} GB."
            yield Fact(
                known or unknown_answer(name),
                [t.replace("{q}", quant) for t in SIZE_ASK[0]],
                f"size {quant}",
                name,
                names,
                [t.replace("{q}", quant) for t in SIZE_ASK[1]],
            )


def fit_facts(name, model, names):
    for box in BOXES:
        yield Fact(
            fit_answer(name, model, box),
            [t.replace("{g}", str(box)) for t in FIT_ASK[0]],
            f"fit {box}",
            name,
            names,
            [t.replace("{g}", str(box)) for t in FIT_ASK[1]],
        )


def box_facts(models):
    """What each size of box can run, among the models whose file size is known."""
    for box, usable in BOXES.items():
        needs = {NAMES[m["id"]][0]: need_bytes(m, "Q4_K_M") for m in models}
        fits = [name for name, need in needs.items() if need and need <= usable * 1e9]
        names = f"{', '.join(fits[:-1])} and {fits[-1]}"
        yield Fact(
            f"At Q4_K_M with 8K of context a {box} GB box can run {names}.",
            [t.replace("{g}", str(box)) for t in BOX_ASK],
            f"box {box}",
        )


def other_box_fact(models):
    known = ", ".join(str(box) for box in list(BOXES)[:-1])
    phrasings = [t.replace("{g}", str(box)) for t in BOX_ASK for box in OTHER_BOXES]
    phrasings += [
        t.replace("{g}", str(box)).replace("{m}", NAMES[m["id"]][0])
        for i, m in enumerate(models)
        for j, t in enumerate(FIT_ASK[0])
        for box in OTHER_BOXES[(i + j) % 4 :: 4]
    ]
    return Fact(
        f"I only know boxes with {known} and {max(BOXES)} GB of memory; `heft plan` knows yours.",
        phrasings,
        "box other",
    )


def catalogue_facts():
    models = {m["id"]: m for m in json.loads(CATALOGUE.read_text())["models"]}
    chosen = [models[i] for i in NAMES]
    facts = list(box_facts(chosen)) + [other_box_fact(chosen)]
    for model in chosen:
        names = NAMES[model["id"]]
        for topic, answer in model_answers(names[0], model).items():
            facts.append(
                Fact(answer, list(ASK[topic][0]), topic, names[0], names, list(ASK[topic][1]))
            )
        facts.extend(size_facts(names[0], model, names))
        if "sizes_computed" in model or size_bytes(model, "Q4_K_M"):
            facts.extend(fit_facts(names[0], model, names))
    return facts


if __name__ == "__main__":
    for fact in catalogue_facts():
        print(f"{fact.phrasings[0].replace('{m}', fact.subject):60} {fact.answer}")
