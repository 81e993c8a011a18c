"""The engine's ways to the world: all are given, and each does nothing special unless it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol, TypeVar

from connector.local.contract import Local
from connector.local.files import FileLocal
from connector.local.foreseen import Foreseen
from connector.plugin import Clock, Page
from connector.privacy.vault import Vault
from connector.store.database import Hook, Store, no_hook
from connector.sync.counts import PlannedWrite

T = TypeVar("T")
R = TypeVar("R")

LOCAL_SCOPE = "local"
"""The `connection` of the observer of the local side."""

Progress = Callable[[str, str, str, int], None]
"""Called with connection, kind, phase and a running count."""


class Spread(Protocol):
    """Works on items, so many at a time; see `plugin.Host.spread`."""

    def __call__(
        self, work: Callable[[T], R], items: Iterable[T], width: int, /
    ) -> Iterator[R]: ...


def in_turn(work: Callable[[T], R], items: Iterable[T], width: int) -> Iterator[R]:
    """Work on one item after the other, in this thread."""
    return map(work, items)


Ahead = Callable[[Iterator[Page]], Iterator[Page]]
"""Yields a vendor's pages; may fetch the next one while one is worked on."""


Meanwhile = Callable[[Callable[[], None]], AbstractContextManager[None]]
"""Does a thing now and then while a block lasts: so a lease outlives a long wait."""


def never(work: Callable[[], None]) -> AbstractContextManager[None]:
    """Do nothing meanwhile."""
    return nullcontext()


def no_progress(connection: str, kind: str, phase: str, count: int) -> None:
    """Say nothing."""


@dataclass(slots=True)
class Ports:
    """The engine's ways to the world. All are given; it opens nothing itself."""

    store: Store
    vault: Vault
    local: Local
    clock: Clock
    run: str
    hook: Hook = no_hook
    progress: Progress = no_progress
    spread: Spread = in_turn
    ahead: Ahead = iter
    meanwhile: Meanwhile = never
    files: FileLocal | None = None
    """The local side, where it is files."""
    dry: list[PlannedWrite] | None = None
    """A list to put planned writes into instead of sending them."""

    def __post_init__(self) -> None:
        if self.dry is not None:
            self.local = Foreseen(self.local)
