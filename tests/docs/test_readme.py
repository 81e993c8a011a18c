"""The README's quick start runs as it is printed, and its links lead somewhere."""

from __future__ import annotations

import ast
import doctest
import re
from pathlib import Path

import pytest

import connector
from connector.commands.group import VERBS
from tools import tour

TEXT = tour.README.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_quick_start_prints_what_the_readme_shows(tmp_path: Path) -> None:
    for shown, now in tour.play(TEXT, tmp_path):
        assert tour.stable(now.output) == tour.stable(shown.output), shown.command


def test_the_readme_names_no_verb_that_is_not_there() -> None:
    verbs = set(re.findall(r"crm-connector ([a-z]\w*)", TEXT))
    assert verbs - set(VERBS) == set()


def test_the_readme_shows_no_path_of_a_machine() -> None:
    assert re.findall(r"(?<![\w.…])/(?:tmp|home|root|work|usr|var)\b", TEXT) == []


def test_every_link_of_the_readme_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert links
    assert [one for one in links if not (tour.ROOT / one).exists()] == []


def test_the_library_example_uses_public_names_only() -> None:
    (example,) = re.findall(r"(?ms)^```python\n(.*?)^```$", TEXT)
    imported = {
        alias.name
        for node in ast.walk(ast.parse(example))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported
    assert imported <= set(connector.__all__)


def test_the_examples_of_the_player_are_true() -> None:
    assert doctest.testmod(tour).failed == 0
