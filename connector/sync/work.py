"""Work under way: the writes of one link and what is settled when the last of them has landed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from connector.records import Canonical, discreet
from connector.store.links import Link
from connector.store.staged import Staged
from connector.sync.decision import Lost
from connector.sync.documents import Base, Draft, Own


@discreet
@dataclass(slots=True)
class Work:
    """One link's decided writes. `base` grows with each write that lands."""

    link: Link
    base: Base
    rows: list[Staged]
    outstanding: int
    close: list[str] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    dies: bool = False
    """The link becomes a tombstone in the transaction that stores the write."""
    evidence: str | None = None
    clean: bool = True
    """No write of this link was refused, put off or overtaken so far."""
    joint: Base = field(default_factory=Base)
    """Values written on both sides at once: the base takes them when both have landed."""

    shown: dict[str, tuple[Own, Canonical]] = field(default_factory=dict)
    """Own values of a side with their canonical reading, where the plan has made it."""

    told: dict[str, str] = field(default_factory=dict)
    """Canonical fields that go out changed, and how; for a plan."""

    def landed(self, draft: Draft, held: Own) -> None:
        """One write landed; the side now holds `held` (own names to values)."""
        mine, other = (
            (self.base.remote, self.base.local)
            if draft.side == "remote"
            else (self.base.local, self.base.remote)
        )
        joint = set(draft.joint)
        both = self.joint.remote if draft.side == "remote" else self.joint.local
        for name, value in held.items():
            (both if name in joint else mine)[name] = value
        other.update(draft.take)
        self.base.turns.update(draft.turns)
        self.base.stand_in(draft.stand_ins)
        self.outstanding -= 1
        if self.outstanding == 0 and self.clean:
            self.base.local.update(self.joint.local)
            self.base.remote.update(self.joint.remote)

    def failed(self) -> None:
        """One write did not land: the rows stay, both sides are read again."""
        self.outstanding -= 1
        self.clean = False

    @property
    def done(self) -> bool:
        return self.outstanding == 0 and self.clean


@dataclass(slots=True)
class Job:
    """One write in a queue."""

    work: Work
    draft: Draft
    intent: str
    again: bool = False
    """It was sent before, with the same values, and what became of that is not known."""
    may_land: bool = False
    """That earlier sending may still land."""
    sent: int = 1
    """How often it was sent so far."""
    sent_us: int = 0
    """When it was sent last."""
    reason: str | None = None
    """What the vendor last said of it, as the store keeps it."""


def settled_rows(works: Iterable[Work]) -> list[Staged]:
    """The staged rows of links whose every write has landed."""
    return [row for work in works if work.done for row in work.rows]
