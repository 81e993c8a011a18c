"""What a database says about its tables, as values: nothing here asks anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from connector.proposing.looks import Look

Sort: TypeAlias = Literal["whole", "number", "text", "date", "datetime", "flag", "uuid", "other"]
"""What a column's type holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. `codes` are its values where they are few; they stay in memory."""

    name: str
    sort: Sort
    optional: bool
    """A new row may leave it out."""
    null: bool
    secret: bool
    readable: bool = True
    writable: bool = True
    """The account may change it, and the database does not compute it."""
    indexed: bool = False
    """It comes first in an index."""
    unique: bool = False
    said: str = field(default="", repr=False)
    """The beginning of the comment that the table's makers gave it."""
    meanings: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Code to word, where that comment tells."""
    look: Look | None = None
    codes: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def whole_number(self) -> bool:
        return self.sort == "whole"

    @property
    def open(self) -> bool:
        """It may be read and was looked at."""
        return not self.secret and self.readable


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table; `name` has its schema before a dot, where that is not the default one."""

    name: str
    keys: tuple[str, ...]
    """The columns that name a row; none if nothing does."""
    makes_keys: bool
    """A new row gets its key from the database."""
    columns: Mapping[str, Column]
    foreign: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Column to the table and column it points to."""
    rows: int = 0
    """Rows looked at."""
    whole: bool = False
    """These were all."""
    unwatched: str = ""
    """Why no triggers can be made on it."""
    insertable: bool = True

    @property
    def key(self) -> str | None:
        """Its key, if that is one column."""
        return self.keys[0] if len(self.keys) == 1 else None

    @property
    def plain(self) -> str:
        """The name without its schema."""
        return self.name.rpartition(".")[2]

    def open(self) -> list[Column]:
        """The columns that may be looked at."""
        return [column for column in self.columns.values() if column.open]


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to the database: how many values of a column stand in a column elsewhere?"""

    table: str
    column: str
    target: str
    held_in: str


@dataclass(frozen=True, slots=True)
class Pointing:
    """The answer."""

    share: float
    filled: int
    has_zero: bool
