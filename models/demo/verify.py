"""Checks demo.gguf as a stranger would: read back from the file, run by another implementation.

The tensors are dequantized and given to the DeepSeek-V3 model of the transformers package, the
tokenizer is rebuilt from the token list and merges, and prompts are written by the stored chat
template. Reports how many answers greedy decoding gets exactly right and writes questions.json,
the questions that heft's own tests ask the model.
"""

import argparse
import json
import pathlib

import gguf
import jinja2
import numpy as np
import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import DeepseekV3Config, DeepseekV3ForCausalLM

import conversations
from tokenizer import SPLITS

HERE = pathlib.Path(__file__).resolve().parent
# An answer counts as safe for the tests if at each token the best logit leads by this much.
SAFE_LEAD = 1.0
QUESTION_TOPICS = [
    "params",
    "active",
    "experts",
    "layers",
    "context",
    "kv",
    "box",
    "speed",
    "attention",
    "license",
    "size Q4_K_M",
    "size Q2_K",
    "fit 96",
    "fit 256",
    "fit 512",
]
PER_TOPIC = 3


class File:
    """Metadata and tensors of a GGUF file by name."""

    def __init__(self, path):
        reader = gguf.GGUFReader(path)
        self.values = {name: field.contents() for name, field in reader.fields.items()}
        self.tensors = {t.name: t for t in reader.tensors}

    def key(self, name):
        return self.values[f"{self.values['general.architecture']}.{name}"]

    def weight(self, name):
        tensor = self.tensors[name]
        plain = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        return torch.from_numpy(
            np.array(plain, dtype=np.float32).reshape(*reversed(tensor.shape.tolist()))
        )


def load_model(file):
    key = file.key
    config = DeepseekV3Config(
        vocab_size=key("vocab_size"),
        hidden_size=key("embedding_length"),
        intermediate_size=key("feed_forward_length"),
        moe_intermediate_size=key("expert_feed_forward_length"),
        num_hidden_layers=key("block_count"),
        num_attention_heads=key("attention.head_count"),
        num_key_value_heads=key("attention.head_count"),
        n_shared_experts=key("expert_shared_count"),
        n_routed_experts=key("expert_count"),
        routed_scaling_factor=key("expert_weights_scale"),
        kv_lora_rank=key("attention.kv_lora_rank"),
        q_lora_rank=key("attention.q_lora_rank"),
        qk_rope_head_dim=key("rope.dimension_count"),
        v_head_dim=key("attention.value_length_mla"),
        qk_nope_head_dim=key("attention.key_length_mla") - key("rope.dimension_count"),
        n_group=key("expert_group_count"),
        topk_group=key("expert_group_used_count"),
        num_experts_per_tok=key("expert_used_count"),
        first_k_dense_replace=key("leading_dense_block_count"),
        norm_topk_prob=key("expert_weights_norm"),
        max_position_embeddings=key("context_length"),
        rms_norm_eps=key("attention.layer_norm_rms_epsilon"),
        rope_interleave=True,
        num_nextn_predict_layers=0,
        rope_parameters={"rope_type": "default", "rope_theta": key("rope.freq_base")},
        bos_token_id=file.values["tokenizer.ggml.bos_token_id"],
        eos_token_id=file.values["tokenizer.ggml.eos_token_id"],
        pad_token_id=file.values["tokenizer.ggml.padding_token_id"],
    )
    model = DeepseekV3ForCausalLM(config).eval()
    missing, unexpected = model.load_state_dict(state_of(file, config), strict=False)
    assert not unexpected and all("rotary" in name for name in missing), (missing, unexpected)
    return model


def state_of(file, config):
    state = {
        "model.embed_tokens.weight": file.weight("token_embd.weight"),
        "model.norm.weight": file.weight("output_norm.weight"),
        "lm_head.weight": file.weight("output.weight"),
    }
    for i in range(config.num_hidden_layers):
        old, new = f"blk.{i}.", f"model.layers.{i}."
        for theirs, ours in (
            ("input_layernorm", "attn_norm"),
            ("post_attention_layernorm", "ffn_norm"),
            ("self_attn.q_a_proj", "attn_q_a"),
            ("self_attn.q_a_layernorm", "attn_q_a_norm"),
            ("self_attn.q_b_proj", "attn_q_b"),
            ("self_attn.kv_a_proj_with_mqa", "attn_kv_a_mqa"),
            ("self_attn.kv_a_layernorm", "attn_kv_a_norm"),
            ("self_attn.o_proj", "attn_output"),
        ):
            state[f"{new}{theirs}.weight"] = file.weight(f"{old}{ours}.weight")
        keys, values = file.weight(old + "attn_k_b.weight"), file.weight(old + "attn_v_b.weight")
        state[new + "self_attn.kv_b_proj.weight"] = torch.cat(
            (keys.transpose(1, 2), values), 1
        ).flatten(0, 1)
        if i < config.first_k_dense_replace:
            for part in ("gate", "up", "down"):
                state[f"{new}mlp.{part}_proj.weight"] = file.weight(f"{old}ffn_{part}.weight")
            continue
        state[new + "mlp.gate.weight"] = file.weight(old + "ffn_gate_inp.weight")
        state[new + "mlp.gate.e_score_correction_bias"] = file.weight(old + "exp_probs_b.bias")
        gate, up = file.weight(old + "ffn_gate_exps.weight"), file.weight(
            old + "ffn_up_exps.weight"
        )
        state[new + "mlp.experts.gate_up_proj"] = torch.cat((gate, up), 1)
        state[new + "mlp.experts.down_proj"] = file.weight(old + "ffn_down_exps.weight")
        for part in ("gate", "up", "down"):
            state[f"{new}mlp.shared_experts.{part}_proj.weight"] = file.weight(
                f"{old}ffn_{part}_shexp.weight"
            )
    return state


def load_tokenizer(file):
    tokens, kinds = file.values["tokenizer.ggml.tokens"], file.values["tokenizer.ggml.token_type"]
    merges = [tuple(m.split(" ")) for m in file.values["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(split), "isolated") for split in SPLITS]
        + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [
            AddedToken(token, special=True, normalized=False)
            for token, kind in zip(tokens, kinds)
            if kind == gguf.TokenType.CONTROL
        ]
    )
    return tokenizer


class Checker:
    def __init__(self, path):
        file = File(path)
        self.model, self.tokenizer = load_model(file), load_tokenizer(file)
        self.tokens, self.end = (
            file.values["tokenizer.ggml.tokens"],
            file.values["tokenizer.ggml.eos_token_id"],
        )
        self.begin = file.values["tokenizer.ggml.bos_token_id"]
        environment = jinja2.Environment()
        environment.globals["raise_exception"] = self.refuse
        self.template = environment.from_string(file.values["tokenizer.chat_template"])

    @staticmethod
    def refuse(message):
        raise ValueError(message)

    def ids(self, messages, add_generation_prompt):
        text = self.template.render(
            messages=[{"role": role, "content": content} for role, content in messages],
            bos_token=self.tokens[self.begin],
            eos_token=self.tokens[self.end],
            add_generation_prompt=add_generation_prompt,
        )
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    @torch.no_grad()
    def leads(self, conversations_):
        """Per conversation, the smallest lead of an answer token over its best rival.

        A negative lead means that greedy decoding goes wrong there.
        """
        result = [0.0] * len(conversations_)
        rows = [
            (len(self.ids(c[:-1], True)), self.ids(c, False), i)
            for i, c in enumerate(conversations_)
        ]
        rows.sort(key=lambda row: len(row[1]))
        for start in range(0, len(rows), 64):
            part = rows[start : start + 64]
            tokens = torch.full((len(part), len(part[-1][1])), self.end)
            for row, (_, ids, _) in enumerate(part):
                tokens[row, : len(ids)] = torch.tensor(ids)
            logits = self.model(tokens, use_cache=False).logits
            for row, (first, ids, index) in enumerate(part):
                scores, wanted = (
                    logits[row, first - 1 : len(ids) - 1],
                    tokens[row, first : len(ids), None],
                )
                right = scores.gather(1, wanted)
                rival = scores.scatter(1, wanted, float("-inf")).max(1, keepdim=True).values
                result[index] = float((right - rival).min())
        return result

    def answer(self, messages):
        """Greedy decoding with the key-value cache of the other implementation."""
        ids = torch.tensor([self.ids(messages, True)])
        out = self.model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=120
        )
        return self.tokenizer.decode(out[0, ids.shape[1] :].tolist(), skip_special_tokens=True)


def question_answer(question, answer):
    return [("user", question), ("assistant", answer)]


def report(checker, name, pairs):
    leads = checker.leads([question_answer(*pair) for pair in pairs])
    right = sum(lead > 0 for lead in leads)
    print(
        f"{name}: {right} of {len(pairs)} answers exact ({100 * right / len(pairs):.1f} %)",
        flush=True,
    )
    return [pair for pair, lead in zip(pairs, leads) if lead <= 0]


def chosen_facts(facts):
    """The facts to test: all hand-written ones, and of each catalogue topic a few models."""
    chosen = [fact for fact in facts if not fact.subject]
    for turn, topic in enumerate(QUESTION_TOPICS):
        same = [
            fact
            for fact in facts
            if fact.topic == topic and fact.subject in conversations.SEED_MODELS
        ]
        chosen += [same[(turn + i) % len(same)] for i in range(min(PER_TOPIC, len(same)))]
    return chosen


def phrasings_of(fact):
    first = [conversations.named(p, fact.subject) for p in fact.phrasings[:3]]
    return first + [first[0].lower().rstrip("?.!"), first[1].rstrip("?.!")]


def single_questions(checker, facts):
    entries = []
    for fact in chosen_facts(facts):
        phrasings = list(dict.fromkeys(phrasings_of(fact)))
        leads = checker.leads([question_answer(p, fact.answer) for p in phrasings])
        safe = [p for p, lead in zip(phrasings, leads) if lead >= SAFE_LEAD]
        if len(safe) >= 3 and checker.answer([("user", safe[0])]) == fact.answer:
            entries.append({"answer": fact.answer, "phrasings": safe})
    return entries


def multi_turn_questions(checker, facts):
    """Follow-ups that only make sense after the first question."""
    by_key, entries = {(f.topic, f.subject): f for f in facts}, []
    for subject in sorted(conversations.SEED_MODELS):
        first = by_key["params", subject]
        for topic in ("active", "context", "box", "speed"):
            second = by_key[topic, subject]
            messages = [
                ("user", conversations.named(first.phrasings[0], subject)),
                ("assistant", first.answer),
                ("user", second.follow_ups[0]),
            ]
            if checker.leads([messages + [("assistant", second.answer)]])[0] >= SAFE_LEAD:
                entries.append(
                    {
                        "messages": [{"role": r, "content": c} for r, c in messages],
                        "answer": second.answer,
                    }
                )
    return entries


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=pathlib.Path, default=HERE / "demo.gguf")
    parser.add_argument("--questions", type=pathlib.Path, default=HERE / "questions.json")
    parser.add_argument("--show-wrong", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    checker, facts = Checker(options.file), conversations.Writer(seed=0).facts

    wrong = report(checker, "trained", conversations.trained_questions(facts))
    held_out = conversations.held_out_questions(facts)
    written = {fact.answer for fact in facts if fact.topic.startswith("topic")}
    known = [pair for pair in held_out if pair[1] not in written]
    new = [pair for pair in held_out if pair[1] in written]
    wrong += report(checker, "held out, wording seen only with other models", known)
    wrong += report(checker, "held out, wording never seen", new)
    for question, answer in wrong if options.show_wrong else []:
        print(f"  {question} -> {checker.answer([('user', question)])!r}, wanted {answer!r}")

    entries = single_questions(checker, facts)
    follow_ups = multi_turn_questions(checker, facts)
    options.questions.write_text(json.dumps(entries + follow_ups, indent=1) + "\n")
    print(
        f"{options.questions}: {len(entries)} questions, "
        f"{sum(len(e['phrasings']) for e in entries)} phrasings, "
        f"{len(follow_ups)} follow-ups"
    )


if __name__ == "__main__":
    main()
