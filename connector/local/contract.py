"""What a back office's side promises the engine, whatever it is made of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from connector.plugin import Kind, Op, Outcome, Reason
from connector.records import discreet


class RowState(StrEnum):
    """Whether a row takes part: live, outside the settings' `where`, or deleted softly."""

    LIVE = "live"
    OUT = "out"
    DELETED = "deleted"


@discreet
@dataclass(frozen=True, slots=True)
class Row:
    """One record of the host's. `values` holds the asked columns, as the driver gives them."""

    key: str
    values: Mapping[str, Any]
    state: RowState = RowState.LIVE


class Capture(StrEnum):
    """How changes of a kind's rows are noticed."""

    JOURNAL = "journal"
    """By triggers that note keys."""
    COLUMN = "column"
    """By a time in the row."""
    SCAN = "scan"
    """By looking at every row."""


@dataclass(frozen=True, slots=True)
class Changed:
    """Keys of rows in the order of their times; `place` is where to go on, None at the end."""

    keys: Sequence[str]
    place: tuple[Any, str] | None


@dataclass(frozen=True, slots=True)
class Journal:
    """Keys that changed, and the journal rows that said so.

    With `everything` any row may have changed or be gone, and nobody knows which: a table was
    emptied at once, or its triggers were missing for a while.
    """

    entries: Sequence[int]
    keys: Sequence[str]
    everything: bool = False


@discreet
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
    repeated: bool = False
    """An earlier write of the same id had landed already, perhaps with other values."""

    @classmethod
    def refused(cls, write: LocalWrite, reason: Reason) -> LocalResult:
        return cls(id=write.id, outcome=Outcome.REFUSED, reason=reason)

    @classmethod
    def of(
        cls, write: LocalWrite, key: str | None, rows: Mapping[str, Row], *, repeated: bool
    ) -> LocalResult:
        """The end of a write to the row `key`, read back in `rows`; None: it was not as known."""
        if key is None:
            return cls(id=write.id, outcome=Outcome.STALE)
        row = rows.get(key) or Row(key, {}, RowState.DELETED)
        return cls(id=write.id, outcome=Outcome.APPLIED, row=row, repeated=repeated)


class Refused(Exception):
    """A row that the host's side does not take. `code` is a word, `text` names no value."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.reason = Reason(code=code, text=text)


class Local(Protocol):
    """The host's records of all kinds. Raises LocalError when the database is not there.

    Used by one thread at a time. A host that implements it derives from `side.LocalSide`, which
    leaves about half of this to write; `connector.testing.local_contract` tests what is promised.
    """

    def kinds(self) -> Sequence[Kind]: ...

    def install(self, identity: str) -> None:
        """Put what we need into the database, under this name of it; again changes nothing."""
        ...

    def remove(self) -> Sequence[str]:
        """Take that away again; the names of what is gone."""
        ...

    def identity(self) -> str | None:
        """A random name of this database that stays; None before `install`."""
        ...

    def archives(self, kind: Kind) -> bool:
        """Whether a record can go and its row stay: `Op.REMOVE` beside `Op.PURGE`."""
        ...

    def generation(self) -> int | None:
        """The number of the state's last run, as this side remembers it; 0: none, None: it keeps
        nothing of ours."""
        ...

    def set_generation(self, number: int) -> None:
        """Remember the number of a run; a greater one stays."""
        ...

    def observe(self, kind: Kind, columns: Sequence[str]) -> None:
        """Say once which columns the mappings read of a kind; no other is ever selected."""
        ...

    def together(self, kind: Kind) -> Sequence[Kind]:
        """The kinds whose changes one journal row may tell of; the first holds the others' rows."""
        ...

    def journal(self, kind: Kind, after: int, limit: int) -> Journal:
        """The oldest changes noted with a number above `after`."""
        ...

    def forget(self, kind: Kind, entries: Sequence[int]) -> None:
        """Remove exactly these journal rows."""
        ...

    def capture(self, kind: Kind) -> Capture:
        """How changes of this kind are noticed; `journal` and `changed` are for their own."""
        ...

    def lacking(self) -> Sequence[str]:
        """Tables whose journal has lost triggers, or never had them."""
        ...

    def unseen(self, kind: Kind) -> Sequence[str]:
        """What the capture of this kind cannot notice by itself, in words; a daily look can."""
        ...

    def changed(
        self, kind: Kind, since: dt.datetime, place: tuple[Any, str] | None, limit: int
    ) -> Changed:
        """Rows whose time is at or after `since`, from behind `place`."""
        ...

    def now(self) -> dt.datetime:
        """The time by the clock that sets the rows' times."""
        ...

    def present(self, kind: Kind, keys: Sequence[str]) -> Set[str]:
        """Of these keys, those that have a row, whatever its state."""
        ...

    def gone(self, kind: Kind, keys: Sequence[str]) -> Set[str]:
        """Of these keys, none of which has a row now: those whose row was deleted. That another
        has none says nothing."""
        ...

    def scan(self, kind: Kind, after: str | None, limit: int) -> Sequence[Row]:
        """Rows in the key's own order, from the one behind `after`."""
        ...

    def read(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, Row]:
        """Rows by key; one that is not there is left out."""
        ...

    def names(self, kind: Kind) -> Mapping[str, Collection[Any]]:
        """What a column that is looked up by name may be given, by own name: names that stand for
        exactly one row of the other table."""
        ...

    def referred(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, Mapping[str, str | None]]:
        """By row and own name: the key of the one live customer that the row names by a value;
        None if nobody has that value, or several have."""
        ...

    def landed(self, kind: Kind, intents: Sequence[str]) -> Mapping[str, str]:
        """Of these intents, those whose write was committed, with the key it wrote."""
        ...

    def made(self, kind: Kind, intents: Sequence[str]) -> Mapping[str, str]:
        """Like `landed`, and what intents of a state that is lost have written here too."""
        ...

    def origin(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, str]:
        """Of these rows, those that an intent of ours created, with that intent."""
        ...

    def write(self, kind: Kind, writes: Sequence[LocalWrite]) -> Sequence[LocalResult]:
        """One result for each write. Raises LocalError only when surely nothing was committed."""
        ...

    def forget_intents(self, intents: Sequence[str]) -> None:
        """Forget that these intents wrote here, as if they never had."""
        ...

    def close(self) -> None: ...


# --- optional abilities, asked for with isinstance ----------------------------------------------


@runtime_checkable
class FindsRows(Protocol):
    """A side that finds rows by a column without looking at all of them."""

    def rows_with(self, kind: Kind, own: str, texts: Collection[str]) -> Sequence[str]:
        """Keys of the rows, whatever their state, of which this column equals one of these; a few
        more do no harm."""
        ...


@runtime_checkable
class BlanksRows(Protocol):
    """A side that can empty columns of a row and leave the row."""

    def blank(self, kind: Kind, key: str, columns: Collection[str]) -> Reason | None:
        """Empty these columns; one that must not be empty gets a value that says nothing. A row
        that is not there is blank. Returns why the database refused, if it did."""
        ...


@runtime_checkable
class ForgetsRows(Protocol):
    """A side that keeps notes of ours beside its rows and can drop those of some."""

    def forget_rows(self, kind: Kind, keys: Sequence[str]) -> None:
        """Forget what was noted of changes of these rows, and of our writes to them."""
        ...
