"""What the core lends the plugin, as small as it can be, and a sandbox to speak to."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from connector_zoho import plugin
from connector_zoho.remote import ZohoRemote
from connector_zoho.sandbox.handle import ZohoSandbox
from connector_zoho.settings import ZohoSettings

from connector.http.session import HttpSession
from connector.plugin import (
    AllowList,
    Clock,
    Op,
    Page,
    Ref,
    Result,
    SecretSlot,
    Seen,
    Target,
    Write,
)
from connector.records import Kind

T = TypeVar("T")
R = TypeVar("R")

C = Kind.CUSTOMER
FIELDS = ("Last_Name", "First_Name", "Email", "Mobile", "Email_Opt_Out")
TARGETS = {
    C: Target(
        object="Contacts",
        fields=FIELDS,
        key_field="Connector_Key",
        match_fields=("Email", "Mobile"),
    ),
    Kind.MEMBERSHIP: Target(
        object="Memberships", fields=("Name", "Customer", "Benefits"), key_field="Connector_Key"
    ),
}


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
        self.pauses: list[float] = []

    def session(self, hosts: AllowList, *, timeout_s: float, pool: int = 4) -> HttpSession:
        return HttpSession(hosts, clock=self.clock, rng=self.rng, timeout_s=timeout_s, pool=pool)

    def spend(self, path: str, cost: int, rate: str) -> None:
        assert path == "api" and rate
        self.spent.append(cost)

    def pause(self, path: str, for_s: float) -> None:
        assert path == "api"
        self.pauses.append(for_s)

    def spread(self, work: Callable[[T], R], items: Iterable[T], width: int) -> Iterator[R]:
        return map(work, items)

    @contextmanager
    def secret(self, name: str) -> Iterator[SecretSlot]:
        slot = self.slots.setdefault(name, Slot(self.clock))
        with slot.lock:
            yield slot


class Rig:
    """A sandbox, a host, and remotes opened on them."""

    def __init__(self, sandbox: ZohoSandbox) -> None:
        self.sandbox = sandbox
        self.host = Host()
        self._open: list[ZohoRemote] = []

    def reset(self) -> None:
        """Make the sandbox new, and everything of ours too."""
        for remote in self._open:
            remote.close()
        self._open.clear()
        self.sandbox.admin("reset")
        self.host = Host()

    def settings(self, **more: Any) -> ZohoSettings:
        table = {k: v for k, v in self.sandbox.settings.items() if k != "plugin"}
        return ZohoSettings(**{"timeout_s": 3, "call_life_s": 5, **table, **more})

    def open(
        self, targets: Mapping[Kind, Target] = TARGETS, host: Host | None = None, **more: Any
    ) -> ZohoRemote:
        remote = plugin.open(self.settings(**more), targets, host or self.host)
        self._open.append(remote)
        return remote

    def calls(self, *names: str) -> dict[str, int]:
        """Calls so far of these operations, or of all but logins."""
        found = self.sandbox.calls()
        wanted = names or [name for name in found if name != "token"]
        return {name: found[name] for name in wanted if found.get(name)}

    def contacts(self, count: int, **fields: Any) -> list[Ref]:
        rows = [{"Last_Name": f"N{n}", **fields} for n in range(count)]
        return self.sandbox.seed("Contacts", rows)


def create(id_: str, key: str = "", **fields: Any) -> Write:
    fields.setdefault("Last_Name", f"N{id_}")
    return Write(id=id_, op=Op.CREATE, ref=None, fields=fields, external_key=key or f"KEY{id_}")


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
