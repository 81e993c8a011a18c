"""An id map of an earlier integration: a CSV or JSON Lines file of pairs, one row's id and one
record's. What contradicts itself in the file is told with its line and never used."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector.errors import UsageError
from connector.local.lines import Bad, Encoding, Found, RowFile
from connector.local.places import LONGEST_KEY

_TABLES = """
CREATE TABLE pair (line INT PRIMARY KEY, local TEXT, remote TEXT);
CREATE TABLE bad (line INT, code TEXT, text TEXT, last INT, column_ TEXT);
CREATE INDEX by_local ON pair (local);
CREATE INDEX by_remote ON pair (remote);
"""
_TWICE = """
SELECT one.line, min(other.line) FROM pair AS one JOIN pair AS other
    ON other.{column} = one.{column} AND other.line <> one.line
    WHERE one.local <> other.local OR one.remote <> other.remote OR other.line < one.line
    GROUP BY one.line
"""


@dataclass(frozen=True, slots=True)
class IdPair:
    """One line: this row is that record."""

    line: int
    local_id: str
    remote_id: str


class IdMap:
    """One file of pairs, read once from end to end; a temporary database keeps them.

    Raises: SettingsError if the file is not there or in another encoding; UsageError if it has no
    such columns.
    """

    def __init__(
        self,
        path: Path,
        *,
        local_column: str = "local_id",
        remote_column: str = "remote_id",
        encoding: Encoding = "utf-8",
        delimiter: str = ",",
    ) -> None:
        self.path = path
        self._columns = local_column, remote_column
        self._kept = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        try:
            file = RowFile(path, encoding, delimiter)
            try:
                self._read(file)
            finally:
                file.close()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._kept.close()

    def bad(self) -> Iterator[Bad]:
        """The lines that cannot be used."""
        rows = self._kept.execute("SELECT line, code, text, last, column_ FROM bad ORDER BY line")
        return (Bad(*row) for row in rows)

    def pairs(self, size: int) -> Iterator[list[IdPair]]:
        """The sound pairs in the order of the file, so many at a time."""
        line = 0
        while True:
            rows = self._kept.execute(
                "SELECT line, local, remote FROM pair WHERE line > ? ORDER BY line LIMIT ?",
                (line, size),
            ).fetchall()
            if not rows:
                return
            line = rows[-1][0]
            yield [IdPair(*row) for row in rows]

    def _read(self, file: RowFile) -> None:
        lacking = [name for name in self._columns if file.is_csv and name not in file.header]
        if lacking:
            raise UsageError(
                f"{self.path.name}:1: there is no column {', '.join(lacking)}.",
                hint=f"The header names {', '.join(file.header)}; say --local-column and"
                " --remote-column, or --delimiter.",
            )
        self._kept.executescript(_TABLES)
        self._kept.execute("BEGIN")
        broken: int | None = None
        for one in file.rows():
            if isinstance(one, Bad):
                if broken is None and one.code == "quotes":
                    broken = one.line
                self._set_aside(one)
                if one.over and broken is not None:
                    # What was read behind the first of these faults may lie inside a text.
                    self._kept.execute("DELETE FROM pair WHERE line > ?", (broken,))
                continue
            ids = [self._id(one, name) for name in self._columns]
            faults = [found for found in ids if isinstance(found, Bad)]
            if faults:
                self._set_aside(faults[0])
            else:
                self._kept.execute("INSERT INTO pair VALUES (?, ?, ?)", (one.line, *ids))
        self._forget_twice()
        self._kept.execute("COMMIT")

    def _forget_twice(self) -> None:
        """Of two lines that say different things of one id none is right for sure; of two that say
        the same the first is enough."""
        found: dict[int, Bad] = {}
        for column, name in zip(("local", "remote"), self._columns, strict=True):
            for line, other in self._kept.execute(_TWICE.format(column=column)):
                said = f"its {name} stands on line {other} too"
                found.setdefault(line, Bad(line, "id_twice", said, column=name))
        for line, bad in found.items():
            self._set_aside(bad)
            self._kept.execute("DELETE FROM pair WHERE line = ?", (line,))

    def _set_aside(self, bad: Bad) -> None:
        self._kept.execute(
            "INSERT INTO bad VALUES (?, ?, ?, ?, ?)",
            (bad.line, bad.code, bad.text, bad.last, bad.column),
        )

    def _id(self, one: Found, name: str) -> str | Bad:
        value: Any = one.values.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int | None):
            return Bad(one.line, "id", f"{name} is neither text nor a whole number", column=name)
        text = "" if value is None else str(value).strip()
        if not text:
            return Bad(one.line, "id_empty", f"{name} is empty", column=name)
        if not text.isprintable() or len(text) > LONGEST_KEY:
            return Bad(one.line, "id", f"{name} cannot be an id", column=name)
        return text
