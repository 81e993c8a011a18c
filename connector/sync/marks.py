"""Marks by which records are read and decided once more."""

from __future__ import annotations

from connector.store import links, staged
from connector.store.database import Lease, Store
from connector.store.links import Link
from connector.store.staged import LOCAL, REMOTE, Staged


def reread(link: Link) -> list[Staged]:
    """Marks that make the next plan read both sides of a link by id."""
    marks = []
    if link.local_id is not None:
        marks.append(Staged(link.connection, link.kind, LOCAL, link.local_id))
    if link.remote_id is not None:
        version = link.remote_version or ""
        marks.append(Staged(link.connection, link.kind, REMOTE, link.remote_id, version))
    return marks


def reread_all(store: Store, lease: Lease, what: str) -> None:
    """Have both sides of all live links of a scope read by id and decided once more."""
    for some in links.batches(store, lease.connection, lease.kind):
        with store.write(lease, what) as tx:
            staged.stage_both(tx, [mark for link in some for mark in reread(link)])


def row_again(link: Link) -> list[Staged]:
    """The mark by which the row of a link is decided once more, and that alone."""
    return [mark for mark in reread(link) if mark.side == LOCAL]
