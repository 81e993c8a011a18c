"""Emptying columns of one row of the host's, as far as its table lets them be empty."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Collection
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from connector.local.shapes import KEY, Lookup, split_name
from connector.local.table import Bound

_SAYS_NOTHING: Final[dict[type, Any]] = {
    str: "",
    int: 0,
    float: 0.0,
    Decimal: Decimal(0),
    bool: False,
    bytes: b"",
    dt.date: dt.date(1970, 1, 1),
    dt.datetime: dt.datetime(1970, 1, 1),  # noqa: DTZ001 - such a column has no zone
}
"""What stands in a column that must not be empty, by the type that the driver gives."""


def blank(
    tx: sa.Connection, bound: Bound, key: str, columns: Collection[str], *, distinct: bool
) -> None:
    """Empty these columns of a row, own names as the mapping has them; keys stay, and what the
    database computes follows from the columns that it is made of.

    `distinct`: text that must be there is made up, unlike any other, for columns that are unique.
    """
    known = _columns(tx, bound)
    kept = {column.name for column in bound.keys.columns}
    values: dict[str, Any] = {}
    for own in columns:
        spec = bound.spec.derived.get(own)
        name = spec.column if isinstance(spec, Lookup) else own
        if name == KEY or name in kept or name not in known or known[name].get("computed"):
            continue
        values[name] = None if known[name]["nullable"] else _nothing(known[name]["type"], distinct)
    if values:
        tx.execute(sa.update(bound.table).where(bound.keys.is_(key)).values(values))


def _columns(tx: sa.Connection, bound: Bound) -> dict[str, Any]:
    schema, table = split_name(bound.spec.table)
    return {one["name"]: one for one in sa.inspect(tx).get_columns(table, schema=schema)}


def _nothing(type_: sa.types.TypeEngine[Any], distinct: bool) -> Any:
    try:
        python = type_.python_type
    except NotImplementedError:  # SQLAlchemy's word for "of no Python type"
        python = str
    if python is str and distinct:
        made: str = f"erased-{os.urandom(6).hex()}"
        length = getattr(type_, "length", None)
        return made[-length:] if isinstance(length, int) else made
    return _SAYS_NOTHING.get(python, "")
