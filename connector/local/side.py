"""What a host derives its own local side from, when its records are not plain tables."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from typing import Any

from connector.local.contract import (
    Capture,
    Changed,
    Journal,
    LocalResult,
    LocalWrite,
    Refused,
    Row,
)
from connector.plugin import Kind


class LocalSide(ABC):
    """Implements `Local` but for what only the host knows; see there what each method promises.

    As it stands every row is looked at in each run. To be told of changes instead, override
    `capture`, `journal` and `forget`, and say in `unseen` what that does not tell.
    """

    def __init__(self) -> None:
        self.columns: dict[Kind, tuple[str, ...]] = {}
        """The own names that are read of each kind, as the mappings ask for them."""

    # --- to be written by the host ----------------------------------------------------------------

    @abstractmethod
    def kinds(self) -> Sequence[Kind]: ...

    @abstractmethod
    def install(self, identity: str) -> None: ...

    @abstractmethod
    def identity(self) -> str | None: ...

    @abstractmethod
    def generation(self) -> int: ...

    @abstractmethod
    def set_generation(self, number: int) -> None: ...

    @abstractmethod
    def archives(self, kind: Kind) -> bool: ...

    @abstractmethod
    def scan(self, kind: Kind, after: str | None, limit: int) -> Sequence[Row]: ...

    @abstractmethod
    def read(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, Row]: ...

    @abstractmethod
    def transaction(self) -> AbstractContextManager[object]:
        """A transaction of its own for one call of `write`; an error undoes all of it.

        Never one inside another of the host's, which might be undone after we were told that it
        landed. Raises: Refused for a constraint, LocalError if the database did not answer.
        """

    @abstractmethod
    def apply(self, kind: Kind, write: LocalWrite) -> str | None:
        """Do one write inside the transaction, and lock its row until the end.

        Returns the row's key; None if there is no such row, or if it does not hold exactly
        `write.old` any more. Raises: Refused.
        """

    @abstractmethod
    def note(self, kind: Kind, landed: Mapping[str, tuple[LocalWrite, str]]) -> None:
        """Remember, inside the transaction, that these intents wrote these keys."""

    @abstractmethod
    def landed(self, kind: Kind, intents: Sequence[str]) -> Mapping[str, str]: ...

    @abstractmethod
    def origin(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, str]: ...

    @abstractmethod
    def forget_intents(self, intents: Sequence[str]) -> None: ...

    # --- writing ----------------------------------------------------------------------------------

    def write(self, kind: Kind, writes: Sequence[LocalWrite]) -> Sequence[LocalResult]:
        """All in one transaction; if a row is refused, each in one of its own."""
        try:
            return self._write(kind, writes)
        except Refused as refused:
            if len(writes) == 1:
                return [LocalResult.refused(writes[0], refused.reason)]
        return [result for one in writes for result in self.write(kind, [one])]

    def _write(self, kind: Kind, writes: Sequence[LocalWrite]) -> Sequence[LocalResult]:
        with self.transaction():
            done = self.landed(kind, [one.id for one in writes])
            keys = {one.id: done.get(one.id) or self.apply(kind, one) for one in writes}
            fresh = {one.id: (one, keys[one.id]) for one in writes if one.id not in done}
            landed = {id: (one, key) for id, (one, key) in fresh.items() if key is not None}
            if landed:
                self.note(kind, landed)
            rows = self.read(kind, [key for key in keys.values() if key is not None])
        return [LocalResult.of(w, keys[w.id], rows, repeated=w.id in done) for w in writes]

    # --- what most hosts leave as it is -----------------------------------------------------------

    def remove(self) -> Sequence[str]:
        return []

    def observe(self, kind: Kind, columns: Sequence[str]) -> None:
        """Override it to refuse a name that is not there. Raises: SettingsError."""
        self.columns[kind] = tuple(dict.fromkeys((*self.columns.get(kind, ()), *columns)))

    def together(self, kind: Kind) -> Sequence[Kind]:
        return [kind]

    def capture(self, kind: Kind) -> Capture:
        return Capture.SCAN

    def lacking(self) -> Sequence[str]:
        return []

    def unseen(self, kind: Kind) -> Sequence[str]:
        return []

    def journal(self, kind: Kind, after: int, limit: int) -> Journal:
        raise AssertionError("only a side with a journal is asked for it")

    def forget(self, kind: Kind, entries: Sequence[int]) -> None:
        raise AssertionError("only a side with a journal is told to forget of it")

    def changed(
        self, kind: Kind, since: dt.datetime, place: tuple[Any, str] | None, limit: int
    ) -> Changed:
        raise AssertionError("only a side whose rows have a time is asked for it")

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def present(self, kind: Kind, keys: Sequence[str]) -> Set[str]:
        return self.read(kind, keys).keys()

    def gone(self, kind: Kind, keys: Sequence[str]) -> Set[str]:
        return frozenset(keys)

    def names(self, kind: Kind) -> Mapping[str, Collection[Any]]:
        return {}

    def referred(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, Mapping[str, str | None]]:
        return {}

    def made(self, kind: Kind, intents: Sequence[str]) -> Mapping[str, str]:
        """Right where `landed` knows the writes of every state, as one table for all does."""
        return self.landed(kind, intents)

    def close(self) -> None:
        """Let go of what this side holds, and of nothing that is the host's."""
        return
