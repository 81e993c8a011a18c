"""Where the row of each key lies in a file, and which rows cannot be used: no value, little memory.

One reading of the file from end to end fills a temporary database.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from connector.local.keys import joined
from connector.local.lines import NOT_READ, Bad, Found, RowFile

LONGEST_KEY: Final = 200

_TABLES: Final = """
CREATE TABLE place (key TEXT PRIMARY KEY, line INT, last INT, at INT, size INT, sum BLOB)
    WITHOUT ROWID;
CREATE TABLE bad (line INT, last INT, code TEXT, text TEXT, column_ TEXT, key TEXT);
CREATE INDEX bad_key ON bad (key);
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A sound row: its first line and, of several, its last; where its bytes are, and their sum."""

    key: str
    line: int
    last: int | None
    at: int
    size: int
    sum: bytes

    def holds(self, raw: bytes) -> bool:
        """Whether these are the bytes that were read."""
        return _sum(raw) == self.sum


class Places:
    """The rows of one file. `keys` name a row, `needed` are the columns that it must have."""

    def __init__(self, file: RowFile, keys: Sequence[str], needed: Collection[str]) -> None:
        """Raises: LocalError, SettingsError."""
        self._keys = keys
        self._needed = needed
        # "" is a database of its own on the disk, which nobody else sees and which is gone when it
        # is closed.
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        try:
            self._db.executescript(_TABLES)
            self._db.execute("BEGIN")
            self._fill(file)
            self._db.execute("COMMIT")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._db.close()

    # --- asking -----------------------------------------------------------------------------------

    def of(self, key: str) -> Place | None:
        row = self._db.execute("SELECT * FROM place WHERE key = ?", (key,)).fetchone()
        return None if row is None else Place(*row)

    def behind(self, key: str, limit: int) -> list[Place]:
        """In the order of keys."""
        asked = "SELECT * FROM place WHERE key > ? ORDER BY key LIMIT ?"
        return [Place(*row) for row in self._db.execute(asked, (key, limit)).fetchall()]

    def in_order(self) -> Iterator[Place]:
        """In the order of the file."""
        return (Place(*row) for row in self._db.execute("SELECT * FROM place ORDER BY line"))

    def bad(self) -> Iterator[Bad]:
        """The rows that cannot be used, in the order of the file."""
        asked = "SELECT line, code, text, last, column_ FROM bad ORDER BY line, rowid"
        return (Bad(*row) for row in self._db.execute(asked))

    def count_bad(self) -> int:
        (number,) = self._db.execute("SELECT count(*) FROM bad").fetchone()
        return int(number)

    def is_bad(self, key: str) -> bool:
        return self._some("SELECT 1 FROM bad WHERE key = ? LIMIT 1", key)

    def some_bad_unknown(self) -> bool:
        """Whether a row is bad whose key nobody knows: it may be any."""
        return self._some("SELECT 1 FROM bad WHERE key IS NULL LIMIT 1")

    def _some(self, asked: str, *given: str) -> bool:
        return self._db.execute(asked, given).fetchone() is not None

    # --- filling ----------------------------------------------------------------------------------

    def _fill(self, file: RowFile) -> None:
        doubt: int | None = None
        for one in file.rows():
            if isinstance(one, Bad):
                if one.over and doubt is not None:
                    self._take_back(doubt)
                    break
                if one.code == "quotes" and doubt is None:
                    doubt = one.line
                self._set_aside(one, None)
                continue
            key, bad = self._checked(one)
            if bad is not None:
                self._set_aside(bad, key)
            elif key is not None:
                self._put(one, key)

    def _take_back(self, line: int) -> None:
        """The quotes behind this line do not add up either: what was read there lay inside a
        text."""
        self._db.execute("DELETE FROM place WHERE line > ?", (line,))
        self._db.execute("DELETE FROM bad WHERE line > ?", (line,))
        self._db.execute("UPDATE bad SET text = text || ? WHERE line = ?", (f"; {NOT_READ}", line))

    def _put(self, one: Found, key: str) -> None:
        """Note a row; where two have one key, neither can be taken for the right one."""
        last = one.line + one.raw[:-1].count(b"\n")
        first = self.of(key)
        if first is None:
            asked = "SELECT min(line) FROM bad WHERE key = ?"
            again = self._db.execute(asked, (key,)).fetchone()[0]
        else:
            self._db.execute("DELETE FROM place WHERE key = ?", (key,))
            text = f"its key stands on line {one.line} too"
            self._set_aside(Bad(first.line, "key_twice", text, first.last), key)
            again = first.line
        more = last if last > one.line else None
        if again is not None:
            text = f"its key stands on line {again} too"
            self._set_aside(Bad(one.line, "key_twice", text, more), key)
            return
        self._db.execute(
            "INSERT INTO place VALUES (?, ?, ?, ?, ?, ?)",
            (key, one.line, more, one.at, len(one.raw), _sum(one.raw)),
        )

    def _set_aside(self, bad: Bad, key: str | None) -> None:
        self._db.execute(
            "INSERT INTO bad VALUES (?, ?, ?, ?, ?, ?)",
            (bad.line, bad.last, bad.code, bad.text, bad.column, key),
        )

    def _checked(self, one: Found) -> tuple[str | None, Bad | None]:
        """The row's key, and what is wrong with it."""
        key, bad = _key(one, self._keys)
        if bad is not None:
            return key, bad
        for name in self._needed:
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
    key = joined(parts)
    if len(key) > LONGEST_KEY:
        return None, Bad(one.line, "key", f"the key is longer than {LONGEST_KEY} signs")
    return key, None


def _sum(raw: bytes) -> bytes:
    return hashlib.blake2b(raw, digest_size=8).digest()
