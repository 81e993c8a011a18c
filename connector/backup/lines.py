"""Rows of any database as lines of JSON: the portable form inside a backup.

::

    {"table": "link", "columns": ["id", "connection", …]}
    ["1a2b…", "crm", …, {"b": "base64"}]          one line for each row; bytes are an object
    …
    {"end": {"link": 20000, …}}
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import sqlalchemy as sa

from connector.privacy.container import altered

AT_ONCE: Final = 1000
_JOIN: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of one table, with the columns they have."""

    table: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]] = field(repr=False)


def dump(tables: Iterable[tuple[str, Sequence[str], Iterable[Sequence[Any]]]]) -> Iterator[bytes]:
    """Tables (name, columns, rows) as bytes, some lines at a time."""
    counts: dict[str, int] = {}
    held = bytearray()
    for name, columns, rows in tables:
        held += orjson.dumps({"table": name, "columns": list(columns)}) + b"\n"
        counts[name] = 0
        for row in rows:
            held += orjson.dumps(list(row), default=_bytes) + b"\n"
            counts[name] += 1
            if len(held) >= _JOIN:
                yield bytes(held)
                held.clear()
    yield bytes(held) + orjson.dumps({"end": counts}) + b"\n"


def table_rows(
    connection: sa.Connection, table: sa.Table, blank: Sequence[str] = ()
) -> tuple[str, Sequence[str], Iterator[Sequence[Any]]]:
    """All rows of a table for `dump`, with some columns emptied."""
    columns = [str(column.name) for column in table.c]
    chosen = [sa.null().label(c.name) if c.name in blank else c for c in table.c]
    order = list(table.primary_key.columns)
    query = sa.select(*chosen).order_by(*order).execution_options(yield_per=AT_ONCE)
    return str(table.name), columns, (tuple(row) for row in connection.execute(query))


def _bytes(value: object) -> dict[str, str]:
    if isinstance(value, bytes | memoryview):
        return {"b": base64.b64encode(bytes(value)).decode()}
    raise TypeError


def load(parts: Iterable[bytes]) -> Iterator[Rows]:
    """The inverse of `dump`: each table first without rows, then at most `AT_ONCE` at a time.

    Raises: SealError unless whole.
    """
    counts: dict[str, int] = {}
    name, ended = "", False
    columns: list[str] = []
    rows: list[list[Any]] = []
    for line in _lines(parts):
        told = _parsed(line)
        if ended or (isinstance(told, list) and (not name or len(told) != len(columns))):
            raise altered()
        if isinstance(told, list):
            rows.append([_value(one) for one in told])
            counts[name] += 1
            if len(rows) < AT_ONCE:
                continue
        if rows:
            yield Rows(name, columns, rows)
            rows = []
        if isinstance(told, dict):
            ended = "end" in told
            if ended and told["end"] != counts:
                raise altered()
            if not ended:
                name, columns = told["table"], told["columns"]
                counts[name] = 0
                yield Rows(name, columns, [])
    if not ended:
        raise altered()


def _lines(parts: Iterable[bytes]) -> Iterator[bytes]:
    held = b""
    for part in parts:
        *whole, held = (held + part).split(b"\n")
        yield from whole
    if held:
        raise altered()


def _parsed(line: bytes) -> Any:
    try:
        told = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise altered() from None
    named = isinstance(told, dict) and ("end" in told or {"table", "columns"} <= told.keys())
    if not isinstance(told, list) and not named:
        raise altered()
    return told


def _value(value: Any) -> Any:
    return base64.b64decode(value["b"]) if isinstance(value, dict) else value


def counted(rows: Iterable[Rows]) -> Mapping[str, int]:
    """Read everything and count it by table."""
    counts: dict[str, int] = {}
    for some in rows:
        counts[some.table] = counts.get(some.table, 0) + len(some.rows)
    return counts
