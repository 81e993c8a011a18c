"""Marks by which records are read and decided once more."""

from __future__ import annotations

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


def row_again(link: Link) -> list[Staged]:
    """The mark by which the row of a dead link is decided once more."""
    return [mark for mark in reread(link) if mark.side == LOCAL]
