"""What a back office's side promises the engine, whatever it is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from connector.plugin import Kind, Op, Outcome, Reason


class RowState(StrEnum):
    """Whether a row takes part: live, outside the settings' `where`, or deleted softly."""

    LIVE = "live"
    OUT = "out"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Row:
    """One record of the host's. `values` holds the asked columns, as the driver gives them."""

    key: str
    values: Mapping[str, Any]
    state: RowState = RowState.LIVE


@dataclass(frozen=True, slots=True)
class Journal:
    """Keys that changed, and the journal rows that said so."""

    entries: Sequence[int]
    keys: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalWrite:
    """One write. It takes effect only if the row still holds `old` (creates have none).

    `id` is the intent's: a repeat of the same id is harmless.
    """

    id: str
    op: Op
    key: str | None
    values: Mapping[str, Any]
    old: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalResult:
    """How one write ended, with the row as read back inside the write's transaction."""

    id: str
    outcome: Outcome
    row: Row | None = None
    reason: Reason | None = None


class Local(Protocol):
    """The host's records of all kinds. Raises LocalError when the database is not there."""

    def kinds(self) -> Sequence[Kind]: ...

    def identity(self) -> str | None:
        """A random name of this database that stays; None before `install`."""
        ...

    def observe(self, kind: Kind, columns: Sequence[str]) -> None:
        """Say once which columns the mappings read of a kind; no other is ever selected."""
        ...

    def journal(self, kind: Kind, after: int, limit: int) -> Journal:
        """The oldest changes noted with a number above `after`."""
        ...

    def forget(self, kind: Kind, entries: Sequence[int]) -> None:
        """Remove exactly these journal rows."""
        ...

    def scan(self, kind: Kind, after: str | None, limit: int) -> Sequence[Row]:
        """Rows in the key's own order, from the one behind `after`."""
        ...

    def read(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, Row]:
        """Rows by key; one that is not there is left out."""
        ...

    def landed(self, kind: Kind, intents: Sequence[str]) -> Mapping[str, str]:
        """Of these intents, those whose write was committed, with the key it wrote."""
        ...

    def origin(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, str]:
        """Of these rows, those that an intent of ours created, with that intent."""
        ...

    def write(self, kind: Kind, writes: Sequence[LocalWrite]) -> Sequence[LocalResult]:
        """One result for each write. Raises LocalError only when surely nothing was committed."""
        ...

    def close(self) -> None: ...
