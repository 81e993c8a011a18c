"""What a vendor takes for very much work, as its plugin reckons it; a guess, never a promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol, runtime_checkable

from connector.records import Kind

__all__ = ["Certainty", "Estimate", "Estimates", "Fact", "Workload"]

Certainty = Literal["documented", "reported", "unverified", "chosen"]
"""How sure a fact is: the vendor says so; its users do; nobody does; it is our own setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Records of one kind to be read and written at one account."""

    read: int = 0
    create: int = 0
    update: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One sentence that an estimate rests on."""

    text: str
    certainty: Certainty


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What one way takes. `cost` is in the vendor's own `unit`, such as credits."""

    calls: int
    cost: int
    unit: str
    takes: timedelta
    """Under the connection's rate, if nobody else uses it and the vendor is well."""
    facts: Sequence[Fact] = ()


@runtime_checkable
class Estimates(Protocol):
    """A remote that can say beforehand what work costs there."""

    def estimate(self, kind: Kind, work: Workload, *, bulk: bool) -> Estimate | None:
        """What the work takes by calls, or with new records going in bulk. Asks nobody. None: the
        settings do not open that way."""
        ...
