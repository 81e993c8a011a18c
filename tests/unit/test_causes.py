"""Every cause that the code can write into an event has a sentence for people."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from connector.plugin import Op
from connector.rights.deeds import Deed
from connector.sync import causes
from connector.sync.causes import SENTENCES
from connector.sync.merge import Cause
from connector.sync.showing import SHOWN

CORE = Path(causes.__file__).resolve().parents[1]

SIDES = ("local", "remote")
TEMPLATES = {
    "f'{job.draft.op}_{job.draft.side}'": [f"{op}_{side}" for op, side in product(Op, SIDES)],
    "f'reborn_{side}'": [f"reborn_{side}" for side in SIDES],
    "f'lost_{one.side}'": [f"lost_{side}" for side in SIDES],
    "f'letter:{letter.code}'": ["letter:*"],
    "f'letter:{reason.code}'[:60]": ["letter:*"],
    "deed.value": [one.value for one in Deed],
    "SHOWN": [SHOWN],
    "cause.value": [one.value for one in Cause if one is not Cause.NOTHING],
}
"""How the code spells a cause that it puts together, and what may come of it."""


def spelled(tree: ast.AST) -> Iterator[str]:
    """The cause of every event that a module makes, as it stands in the code."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if name == "event" and len(node.args) >= 2:
            # of a scope the time comes first; `Notes` know it
            yield ast.unparse(node.args[2 if len(node.args) > 2 else 1])
        if isinstance(node.func, ast.Name) and node.func.id == "Event":
            named = [word.value for word in node.keywords if word.arg == "cause"]
            yield from (ast.unparse(one) for one in (*node.args[4:5], *named))


def written() -> set[str]:
    found: set[str] = set()
    for file in CORE.rglob("*.py"):
        found |= set(spelled(ast.parse(file.read_text(encoding="utf-8"))))
    return found - {"cause"}  # `Scope.event` hands on what it was given


def test_every_cause_in_the_code_has_a_sentence() -> None:
    causes_: set[str] = set()
    for one in written():
        made = TEMPLATES.get(one)
        causes_ |= set(made) if made is not None else {str(ast.literal_eval(one))}
    assert causes_ == set(SENTENCES)


def test_the_search_finds_a_cause_that_is_new() -> None:
    (found,) = spelled(ast.parse("scope.event(now, link.id, 'seldom_seen', field=None)"))
    assert ast.literal_eval(found) not in SENTENCES


def test_a_sentence_is_one_for_a_person() -> None:
    for sentence in SENTENCES.values():
        assert sentence[0].islower()
        assert "_" not in sentence
        assert not sentence.endswith(".")
