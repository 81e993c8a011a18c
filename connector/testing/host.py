"""What the core lends a plugin, in memory, and an account opened with it: for tests of a plugin."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from connector.http.limits import parse_rate
from connector.http.session import HttpSession
from connector.plugin import AllowList, Clock, Plugin, Remote, SandboxHandle, SecretSlot, Target
from connector.records import Kind

T = TypeVar("T")
R = TypeVar("R")


class HeldClock:
    """The machine's time, moved by hand; sleeping takes no time and moves nothing."""

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

    def get(self) -> bytes | None:
        return self._value if self._clock.now() < self._ends else None

    def put(self, value: bytes, life: timedelta) -> None:
        self._value, self._ends = value, self._clock.now() + life

    def clear(self) -> None:
        self._value = None


class MemoryHost:
    """Implements `connector.plugin.Host` with the real way out to the network.

    It is one process's; several may share `slots`, as processes share a state store. It notes what
    was asked of it: budgets are free, sleeping takes no time.
    """

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


@contextmanager
def opened(
    plugin: Plugin[Any], sandbox: SandboxHandle, targets: Mapping[Kind, Target], **more: Any
) -> Iterator[Remote]:
    """The account of a plugin's own sandbox, as the core would open it; `more` are settings."""
    table = {key: value for key, value in sandbox.settings.items() if key != "plugin"}
    remote = plugin.open(plugin.settings(**{**table, **more}), targets, MemoryHost())
    try:
        yield remote
    finally:
        remote.close()
