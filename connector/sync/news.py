"""What of the records and rows that were just seen is news: stale copies and echoes of our own
writes are dropped, the rest is staged to be decided."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import sqlalchemy as sa

from connector.local.contract import Row, RowState
from connector.plugin import Gone, Seen, version_key
from connector.store import claims, events, intents, links, scopes, staged
from connector.store.claims import Claim, Value
from connector.store.links import UNCLAIMED, Link
from connector.store.staged import LOCAL, REMOTE, Staged
from connector.sync.decision import DETACHED
from connector.sync.moments import as_us
from connector.sync.place import FOREIGN
from connector.sync.scope import Scope
from connector.sync.staging import seal_seen
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
    found = _Found(scope, as_us(read_at), known)
    for one in seen:
        found.sort(one)
    found.store(tx, taker)


@dataclass(slots=True)
class _Found:
    """What some of a vendor's records come to. `known`: the links of their ids."""

    scope: Scope
    observed_us: int
    known: dict[str, Link]
    rows: list[Staged] = field(default_factory=list)
    strangers: list[tuple[Link, Seen]] = field(default_factory=list)
    """Records that no link knew, each with its new half."""
    touched: dict[str, Link] = field(default_factory=dict)
    overwritten: list[Link] = field(default_factory=list)

    def sort(self, one: Seen) -> None:
        """Put one record where it belongs."""
        link = self.known.get(one.ref)
        if (REMOTE, one.ref) in self.scope.killers:
            return  # it waits as a letter, to be read by id
        if link is None:
            self._stranger(one)
        elif link.live is None:
            if link.evidence != DETACHED and one.gone is None and _newer(one, link):
                # Perhaps a restore, perhaps a late copy: read by id before it is believed.
                self._stage(one, by_id=True)
        elif one.gone is not None:
            self._stage(one, by_id=True)
        else:
            self._linked(one, link)

    def _stranger(self, one: Seen) -> None:
        scope = self.scope
        if one.gone is not None:
            # A late copy of it may still come along in this window.
            scope.removed_strangers[one.ref] = one.version
            return
        if version_key(one.version) <= version_key(scope.removed_strangers.get(one.ref, "")):
            return
        half = Link(scope.store.new_id(), scope.connection, scope.kind, remote_id=one.ref)
        half.external_key = one.external_key
        half.evidence = UNCLAIMED if self.scope.careful else None
        self.known[one.ref] = half
        self.strangers.append((half, one))

    def _linked(self, one: Seen, link: Link) -> None:
        """A record of a live link: nothing, news, or something to read by id first."""
        scope, held = self.scope, link.remote_version or ""
        if _written_between(scope, link, one):
            self.overwritten.append(link)
        if held and version_key(one.version) < version_key(held):
            return  # a stale copy of what we know better
        equal = bool(held) and one.version == held
        # A count names one state of the record; but one that we only reckoned was never seen.
        counts = scope.caps.counts_writes
        settled = bool(link.remote_observed_us) if counts else not _racy(scope, link)
        if link.local_id is None and one.external_key != link.external_key:
            link.external_key = one.external_key
            self.touched[link.id] = link
        if equal and settled:
            return
        if scope.careful:
            self._stage(one, by_id=True)
            return
        digest = scope.digest(link.id, "R", scope.pair.read_remote(one.fields))
        if link.remote_digest is not None and digest == link.remote_digest:
            link.remote_version, link.remote_observed_us = one.version, self.observed_us
            self.touched[link.id] = link
            return
        # An equal version with another content: two writes in one step, or a late copy of the one
        # before ours. Only a read by id can tell.
        self._stage(one, by_id=equal)

    def _stage(self, one: Seen, *, by_id: bool) -> None:
        where = (self.scope.connection, self.scope.kind, REMOTE, one.ref)
        row = Staged(*where, one.version, observed_us=self.observed_us)
        if by_id:
            row.gone = one.gone.value if one.gone is not None else None
        else:
            row.payload = seal_seen(self.scope, one)
        self.rows.append(row)

    def store(self, tx: sa.Connection, taker: Taker | None) -> None:
        """Note all of it. What `taker` does not decide at once is staged."""
        scope, strangers = self.scope, self.strangers
        halves = [half for half, _ in strangers]
        _notice_foreign_keys(scope, tx, halves)
        # Where runs died, even a look at values is left to when it is counted: see `attempts.py`.
        values: dict[str, list[Value]] = {
            half.id: [] if scope.careful else scope.identities("remote", one.fields)
            for half, one in strangers
        }
        sides = dict.fromkeys(values, "remote")
        held = claims.stake(tx, scope.connection, scope.kind, values, sides)
        left: Sequence[tuple[Link, Seen]] = strangers
        if taker is not None and not scope.careful:
            left = taker.take(tx, strangers, values, held, self.observed_us)
        for _, one in left:
            self._stage(one, by_id=scope.careful)
        links.insert(tx, halves)
        links.save(tx, list(self.touched.values()))
        staged.stage(tx, self.rows)
        now = scope.store.now_us(tx)
        events.append(
            tx, [scope.event(now, one.id, "possibly_overwritten") for one in self.overwritten]
        )


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


# --- the local side -------------------------------------------------------------------------------


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
        gone = _gone(row)
        if link is not None:
            if not _is_row_news(scope, link, row, gone):
                continue
        elif row is None or gone is not None:
            continue
        else:
            half = Link(scope.store.new_id(), scope.connection, scope.kind, local_id=key)
            half.evidence = UNCLAIMED if scope.careful else None
            scope.give_key(half)
            halves.append(half)
            wanted[half.id] = [] if scope.careful else scope.identities("local", row.values)
        marks.append(Staged(scope.connection, scope.kind, LOCAL, key, gone=gone))
    links.insert(tx, halves)
    claims.stake(tx, scope.connection, scope.kind, wanted, dict.fromkeys(wanted, "local"))
    staged.stage(tx, marks)


def _gone(row: Row | None) -> Gone | None:
    """How a row is missing; None if it is not."""
    if row is None or row.state is RowState.DELETED:
        return Gone.EXPLICIT
    return Gone.HIDDEN if row.state is RowState.OUT else None


def _is_row_news(scope: Scope, link: Link, row: Row | None, gone: Gone | None) -> bool:
    if row is None or gone is not None:
        hidden_before = gone is Gone.HIDDEN and link.state == links.OUT
        return link.live is not None and not hidden_before
    if link.live is None:
        return link.evidence != DETACHED
    return scope.careful or not _is_as_known(scope, link, row)


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
