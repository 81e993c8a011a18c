"""How each scope stands: counts and times from the state alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from connector.store import conflicts, intents, links, scopes, staged, tally
from connector.store.database import Store
from connector.sync.budgets import Budget, budgets_of
from connector.sync.drift import Fields, sentences
from connector.sync.moments import moment
from connector.sync.place import sentence
from connector.sync.retaining import LastLook, last_looks


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
    took_s: float | None = None
    """How long the last pass took that ended without an error."""
    lag_s: float | None = None
    """How long the record has waited that was seen first at the vendor and is not decided yet; None
    if none waits. The shop's rows are staged without a time."""


@dataclass(frozen=True, slots=True)
class Status:
    """How the whole stands."""

    scopes: Sequence[ScopeStatus]
    letters: int
    conflicts: int
    retention: Sequence[LastLook] = ()
    """When records were last looked at for being over their term, and what waits."""
    budgets: Sequence[Budget] = ()
    now: str = ""
    """The time by the state's clock."""


def status_of(store: Store) -> Status:
    """Opens no sealed value and asks no vendor."""
    with store.read() as tx:
        now, paused, ended = store.now_us(tx), scopes.paused(tx), scopes.ended_passes(tx)
        rows = [
            _scope(
                tx,
                row,
                now,
                paused=(row.connection, row.kind) in paused,
                ended=ended.get((row.connection, row.kind)),
            )
            for row in scopes.every(tx)
        ]
        letters = tally.letters(tx)
        looks = last_looks(tx)
        open_ = conflicts.count(tx, conflicts.OPEN, conflicts.CHOSEN)
        budgets = budgets_of(tx, now)
    return Status(rows, letters, open_, looks, budgets, moment(now) or "")


def _scope(
    tx: sa.Connection,
    row: scopes.Scope,
    now_us: int,
    *,
    paused: bool,
    ended: scopes.Ended | None,
) -> ScopeStatus:
    oldest_us = tally.oldest_us(tx, row.connection, row.kind)
    return ScopeStatus(
        row.connection,
        row.kind,
        links.count_live(tx, row.connection, row.kind),
        staged.count(tx, row.connection, row.kind),
        tally.waiting_children(tx, row.connection, row.kind),
        len(intents.unresolved(tx, row.connection, row.kind)),
        moment(row.since_us),
        # States of older releases only know when reading last came to its end.
        moment(ended.ended_us if ended is not None else row.success_us),
        scopes.is_leased(tx, row.connection, row.kind, now_us),
        paused,
        sentence(row.doubt) if row.doubt is not None else None,
        sentences(row.connection, row.kind, Fields.of(row.fields_doc).off),
        round((ended.ended_us - ended.began_us) / 1e6, 3) if ended is not None else None,
        round(max(0, now_us - oldest_us) / 1e6, 3) if oldest_us is not None else None,
    )
