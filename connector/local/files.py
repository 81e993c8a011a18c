"""CSV and JSON Lines files as the local side: a source that is read and never written.

Each run reads a file once from end to end and keeps where the row of each key lies (`places.py`).
Rows are read again at their places when they are asked for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from connector.errors import LocalError, SchemaDriftError, UsageError
from connector.local.contract import (
    Capture,
    Changed,
    Journal,
    LocalResult,
    LocalWrite,
    Row,
    RowState,
)
from connector.local.lines import Bad, Encoding, RowFile
from connector.local.places import Place, Places
from connector.local.shapes import Condition
from connector.plugin import Kind, Reason

IDENTITY: Final = "files"
"""A file has no name of its own that stays: the next export replaces it."""


def _nothing_to_install() -> UsageError:
    return UsageError(
        "The rows are in files: there is no database to install anything in.",
        hint="Run `crm-connector plan`, then `crm-connector sync`.",
    )


_READ_ONLY: Final = Reason(code="read_only", text="the rows are in a file, which is never written")


@dataclass(frozen=True, slots=True)
class KindFile:
    """How one kind lies in a file. `mirror`: a row that is no longer there was deleted."""

    path: Path
    key: str | tuple[str, ...] = "id"
    encoding: Encoding = "utf-8"
    delimiter: str = ","
    where: Condition | None = None
    deleted: Condition | None = None
    mirror: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key,) if isinstance(self.key, str) else self.key


@dataclass(slots=True)
class _Open:
    """One kind's file as it was found, and where its rows are."""

    file: RowFile
    places: Places


@dataclass(slots=True)
class _Source:
    spec: KindFile
    columns: dict[str, None] = field(default_factory=dict)
    """Those that the mappings read."""
    open: _Open | None = None

    @property
    def needed(self) -> list[str]:
        """All columns that a row must have."""
        spec = self.spec
        tests = [one.column for one in (spec.where, spec.deleted) if one is not None]
        return list(dict.fromkeys((*spec.keys, *tests, *self.columns)))


class FileLocal:
    """Files as a `contract.Local`. It keeps nothing of ours: no journal, no number of a run."""

    def __init__(self, specs: Mapping[Kind, KindFile]) -> None:
        self._sources = {kind: _Source(spec) for kind, spec in specs.items()}

    def look_anew(self) -> None:
        """Let go of what was read: the next question reads the files as they are then."""
        for source in self._sources.values():
            _let_go(source)

    def close(self) -> None:
        self.look_anew()

    # --- bad rows, for people ---------------------------------------------------------------------

    def bad_rows(self, kind: Kind) -> Iterator[Bad]:
        """The rows that cannot be used, in the order of the file."""
        return self._opened(kind).places.bad()

    def count_bad(self, kind: Kind) -> int:
        return self._opened(kind).places.count_bad()

    def each(self, kind: Kind) -> Iterator[tuple[int, int | None, Row]]:
        """Every sound row that takes part, in the order of the file, with its first line and, of
        several, its last."""
        for place in self._opened(kind).places.in_order():
            row = self._row(kind, place)
            if row.state is RowState.LIVE:
                yield place.line, place.last, row

    def path(self, kind: Kind) -> Path:
        return self._sources[kind].spec.path

    def header(self, kind: Kind) -> Sequence[str] | None:
        """The columns of a CSV file; None: JSON Lines have no header. Raises: SettingsError."""
        spec = self._sources[kind].spec
        with closing(RowFile(spec.path, spec.encoding, spec.delimiter)) as file:
            return file.header if file.is_csv else None

    # --- what the engine asks ---------------------------------------------------------------------

    def kinds(self) -> Sequence[Kind]:
        return list(self._sources)

    def install(self, identity: str) -> None:
        """Raises: UsageError."""
        raise _nothing_to_install()

    def remove(self) -> Sequence[str]:
        """Raises: UsageError."""
        raise _nothing_to_install()

    def identity(self) -> str | None:
        return IDENTITY

    def archives(self, kind: Kind) -> bool:
        return False

    def generation(self) -> int | None:
        return None

    def set_generation(self, number: int) -> None:
        """A file remembers nothing."""

    def observe(self, kind: Kind, columns: Sequence[str]) -> None:
        source = self._sources[kind]
        if source.columns.keys() >= set(columns):
            return
        source.columns |= dict.fromkeys(columns)
        _let_go(source)
        header = self.header(kind)
        if header is None:
            return
        lacking = [name for name in source.needed if name not in header]
        if lacking:
            raise SchemaDriftError(
                f"{source.spec.path.name}:1: there is no column {', '.join(lacking)}.",
                hint=f"The header names {', '.join(header)}. Correct the mapping, `key`,"
                " or `delimiter`.",
            )

    def together(self, kind: Kind) -> Sequence[Kind]:
        return [kind]

    def journal(self, kind: Kind, after: int, limit: int) -> Journal:
        raise AssertionError("a file has no journal")

    def forget(self, kind: Kind, entries: Sequence[int]) -> None:
        raise AssertionError("a file has no journal")

    def capture(self, kind: Kind) -> Capture:
        return Capture.SCAN

    def lacking(self) -> Sequence[str]:
        return []

    def unseen(self, kind: Kind) -> Sequence[str]:
        return []

    def changed(
        self, kind: Kind, since: dt.datetime, place: tuple[Any, str] | None, limit: int
    ) -> Changed:
        raise AssertionError("a file has no times of changes")

    def now(self) -> dt.datetime:
        raise AssertionError("a file has no clock")

    def present(self, kind: Kind, keys: Sequence[str]) -> Set[str]:
        return self._found(kind, keys).keys()

    def gone(self, kind: Kind, keys: Sequence[str]) -> Set[str]:
        """None while a row is bad whose key nobody knows: it may be any."""
        if not self._sources[kind].spec.mirror:
            return frozenset()
        places = self._opened(kind).places
        if places.some_bad_unknown():
            return frozenset()
        return {key for key in keys if not places.is_bad(key)}

    def scan(self, kind: Kind, after: str | None, limit: int) -> Sequence[Row]:
        places = self._opened(kind).places.behind(after or "", limit)
        return [self._row(kind, place) for place in places]

    def read(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, Row]:
        return {key: self._row(kind, place) for key, place in self._found(kind, keys).items()}

    def names(self, kind: Kind) -> Mapping[str, Collection[Any]]:
        return {}

    def referred(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, Mapping[str, str | None]]:
        return {}

    def landed(self, kind: Kind, intents: Sequence[str]) -> Mapping[str, str]:
        return {}

    def made(self, kind: Kind, intents: Sequence[str]) -> Mapping[str, str]:
        return {}

    def origin(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, str]:
        return {}

    def write(self, kind: Kind, writes: Sequence[LocalWrite]) -> Sequence[LocalResult]:
        """The engine decides no such write (`KindRules.read_only`); one would become a letter."""
        return [LocalResult.refused(one, _READ_ONLY) for one in writes]

    def forget_intents(self, intents: Sequence[str]) -> None:
        """None of them ever wrote here."""

    # --- rows and where they are ------------------------------------------------------------------

    def _opened(self, kind: Kind) -> _Open:
        source = self._sources[kind]
        if source.open is None:
            spec = source.spec
            file = RowFile(spec.path, spec.encoding, spec.delimiter)
            try:
                source.open = _Open(file, Places(file, spec.keys, source.needed))
            except BaseException:
                file.close()
                raise
        return source.open

    def _found(self, kind: Kind, keys: Sequence[str]) -> dict[str, Place]:
        places = self._opened(kind).places
        return {key: place for key in keys if (place := places.of(key)) is not None}

    def _row(self, kind: Kind, place: Place) -> Row:
        source, file = self._sources[kind], self._opened(kind).file
        raw = file.raw(place.at, place.size)
        if not place.holds(raw):
            raise LocalError(
                f"{source.spec.path.name}:{place.line}: the file changed while it was read.",
                hint="Nothing was lost: run again when it is at rest.",
            )
        values = file.values(raw)
        held = {name: values[name] for name in source.columns}
        return Row(place.key, held, _state(source.spec, values))


def _let_go(source: _Source) -> None:
    if source.open is not None:
        source.open.file.close()
        source.open.places.close()
        source.open = None


def _state(spec: KindFile, values: Mapping[str, Any]) -> RowState:
    if spec.deleted is not None and _holds(spec.deleted, values):
        return RowState.DELETED
    inside = spec.where is None or _holds(spec.where, values)
    return RowState.LIVE if inside else RowState.OUT


def _holds(test: Condition, values: Mapping[str, Any]) -> bool:
    """A test on a column of a file, where all may be text: 1 and "1" are the same, and whatever
    programs write for true and false is that."""
    value = values[test.column]
    if test.test == "is_null":
        return (value is None) is bool(test.value)
    if test.test == "equals":
        return _is(value, test.value)
    among = any(_is(value, one) for one in test.value)
    return among if test.test == "in" else not among


def _is(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, bool):
        return _FLAGS.get((_text(value) or "").strip().casefold()) is wanted
    return _text(value) == _text(wanted)


_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)
