"""Each sentence of `docs/promise.md` names its tests, and they exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "promise.md").read_text(encoding="utf-8")
NAME = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
STORIES = "tests/docs/test_promise_stories.py"


def sentences(text: str) -> list[str]:
    """The promises of a page: its list items marked by `-`."""
    return re.findall(r"(?ms)^- (.*?)(?=^- |^$|\Z)", text)


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of the test functions of a file; none if there is no such file."""
    path = ROOT / file
    if not path.exists():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def test_every_sentence_names_a_test() -> None:
    assert len(sentences(TEXT)) > 30
    assert [one for one in sentences(TEXT) if not NAME.search(one)] == []


def test_every_named_test_exists() -> None:
    named = NAME.findall(TEXT)
    assert [f"{file}::{name}" for file, name in named if name not in names_in(file)] == []


def test_every_name_of_a_test_is_written_so_that_it_is_found() -> None:
    assert len(re.findall(r"::test_", TEXT)) == len(NAME.findall(TEXT))


def test_no_story_is_told_for_a_sentence_that_is_not_there() -> None:
    named = {name for file, name in NAME.findall(TEXT) if file == STORIES}
    assert names_in(STORIES) == named


def test_a_sentence_without_a_test_and_a_test_that_is_not_there_are_noticed() -> None:
    assert sentences("- One. `tests/a.py::test_b`\n- Two.\n  More.\n\nText") == [
        "One. `tests/a.py::test_b`\n",
        "Two.\n  More.\n",
    ]
    assert "test_nothing" not in names_in(STORIES)
    assert names_in("tests/docs/test_missing.py") == frozenset()
