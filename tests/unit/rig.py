"""What the core lends a plugin, as small as it can be, and short ways of writing and reading."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from connector.http.limits import parse_rate
from connector.http.session import HttpSession
from connector.plugin import AllowList, Clock, Op, Page, Ref, Result, SecretSlot, Seen, Write

T = TypeVar("T")
R = TypeVar("R")


class HeldClock:
    """The machine's time, moved by hand; sleeping only moves it."""

    def __init__(self) -> None:
        self.moved = timedelta()
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime.now(UTC) + self.moved

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Slot:
    """A secret slot in memory, with its lock."""

    def __init__(self, clock: Clock) -> None:
        self.lock = threading.Lock()
        self._clock = clock
        self._value: bytes | None = None
        self._ends = datetime.max.replace(tzinfo=UTC)
        self.puts = 0

    def get(self) -> bytes | None:
        return self._value if self._clock.now() < self._ends else None

    def put(self, value: bytes, life: timedelta) -> None:
        self._value, self._ends = value, self._clock.now() + life
        self.puts += 1

    def clear(self) -> None:
        self._value = None


class Host:
    """One process's host; several may share `slots`, as processes share a state store."""

    def __init__(self, slots: dict[str, Slot] | None = None) -> None:
        self.clock = HeldClock()
        self.rng = random.Random(1)
        self.slots = {} if slots is None else slots
        self.spent: list[int] = []
        self.budgets: list[tuple[str, str]] = []
        """Each budget that was spent from, with its rate."""
        self.pauses: list[float] = []
        self.paused: list[str] = []

    def session(self, hosts: AllowList, *, timeout_s: float, pool: int = 4) -> HttpSession:
        return HttpSession(hosts, clock=self.clock, rng=self.rng, timeout_s=timeout_s, pool=pool)

    def spend(self, path: str, cost: int, rate: str) -> None:
        assert parse_rate(rate)
        self.spent.append(cost)
        self.budgets.append((path, rate))

    def pause(self, path: str, for_s: float) -> None:
        self.pauses.append(for_s)
        self.paused.append(path)

    def spread(self, work: Callable[[T], R], items: Iterable[T], width: int) -> Iterator[R]:
        return map(work, items)

    @contextmanager
    def secret(self, name: str) -> Iterator[SecretSlot]:
        slot = self.slots.setdefault(name, Slot(self.clock))
        with slot.lock:
            yield slot


def update(id_: str, ref: Ref, unless: datetime | None = None, **fields: Any) -> Write:
    return Write(
        id=id_, op=Op.UPDATE, ref=ref, fields=fields, external_key="", unless_changed_since=unless
    )


def remove(id_: str, ref: Ref, unless: datetime | None = None) -> Write:
    return Write(
        id=id_, op=Op.REMOVE, ref=ref, fields={}, external_key="", unless_changed_since=unless
    )


def by_id(results: Iterable[Result]) -> dict[str, Result]:
    """Results by the id of their write; each write must have exactly one."""
    found = list(results)
    assert len({one.id for one in found}) == len(found)
    return {one.id: one for one in found}


def all_seen(pages: Iterable[Page]) -> list[Seen]:
    return [one for page in pages for one in page.seen]


def refs(seen: Sequence[Seen]) -> list[str]:
    return [one.ref for one in seen]
