"""What one transaction stores of decisions, as far as they need no write."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from connector.store import conflicts, events, links, staged
from connector.store.conflicts import Conflict
from connector.store.events import Event
from connector.store.links import ACTIVE, Link
from connector.store.staged import Staged
from connector.sync.kin import stage_children
from connector.sync.references import waiting_names
from connector.sync.scope import Scope


@dataclass(slots=True)
class Notes:
    """Filled decision by decision (`carrying.py`), then stored by `finish`."""

    scope: Scope
    tx: sa.Connection
    saved: list[Link] = field(default_factory=list)
    named: list[Link] = field(default_factory=list)
    """Links whose subject seals a conflict: a stop before their write must not lose it."""
    gone_rows: list[Staged] = field(default_factory=list)
    kept_rows: list[Staged] = field(default_factory=list)
    new_rows: list[Staged] = field(default_factory=list)
    clashes: list[Conflict] = field(default_factory=list)
    close: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    people: set[str] = field(default_factory=set)
    """Whose facts have changed: their records of other kinds are decided again."""
    woke: bool = False
    """Whether there are any such records."""
    now: int = field(init=False)

    def __post_init__(self) -> None:
        self.now = self.scope.store.now_us(self.tx)

    def event(self, link: str, cause: str, **more: Any) -> None:
        """Note what happened to a link, and why."""
        self.events.append(self.scope.event(self.now, link, cause, **more))

    def finish(self) -> None:
        scope, tx = self.scope, self.tx
        links.save(tx, self.saved)
        links.save_subjects(tx, self.named)
        conflicts.close(tx, self.close)
        conflicts.put(tx, self.clashes)
        staged.settle(tx, self.gone_rows)
        staged.save(tx, self.kept_rows)
        staged.stage_both(tx, self.new_rows)
        self.woke = stage_children(scope, tx, self.people)
        events.append(tx, self.events)
        wake = [link for link in self.saved if link.state == ACTIVE and link.live]
        staged.wake(tx, scope.connection, waiting_names(scope.kind, wake))
