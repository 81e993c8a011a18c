"""The dead: what is remembered of them, and until when.

A tombstone keeps a late copy of a record from bringing it back. It outlives recycle bins and
backups, and is forgotten only after both sides have said, asked by id, that the record is not
there; else it is asked about again later.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import sqlalchemy as sa

from connector.local.contract import RowState
from connector.plugin import Gone, Ref
from connector.store import conflicts, events, links
from connector.store.links import GONE, Link
from connector.sync.moments import us_in
from connector.sync.scope import Scope

EPOCHS: Final = range(1, 9)
"""The lives of a record, each with a key of its own, in which it is known again by its key."""
ASKED_AGAIN: Final = dt.timedelta(days=30)
"""A tombstone whose record is still to be seen on a side is looked at again after this."""
_BATCH = 500


def bury(scope: Scope, tx: sa.Connection, link: Link, evidence: str | None, now_us: int) -> None:
    """Make a link a tombstone: it keeps both ids, and nothing else that could come back."""
    if link.remote_observed_us == 0:
        # Our last write was never seen: what it may have overwritten will not be told any more.
        events.append(tx, [scope.event(now_us, link.id, "possibly_overwritten")])
    link.live, link.state, link.evidence = None, GONE, evidence
    link.base = link.local_digest = link.remote_digest = None
    link.keep_until_us = _until(scope, now_us)
    links.release_claims(tx, [link.id])
    conflicts.close_links(tx, [link.id])


def remember(
    scope: Scope, tx: sa.Connection, link: Link, ref: Ref, version: str, now_us: int
) -> None:
    """Make a tombstone of a record that a link went on from, so that no late copy revives it.

    It stays its person's: an erasure has to find it, and the record in the vendor's bin.
    """
    dead = Link(
        scope.store.new_id(),
        link.connection,
        link.kind,
        remote_id=ref,
        live=None,
        state=links.MERGED,
        epoch=link.epoch,
        subject=link.subject,
        remote_version=version,
        evidence="merged",
        keep_until_us=_until(scope, now_us),
    )
    links.insert(tx, [dead])


def _until(scope: Scope, now_us: int) -> int:
    """How long a tombstone that is made now is kept."""
    return now_us + us_in(scope.tombstone_life)


def forget_the_dead(scope: Scope) -> None:
    """Remove tombstones whose time is over, a batch for each run; mostly there are none."""
    with scope.store.read() as tx:
        now = scope.store.now_us(tx)
        over = links.over(tx, scope.connection, scope.kind, now, _BATCH)
    if not over:
        return
    refs = [Ref(link.remote_id) for link in over if link.remote_id is not None]
    seen = {one.ref: one.gone for one in scope.remote.fetch(scope.kind, refs)} if refs else {}
    rows = scope.ports.local.read(scope.kind, [k.local_id for k in over if k.local_id is not None])
    gone = []
    for link in over:
        row = rows.get(link.local_id or "")
        here = row is not None and row.state is not RowState.DELETED
        there = link.remote_id is not None and seen.get(Ref(link.remote_id)) in (None, Gone.HIDDEN)
        if here or there:
            link.keep_until_us = now + us_in(ASKED_AGAIN)
        else:
            gone.append(link)
    # What the shop keeps of rows that we made goes first: a record of the same id is a new one.
    scope.ports.local.forget_intents(
        [scope.row_key(k.remote_id, epoch) for k in gone if k.remote_id for epoch in EPOCHS]
    )
    with scope.store.write(scope.lease, "forget the dead") as tx:
        links.save(tx, over)
        links.delete(tx, [link.id for link in gone])
