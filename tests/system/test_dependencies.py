"""What is imported is declared, what is declared is imported, and what is declared is pinned."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINNED = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
OURS = ("connector", "connector_zoho", "connector_fxiaoke", "connector_mappings")

NOT_IMPORTED = {"tzdata"}
"""Data for `zoneinfo`, on machines that have none."""


def plain(requirement: str) -> str:
    """The distribution's name in one spelling.

    >>> plain("SQLAlchemy>=2.0.36,<3"), plain("types_x[a]==1")
    ('sqlalchemy', 'types-x')
    """
    name = re.match(r"[\w.-]+", requirement)
    assert name is not None
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def imported(folder: Path) -> set[str]:
    """Distributions that the modules of a folder import, ours and Python's own aside."""
    tops: set[str] = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                tops |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                tops.add(node.module.split(".")[0])
    known = packages_distributions()
    return {
        plain(known[top][0]) for top in tops - sys.stdlib_module_names - {*OURS} if top in known
    }


def declared(extra: str | None = None) -> set[str]:
    given = PROJECT["dependencies"] if extra is None else PROJECT["optional-dependencies"][extra]
    return {plain(one) for one in given}


def test_the_core_imports_what_it_declares_and_nothing_else() -> None:
    extras = {"pytest"} | declared("sandbox")
    used = imported(ROOT / "connector") | imported(ROOT / "plugins")
    assert used - extras == declared() - NOT_IMPORTED


def test_the_contract_kit_alone_needs_pytest() -> None:
    assert "pytest" in imported(ROOT / "connector" / "testing")
    assert "pytest" in declared("test")


def test_the_sandbox_imports_what_its_extra_declares() -> None:
    assert declared("sandbox") <= imported(ROOT / "connector" / "sandbox")


def test_every_declared_distribution_is_pinned() -> None:
    wanted = declared() | declared("sandbox") | declared("test") | declared("dev")
    assert wanted - {"crm-connector"} <= {plain(line) for line in PINNED}


def test_a_pin_is_a_name_and_a_version_and_names_no_place() -> None:
    assert [line for line in PINNED if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
