"""`connector.__all__` is what is public, and `import connector` costs a host nothing."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import connector
from connector import app, errors, records

HEAVY = ("sqlalchemy", "pydantic", "requests", "click", "cryptography", "phonenumbers", "rich")


def test_every_public_name_can_be_imported() -> None:
    missing = [name for name in connector.__all__ if not hasattr(connector, name)]
    assert missing == []


def test_all_errors_are_public() -> None:
    own = {
        name
        for name, one in inspect.getmembers(errors, inspect.isclass)
        if issubclass(one, Exception)
    }
    assert own <= set(connector.__all__)


def test_the_public_names_are_those_of_their_homes() -> None:
    assert connector.open_connector is app.open_connector
    assert connector.Connector is app.Connector
    assert connector.Kind is records.Kind
    assert connector.SealError is errors.SealError


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'secrets'"):
        connector.secrets  # noqa: B018  # the access is what is tested


def test_types_and_names_say_the_same() -> None:
    tree = ast.parse(Path(connector.__file__).read_text(encoding="utf-8"))
    (guarded,) = (node for node in tree.body if isinstance(node, ast.If))
    typed = {
        alias.name
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed | {"__version__"} == set(connector.__all__)


def test_dir_lists_the_public_names() -> None:
    assert set(connector.__all__) <= set(dir(connector))


def loaded_after(statement: str) -> set[str]:
    """Top-level modules in a fresh interpreter after a statement."""
    code = f"{statement}\nimport sys; print(*{{n.split('.')[0] for n in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_connector_imports_nothing_heavy() -> None:
    assert loaded_after("import connector").isdisjoint(HEAVY)


def test_importing_an_error_or_a_record_imports_nothing_heavy() -> None:
    assert loaded_after("from connector import Kind, ConnectorError").isdisjoint(HEAVY)


def test_the_probe_for_heavy_imports_sees_them() -> None:
    assert {"pydantic", "sqlalchemy"} <= loaded_after("from connector import open_connector")
