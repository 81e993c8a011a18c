"""The README's example in Python uses public names and is true."""

from __future__ import annotations

import ast
import doctest
import re

import connector
from tools import tour

TEXT = tour.README.read_text(encoding="utf-8")


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
