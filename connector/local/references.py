"""What the host's rows say of other rows by a name instead of a key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from connector.local.contract import RowState
from connector.local.shapes import Lookup, Match
from connector.local.table import Bound


def names_of(tx: sa.Connection, bound: Bound) -> Mapping[str, Collection[Any]]:
    """For each column that is looked up: the names that stand for exactly one row."""
    found = {}
    for own, spec in bound.spec.derived.items():
        if isinstance(spec, Lookup):
            other = bound.other(own)
            query = sa.select(other.c[spec.value]).where(*(one.sql(other) for one in spec.where))
            told = Counter(value for (value,) in tx.execute(query))
            found[own] = frozenset(name for name, count in told.items() if count == 1)
    return found


def referred(
    tx: sa.Connection, bound: Bound, customers: Bound | None, keys: Sequence[str]
) -> Mapping[str, Mapping[str, str | None]]:
    """By row and own name, the one live customer that has the value which the row names."""
    rows: dict[str, dict[str, str | None]] = {}
    wanted = bound.keys.among(keys)
    for own, spec in bound.spec.derived.items():
        if not isinstance(spec, Match) or wanted is None or customers is None:
            continue
        width = len(bound.keys.columns)
        query = sa.select(*bound.keys.columns, bound.table.c[spec.column]).where(wanted)
        named = {bound.keys.text(row[:width]): row[width] for row in tx.execute(query)}
        persons = _having(tx, customers, spec.held_in, {v for v in named.values() if v})
        for key, value in named.items():
            hits = persons.get(value, [])
            rows.setdefault(key, {})[own] = hits[0] if len(hits) == 1 else None
    return rows


def _having(
    tx: sa.Connection, customers: Bound, column: str, values: Collection[Any]
) -> dict[Any, list[str]]:
    """The live customers by what they hold in a column, letter by letter."""
    found: dict[Any, list[str]] = {}
    held = customers.table.c[column]
    query = customers.select().add_columns(held.label("_held")).where(held.in_(list(values)))
    for *row, value in tx.execute(query) if values else ():
        one = customers.row(row)
        if one.state is RowState.LIVE:
            found.setdefault(value, []).append(one.key)
    return found
