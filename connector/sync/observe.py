"""Seeing what changed on either side and staging it, page by page, before anything is decided."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Protocol

import sqlalchemy as sa

from connector.errors import CursorExpiredError
from connector.local.contract import Row, RowState
from connector.plugin import Gone, Page, Seen, version_key
from connector.privacy.vault import Vault
from connector.store import claims, events, intents, links, scopes, staged
from connector.store.claims import Claim, Value
from connector.store.links import Link
from connector.store.staged import LOCAL, REMOTE, Staged
from connector.sync.decision import DETACHED
from connector.sync.documents import pack, unpack
from connector.sync.place import FOREIGN
from connector.sync.reading import pages_since
from connector.sync.scope import Scope, as_us, from_us
from connector.sync.suppressed import note_suppressed, suppressed_records, suppressed_rows

# --- the vendor's side ----------------------------------------------------------------------------


class Taker(Protocol):
    """Decides strangers of a page at once, where that can be; see `direct.py`."""

    def take(
        self,
        tx: sa.Connection,
        strangers: Sequence[tuple[Link, Seen]],
        values: Mapping[str, Sequence[Value]],
        claims: Mapping[Value, Claim],
        observed_us: int,
    ) -> Sequence[tuple[Link, Seen]]: ...

    def finish(self) -> None: ...


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


def note_seen(
    scope: Scope,
    tx: sa.Connection,
    seen: Sequence[Seen],
    read_at: dt.datetime,
    taker: Taker | None = None,
) -> None:
    """Stage what is news among these records; drop stale copies and our own echoes."""
    known = links.by_side(tx, scope.connection, scope.kind, "remote", {s.ref for s in seen})
    turned = suppressed_records(scope, seen, known, look=not scope.careful)
    if turned:
        alive = {one.ref for one in seen if one.gone is None}
        note_suppressed(scope, tx, len(turned & alive))
        seen = [one for one in seen if one.ref not in turned]
    observed_us = as_us(read_at)
    rows: list[Staged] = []
    halves: dict[str, Link] = {}
    strangers: list[tuple[Link, Seen]] = []
    overwritten: list[Link] = []
    touched: dict[str, Link] = {}
    wanted: dict[str, list[Value]] = {}
    for one in seen:
        if (REMOTE, one.ref) in scope.killers:
            continue  # it waits as a letter, to be read by id
        link = known.get(one.ref) or halves.get(one.ref)
        if link is None:
            if one.gone is not None:
                # A late copy of it may still come along in this window.
                scope.removed_strangers[one.ref] = one.version
                continue
            if version_key(one.version) <= version_key(scope.removed_strangers.get(one.ref, "")):
                continue
            link = Link(scope.store.new_id(), scope.connection, scope.kind, remote_id=one.ref)
            link.external_key = one.external_key
            halves[one.ref] = link
            # Where runs died, even that is left to when it is counted: see `attempts.py`.
            wanted[link.id] = [] if scope.careful else scope.identities("remote", one.fields)
            strangers.append((link, one))
        elif link.live is None:
            if link.evidence != DETACHED and one.gone is None and _newer(one, link):
                # Perhaps a restore, perhaps a late copy: read by id before it is believed.
                rows.append(_staged_row(scope, one, observed_us, by_id=True))
        elif one.gone is not None:
            rows.append(_staged_row(scope, one, observed_us, by_id=True))
        else:
            if _written_between(scope, link, one):
                overwritten.append(link)
            row = _news(scope, link, one, observed_us, touched)
            if row is not None:
                rows.append(row)
    _notice_foreign_keys(scope, tx, [link for link, _ in strangers])
    held = claims.stake(tx, scope.connection, scope.kind, wanted, dict.fromkeys(wanted, "remote"))
    direct = taker is not None and not scope.careful
    left = taker.take(tx, strangers, wanted, held, observed_us) if taker and direct else strangers
    rows += [_staged_row(scope, one, observed_us, by_id=scope.careful) for _, one in left]
    links.insert(tx, list(halves.values()))
    links.save(tx, list(touched.values()))
    staged.stage(tx, rows)
    now = scope.store.now_us(tx)
    events.append(tx, [scope.event(now, link.id, "possibly_overwritten") for link in overwritten])


def _notice_foreign_keys(scope: Scope, tx: sa.Connection, strangers: Sequence[Link]) -> None:
    """A new record with a key of ours that no row here has: the state forgot whose it is.

    Looked at once, when it is first seen; a reconcile finds its row, or leaves it to a person.
    """
    if scope.doubt is not None or scope.ports.dry is not None:
        return
    keys = {link.external_key for link in strangers if link.external_key}
    if keys - links.by_keys(tx, scope.connection, scope.kind, keys).keys():
        scope.doubt = FOREIGN
        scopes.update(tx, scope.connection, scope.kind, doubt=FOREIGN)


def _written_between(scope: Scope, link: Link, one: Seen) -> bool:
    """Whether a counting vendor shows more writes than the one of ours that nobody saw yet.

    The others may have come before it or after: if before, their values of what we sent are gone.
    """
    known = link.remote_version or ""
    # (A record that we made and nobody has seen yet may have no count: "0" then.)
    counted = known.isdigit() and int(known) > 0
    reckoned = scope.caps.counts_writes and not link.remote_observed_us and counted
    return reckoned and one.version.isdigit() and int(one.version) > int(known)


def _newer(one: Seen, link: Link) -> bool:
    return version_key(one.version) > version_key(link.remote_version or "")


def _news(
    scope: Scope, link: Link, one: Seen, observed_us: int, touched: dict[str, Link]
) -> Staged | None:
    """What a row of a live link is: nothing, news, or something to read by id first."""
    held = link.remote_version or ""
    if held and version_key(one.version) < version_key(held):
        return None  # a stale copy of what we know better
    equal = bool(held) and one.version == held
    # A count names one state of the record; but one that we only reckoned was never seen.
    settled = bool(link.remote_observed_us) if scope.caps.counts_writes else not _racy(scope, link)
    if link.local_id is None and one.external_key != link.external_key:
        link.external_key = one.external_key
        touched[link.id] = link
    if equal and settled:
        return None
    if scope.careful:
        return _staged_row(scope, one, observed_us, by_id=True)
    digest = scope.digest(link.id, "R", scope.pair.read_remote(one.fields))
    if link.remote_digest is not None and digest == link.remote_digest:
        link.remote_version, link.remote_observed_us = one.version, observed_us
        touched[link.id] = link
        return None
    # An equal version with another content: two writes in one step, or a late copy of the one
    # before ours. Only a read by id can tell.
    return _staged_row(scope, one, observed_us, by_id=equal)


def _racy(scope: Scope, link: Link) -> bool:
    """Whether the link's version was read so early that a second edit could hide in its step."""
    if link.remote_observed_us is None or link.remote_version is None:
        return True
    step = scope.caps.version_step + scope.caps.feed_lag
    try:
        version_time = dt.datetime.fromisoformat(link.remote_version)
    except ValueError:
        return True
    return link.remote_observed_us < as_us(version_time + step)


def _staged_row(scope: Scope, one: Seen, observed_us: int, *, by_id: bool = False) -> Staged:
    row = Staged(
        scope.connection, scope.kind, REMOTE, one.ref, one.version, observed_us=observed_us
    )
    if by_id:
        row.gone = one.gone.value if one.gone is not None else None
    else:
        row.payload = seal_seen(scope, one)
    return row


def seal_seen(scope: Scope, one: Seen) -> bytes:
    plain = pack(
        {
            "v": one.version,
            "at": one.changed_at,
            "f": dict(one.fields),
            "k": one.external_key,
        }
    )
    return scope.ports.vault.seal_staged(scope.connection, scope.kind, REMOTE, one.ref, plain)


def open_seen(scope: Scope, row: Staged) -> Seen:
    return open_staged(scope.ports.vault, row)


def open_staged(vault: Vault, row: Staged) -> Seen:
    """The vendor's record that a staged row holds. Raises: SealError."""
    assert row.payload is not None
    plain = vault.open_staged(row.connection, row.kind, REMOTE, row.record, row.payload)
    d = unpack(plain)
    return Seen(
        ref=row.record,  # type: ignore[arg-type]  # the column holds what a plugin called a Ref
        version=d["v"],
        changed_at=d["at"],
        fields=d["f"],
        external_key=d["k"],
    )


# --- the local side -------------------------------------------------------------------------------


def take_marks(scope: Scope) -> None:
    """Look at the rows that others marked for this connection and that no link of it knows."""
    after = ""
    while True:
        with scope.store.read() as tx:
            rows = staged.unlinked(tx, scope.connection, scope.kind, after, 500)
        if not rows:
            return
        after = rows[-1].record
        keys = [row.record for row in rows]
        table = scope.ports.local.read(scope.kind, keys)
        with scope.store.write(scope.lease, "take marks") as tx:
            staged.settle(tx, rows)
            note_rows(scope, tx, keys, table)


def note_rows(
    scope: Scope, tx: sa.Connection, keys: Sequence[str], rows: Mapping[str, Row]
) -> None:
    """Mark these rows for one connection where they differ from what its links know."""
    known = links.by_side(tx, scope.connection, scope.kind, "local", keys)
    turned = suppressed_rows(scope, tx, keys, rows, known, look=not scope.careful)
    if turned:
        keys = [key for key in keys if key not in turned]
        alive = {key for key, row in rows.items() if row.state is RowState.LIVE}
        note_suppressed(scope, tx, len(turned & alive))
    marks: list[Staged] = []
    halves: list[Link] = []
    wanted: dict[str, list[Value]] = {}
    made = _made_by_us(scope, tx, [key for key in keys if key not in known])
    lost = [key for key in keys if key not in rows]
    unsaid = set(lost) - scope.ports.local.gone(scope.kind, lost) if lost else set()
    for key in keys:
        if key in made or key in unsaid or (LOCAL, key) in scope.killers:
            continue
        row, link = rows.get(key), known.get(key)
        mark = Staged(scope.connection, scope.kind, LOCAL, key)
        if row is None or row.state is not RowState.LIVE:
            if link is None or link.live is None:
                continue
            out = row is not None and row.state is RowState.OUT
            if out and link.state == links.OUT:
                continue
            mark.gone = Gone.HIDDEN if out else Gone.EXPLICIT
        elif link is None:
            half = Link(scope.store.new_id(), scope.connection, scope.kind, local_id=key)
            half.external_key = scope.ports.vault.external_key(scope.connection, scope.kind, key, 1)
            halves.append(half)
            wanted[half.id] = [] if scope.careful else scope.identities("local", row.values)
        elif link.live is None:
            if link.evidence == DETACHED:
                continue
        elif not scope.careful and _is_as_known(scope, link, row):
            continue
        marks.append(mark)
    links.insert(tx, halves)
    claims.stake(tx, scope.connection, scope.kind, wanted, dict.fromkeys(wanted, "local"))
    staged.stage(tx, marks)


def _is_as_known(scope: Scope, link: Link, row: Row) -> bool:
    """Whether a live link's row is what its base holds: nothing changed, or an echo of ours."""
    if link.local_digest is None or link.state != links.ACTIVE or link.evidence is not None:
        return False
    record = scope.pair.read_local(row.values)
    return link.local_digest == scope.local_digest(link.id, record, row.values)


def _made_by_us(scope: Scope, tx: sa.Connection, keys: Sequence[str]) -> set[str]:
    """Rows without a link that a write of ours made whose outcome is not settled yet.

    They are that intent's: recovery binds them. A record of their own would be a twin.
    """
    origin = scope.ports.local.origin(scope.kind, keys)
    if not origin:
        return set()
    open_ids = {i.id for i in intents.unresolved(tx, scope.connection, scope.kind)}
    return {key for key, intent in origin.items() if intent in open_ids}
