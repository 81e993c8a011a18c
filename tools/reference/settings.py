"""Every setting: its type, its default, and what it is.

What it is, is told by the comment above it in `docs/connector.toml`, else by its docstring in the
code. Keys in one block share the comment above the first.
"""

from __future__ import annotations

import re
import sys
import tomllib
import types
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from connector import registry, settings
from connector.records import Kind
from connector.settings import keys as key_tables
from connector.settings import local
from tools.reference.source import attributes
from tools.reference.table import code, codes, one_line, table

EXAMPLE: Final = Path(__file__).resolve().parents[2] / "docs" / "connector.toml"
KEY: Final = re.compile(r"^(\w+) = ")
NAMES: Final[Mapping[type, str]] = {
    str: "text",
    bool: "true or false",
    int: "whole number",
    float: "number",
    SecretStr: "secret: `env:NAME` or `file:PATH`",
    Any: "any",
}


@dataclass(frozen=True)
class Told:
    """What the example file says of a key: above it, or above the first of its block."""

    text: str
    own: bool


@dataclass(frozen=True)
class Section:
    """One table of settings. `place` is its name in the example's comments."""

    title: str
    place: str
    model: type[BaseModel]
    intro: str = ""


def sections() -> list[Section]:
    keys, connection = "connections.NAME", settings.ConnectionSettings
    found = [
        Section("The top", "", settings.Settings),
        Section("[state]", "state", settings.StateSettings),
        Section("[keys]", "keys", key_tables.KeysSettings),
        Section("[keys.vault]", "keys.vault", key_tables.KeyVaultSettings),
        Section("[keys.aws_kms]", "keys.aws_kms", key_tables.KeyKmsSettings),
        Section("[backup]", "backup", settings.BackupSettings),
        Section("[local]", "local", local.LocalSettings),
        Section(
            "[local.KIND]",
            "local.KIND",
            local.LocalKindSettings,
            f"One table for each kind that the shop has: {codes(Kind)}.",
        ),
        Section(
            "A condition",
            "condition",
            local.ExistsSettings,
            "What `where`, `deleted` and `exists` take, as `{ column = …, equals = … }`.",
        ),
        Section(f"[{keys}]", keys, connection, "One table for each vendor account; NAME is yours."),
    ]
    example = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))["connections"]
    for name in sorted({one["plugin"] for one in example.values()}):  # ours, whatever is installed
        own = registry.load(name).settings
        found.append(Section(f'[{keys}] with plugin = "{name}"', f"{keys} {name}", own))
    return [
        *found,
        Section("[safety]", "safety", settings.SafetySettings),
        Section("[privacy]", "privacy", settings.PrivacySettings),
    ]


def page() -> str:
    told = comments(EXAMPLE.read_text(encoding="utf-8"))
    parts = [
        "# Settings\n\n"
        "The keys of `connector.toml`. Relative paths and SQLite URLs count from that file's folder; an unknown key is an error.\n"
        "[connector.toml](../connector.toml) shows them all in one file, ready to copy from.\n"
    ]
    for section in sections():
        rows = [
            [code(field.alias or key), kind(field), default(field), says(section, key, told)]
            for key, field in section.model.model_fields.items()
            if not inner(field) and not field.exclude
        ]
        intro = f"{section.intro}\n\n" if section.intro else ""
        parts.append(
            f"## {section.title}\n\n{intro}{table(['key', 'type', 'default', 'is'], rows)}"
        )
    return "\n".join(parts)


# --- what it is -----------------------------------------------------------------------------------


def comments(text: str) -> Mapping[tuple[str, str], Told]:
    """The example's comments by table and key; the first that a key has of its own counts.

    >>> comments("[state]\\n# Where.\\nurl = 1\\nlease = 2\\n")[("state", "lease")]
    Told(text='Where.', own=False)
    """
    found: dict[tuple[str, str], Told] = {}
    place, above, own, vendor = "", list[str](), False, ""
    for raw in text.splitlines():
        line = _uncommented(raw)
        if head := re.match(r"^\[([\w.]+)\]", line):
            place, vendor = _place(head[1]), head[1].removeprefix("connections.")
            above, own = [], False  # what stands above a table is about the table
        elif line.startswith("#"):
            above = [*above, line] if own else [line]
            own = True
        elif key := KEY.match(line):
            for where in (place, f"{place} {vendor}"):
                known = found.get((where, key[1]))
                if above and (known is None or (own and not known.own)):
                    found[where, key[1]] = Told(_sentence(above), own)
            own = False
        elif not line:
            above, own = [], False
    return found


def _uncommented(raw: str) -> str:
    """A line that stands in the file as a comment, as the line that it would be."""
    bare = raw.removeprefix("# ")
    alike = KEY.match(bare) or bare.startswith(("[", "# "))
    return "" if raw == "#" else bare if alike else raw


def _place(head: str) -> str:
    head = re.sub(r"^local\.\w+$", "local.KIND", head)
    return re.sub(r"^connections\.\w+$", "connections.NAME", head)


def _sentence(above: list[str]) -> str:
    return one_line(" ".join(line.removeprefix("#") for line in above))


def says(section: Section, key: str, told: Mapping[tuple[str, str], Told]) -> str:
    """What a key is; empty if nobody says."""
    comment = told.get((section.place, section.model.model_fields[key].alias or key))
    written = documented(section.model).get(key, "")
    if comment is None or (written and not comment.own) or comment.text.startswith("As with"):
        return written
    return comment.text


def documented(model: type[BaseModel]) -> Mapping[str, str]:
    """The docstrings of a model's keys, its parents' too."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if issubclass(one, BaseModel) and one is not BaseModel:
            found |= attributes(sys.modules[one.__module__]).get(one.__name__, {})
    return {key: one_line(text) for key, text in found.items()}


# --- type and default -----------------------------------------------------------------------------


IN_A_LINE: Final = (local.ConditionSettings, local.ExistsSettings, key_tables.KekSettings)
"""Tables that stand as the value of a key; the others have a section of their own."""


def inner(field: FieldInfo) -> bool:
    """Whether it is a table with a section of its own."""
    some = [one for one in (field.annotation, *get_args(field.annotation)) if isinstance(one, type)]
    return any(issubclass(one, BaseModel) and one not in IN_A_LINE for one in some)


def kind(field: FieldInfo) -> str:
    """The type in words, with its bounds."""
    words = " or ".join(dict.fromkeys(_words(field.annotation)))
    bounds = [
        f"{word} {bound:g}"
        for one in field.metadata
        for name, word in (("ge", "at least"), ("gt", "over"), ("le", "at most"), ("lt", "under"))
        if (bound := getattr(one, name, None)) is not None
    ]
    return ", ".join([words, *bounds])


def _words(annotation: Any) -> list[str]:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return [codes(f'"{one}"' if isinstance(one, str) else str(one).lower() for one in args)]
    if origin in (Union, types.UnionType):
        return [word for one in args if one is not type(None) for word in _words(one)]
    if origin is list:
        return [f"list of {' or '.join(_words(args[0]))}"]
    if origin is dict:
        return ["table"]
    if isinstance(annotation, type) and issubclass(annotation, Kind):
        return ["kind"]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        condition = issubclass(annotation, local.ConditionSettings)
        return ["condition" if condition else "table like this one"]
    return [NAMES[annotation]]


def default(field: FieldInfo) -> str:
    """The default as the file would write it."""
    if field.is_required():
        return "**needed**"
    value = field.default
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, bool):
        return code(str(value).lower())
    return code(f'"{value}"' if isinstance(value, str) else f"{value}")
