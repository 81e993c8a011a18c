"""Having the next run look again: at all since a time, or at single records.

Only watermarks move and marks are put; no link and no base changes. What the next run reads and
finds equal is left as it is, so looking again writes nothing by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from connector.local.contract import Local
from connector.plugin import Kind
from connector.store import links, scopes, staged
from connector.store.database import Store
from connector.store.links import Link
from connector.store.staged import LOCAL, REMOTE, Staged
from connector.sync.marks import reread
from connector.sync.noticing import look_at_rows_again
from connector.sync.situation import LOOK_AGAIN


@dataclass(frozen=True, slots=True)
class Rewound:
    """How far back a scope is read. Microseconds; `before` is None where nothing was read yet."""

    connection: str
    kind: Kind
    before: int | None
    after: int | None


@dataclass(slots=True)
class Marked:
    """Records to be read by id: those of a link, and those that no link knows yet."""

    connection: str
    kind: Kind
    linked: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)


def rewind(store: Store, connection: str, kind: Kind, since_us: int) -> Rewound:
    """Read the vendor again from an instant on, and compare all rows of the shop once more.

    The shop's rows have no watermark in time, so all of them are compared. A time after the
    watermark moves nothing at the vendor: reading goes on from the watermark anyhow.

    The scope's lease is held, because a run that is at work would put the watermark forward again.
    Raises: LeaseHeldError.
    """
    lease = store.acquire(connection, kind)
    try:
        with store.write(lease, "rewind") as tx:
            known = scopes.get(tx, connection, kind)
            before = known.since_us if known is not None else None
            after = before if before is None else min(before, since_us)
            if after != before:
                # The one way back; a window that was left half read began later than that.
                scopes.update(tx, connection, kind, since_us=after, resume=None)
            look_at_rows_again(tx, connection, kind)
    finally:
        store.release(lease)
    return Rewound(connection, kind, before, after)


def mark(store: Store, local: Local, connection: str, kind: Kind, ids: Sequence[str]) -> Marked:
    """Have records read by id, whichever side the ids are of; letters about them are retried.

    An id that no link knows is a row of the shop if the shop has one, else a record of the vendor.
    """
    lease = store.acquire(connection, kind)
    try:
        with store.read() as tx:
            strangers = _strangers(tx, connection, kind, ids)
        rows = local.read(kind, strangers)
        marked = Marked(connection, kind)
        with store.write(lease, "mark records") as tx:
            for side in (LOCAL, REMOTE):
                found = links.by_side(tx, connection, kind, side, ids)
                for link in found.values():
                    rows_of = reread(link)
                    for row in rows_of:
                        row.origin = LOOK_AGAIN if row.side == LOCAL else None
                    staged.stage_both(tx, rows_of)
                marked.linked += [one for one in found if one not in marked.linked]
            for one in strangers:
                if one in rows:
                    staged.mark(tx, [connection], kind, {one: None})
                else:
                    half = Link(store.new_id(), connection, kind, remote_id=one)
                    links.insert(tx, [half])
                    staged.stage(tx, [Staged(connection, kind, REMOTE, one)])
            marked.new = strangers
    finally:
        store.release(lease)
    return marked


def _strangers(tx: sa.Connection, connection: str, kind: Kind, ids: Sequence[str]) -> list[str]:
    known = {
        one for side in (LOCAL, REMOTE) for one in links.by_side(tx, connection, kind, side, ids)
    }
    return [one for one in dict.fromkeys(ids) if one not in known]
