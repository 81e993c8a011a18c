"""CSV and JSON Lines files as the local side: a source that is read and never written.

Each run reads a file once from end to end and keeps in a temporary database where the row of each
key lies: no value, and little memory. Rows are read again at their places when they are asked for.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import sqlite3
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
from connector.local.lines import NOT_READ, Bad, Encoding, Found, RowFile
from connector.local.shapes import Condition
from connector.plugin import Kind, Outcome, Reason

IDENTITY: Final = "files"
"""A file has no name of its own that stays: the next export replaces it."""

LONGEST_KEY: Final = 200

_INDEX: Final = """
CREATE TABLE place (key TEXT PRIMARY KEY, line INT, last INT, at INT, size INT, sum BLOB)
    WITHOUT ROWID;
CREATE TABLE bad (line INT, last INT, code TEXT, text TEXT, column_ TEXT, key TEXT);
CREATE INDEX bad_key ON bad (key);
"""


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
    index: sqlite3.Connection


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
        rows = self._index(kind).execute(
            "SELECT line, code, text, last, column_ FROM bad ORDER BY line, rowid"
        )
        return (Bad(*row) for row in rows)

    def count_bad(self, kind: Kind) -> int:
        (number,) = self._index(kind).execute("SELECT count(*) FROM bad").fetchone()
        return int(number)

    def each(self, kind: Kind) -> Iterator[tuple[int, int | None, Row]]:
        """Every sound row that takes part, in the order of the file, with its first line and, of
        several, its last."""
        places = self._index(kind).execute("SELECT line, last, key FROM place ORDER BY line")
        for line, last, key in places:
            row = self.read(kind, [key])[key]
            if row.state is RowState.LIVE:
                yield line, last, row

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
        return {key for key in keys if self._knows(kind, "place", key)}

    def gone(self, kind: Kind, keys: Sequence[str]) -> Set[str]:
        """None while a row is bad whose key nobody knows: it may be any."""
        if not self._sources[kind].spec.mirror or self._some_unknown(kind):
            return frozenset()
        return {key for key in keys if not self._knows(kind, "bad", key)}

    def _some_unknown(self, kind: Kind) -> bool:
        unknown = self._index(kind).execute("SELECT 1 FROM bad WHERE key IS NULL LIMIT 1")
        return unknown.fetchone() is not None

    def _knows(self, kind: Kind, table: str, key: str) -> bool:
        found = self._index(kind).execute(f"SELECT 1 FROM {table} WHERE key = ?", (key,))
        return found.fetchone() is not None

    def scan(self, kind: Kind, after: str | None, limit: int) -> Sequence[Row]:
        some = self._index(kind).execute(
            "SELECT key, line, at, size, sum FROM place WHERE key > ? ORDER BY key LIMIT ?",
            (after or "", limit),
        )
        return [self._row(kind, *one) for one in some.fetchall()]

    def read(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, Row]:
        index, found = self._index(kind), {}
        for key in keys:
            one = index.execute(
                "SELECT key, line, at, size, sum FROM place WHERE key = ?", (key,)
            ).fetchone()
            if one is not None:
                found[key] = self._row(kind, *one)
        return found

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
        return [
            LocalResult(id=one.id, outcome=Outcome.REFUSED, reason=_READ_ONLY) for one in writes
        ]

    def forget_intents(self, intents: Sequence[str]) -> None:
        """None of them ever wrote here."""

    # --- the index --------------------------------------------------------------------------------

    def _index(self, kind: Kind) -> sqlite3.Connection:
        source = self._sources[kind]
        if source.open is None:
            spec = source.spec
            file = RowFile(spec.path, spec.encoding, spec.delimiter)
            # "" is a database of its own on the disk, which nobody else sees and which is gone
            # when it is closed.
            index = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            source.open = _Open(file, index)
            try:
                _fill(index, file, source)
            except BaseException:
                _let_go(source)
                raise
        return source.open.index

    def _row(self, kind: Kind, key: str, line: int, at: int, size: int, sum_: bytes) -> Row:
        source = self._sources[kind]
        assert source.open is not None
        raw = source.open.file.raw(at, size)
        if _sum(raw) != sum_:
            raise LocalError(
                f"{source.spec.path.name}:{line}: the file changed while it was read.",
                hint="Nothing was lost: run again when it is at rest.",
            )
        values = source.open.file.values(raw)
        return Row(
            key, {name: values[name] for name in source.columns}, _state(source.spec, values)
        )


def _let_go(source: _Source) -> None:
    if source.open is not None:
        source.open.file.close()
        source.open.index.close()
        source.open = None


def _fill(index: sqlite3.Connection, file: RowFile, source: _Source) -> None:
    index.executescript(_INDEX)
    index.execute("BEGIN")
    doubt: int | None = None
    for one in file.rows():
        if isinstance(one, Bad):
            if one.over and doubt is not None:
                _take_back(index, doubt)
                break
            if one.code == "quotes" and doubt is None:
                doubt = one.line
            _set_aside(index, one, None)
            continue
        key, bad = _checked(one, source)
        if bad is not None:
            _set_aside(index, bad, key)
        elif key is not None:
            _put(index, one, key)
    index.execute("COMMIT")


def _take_back(index: sqlite3.Connection, line: int) -> None:
    """The quotes behind this line do not add up either: what was read there lay inside a text."""
    index.execute("DELETE FROM place WHERE line > ?", (line,))
    index.execute("DELETE FROM bad WHERE line > ?", (line,))
    index.execute("UPDATE bad SET text = text || ? WHERE line = ?", (f"; {NOT_READ}", line))


def _put(index: sqlite3.Connection, one: Found, key: str) -> None:
    """Note a row; where two have one key, neither can be taken for the right one."""
    last = one.line + one.raw[:-1].count(b"\n")
    first = index.execute("SELECT line, last FROM place WHERE key = ?", (key,)).fetchone()
    if first is None:
        again = index.execute("SELECT min(line) FROM bad WHERE key = ?", (key,)).fetchone()[0]
    else:
        index.execute("DELETE FROM place WHERE key = ?", (key,))
        text = f"its key stands on line {one.line} too"
        _set_aside(index, Bad(first[0], "key_twice", text, first[1]), key)
        again = first[0]
    more = last if last > one.line else None
    if again is not None:
        text = f"its key stands on line {again} too"
        _set_aside(index, Bad(one.line, "key_twice", text, more), key)
        return
    index.execute(
        "INSERT INTO place VALUES (?, ?, ?, ?, ?, ?)",
        (key, one.line, more, one.at, len(one.raw), _sum(one.raw)),
    )


def _set_aside(index: sqlite3.Connection, bad: Bad, key: str | None) -> None:
    index.execute(
        "INSERT INTO bad VALUES (?, ?, ?, ?, ?, ?)",
        (bad.line, bad.last, bad.code, bad.text, bad.column, key),
    )


def _checked(one: Found, source: _Source) -> tuple[str | None, Bad | None]:
    """The row's key, and what is wrong with it."""
    key, bad = _key(one, source.spec.keys)
    if bad is not None:
        return key, bad
    for name in source.needed:
        if name not in one.values:
            return key, Bad(one.line, "missing", f"there is no {name}", column=name)
        if isinstance(one.values[name], list | dict):
            text = f"{name} holds a list or an object, not one value"
            return key, Bad(one.line, "nested", text, column=name)
    return key, None


def _key(one: Found, names: Sequence[str]) -> tuple[str | None, Bad | None]:
    parts = []
    for name in names:
        value = one.values.get(name)
        if name not in one.values:
            return None, Bad(one.line, "missing", f"there is no {name}", column=name)
        if isinstance(value, bool) or not isinstance(value, str | int | None):
            text = f"the key {name} is neither text nor a whole number"
            return None, Bad(one.line, "key", text, column=name)
        text = str(value).strip() if value is not None else ""
        if not text:
            return None, Bad(one.line, "key_empty", f"the key {name} is empty", column=name)
        if not text.isprintable():
            said = f"the key {name} holds a sign that cannot be printed"
            return None, Bad(one.line, "key", said, column=name)
        parts.append(text)
    joined = parts[0] if len(parts) == 1 else "/".join(_part(text) for text in parts)
    if len(joined) > LONGEST_KEY:
        return None, Bad(one.line, "key", f"the key is longer than {LONGEST_KEY} signs")
    return joined, None


def _part(text: str) -> str:
    return text.replace("%", "%25").replace("/", "%2F")


def _state(spec: KindFile, values: Mapping[str, Any]) -> RowState:
    if spec.deleted is not None and _holds(spec.deleted, values):
        return RowState.DELETED
    inside = spec.where is None or _holds(spec.where, values)
    return RowState.LIVE if inside else RowState.OUT


def _holds(test: Condition, values: Mapping[str, Any]) -> bool:
    """A test on a column of a file, where all may be text: 1 and "1" are the same."""
    value = values[test.column]
    if test.test == "is_null":
        return (value is None) is bool(test.value)
    if test.test == "equals":
        return _text(value) == _text(test.value)
    among = _text(value) in {_text(one) for one in test.value}
    return among if test.test == "in" else not among


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def _sum(raw: bytes) -> bytes:
    return hashlib.blake2b(raw, digest_size=8).digest()
