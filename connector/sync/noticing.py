"""How changes of the shop's rows are noticed: by its journal, by a time in the row, by looking.

Whatever the capture, a connection looks at every row once, when it first meets the shop. It looks
again when nobody can say what changed: each run with `scan`, once a day where the capture cannot
see everything, and after a journal entry that says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import sqlalchemy as sa

from connector.local.contract import Capture, Local, Row
from connector.plugin import Kind
from connector.store import links, scopes, staged
from connector.store.database import Lease
from connector.store.links import ACTIVE
from connector.store.staged import LOCAL
from connector.sync.documents import pack
from connector.sync.moments import as_us, from_us, us_in
from connector.sync.news import note_rows
from connector.sync.pages import PAGE, Pages
from connector.sync.ports import LOCAL_SCOPE, Ports
from connector.sync.scope import Scope
from connector.sync.suppressed import row_label, suppressed_ids

OVERLAP = dt.timedelta(minutes=10)
"""How long a transaction of the shop's may take between setting a row's time and its commit."""

DAILY = dt.timedelta(hours=24)
_DAY_US = us_in(DAILY)

_AT_ONCE = 500
_LINKS = b"\x00"
"""The place of a look that is through with the rows and goes through the links."""


Names = Mapping[Kind, Sequence[str]]
"""Kinds that share their rows, each with all its connections."""


def families(local: Local, kinds: Iterable[Kind]) -> list[tuple[Kind, ...]]:
    """Kinds that share their rows are observed together: a change is noted once for all."""
    return list(dict.fromkeys(tuple(local.together(kind)) for kind in kinds))


def observe_local(ports: Ports, names: Names, lease: Lease, opened: Sequence[Scope]) -> None:
    """Mark the host's changed rows for every connection of the kinds that share those rows.

    The marks of connections that this run does not hold wait for them.
    """
    how = ports.local.capture(next(iter(names)))
    if how is Capture.JOURNAL:
        _observe_journal(ports, names, lease, opened)
    elif how is Capture.COLUMN:
        _observe_column(ports, names, lease, opened)


def _mark(
    ports: Ports,
    tx: sa.Connection,
    names: Names,
    opened: Sequence[Scope],
    keys: Sequence[str],
    rows: Mapping[Kind, Mapping[str, Row]],
) -> None:
    """Mark rows for all connections of all these kinds, in the caller's transaction."""
    held = {(scope.kind, scope.connection) for scope in opened}
    for scope in opened:
        note_rows(scope, tx, keys, rows[scope.kind])
    for kind, all_names in names.items():
        others = [name for name in all_names if (kind, name) not in held]
        turned = suppressed_ids(ports, row_label(kind), keys) if others else ()
        left = [key for key in keys if key not in turned]
        staged.mark(tx, others, kind, dict.fromkeys(left))


def _read(
    ports: Ports, opened: Sequence[Scope], keys: Sequence[str]
) -> Mapping[Kind, Mapping[str, Row]]:
    return {kind: ports.local.read(kind, keys) for kind in {scope.kind for scope in opened}}


def _observe_journal(ports: Ports, names: Names, lease: Lease, opened: Sequence[Scope]) -> None:
    """The journal says which rows changed. Its rows are removed only after the marks of all these
    kinds are committed, and exactly those read."""
    first, after = next(iter(names)), 0
    while True:
        journal = ports.local.journal(first, after, _AT_ONCE)
        if not journal.entries:
            return
        rows = _read(ports, opened, journal.keys)
        with ports.store.write(lease, "stage journal") as tx:
            _mark(ports, tx, names, opened, journal.keys, rows)
            if journal.everything:
                for kind, all_names in names.items():
                    for name in all_names:
                        look_at_rows_again(tx, name, kind)
        ports.local.forget(first, journal.entries)
        after = journal.entries[-1]


def _observe_column(ports: Ports, names: Names, lease: Lease, opened: Sequence[Scope]) -> None:
    """Rows whose time is not before the watermark, less the overlap; both by the shop's clock."""
    first, now = next(iter(names)), ports.local.now()
    with ports.store.read() as tx:
        known = scopes.get(tx, LOCAL_SCOPE, first)
    since_us = known.since_us if known is not None else None
    if since_us is not None:  # else the look at all rows, which comes next, sees what there is
        place = None
        while True:
            page = ports.local.changed(first, from_us(since_us) - OVERLAP, place, _AT_ONCE)
            rows = _read(ports, opened, page.keys)
            with ports.store.write(lease, "stage changed rows") as tx:
                _mark(ports, tx, names, opened, page.keys, rows)
            place = page.place
            if place is None:
                break
    with ports.store.write(lease, "shop's watermark") as tx:
        scopes.advance(tx, LOCAL_SCOPE, first, as_us(now), ports.store.now_us(tx))


def take_marks(scope: Scope) -> None:
    """Look at the rows that others marked for this connection and that no link of it knows."""
    after = ""
    while True:
        with scope.store.read() as tx:
            rows = staged.unlinked(tx, scope.connection, scope.kind, after, _AT_ONCE)
        if not rows:
            return
        after = rows[-1].record
        keys = [row.record for row in rows]
        table = scope.ports.local.read(scope.kind, keys)
        with scope.store.write(scope.lease, "take marks") as tx:
            staged.settle(tx, rows)
            note_rows(scope, tx, keys, table)


def look_at_all_rows(scope: Scope) -> None:
    """Mark every row that differs from what the links know, and every link whose row is gone.

    In key order, resumably, and only if it is due; at most once in a run.
    """
    ports, name = scope.ports, _place(scope.kind)
    every = _every(ports, scope.kind)
    with ports.store.read() as tx:
        state, now_us = scopes.get(tx, scope.connection, name), ports.store.now_us(tx)
    if state is not None and state.since_us is not None:
        age = dt.timedelta(microseconds=now_us - state.since_us)
        under_way = state.resume is not None
        if not under_way and (every is None or scope.rows_looked or age < every):
            return  # most runs end here, and write nothing
    if state is None:
        with ports.store.write(scope.lease, "begin rows") as tx:
            ports.store.ensure_scope(tx, scope.connection, name)
            state = scopes.get(tx, scope.connection, name)
    assert state is not None
    scope.rows_looked = True
    if state.resume != _LINKS:
        pages = _pages(scope, state, now_us)
        _look_at_rows(scope, pages, (state.resume or b"").decode() or None)
        with ports.store.write(scope.lease, "rows looked at") as tx:
            seen = {"listing": pages.packed(), "resume": _LINKS}
            scopes.update(tx, scope.connection, name, **seen)
    _look_at_links(scope)
    with ports.store.write(scope.lease, "end rows") as tx:
        scopes.update(tx, scope.connection, name, since_us=ports.store.now_us(tx), resume=None)


def _pages(scope: Scope, state: scopes.Scope, now_us: int) -> Pages:
    """The pages of the look before. Once a day all rows are looked at whatever they were."""
    pair = scope.pair
    with scope.store.read() as tx:
        known = scopes.get(tx, scope.connection, scope.kind)
    marks = (known.fingerprint if known else None, now_us // _DAY_US)
    of = pack([*marks, pair.columns, [unit.name for unit in pair.units], sorted(scope.off)])
    digest = partial(scope.ports.vault.digest, scope.kind, scope.connection, "rows")
    kept = state.listing if state.since_us is not None and not scope.careful else None
    return Pages(digest(of).hex(), kept, digest)


def _every(ports: Ports, kind: Kind) -> dt.timedelta | None:
    """How often all rows are looked at; None: only when a journal entry says so."""
    if ports.local.capture(kind) is Capture.SCAN:
        return dt.timedelta(0)
    return DAILY if ports.local.unseen(kind) else None


def look_at_rows_again(tx: sa.Connection, connection: str, kind: str) -> None:
    """Have the connection's next run look at all rows of the shop, whatever it remembers."""
    scopes.update(tx, connection, _place(kind), since_us=None, resume=None)


def _place(kind: str) -> str:
    return f"*/rows/{kind}"


def _look_at_rows(scope: Scope, pages: Pages, after: str | None) -> None:
    ports, done = scope.ports, 0

    def scan(behind: str | None) -> Sequence[Row]:
        return ports.local.scan(scope.kind, behind, PAGE)

    for page in pages.through(scan, after):
        if not page.known:
            rows = {row.key: row for row in page.rows}
            with ports.store.write(scope.lease, "stage rows") as tx:
                note_rows(scope, tx, list(rows), rows)
                resume = page.end.encode()
                scopes.update(tx, scope.connection, _place(scope.kind), resume=resume)
        done += len(page.rows)
        ports.progress(LOCAL_SCOPE, scope.kind, "read", done)


def _look_at_links(scope: Scope) -> None:
    """Links whose row is not there: nobody told of the deletion."""
    ports, after = scope.ports, ""
    while True:
        with ports.store.read() as tx:
            keys = links.linked_rows(tx, scope.connection, scope.kind, after, _AT_ONCE)
        if not keys:
            return
        after = keys[-1]
        there = ports.local.present(scope.kind, keys)
        if lost := [key for key in keys if key not in there]:
            with ports.store.write(scope.lease, "stage lost rows") as tx:
                known = links.by_side(tx, scope.connection, scope.kind, LOCAL, lost)
                whole = [k for k in lost if known[k].state == ACTIVE and known[k].remote_id]
                note_rows(scope, tx, whole, {})
