"""Lines of a local mapping that name no plain column: `lookup`, `sum` and `match`."""

from __future__ import annotations

from typing import Final, Protocol

from connector.local.shapes import Condition, Derived, Lookup, Match, Sum
from connector.mapping.yamlfile import Table
from connector.records import Kind, field_of

DERIVED: Final = ("lookup", "sum", "match")


class Reader(Protocol):
    """What reading a mapping file offers; see `load.py`."""

    def fault(self, line: int, sentence: str) -> None: ...
    def text(self, table: Table, key: str, *, needed: bool = False) -> str | None: ...
    def check_keys(self, table: Table, known: frozenset[str], what: str) -> None: ...


def read_derived(reader: Reader, name: str, line: Table) -> Derived | None:
    """What stands for a column in this line; None if it is plain, or wrong (and told so)."""
    given = [key for key in DERIVED if key in line]
    if not given:
        return None
    at = line.lines[given[0]]
    if len(given) > 1:
        reader.fault(at, f"`{name}` takes one of lookup, sum and match")
        return None
    if given == ["match"]:
        return _match(reader, name, line)
    table = line[given[0]]
    if not isinstance(table, Table):
        form = "{table: T, key: K, value: V}" if given == ["lookup"] else "{table: T, column: C}"
        reader.fault(at, f"`{given[0]}` must be such as {form}")
        return None
    where = _where(reader, table)
    if given == ["lookup"]:
        reader.check_keys(table, frozenset({"table", "key", "value", "where"}), "`lookup`")
        column = reader.text(line, "column", needed=True)
        other, key, value = (reader.text(table, n, needed=True) for n in ("table", "key", "value"))
        if column is None or other is None or key is None or value is None or where is None:
            return None
        return Lookup(column, other, key, value, where)
    reader.check_keys(table, frozenset({"table", "column", "key", "where"}), "`sum`")
    if "column" in line:
        reader.fault(line.lines["column"], "a `sum` has its column inside: {sum: {column: C, …}}")
    other, column, key = (reader.text(table, n, needed=True) for n in ("table", "column", "key"))
    if other is None or column is None or key is None or where is None:
        return None
    return Sum(other, column, key, where)


def _match(reader: Reader, name: str, line: Table) -> Match | None:
    column, field = (reader.text(line, key, needed=True) for key in ("column", "match"))
    if name != "customer":
        reader.fault(line.lines["match"], "`match` stands with `customer` only")
        return None
    if field is not None and field_of(Kind.CUSTOMER, field) is None:
        reader.fault(line.lines["match"], f"a customer has no field `{field}`")
        return None
    return Match(column, field) if column is not None and field is not None else None


def _where(reader: Reader, table: Table) -> tuple[Condition, ...] | None:
    """The rows that count: `{column: value}`, or a list of values; all must hold."""
    found = table.get("where", {})
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        reader.fault(table.lines["where"], "`where` must be such as {language_id: 1}")
        return None
    return tuple(
        Condition(name, "in" if isinstance(value, list) else "equals", value)
        for name, value in found.items()
    )
