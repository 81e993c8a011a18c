"""How each scope stands: counts and times from the state alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from connector.store import conflicts, intents, links, scopes, staged
from connector.store.database import Store
from connector.sync.drift import Fields, sentences
from connector.sync.place import sentence
from connector.sync.retaining import LastLook, last_looks
from connector.sync.scope import moment


@dataclass(frozen=True, slots=True)
class ScopeStatus:
    """How one (connection, kind) stands. Times are ISO 8601 in UTC, None if never.

    `doubt`: why nothing is written before a reconcile, None if there is no reason. `off`: sentences
    on fields that are switched off because the account changed.
    """

    connection: str
    kind: str
    links: int
    staged: int
    waiting: int
    unknown: int
    read_until: str | None
    last_success: str | None
    running: bool
    paused: bool = False
    doubt: str | None = None
    off: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """How the whole stands."""

    scopes: Sequence[ScopeStatus]
    letters: int
    conflicts: int
    retention: Sequence[LastLook] = ()
    """When records were last looked at for being over their term, and what waits."""


def status_of(store: Store) -> Status:
    """Opens no sealed value and asks no vendor."""
    with store.read() as tx:
        now, paused = store.now_us(tx), scopes.paused(tx)
        rows = [
            _scope(tx, row, now, paused=(row.connection, row.kind) in paused)
            for row in scopes.every(tx)
        ]
        letters = staged.count_letters(tx) + intents.count_letters(tx)
        looks = last_looks(tx)
        open_ = conflicts.count(tx, conflicts.OPEN, conflicts.CHOSEN)
    return Status(rows, letters, open_, looks)


def _scope(tx: sa.Connection, row: scopes.Scope, now_us: int, *, paused: bool) -> ScopeStatus:
    return ScopeStatus(
        row.connection,
        row.kind,
        links.count_live(tx, row.connection, row.kind),
        staged.count(tx, row.connection, row.kind),
        staged.count_waiting(tx, row.connection, row.kind),
        len(intents.unresolved(tx, row.connection, row.kind)),
        moment(row.since_us),
        moment(row.success_us),
        scopes.is_leased(tx, row.connection, row.kind, now_us),
        paused,
        sentence(row.doubt) if row.doubt is not None else None,
        sentences(row.connection, row.kind, Fields.of(row.fields_doc).off),
    )
