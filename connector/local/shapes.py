"""How a kind's records may lie in the host's tables, as settings and mappings say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import sqlalchemy as sa

from connector.local.contract import Capture

KEY: Final = "(key)"
"""The own name of a row's key, where it stands for the person whose row it is."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A test on one column: exactly one of equals, in, not_in, is_null."""

    column: str
    test: str
    value: Any

    def sql(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        column = table.c[self.column]
        if self.test == "equals":
            return column.is_not_distinct_from(self.value)
        if self.test == "is_null":
            return column.is_(None) if self.value else column.is_not(None)
        held = column.in_(list(self.value))
        # NULL is in no list: `not_in` lets it through, as a person would read it.
        return held if self.test == "in" else sa.or_(column.is_(None), sa.not_(held))

    @property
    def can_be_made_true(self) -> bool:
        """Whether one value is known that satisfies the test."""
        return self.test != "not_in"

    def satisfying(self) -> Any:
        """A value for the column that satisfies the test: now, where any value will do."""
        if self.test == "equals":
            return self.value
        if self.test == "in":
            return self.value[0]
        assert self.test == "is_null"
        return None if self.value else sa.func.current_timestamp()


@dataclass(frozen=True, slots=True)
class Lookup:
    """A column holds an id; what is meant is the name that another table has for it."""

    column: str
    table: str
    key: str
    value: str
    where: tuple[Condition, ...] = ()

    @property
    def own(self) -> str:
        return f"{self.column} ({self.table}.{self.value})"


@dataclass(frozen=True, slots=True)
class Sum:
    """What the lines of another table add up to, of those whose `key` is the row's own."""

    table: str
    column: str
    key: str
    where: tuple[Condition, ...] = ()

    @property
    def own(self) -> str:
        return f"sum of {self.table}.{self.column}"


@dataclass(frozen=True, slots=True)
class Match:
    """A column tells by a field's value, not by a key, which customer is meant."""

    column: str
    field: str
    """Of the customer, as the mapping names it."""
    held_in: str = ""
    """The column of the customers' table that holds it."""

    @property
    def own(self) -> str:
        return f"customer of {self.column}"


Derived: TypeAlias = Lookup | Sum | Match


@dataclass(frozen=True, slots=True)
class Inner:
    """A kind whose records live in another kind's rows: making and removing one is an update."""

    exists: Condition
    absent: Any = None
    """What the column of `exists` holds when there is no record."""
    clears: tuple[str, ...] = ()
    """The columns that a removal empties, beside that of `exists`."""


@dataclass(frozen=True, slots=True)
class KindTable:
    """How one kind lies in the host's database."""

    table: str
    """With its schema before a dot, where that is not the default one."""
    key: str | tuple[str, ...]
    where: Condition | None = None
    deleted: Condition | None = None
    create: bool = True
    defaults: Mapping[str, Any] = field(default_factory=dict)
    capture: Capture = Capture.JOURNAL
    modified: str | None = None
    """The column with the time of a row's last change, for `Capture.COLUMN`."""
    inner: Inner | None = None
    derived: Mapping[str, Derived] = field(default_factory=dict)
    """What stands for a column without being one, by own name."""
    written: frozenset[str] | None = None
    """The columns that a new row may get from the mapping; None: not known."""

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key,) if isinstance(self.key, str) else self.key

    @property
    def label(self) -> str:
        """What a write of ours is noted under: two kinds in one row are told apart."""
        return f"{self.table} inner" if self.inner is not None else self.table


def split_name(name: str) -> tuple[str | None, str]:
    """A table's schema and name.

    >>> split_name("crm.people"), split_name("people")
    (('crm', 'people'), (None, 'people'))
    """
    schema, _, table = name.rpartition(".")
    return schema or None, table
