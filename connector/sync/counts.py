"""What a pass did, what a plan would do, and how much either may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from connector.records import discreet


@dataclass(slots=True)
class Counts:
    """What one pass did; the summary line and `sync --json` show it."""

    read: int = 0
    created: int = 0
    updated: int = 0
    removed: int = 0
    adopted: int = 0
    conflicts: int = 0
    letters: int = 0
    left_out: int = 0
    """Optional values that the other side will not take; the rest of their records went."""
    unlinked: int = 0
    """Records that name their customer by a value which nobody, or more than one, has."""
    late: int = 0
    """Changes that the listing found, as the feed had not shown them in time (`feed_lag`)."""
    silent: int = 0
    """Records that differed from what we knew of them, without any news of it."""
    clock_back_s: int = 0
    """By how many seconds, at least, the vendor's clock has gone back since an earlier run."""
    waiting: int = 0
    unknown: int = 0
    postponed: int = 0
    against_direction: int = 0
    held: int = 0
    suppressed: int = 0
    """Records turned away because their person was erased."""
    restricted: int = 0
    """Records of people whose data may not be used for now: their news waits."""
    left_there: int = 0
    """Records whose news would be written into the source of a migration: the next sync's."""

    @property
    def written(self) -> int:
        """Writes that landed (of a plan: that would be sent)."""
        return self.created + self.updated + self.removed

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Limits:
    """`[safety]`: a share of the links and a number, of which the larger counts.

    >>> Limits(5, 5).of(1000)
    50
    >>> Limits(5, 5).of(10)
    5
    """

    percent: float
    least: int

    def of(self, links: int) -> int:
        return max(int(links * self.percent / 100), self.least)


@discreet
@dataclass(slots=True)
class PlannedWrite:
    """One write of a plan. `fields` maps own names to (before, after); values stay in memory."""

    connection: str
    kind: str
    side: str
    op: str
    local_id: str | None
    remote_id: str | None
    fields: Mapping[str, tuple[Any, Any]]
    classes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Of a write to a vendor: own field to the privacy class of its value, and how it is changed on
    the way out ("": not at all)."""
