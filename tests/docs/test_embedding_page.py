"""The page for hosts shows what the examples do, and names what is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import connector
from connector import Background, Connector
from connector.errors import ConnectorError

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "embedding.md"
TEXT = PAGE.read_text(encoding="utf-8")
CODE = re.findall(r"(?ms)^```python\n(.*?)^```$", TEXT)


def sources() -> str:
    files = [*(ROOT / "examples").rglob("*.py"), ROOT / "tests" / "examples" / "django_contract.py"]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def test_every_piece_of_code_stands_in_an_example() -> None:
    told = sources()
    assert len(CODE) > 8
    assert [piece for piece in CODE if piece not in told] == []


def test_every_import_is_of_a_public_name() -> None:
    imported = {
        alias.name
        for piece in CODE
        if piece.startswith("from connector import")
        for node in ast.walk(ast.parse(piece))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported
    assert imported <= set(connector.__all__)


def test_every_method_that_it_names_is_there() -> None:
    named = re.findall(r"connector\.([a-z_]+)\(", TEXT)
    assert len(named) > 3
    assert [name for name in named if not hasattr(Connector, name)] == []
    for name in ("make_keys", "install_local", "remove_local", "retry_letter", "resolve_conflict"):
        assert f"{name}(" in TEXT
        assert hasattr(Connector, name), name
    assert hasattr(Background, "ring")
    assert issubclass(ConnectorError, Exception)
