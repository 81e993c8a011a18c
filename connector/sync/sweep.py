"""The sweep: once in a while all ids of a vendor are listed and compared with the links.

It finds what no feed told: records that are gone for good, records hidden from us that are back,
and changes that came too late for their window, which it reports. A listing only nominates: each
record it misses is read by id before anything is decided, and removals stay under their cap.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import sqlalchemy as sa

from connector.plugin import Gone, Ref, Seen, version_key
from connector.store import events, links, scopes, staged
from connector.store.links import Link
from connector.store.staged import REMOTE, Staged
from connector.sync.decision import DETACHED
from connector.sync.moments import us_in
from connector.sync.scope import Scope
from connector.sync.suppressed import (
    note_suppressed,
    record_label,
    suppressed_ids,
    suppressed_records,
)

_BATCH = 500


def sweep(scope: Scope) -> bool:
    """List all ids if that is due, from where an earlier run left off; says whether there is news.

    The first whole read counts as a listing.
    """
    if scope.sweep_every is None or scope.ports.dry is not None:
        return False
    place = _begin(scope)
    if place is None:
        return False
    return _list(scope, *place)


def list_all(scope: Scope) -> None:
    """List all ids whether that is due or not, for a reconcile."""
    with scope.store.write(scope.lease, "sweep begin") as tx:
        began_us = scope.store.now_us(tx)
        _keep(scope, tx, began_us, None, done=False)
    _list(scope, began_us, None)


def _list(scope: Scope, began_us: int, after: Ref | None) -> bool:
    news = False
    for page in scope.ports.ahead(scope.remote.listing(scope.kind, after)):
        turned = _erased(scope, page.seen)
        with scope.store.write(scope.lease, "sweep page") as tx:
            seen = [one for one in page.seen if one.ref not in turned]
            note_suppressed(scope, tx, len(page.seen) - len(seen))
            news = _compare(scope, tx, seen, began_us) or news
            if page.resume is not None and page.seen:
                _keep(scope, tx, began_us, page.seen[-1].ref, done=False)
        scope.ports.progress(scope.connection, scope.kind, "listed", len(page.seen))
    news = _nominate(scope, began_us) or news
    with scope.store.write(scope.lease, "sweep done") as tx:
        _keep(scope, tx, began_us, None, done=True)
    return news


def _begin(scope: Scope) -> tuple[int, Ref | None] | None:
    """When the listing to work on began and where to go on; None if none is due."""
    assert scope.sweep_every is not None
    with scope.store.read() as tx:  # most runs have nothing to write here
        state = scopes.get(tx, scope.connection, scope.kind)
        kept = json.loads(state.listing) if state is not None and state.listing else None
        due_us = scope.store.now_us(tx) - us_in(scope.sweep_every)
        if kept is not None and kept["done"] and kept["began"] > due_us:
            return None
    with scope.store.write(scope.lease, "sweep begin") as tx:
        state = scopes.get(tx, scope.connection, scope.kind)
        now = scope.store.now_us(tx)
        assert state is not None
        kept = json.loads(state.listing) if state.listing else None
        if kept is None:
            # Everything there is was read in this run, or will be by the next sweep.
            _keep(scope, tx, now, None, done=True)
            return None
        if not kept["done"] and kept["of"] == state.fingerprint:
            return kept["began"], kept["after"]
        _keep(scope, tx, now, None, done=False)
        return now, None


def _keep(scope: Scope, tx: sa.Connection, began_us: int, after: Ref | None, *, done: bool) -> None:
    state = scopes.get(tx, scope.connection, scope.kind)
    of = state.fingerprint if state is not None else None
    place = {"began": began_us, "after": after, "done": done, "of": of}
    scopes.update(tx, scope.connection, scope.kind, listing=json.dumps(place).encode())


def _compare(scope: Scope, tx: sa.Connection, seen: Sequence[Seen], began_us: int) -> bool:
    """Note which links a page names, and stage what the links do not know yet, to be read by id."""
    refs = [one.ref for one in seen]
    known = links.by_side(tx, scope.connection, scope.kind, "remote", refs)
    waiting = staged.load(tx, scope.connection, scope.kind, REMOTE, refs)
    links.listed(tx, [link.id for link in known.values()], began_us)
    rows, halves, late = [], [], []
    for one in seen:
        link, held = known.get(one.ref), waiting.get(one.ref)
        if held is not None and version_key(held.version) >= version_key(one.version):
            continue  # staged, or set aside, as it is
        if link is None:
            if one.gone is not None:
                continue
            link = Link(scope.store.new_id(), scope.connection, scope.kind, remote_id=one.ref)
            link.listed_us = began_us
            halves.append(link)
        elif not _is_news(link, one):
            continue
        elif _is_late(scope, link, one):
            late.append(link)
        rows.append(_by_id(scope, one.ref, one.version, one.gone))
    links.insert(tx, halves)
    staged.stage(tx, rows)
    scope.counts.late += len(late)
    now = scope.store.now_us(tx)
    events.append(tx, [scope.event(now, link.id, "found_late") for link in late])
    return bool(rows)


def _erased(scope: Scope, seen: Sequence[Seen]) -> set[str]:
    """Of the records that a page names, those of people who were erased. A list has no values: who
    is known by no link is read by id, where anybody was erased at all."""
    if scope.ports.vault.suppression.is_empty:
        return set()
    label = record_label(scope.connection, scope.kind)
    turned = suppressed_ids(scope.ports, label, [one.ref for one in seen])
    with scope.store.read() as tx:
        known = links.by_side(tx, scope.connection, scope.kind, REMOTE, [one.ref for one in seen])
    strangers = [s.ref for s in seen if s.ref not in known and s.ref not in turned]
    read = scope.remote.fetch(scope.kind, strangers) if strangers else ()
    return turned | suppressed_records(scope, read, {})


def _is_late(scope: Scope, link: Link, one: Seen) -> bool:
    """Whether the window that is past should have shown this: the feed is slower than declared."""
    if link.live is None or link.state != links.ACTIVE or one.changed_at is None:
        return False
    return scope.watermark is not None and one.changed_at <= scope.watermark


def _is_news(link: Link, one: Seen) -> bool:
    newer = version_key(one.version) > version_key(link.remote_version or "")
    if link.live is None:
        return one.gone is None and newer and link.evidence != DETACHED
    if one.gone is not None:
        return link.state != links.OUT
    return newer or link.state == links.OUT


def _nominate(scope: Scope, began_us: int) -> bool:
    """Have the records read by id that the finished listing did not name."""
    after, found = "", False
    while True:
        with scope.store.write(scope.lease, "nominate") as tx:
            missing = links.unlisted(tx, scope.connection, scope.kind, began_us, after, _BATCH)
            rows = [
                _by_id(scope, Ref(link.remote_id or ""), link.remote_version or "", Gone.ABSENT)
                for link in missing
            ]
            staged.stage(tx, rows)
        if not missing:
            return found
        after, found = missing[-1].id, True


def _by_id(scope: Scope, ref: Ref, version: str, gone: Gone | None) -> Staged:
    row = Staged(scope.connection, scope.kind, REMOTE, ref, version)
    row.gone = gone.value if gone is not None else None
    return row
