"""What a database declares about a table: keys, types, links, and the codes that it allows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from connector.local.dialects import Dialect
from connector.local.keys import form_of
from connector.local.table import fills_itself
from connector.proposing.found import Sort
from connector.proposing.looks import FEW
from connector.proposing.words import is_secret


def sort_of(type_: sa.types.TypeEngine[Any]) -> Sort:
    sorts: tuple[tuple[type[Any], Sort], ...] = (
        (sa.Boolean, "flag"),
        (sa.Integer, "whole"),
        (sa.Numeric, "number"),
        (sa.DateTime, "datetime"),
        (sa.Date, "date"),
        (sa.Uuid, "uuid"),
        (sa.String, "text"),
    )
    return next((sort for kind, sort in sorts if isinstance(type_, kind)), "other")


def head(comment: str) -> str:
    """What a comment calls its column: 性别 of 性别：0->未知；1->男."""
    return re.split(r"[:：(（,，;；。\s]", comment.strip(), maxsplit=1)[0]


def meanings(comment: str) -> Mapping[str, str]:
    """The codes that a comment explains.

    >>> meanings("性别：0->未知；1->男；2->女"), meanings("sex: m = male, f = female")
    ({'0': '未知', '1': '男', '2': '女'}, {'m': 'male', 'f': 'female'})
    """
    pairs = re.findall(r"(\w+)\s*(?:->|=>|=)\s*([^\s,，;；、。)）]+)", comment)
    return dict(pairs)


def keys_of(
    primary: Sequence[str],
    unique: Sequence[Sequence[str]],
    types: Mapping[str, sa.types.TypeEngine[Any]],
    dialect: Dialect,
) -> tuple[str, ...]:
    """The primary key, else the shortest that is unique and filled; of columns fit for it."""
    for names in (primary, *sorted(unique, key=len)):
        if names and all(form_of(types[n], dialect.name) and not is_secret(n) for n in names):
            return tuple(names)
    return ()


def makes_keys(column: Mapping[str, Any], dialect: Dialect) -> bool:
    if dialect.name == "sqlite" and str(column["type"]) == "INTEGER":
        return True  # a key of that very type, and of no other, is counted up
    return fills_itself(column)


def foreign_in(
    inspector: sa.Inspector, table: str, schema: str | None
) -> Mapping[str, tuple[str, str]]:
    found = {}
    for link in inspector.get_foreign_keys(table, schema):
        if len(link["constrained_columns"]) == 1:
            home = link.get("referred_schema")
            other = f"{home}.{link['referred_table']}" if home else link["referred_table"]
            found[link["constrained_columns"][0]] = (other, (link["referred_columns"] or [""])[0])
    return found


def listed_in(
    inspector: sa.Inspector,
    table: str,
    schema: str | None,
    types: Mapping[str, sa.types.TypeEngine[Any]],
) -> Mapping[str, frozenset[str]]:
    """The values that a type or a CHECK constraint of one column allows."""
    found = {n: frozenset(map(str, t.enums)) for n, t in types.items() if isinstance(t, sa.Enum)}
    for check in inspector.get_check_constraints(table, schema):
        text = check["sqltext"]
        bare = re.sub(r"'[^']*'", "", text)
        named = [name for name in types if re.search(rf"\b{re.escape(name)}\b", bare)]
        if len(named) == 1 and re.search(r"\bIN\b|\bANY\b", text, re.IGNORECASE):
            found.setdefault(named[0], frozenset(re.findall(r"'([^']*)'", text)))
    return {name: values for name, values in found.items() if len(values) <= FEW}
