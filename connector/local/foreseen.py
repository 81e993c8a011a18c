"""The host's rows as a plan would leave them: the real ones, under what is only planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from connector.local.contract import Journal, Local, LocalResult, LocalWrite, Row
from connector.plugin import Kind

PLANNED: Final = "planned-"
"""The key of a row that is only planned begins so."""


class Foreseen:
    """Implements `Local` for a plan: reads what is there, and writes nothing."""

    def __init__(self, real: Local) -> None:
        self._real = real
        self._rows: dict[tuple[Kind, str], Row] = {}

    def foresee(self, kind: Kind, row: Row) -> None:
        """Let a row be read as it would be after a planned write."""
        self._rows[kind, row.key] = row

    def read(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, Row]:
        there = self._real.read(kind, [key for key in keys if not key.startswith(PLANNED)])
        return {**there, **{k: self._rows[kind, k] for k in keys if (kind, k) in self._rows}}

    def write(self, kind: Kind, writes: Sequence[LocalWrite]) -> Sequence[LocalResult]:
        raise AssertionError("a plan writes nothing")

    def forget(self, kind: Kind, entries: Sequence[int]) -> None:
        """Keep the journal: the sync that follows needs it."""

    def origin(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, str]:
        return self._real.origin(kind, [key for key in keys if not key.startswith(PLANNED)])

    def kinds(self) -> Sequence[Kind]:
        return self._real.kinds()

    def identity(self) -> str | None:
        return self._real.identity()

    def observe(self, kind: Kind, columns: Sequence[str]) -> None:
        self._real.observe(kind, columns)

    def journal(self, kind: Kind, after: int, limit: int) -> Journal:
        return self._real.journal(kind, after, limit)

    def scan(self, kind: Kind, after: str | None, limit: int) -> Sequence[Row]:
        return self._real.scan(kind, after, limit)

    def landed(self, kind: Kind, intents: Sequence[str]) -> Mapping[str, str]:
        return self._real.landed(kind, intents)

    def close(self) -> None:
        self._real.close()
