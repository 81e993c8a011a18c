"""Reading what changed at the vendor and staging it, page by page, before anything is decided."""

from __future__ import annotations

import datetime as dt

from connector.errors import CursorExpiredError
from connector.plugin import Page
from connector.store import scopes, staged
from connector.sync.documents import pack, unpack
from connector.sync.moments import as_us, from_us
from connector.sync.news import Taker, note_seen
from connector.sync.reading import pages_since
from connector.sync.scope import Scope

FRESH = dt.timedelta(seconds=30)
"""How old a look at the vendor may be when a write leaves that the vendor cannot refuse."""


def observe_changes(scope: Scope, taker: Taker | None = None) -> None:
    """Read the vendor's window. An expired place starts the window again; both are harmless."""
    try:
        resumed = observe_remote(scope, taker)
    except CursorExpiredError:
        with scope.store.write(scope.lease, "restart window") as tx:
            scopes.update(tx, scope.connection, scope.kind, resume=None)
        resumed = observe_remote(scope, taker)
    if resumed and not scope.caps.conditional:
        # Pages that were read before the stop say nothing of what changed since, and nothing else
        # guards our writes.
        observe_remote(scope)


def look_again(scope: Scope) -> None:
    """Read the window once more if the last look is old and nothing else guards our writes.

    A run may take hours where a vendor takes one record by a call; what people edit meanwhile must
    not be overwritten by what was planned before.
    """
    if scope.caps.conditional or scope.looked_at is None:
        return
    if scope.ports.clock.now() - scope.looked_at > FRESH:
        observe_changes(scope)


def observe_remote(scope: Scope, taker: Taker | None = None) -> bool:
    """Stage all that changed at the vendor since the watermark, then move the watermark.

    The watermark is the vendor's clock at the first page less the settle time, never our clock:
    what was committed at or before it has been seen. Younger rows are staged now and seen again
    next time. Says whether the window was begun in an earlier run. Raises: CursorExpiredError.
    """
    store, caps = scope.store, scope.caps
    with store.read() as tx:
        known = scopes.get(tx, scope.connection, scope.kind)
    since_us = known.since_us if known else None
    settle = caps.feed_lag + caps.version_step
    overlap = caps.feed_lag + 2 * caps.version_step
    since = None if since_us is None else from_us(since_us) - overlap
    resume: bytes | None = None
    first: dt.datetime | None = None
    looked_at = scope.ports.clock.now()
    if known is not None and known.resume is not None:
        # The window began in an earlier run: that run's first page bounds the watermark.
        place = unpack(scope.ports.vault.open_secret(_resume_name(scope), known.resume))
        resume, first = place["resume"], place["first"]
    for page in scope.ports.ahead(pages_since(scope, since, resume)):
        first = first or page.read_at
        # Only the first read of all: later ones may tell in the same window of a removal.
        _stage_page(scope, page, first, taker if since is None else None)
    assert first is not None, "changes() yields at least one page"
    if since_us is not None and first < from_us(since_us):
        # What people edit until it has caught up lies before every window: the listing and the
        # slow look find it, and the operator is told.
        scope.counts.clock_back_s = int((from_us(since_us) - first).total_seconds()) + 1
    with store.write(scope.lease, "watermark") as tx:
        if since is None:
            # A whole read tells of no removals: what an earlier, broken-off one staged may be
            # gone since.
            staged.distrust(tx, scope.connection, scope.kind, as_us(first))
        scopes.advance(tx, scope.connection, scope.kind, as_us(first - settle), store.now_us(tx))
    scope.watermark = first - settle
    scope.looked_at = looked_at
    return resume is not None


def _resume_name(scope: Scope) -> str:
    return f"{scope.connection}/{scope.kind}/resume"


def _stage_page(scope: Scope, page: Page, first: dt.datetime, taker: Taker | None) -> None:
    """One page: staged rows and the place to go on from, in one transaction."""
    scope.counts.read += len(page.seen)
    with scope.store.write(scope.lease, "stage page") as tx:
        note_seen(scope, tx, page.seen, page.read_at, taker)
        sealed = None
        if page.resume is not None:
            place = pack({"resume": page.resume, "first": first})
            sealed = scope.ports.vault.seal_secret(_resume_name(scope), place)
        scopes.update(tx, scope.connection, scope.kind, resume=sealed)
    scope.ports.progress(scope.connection, scope.kind, "read", scope.counts.read)
    if taker is not None:
        taker.finish()
