#!/usr/bin/env python3
"""Writes what Python's jinja2 renders, for tests/unit/test_template.c to compare with.

usage: make_expected.py [folder with *.jinja]

constructs.json: every template in it gets its "expected" text, or "error" / "raised" message.
conversations.json: every conversation is rendered with every *.jinja of the folder into
expected/<template>.json. The folder's templates belong to others and are not kept here.
"""
import datetime
import json
import pathlib
import sys

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = pathlib.Path(__file__).resolve().parent
NOW = datetime.datetime(2025, 1, 15, 12, 34, 56)  # test_template.c has the same


class Generation(Extension):
    """{% generation %} marks what the model wrote; it changes nothing in the text."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators,
                      sort_keys=sort_keys)


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                        extensions=[Generation, loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda form: NOW.strftime(form)
    return env


def render(env, source, variables):
    try:
        text = env.from_string(source).render(**variables)
        text.encode()  # half a surrogate pair is text to Python only
        return {"expected": text}
    except jinja2.exceptions.TemplateError as error:
        kind = "raised" if type(error) is jinja2.exceptions.TemplateError else "error"
        return {kind: str(error)}
    except Exception as error:  # whatever Python raises is an error to us
        return {"error": f"{type(error).__name__}: {error}"}


def write_json(path, rows, brackets):
    """One row a line, so that differences can be read."""
    path.write_text(brackets[0] + "\n" + ",\n".join(rows) + "\n" + brackets[1] + "\n", encoding="utf-8")


def constructs(env):
    path = HERE / "constructs.json"
    rows = []
    for case in json.loads(path.read_text(encoding="utf-8")):
        kept = {key: case[key] for key in ("template", "variables") if key in case}
        result = render(env, case["template"], case.get("variables", {}))
        rows.append(json.dumps(kept | result, ensure_ascii=False))
    write_json(path, rows, "[]")
    print(f"{len(rows)} constructs")


def conversations(env, folder):
    cases = json.loads((HERE / "conversations.json").read_text(encoding="utf-8"))
    (HERE / "expected").mkdir(exist_ok=True)
    for path in sorted(folder.glob("*.jinja")):
        source = path.read_text(encoding="utf-8")
        results = {case["name"]: render(env, source, case["variables"]) for case in cases}
        rows = [f"{json.dumps(name)}: {json.dumps(result, ensure_ascii=False)}"
                for name, result in results.items()]
        write_json(HERE / "expected" / (path.stem + ".json"), rows, "{}")
        rendered = sum("expected" in result for result in results.values())
        print(f"{path.stem}: {rendered} of {len(cases)} rendered, the others raise")


if __name__ == "__main__":
    constructs(environment())
    if len(sys.argv) > 1:
        conversations(environment(), pathlib.Path(sys.argv[1]))
