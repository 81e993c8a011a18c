"""The host's rows as a plan would leave them: the real ones, under what is only planned."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence, Set
from typing import Any, Final

from connector.local.contract import Capture, Changed, Journal, Local, LocalResult, LocalWrite, Row
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

    def install(self, identity: str) -> None:
        raise AssertionError("a plan writes nothing")

    def remove(self) -> Sequence[str]:
        raise AssertionError("a plan writes nothing")

    def identity(self) -> str | None:
        return self._real.identity()

    def archives(self, kind: Kind) -> bool:
        return self._real.archives(kind)

    def generation(self) -> int | None:
        return self._real.generation()

    def set_generation(self, number: int) -> None:
        raise AssertionError("a plan writes nothing")

    def observe(self, kind: Kind, columns: Sequence[str]) -> None:
        self._real.observe(kind, columns)

    def names(self, kind: Kind) -> Mapping[str, Collection[Any]]:
        return self._real.names(kind)

    def referred(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, Mapping[str, str | None]]:
        return self._real.referred(kind, [key for key in keys if not key.startswith(PLANNED)])

    def together(self, kind: Kind) -> Sequence[Kind]:
        return self._real.together(kind)

    def journal(self, kind: Kind, after: int, limit: int) -> Journal:
        return self._real.journal(kind, after, limit)

    def capture(self, kind: Kind) -> Capture:
        return self._real.capture(kind)

    def lacking(self) -> Sequence[str]:
        return self._real.lacking()

    def unseen(self, kind: Kind) -> Sequence[str]:
        return self._real.unseen(kind)

    def changed(
        self, kind: Kind, since: dt.datetime, place: tuple[Any, str] | None, limit: int
    ) -> Changed:
        return self._real.changed(kind, since, place, limit)

    def now(self) -> dt.datetime:
        return self._real.now()

    def present(self, kind: Kind, keys: Sequence[str]) -> Set[str]:
        return self._real.present(kind, keys)

    def gone(self, kind: Kind, keys: Sequence[str]) -> Set[str]:
        return self._real.gone(kind, keys)

    def scan(self, kind: Kind, after: str | None, limit: int) -> Sequence[Row]:
        return self._real.scan(kind, after, limit)

    def landed(self, kind: Kind, intents: Sequence[str]) -> Mapping[str, str]:
        return self._real.landed(kind, intents)

    def made(self, kind: Kind, intents: Sequence[str]) -> Mapping[str, str]:
        return self._real.made(kind, intents)

    def forget_intents(self, intents: Sequence[str]) -> None:
        raise AssertionError("a plan writes nothing")

    def close(self) -> None:
        self._real.close()
