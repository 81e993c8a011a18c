"""A scratch database to migrate through, for who has no shop: tables and mappings that fit.

From vendor to vendor the way goes through a local store. This makes one in SQLite, a column for
each canonical field that the connections' mappings name, and the `[local]` tables for the settings.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from connector.errors import UsageError
from connector.installation import Installation
from connector.plugin import Kind
from connector.records import field_of

FILE = "hub.db"
_TABLES: Mapping[Kind, str] = {
    Kind.CUSTOMER: "customers",
    Kind.MEMBERSHIP: "memberships",
    Kind.FEEDBACK: "feedback",
}
_NUMBERS = ("integer", "flag", "reference")


def make_hub(of: Installation, folder: Path) -> str:
    """Make the database and its mappings in an own folder; the lines for the settings.

    Raises: UsageError if something is there already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(
            "The folder for the hub is not empty: nothing in it is overwritten.",
            hint="Name another one.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    kinds = [k for k in Kind if any(k in of.kinds(name) for name in of.settings.connections)]
    lines = ["[local]", f'url = "sqlite:///{folder.name}/{FILE}"', 'zone = "UTC"']
    with closing(sqlite3.connect(folder / FILE)) as hub, hub:
        for kind in kinds:
            names = _names(of, kind)
            columns = ", ".join(f"{_column(name)} {_type(kind, name)}" for name in names)
            table = _TABLES[kind]
            hub.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY AUTOINCREMENT, {columns})")
            text = "\n".join([f"kind: {kind}", "fields:", *(_rule(kind, name) for name in names)])
            (folder / f"{kind}.yaml").write_text(text + "\n", encoding="utf-8")
            lines += [
                "",
                f"[local.{kind}]",
                f'table = "{table}"',
                f'mapping = "{folder.name}/{kind}.yaml"',
                'first_contact = "local"',
            ]
    return "\n".join(lines)


def _names(of: Installation, kind: Kind) -> Sequence[str]:
    """The canonical fields that any connection maps, in their order. A name is kept in parts where
    one of them keeps it so."""
    found: dict[str, None] = {}
    for name in of.settings.connections:
        if kind in of.kinds(name):
            for rule in of.vendor_mapping(name, kind).rules:
                if not rule.canonical.startswith("constant."):
                    found[rule.canonical] = None
    if "names.family" in found:
        found.pop("names.full", None)
    return list(found)


def _column(name: str) -> str:
    return name.replace(".", "_")


def _type(kind: Kind, name: str) -> str:
    known = field_of(kind, name)
    assert known is not None, "the mapping's loader has looked"
    return "INTEGER" if known.type in _NUMBERS else "TEXT"


def _rule(kind: Kind, name: str) -> str:
    known = field_of(kind, name)
    assert known is not None
    lens: Any = known.type
    if known.type in ("choice", "consent"):
        table = ", ".join(f"{one}: {one}" for one in known.choices)
        lens = f"{{choice: {{{table}}}}}"
    elif known.type == "reference":
        lens = "{reference: {kind: customer}}"
    return f"  {name}: {{column: {_column(name)}, lens: {lens}}}"
