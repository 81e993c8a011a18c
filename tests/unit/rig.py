"""What the core lends a plugin, as small as it can be, and short ways of writing and reading."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from connector.http.limits import parse_rate
from connector.http.session import HttpSession
from connector.plugin import (
    AllowList,
    Clock,
    Op,
    Page,
    Ref,
    Remote,
    Result,
    SecretSlot,
    Seen,
    Target,
    Write,
)
from connector.records import Kind
from connector.sandbox.handle import SandboxProcess

T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S", bound=BaseModel)
Open = TypeVar("Open", bound=Remote)


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


class SandboxRig(Generic[S, Open]):
    """A vendor's sandbox, a host, and remotes opened on them."""

    def __init__(
        self,
        model: type[S],
        opens: Callable[[S, Mapping[Kind, Target], Host], Open],
        targets: Mapping[Kind, Target],
        sandbox: SandboxProcess,
    ) -> None:
        self._model = model
        self._opens = opens
        self._targets = targets
        self._process = sandbox
        self.host = Host()
        self._open: list[Open] = []

    def reset(self) -> None:
        """Make the sandbox new, and everything of ours too."""
        for remote in self._open:
            remote.close()
        self._open.clear()
        self._process.admin("reset")
        self.host = Host()

    def settings(self, **more: Any) -> S:
        table = {k: v for k, v in self._process.settings.items() if k != "plugin"}
        return self._model(**{"timeout_s": 3, "call_life_s": 5, **table, **more})

    def open(
        self,
        targets: Mapping[Kind, Target] | None = None,
        host: Host | None = None,
        **more: Any,
    ) -> Open:
        known = self._targets if targets is None else targets
        remote = self._opens(self.settings(**more), known, host or self.host)
        self._open.append(remote)
        return remote

    def calls(self, *names: str) -> dict[str, int]:
        """Calls so far of these operations, or of all but logins."""
        found = self._process.calls()
        wanted = names or [name for name in found if name != "token"]
        return {name: found[name] for name in wanted if found.get(name)}


def together(works: Iterable[Callable[[], object]]) -> None:
    """Do all of it at once, each in a thread of its own."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


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
