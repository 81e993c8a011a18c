"""Links from an id map of an earlier integration: each pair is looked at on both sides first.

A pair that is sound becomes a link without a base: the next sync meets both records as at first
contact, by the settings' rule. Nothing is written to either side here. A stop loses nothing: what
is linked is found to be so when the file is read again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from connector.local.contract import Row, RowState
from connector.local.idmap import IdMap, IdPair
from connector.plugin import Gone, Reason, Ref, Seen
from connector.store import claims, events, intents, links, staged
from connector.store.claims import Value
from connector.store.links import Link
from connector.store.staged import LOCAL, REMOTE, Staged
from connector.sync.badrows import BadRow
from connector.sync.rulings import stopped
from connector.sync.scope import Scope
from connector.sync.staging import seal_seen
from connector.sync.suppressed import (
    record_label,
    suppressed_ids,
    suppressed_records,
    suppressed_rows,
)
from connector.sync.tombstones import EPOCHS

_BATCH = 500

_NO_ROW = "no_row", "there is no such row"
_ROW_OUT = "row_out", "the row is outside of `where`"
_ROW_DELETED = "row_deleted", "the row is deleted"
_LOCAL_TAKEN = "local_linked", "the row is linked to another record"
_REMOTE_TAKEN = "remote_linked", "the record is linked to another row"
_LOCAL_DEAD = "row_ended", "the row was linked before, and that link has ended for good"
_REMOTE_DEAD = "record_ended", "the record was linked before, and that link has ended for good"
_BUSY = "busy", "a write of ours is under way: run a sync first"
_NOT_READ = "not_read", "the vendor did not answer for the record"
_MERGED = "record_merged", "the vendor has merged the record into another one"
_SUPPRESSED = "suppressed", "its person was erased, and is not taken up again"
_OTHER_KEY = "other_key", "the record carries our key of another row"
_GONE = {
    Gone.NOT_FOUND: ("no_record", "the vendor has no such record"),
    Gone.ABSENT: ("no_record", "the vendor has no such record"),
    Gone.EXPLICIT: ("record_deleted", "the record is deleted at the vendor"),
    Gone.HIDDEN: ("record_hidden", "the vendor does not let us see the record"),
}


@dataclass(slots=True)
class Adoption:
    """What became of an id map. `already`: pairs that were linked to each other before."""

    connection: str
    kind: str
    linked: int = 0
    already: int = 0
    bad: list[BadRow] = field(default_factory=list)


@dataclass(slots=True)
class _Known:
    """What the state holds of some pairs: links by either id, and those with a write under way."""

    local: Mapping[str, Link]
    remote: Mapping[str, Link]
    busy: set[str]


def adopt(scope: Scope, id_map: IdMap) -> Adoption:
    """Link what the map names. Raises: LocalError, and what reading from the vendor raises."""
    done = Adoption(scope.connection, scope.kind)
    for bad in id_map.bad():
        done.bad.append(_bad(scope, id_map, bad.line, (bad.code, bad.text), bad.last, bad.column))
    for pairs in id_map.pairs(_BATCH):
        _adopt(scope, id_map, pairs, done)
        checked = done.linked + done.already + len(done.bad)
        scope.ports.progress(scope.connection, scope.kind, "read", checked)
    done.bad.sort(key=lambda one: one.line)
    return done


def _adopt(scope: Scope, id_map: IdMap, pairs: Sequence[IdPair], done: Adoption) -> None:
    known = _known(scope, pairs)
    rows = scope.ports.local.read(scope.kind, [pair.local_id for pair in pairs])
    with scope.store.read() as tx:
        keys = [pair.local_id for pair in pairs]
        turned = suppressed_rows(scope, tx, keys, rows, known.local)
    label = record_label(scope.connection, scope.kind)
    there = suppressed_ids(scope.ports, label, [pair.remote_id for pair in pairs])
    left: list[IdPair] = []
    stopped_rows = _stopped_rows(scope, pairs)
    for pair in pairs:
        if pair.local_id in turned or pair.remote_id in there:
            done.bad.append(_bad(scope, id_map, pair.line, _SUPPRESSED))
        elif _is_linked(pair, known):
            done.already += 1
        elif why := _why_not(pair, known, rows.get(pair.local_id)):
            done.bad.append(_bad(scope, id_map, pair.line, why))
        elif pair.local_id in stopped_rows:
            reason = stopped_rows[pair.local_id]
            done.bad.append(_bad(scope, id_map, pair.line, (reason.code, reason.text)))
        else:
            left.append(pair)
    refs = [Ref(pair.remote_id) for pair in left]
    read = {one.ref: one for one in scope.remote.fetch(scope.kind, refs)} if refs else {}
    there = suppressed_records(scope, list(read.values()), known.remote)
    sound: list[tuple[IdPair, Row, Seen, int]] = []
    for pair in left:
        seen = read.get(Ref(pair.remote_id))
        epoch = 1 if seen is None else _epoch(scope, pair, seen)
        if pair.remote_id in there:
            done.bad.append(_bad(scope, id_map, pair.line, _SUPPRESSED))
        elif why := _why_not_there(seen, epoch):
            done.bad.append(_bad(scope, id_map, pair.line, why))
        else:
            assert seen is not None and epoch is not None
            sound.append((pair, rows[pair.local_id], seen, epoch))
    with scope.store.write(scope.lease, "adopt links") as tx:
        _link(scope, tx, sound, known)
    done.linked += len(sound)


def _stopped_rows(scope: Scope, pairs: Sequence[IdPair]) -> Mapping[str, Reason]:
    """The rows whose records may not go to this vendor: theirs are not asked for there either."""
    keys = dict.fromkeys(pair.local_id for pair in pairs)
    return stopped(scope, [Link(key, scope.connection, scope.kind, key) for key in keys])


def _known(scope: Scope, pairs: Sequence[IdPair]) -> _Known:
    with scope.store.read() as tx:
        local = links.by_side(
            tx, scope.connection, scope.kind, LOCAL, [pair.local_id for pair in pairs]
        )
        remote = links.by_side(
            tx, scope.connection, scope.kind, REMOTE, [pair.remote_id for pair in pairs]
        )
        ids = [link.id for link in (*local.values(), *remote.values())]
        return _Known(local, remote, intents.unresolved_links(tx, ids))


def _is_linked(pair: IdPair, known: _Known) -> bool:
    link = known.local.get(pair.local_id)
    return link is not None and link.live is not None and link.remote_id == pair.remote_id


def _why_not(pair: IdPair, known: _Known, row: Row | None) -> tuple[str, str] | None:
    """Why state and shop say no to a pair."""
    mine, theirs = known.local.get(pair.local_id), known.remote.get(pair.remote_id)
    if mine is not None and mine.live is None:
        return _LOCAL_DEAD
    if theirs is not None and theirs.live is None:
        return _REMOTE_DEAD
    if mine is not None and mine.remote_id is not None:
        return _LOCAL_TAKEN
    if theirs is not None and theirs.local_id is not None:
        return _REMOTE_TAKEN
    if any(link is not None and link.id in known.busy for link in (mine, theirs)):
        return _BUSY
    if row is None:
        return _NO_ROW
    if row.state is RowState.LIVE:
        return None
    return _ROW_OUT if row.state is RowState.OUT else _ROW_DELETED


def _why_not_there(seen: Seen | None, epoch: int | None) -> tuple[str, str] | None:
    """Why the vendor's answer says no to a pair."""
    if seen is None:
        return _NOT_READ
    if seen.merged_into is not None:
        return _MERGED
    if seen.gone is not None:
        return _GONE[seen.gone]
    return _OTHER_KEY if epoch is None else None


def _epoch(scope: Scope, pair: IdPair, seen: Seen) -> int | None:
    """Which life of the row the record's key tells of; None: it is the key of another row."""
    if not seen.external_key:
        return 1
    make = scope.ports.vault.external_key
    for epoch in EPOCHS:
        if make(scope.connection, scope.kind, pair.local_id, epoch) == seen.external_key:
            return epoch
    return None


def _link(
    scope: Scope,
    tx: sa.Connection,
    sound: Sequence[tuple[IdPair, Row, Seen, int]],
    known: _Known,
) -> None:
    """Two halves, as far as there are any, become one link that both sides will be read for."""
    new: list[Link] = []
    kept: list[Link] = []
    values: dict[str, list[Value]] = {}
    marks: list[Staged] = []
    told: list[events.Event] = []
    now = scope.store.now_us(tx)
    for pair, row, seen, epoch in sound:
        half, stranger = known.local.get(pair.local_id), known.remote.get(pair.remote_id)
        link = half or Link(scope.store.new_id(), scope.connection, scope.kind, pair.local_id)
        (kept if half is not None else new).append(link)
        # A letter about a half is answered by this.
        intents.drop(tx, [one.id for one in (half, stranger) if one is not None])
        if stranger is not None:
            links.forget(tx, stranger.id)
            links.hand_over_claims(tx, stranger.id, link.id)
        link.remote_id, link.remote_version, link.epoch = pair.remote_id, None, epoch
        link.remote_digest = link.remote_observed_us = None
        scope.give_key(link)
        values[link.id] = [
            *scope.identities("local", row.values),
            *scope.identities("remote", seen.fields),
        ]
        marks.append(Staged(scope.connection, scope.kind, LOCAL, pair.local_id))
        there = Staged(scope.connection, scope.kind, REMOTE, pair.remote_id, seen.version)
        there.payload = seal_seen(scope, seen)
        marks.append(there)
        told.append(scope.event(now, link.id, "linked_by_file"))
    links.insert(tx, new)
    links.save(tx, kept)
    claims.stake(tx, scope.connection, scope.kind, values, dict.fromkeys(values, "both"))
    staged.stage_both(tx, marks)
    events.append(tx, told)


def _bad(
    scope: Scope,
    id_map: IdMap,
    line: int,
    why: tuple[str, str],
    last: int | None = None,
    column: str | None = None,
) -> BadRow:
    code, text = why
    return BadRow(id_map.path.name, line, scope.kind, code, text, last, column)
