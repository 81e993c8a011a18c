"""The hands of people in the CRM, for tests: what our engine did not do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Protocol, runtime_checkable

from connector.plugin import Fields, Ref, SandboxHandle, Target
from connector.records import Kind
from connector.testing.clock import ManualClock
from connector.testing.world import MemoryVendor


class Hands(Protocol):
    """A person with every right in the CRM, and a watch."""

    def create(self, kind: Kind, fields: Fields) -> Ref: ...

    def edit(self, kind: Kind, ref: Ref, fields: Fields) -> None: ...

    def remove(self, kind: Kind, ref: Ref) -> None: ...

    def dump(self, kind: Kind) -> Mapping[Ref, Fields]:
        """All live records, read past the API."""
        ...

    def wait(self, span: timedelta) -> None:
        """Let so much of the vendor's time pass."""
        ...


@runtime_checkable
class MergingHands(Protocol):
    """Hands that can merge two records into one."""

    def merge(self, kind: Kind, loser: Ref, winner: Ref) -> None: ...


class MemoryHands:
    """`Hands` of a `MemoryVendor` that runs on a `ManualClock`."""

    def __init__(self, vendor: MemoryVendor, clock: ManualClock) -> None:
        self._vendor = vendor
        self._clock = clock

    def create(self, kind: Kind, fields: Fields) -> Ref:
        return self._vendor.create(kind, fields)

    def edit(self, kind: Kind, ref: Ref, fields: Fields) -> None:
        self._vendor.edit(kind, ref, fields)

    def remove(self, kind: Kind, ref: Ref) -> None:
        self._vendor.remove(kind, ref)

    def merge(self, kind: Kind, loser: Ref, winner: Ref) -> None:
        self._vendor.merge(kind, loser, winner)

    def dump(self, kind: Kind) -> dict[Ref, Fields]:
        return {row["ref"]: row["fields"] for row in self._vendor.dump(kind)}

    def wait(self, span: timedelta) -> None:
        self._clock.move(span)


class SandboxHands:
    """`Hands` of a sandbox. `sleep` lets its time pass: the machine's, or one that it offers."""

    def __init__(
        self,
        sandbox: SandboxHandle,
        targets: Mapping[Kind, Target],
        sleep: Callable[[float], Any],
        id_field: str = "id",
    ) -> None:
        self._sandbox = sandbox
        self._targets = targets
        self._sleep = sleep
        self._id_field = id_field

    def create(self, kind: Kind, fields: Fields) -> Ref:
        return self._sandbox.create(self._targets[kind].object, fields)

    def edit(self, kind: Kind, ref: Ref, fields: Fields) -> None:
        self._sandbox.edit(self._targets[kind].object, ref, fields)

    def remove(self, kind: Kind, ref: Ref) -> None:
        self._sandbox.remove(self._targets[kind].object, ref)

    def dump(self, kind: Kind) -> dict[Ref, Fields]:
        rows = self._sandbox.records(self._targets[kind].object)
        return {Ref(str(row[self._id_field])): row for row in rows}

    def wait(self, span: timedelta) -> None:
        self._sleep(span.total_seconds())
