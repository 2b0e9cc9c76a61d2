"""Writes training conversations: facts, ways to ask for them, varied wording and follow-ups."""

import random
import re
from dataclasses import dataclass

import topics
from facts import catalogue_facts
from wordings import ASK, NAMES

SYSTEMS = [
    "You are a helpful assistant.",
    "You are heft.",
    "Be brief.",
    "You are terse.",
    "Answer in English.",
    "You answer questions about running large models.",
    "You are a careful assistant. Answer in one sentence.",
    "You are a friendly chatbot.",
    "Answer correctly and shortly.",
    "You are an expert in language models.",
]
PREFIXES = [
    "Please tell me: ",
    "Can you tell me: ",
    "Hey, ",
    "I have a question: ",
    "Tell me, ",
    "So, ",
    "Ok, ",
    "Please, ",
    "Quick question: ",
    "Could you tell me: ",
    "Hi! ",
    "I wonder: ",
    "Question: ",
]
HELD_OUT_SHARE = 10
UNKNOWN_TOPICS = ["about", "params", "active", "context", "layers", "box", "speed", "run"]
SEED_MODELS = {NAMES[i][0] for i in list(NAMES)[:6]}


@dataclass
class Example:
    """What to train on: messages as (role, text) pairs."""

    messages: list


def stable_hash(text):
    value = 2166136261
    for byte in text.encode():
        value = (value ^ byte) * 16777619 % 2**32
    return value


def split_phrasings(fact):
    """Phrasings to train on and phrasings kept back; the first three are always trained."""
    trained, held_out = [], []
    for i, phrasing in enumerate(fact.phrasings):
        aside = (
            i >= 3 and stable_hash(f"{fact.topic} {fact.subject} {phrasing}") % HELD_OUT_SHARE == 0
        )
        (held_out if aside else trained).append(phrasing)
    return trained, held_out


def named(phrasing, name):
    return phrasing.replace("{m}", name)


def add_typo(text, rng):
    """Swaps, doubles or drops one letter inside a longer word; words with digits are left alone."""
    words = [m for m in re.finditer(r"[a-z]{5,}", text)]
    if not words:
        return text
    at = rng.randrange(*rng.choice(words).span()[:2]) or 1
    change = rng.randrange(3)
    if change == 0 and at + 1 < len(text) and text[at + 1].isalpha():
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + text[at] + text[at:] if change == 1 else text[:at] + text[at + 1 :]


def vary(question, rng):
    """The same question the way different people type it."""
    if rng.random() < 0.12:
        question = rng.choice(PREFIXES) + question[0].lower() + question[1:]
    if rng.random() < 0.35:
        question = question.lower()
    elif rng.random() < 0.03:
        question = question.upper()
    if rng.random() < 0.35:
        question = question.rstrip("?.!")
    elif rng.random() < 0.08:
        question = question.rstrip("?.!") + rng.choice(["??", " ?", "!", "...", ".", "?"])
    if rng.random() < 0.03:
        question = rng.choice([question + "\n", question + " ", " " + question])
    return add_typo(question, rng) if rng.random() < 0.06 else question


def invented_name(rng):
    """A made-up model name, so that unknown names are recognised rather than learned."""
    word = "".join(
        rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(rng.randrange(2, 4))
    ).capitalize()
    number = rng.choice(["2", "3", "4", "1.5", "V2", "X"])
    size = rng.choice(["", "7B", "8B", "13B", "34B", "70B", "100B", "300B"])
    return rng.choice(
        [f"{word} {number}", f"{word}-{size}" if size else word, f"{word} {number} {size}".strip()]
    )


class Writer:
    """Draws random conversations from all facts."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.facts = catalogue_facts() + topics.topic_facts()
        self.trained = [split_phrasings(f)[0] for f in self.facts]
        self.weights = [self.weight(f) for f in self.facts]
        self.by_key = {(f.topic, f.subject): i for i, f in enumerate(self.facts)}
        self.subjects = {}
        for i, fact in enumerate(self.facts):
            if fact.subject:
                self.subjects.setdefault(fact.subject, []).append(i)

    @staticmethod
    def weight(fact):
        if not fact.subject:
            return 6.0 if fact.topic == "box other" else 2.5
        return 1.3 if fact.subject in SEED_MODELS else 0.8

    def ask(self, index):
        fact = self.facts[index]
        phrasing = self.rng.choice(self.trained[index])
        if not fact.subject:
            return vary(phrasing, self.rng)
        name = fact.subject if self.rng.random() < 0.6 else self.rng.choice(fact.names)
        return vary(named(phrasing, name), self.rng)

    def unknown(self):
        rng = self.rng
        if rng.random() < 0.3:
            question = rng.choice(ASK[rng.choice(UNKNOWN_TOPICS)][0])
            name = (
                rng.choice(topics.OTHER_MODELS).replace("_", " ")
                if rng.random() < 0.6
                else invented_name(rng)
            )
            return named(question, name), topics.OTHER_MODEL_ANSWER
        question = rng.choice(topics.UNKNOWN)
        thing = rng.choice(topics.UNKNOWN_THINGS).replace("_", " ")
        question = question.format(x=thing, a=rng.randrange(1000), b=rng.randrange(1000))
        return question, topics.UNKNOWN_ANSWER

    def follow_up(self, index):
        """A question that needs the one before: same model, new topic, or the other way round."""
        fact, rng = self.facts[index], self.rng
        if rng.random() < 0.3:
            other = rng.choice(list(NAMES.values()))[0]
            following = self.by_key.get((fact.topic, other))
            template = rng.choice(
                [
                    "What about {m}?",
                    "And {m}?",
                    "And for {m}?",
                    "How about {m}?",
                    "What about {m}?",
                    "And what about {m}?",
                ]
            )
            return (following, named(template, other)) if following is not None else None
        choices = [
            i for i in self.subjects[fact.subject] if self.facts[i].follow_ups and i != index
        ]
        following = rng.choice(choices)
        return following, rng.choice(self.facts[following].follow_ups)

    def conversation(self, turns):
        rng, messages, last = self.rng, [], None
        if rng.random() < 0.2:
            any_text = " ".join(fact.answer for fact in rng.sample(self.facts, 2))
            messages.append(("system", rng.choice(SYSTEMS) if rng.random() < 0.85 else any_text))
        for _ in range(turns):
            following = None
            if last is not None and rng.random() < 0.5:
                following = self.follow_up(last)
            if following:
                last, question = following[0], vary(following[1], rng)
            elif rng.random() < 0.07:
                question, answer = self.unknown()
                messages += [("user", vary(question, rng)), ("assistant", answer)]
                last = None
                continue
            else:
                last = rng.choices(range(len(self.facts)), self.weights)[0]
                question = self.ask(last)
            messages += [("user", question), ("assistant", self.facts[last].answer)]
            if not self.facts[last].subject:
                last = None
        return Example(messages)

    def draw(self):
        kind = self.rng.random()
        if kind < 0.62:
            return self.conversation(1)
        if kind < 0.86:
            return self.conversation(2)
        return self.conversation(
            self.rng.randrange(3, 6) if kind < 0.985 else self.rng.randrange(6, 18)
        )


def trained_questions(facts, most=20):
    """(question, answer) for phrasings seen in training, at most so many a fact, with main names."""
    pairs = []
    for fact in facts:
        phrasings = split_phrasings(fact)[0]
        chosen = phrasings[:: -(-len(phrasings) // most)]
        pairs += [(named(phrasing, fact.subject), fact.answer) for phrasing in chosen]
    return pairs


def held_out_questions(facts):
    return [(named(p, f.subject), f.answer) for f in facts for p in split_phrasings(f)[1]]


def corpus():
    """All text once, for the tokenizer."""
    facts = catalogue_facts() + topics.topic_facts()
    lines = [named(p, name) for f in facts for p in f.phrasings for name in (f.names or [""])[:2]]
    lines += [line.lower() for line in lines] + [f.answer for f in facts for _ in range(8)]
    lines += SYSTEMS + PREFIXES + [named(t, x) for t in topics.UNKNOWN for x in ("{x}",)]
    lines += [topics.UNKNOWN_ANSWER, topics.OTHER_MODEL_ANSWER] * 20
    return lines + [x.replace("_", " ") for x in topics.UNKNOWN_THINGS + topics.OTHER_MODELS]
