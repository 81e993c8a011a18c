"""After a database was put back from an older copy: both sides are looked at from scratch, and
records are joined again by what we can recompute. Nothing is written to either side.

What a vendor's record carries is our external key, made of the shop's key of the row; what the shop
keeps of a row that we made is an intent's id, made of the vendor's id of the record. Both are found
again without any state. What is missing on one side since the copy is only marked: the next plan
shows it, and the next sync decides it under the caps.

All of it may be repeated: a scope stays in doubt until the last step, and each run begins anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from connector.local.contract import Row, RowState
from connector.plugin import Kind
from connector.privacy.subjects import MISSING
from connector.store import conflicts, events, intents, links, scopes, staged
from connector.store.links import UNCLAIMED, Link
from connector.store.staged import LOCAL, REMOTE
from connector.sync.marks import reread
from connector.sync.news import note_rows
from connector.sync.noticing import look_at_rows_again
from connector.sync.observe import observe_changes
from connector.sync.older_rows import take_back_older_rows
from connector.sync.place import KEYS, SHOP
from connector.sync.recover import look_back
from connector.sync.scope import Scope
from connector.sync.sweep import list_all
from connector.sync.tombstones import EPOCHS, bury

_BATCH = 500


@dataclass(slots=True)
class Reconciled:
    """What became of one scope. `joined`: records that were found to belong together again."""

    connection: str
    kind: str
    doubt: str
    joined: int = 0


def begin(scope: Scope) -> None:
    """Forget where reading was left off, and end what the copy held open without sending it."""
    _forget_unreadable(scope)
    look_back(scope)
    with scope.store.write(scope.lease, "reconcile: begin") as tx:
        scopes.update(tx, scope.connection, scope.kind, since_us=None, resume=None, listing=None)
        if not _state_is_right(scope):
            look_at_rows_again(tx, scope.connection, scope.kind)


def finish(scope: Scope) -> Reconciled:
    """Look at all links' rows and all of the vendor's records, join, and end the doubt."""
    assert scope.doubt is not None
    done = Reconciled(scope.connection, scope.kind, scope.doubt)
    if _state_is_right(scope) and SHOP in scope.doubt:
        take_back_older_rows(scope)
    else:
        _look_for_rows(scope)
        _look_for_later_lives(scope)
    observe_changes(scope)
    if not _state_is_right(scope):
        done.joined = _join_by_key(scope) + _join_by_row(scope)
    list_all(scope)
    with scope.store.write(scope.lease, "reconcile: done") as tx:
        scopes.update(tx, scope.connection, scope.kind, doubt=None)
        events.append(tx, [scope.event(scope.store.now_us(tx), None, "reconciled")])
    scope.doubt = None
    return done


def _state_is_right(scope: Scope) -> bool:
    """Whether it is another database that was put back: then the links are as they should be."""
    return set((scope.doubt or "").split()) <= {KEYS, SHOP}


def _forget_unreadable(scope: Scope) -> None:
    """Let links whose person's key is lost for good meet again as at first contact; ids stay.

    What they went on from goes to the person's new key as well: an erasure finds it by that.
    """
    vault = scope.ports.vault
    for batch in links.batches(scope.store, scope.connection, scope.kind):
        scope.preload(batch)
        lost = [
            link for link in batch if link.subject and vault.subject_state(link.subject) == MISSING
        ]
        if not lost:
            continue
        again = _subjects_again(scope, lost)
        with scope.store.write(scope.lease, "reconcile: lost keys") as tx:
            ids = [link.id for link in lost]
            links.hand_over_dead(tx, scope.connection, scope.kind, again)
            intents.drop(tx, ids)
            conflicts.close_links(tx, ids)
            for link in lost:
                link.subject = again.get(link.subject or "")
                link.base = link.local_digest = link.remote_digest = None
            links.save(tx, lost)
            staged.stage_both(tx, [mark for link in lost for mark in reread(link)])


def _subjects_again(scope: Scope, lost: Sequence[Link]) -> dict[str, str]:
    """Lost subject to the person's new one: that of their parent, or of another connection, where
    it was reconciled before; else a customer gets a new key."""
    vault, old = scope.ports.vault, {link.subject for link in lost if link.subject is not None}
    with scope.store.read() as tx:
        parents = links.by_ids(tx, {link.parent for link in lost if link.parent is not None})
        rows = [link.local_id for link in lost if link.local_id is not None]
        elsewhere = links.subjects_of(tx, scope.kind, rows, but=old)
    found: dict[str, str] = {}
    for link in lost:
        parent = parents.get(link.parent or "")
        for one in (parent and parent.subject, elsewhere.get(link.local_id or "")):
            if link.subject and one and one not in old and vault.subject_state(one) != MISSING:
                found[link.subject] = one
    if scope.kind is Kind.CUSTOMER:
        rest = sorted(old - found.keys())
        found |= zip(rest, vault.new_subjects(len(rest)) if rest else [], strict=True)
    return found


def _look_for_rows(scope: Scope) -> None:
    """Mark the rows of all links that are gone or differ from what the links know."""
    for batch in links.batches(scope.store, scope.connection, scope.kind):
        known = {link.local_id: link for link in batch if link.local_id is not None}
        table = scope.ports.local.read(scope.kind, list(known))
        there = _not_deleted(table)
        lost = {key: link for key, link in known.items() if key not in there and link.remote_id}
        later = _later_rows(scope, list(lost.values()))
        with scope.store.write(scope.lease, "reconcile: rows") as tx:
            for key in (key for key, link in lost.items() if link.id in later):
                link = known.pop(key)
                bury(scope, tx, link, "later_life", scope.store.now_us(tx))
                links.save(tx, [link])
                _live_on(scope, tx, link, later[link.id])
            note_rows(scope, tx, list(known), table)


def _look_for_later_lives(scope: Scope) -> None:
    """Join the records of the dead with the rows that were made of them since the copy."""
    for batch in links.batches(scope.store, scope.connection, scope.kind, live=False):
        later = _later_rows(scope, [link for link in batch if link.remote_id])
        if not later:
            continue
        refs = [link.remote_id or "" for link in batch if link.id in later]
        with scope.store.write(scope.lease, "reconcile: rows") as tx:
            newest = links.by_side(tx, scope.connection, scope.kind, REMOTE, refs)
            for link in newest.values():
                if link.live is None and link.id in later:
                    _live_on(scope, tx, link, later[link.id])


def _live_on(scope: Scope, tx: sa.Connection, link: Link, row: tuple[str, int]) -> None:
    """Join a dead link's record with a later row."""
    half = Link(scope.store.new_id(), scope.connection, scope.kind, remote_id=link.remote_id)
    links.insert(tx, [half])
    _join(scope, tx, [half], {half.id: row})


def _not_deleted(rows: Mapping[str, Row]) -> set[str]:
    return {key for key, row in rows.items() if row.state is not RowState.DELETED}


def _later_rows(scope: Scope, lost: Sequence[Link]) -> dict[str, tuple[str, int]]:
    """Of links whose row is gone: the row, and the epoch, that their record was made into since."""
    ids = {
        scope.row_key(link.remote_id or "", epoch): (link.id, epoch)
        for link in lost
        for epoch in EPOCHS
        if epoch > link.epoch
    }
    found: dict[str, tuple[str, int]] = {}
    for intent, key in scope.ports.local.made(scope.kind, list(ids)).items():
        link_id, epoch = ids[intent]
        if link_id not in found or found[link_id][1] < epoch:
            found[link_id] = key, epoch
    there = _not_deleted(scope.ports.local.read(scope.kind, [key for key, _ in found.values()]))
    return {link_id: one for link_id, one in found.items() if one[0] in there}


# --- joining again --------------------------------------------------------------------------------


def _join_by_key(scope: Scope) -> int:
    """Give rows the vendor's records that carry their keys."""
    joined, after = 0, None
    make = scope.ports.vault.external_key
    while True:
        rows = scope.ports.local.scan(scope.kind, after, _BATCH)
        if not rows:
            return joined
        after = rows[-1].key
        keys = {
            make(scope.connection, scope.kind, row.key, epoch): (row.key, epoch)
            for row in rows
            for epoch in EPOCHS
        }
        with scope.store.write(scope.lease, "reconcile: join by key") as tx:
            halves = links.remote_halves(tx, scope.connection, scope.kind, keys)
            mine = {half.id: keys[half.external_key or ""] for half in halves}
            # Of several lives of one row the last one counts; a person sees the others.
            halves.sort(key=lambda half: -mine[half.id][1])
            joined += _join(scope, tx, halves, mine)


def _join_by_row(scope: Scope) -> int:
    """Give the vendor's records the rows that we made of them."""
    joined = 0
    for batch in links.batches(scope.store, scope.connection, scope.kind, remote_halves=True):
        ids = {
            scope.row_key(half.remote_id or "", epoch): (half, epoch)
            for half in batch
            for epoch in EPOCHS
        }
        made = scope.ports.local.made(scope.kind, list(ids))
        there = scope.ports.local.read(scope.kind, list(made.values()))
        mine: dict[str, tuple[str, int]] = {}
        for intent, key in made.items():
            half, epoch = ids[intent]
            if half.id not in mine or mine[half.id][1] < epoch:
                mine[half.id] = key, epoch
        halves = [half for half in batch if half.id in mine]
        with scope.store.write(scope.lease, "reconcile: join by row") as tx:
            joined += _join(scope, tx, [h for h in halves if mine[h.id][0] in there], mine)
            for half in halves:
                if mine[half.id][0] not in there:
                    _bury(scope, tx, half, mine[half.id])
    return joined


def _join(
    scope: Scope, tx: sa.Connection, halves: list[Link], mine: Mapping[str, tuple[str, int]]
) -> int:
    """Join records with rows that have no other record; both are decided as at first contact."""
    keys = [mine[half.id][0] for half in halves]
    known = links.by_side(tx, scope.connection, scope.kind, LOCAL, keys)
    joined = 0
    for half in halves:
        key, epoch = mine[half.id]
        link = known.get(key)
        if link is not None and link.live is not None and link.remote_id is not None:
            if epoch <= link.epoch:
                continue
            # The key of a later life: what the copy holds of this row is over.
            bury(scope, tx, link, "later_life", scope.store.now_us(tx))
            links.save(tx, [link])
        if link is None or link.live is None:
            link = Link(scope.store.new_id(), scope.connection, scope.kind, local_id=key)
            links.insert(tx, [link])
            half.evidence = UNCLAIMED  # nobody has looked at the row's values either
        if half.evidence == UNCLAIMED:
            link.evidence = UNCLAIMED
        links.forget(tx, half.id)
        link.remote_id, link.epoch = half.remote_id, max(epoch, half.epoch)
        scope.give_key(link)
        known[key] = link
        links.save(tx, [link])
        links.hand_over_claims(tx, half.id, link.id)
        _mark(scope, tx, link)
        joined += 1
        now = scope.store.now_us(tx)
        events.append(tx, [scope.event(now, link.id, "joined_again")])
    return joined


def _mark(scope: Scope, tx: sa.Connection, link: Link) -> None:
    """Have both sides decided; what was read just now need not be read once more."""
    fresh = staged.load(tx, scope.connection, scope.kind, REMOTE, [link.remote_id or ""])
    read = any(row.payload is not None and row.reason is None for row in fresh.values())
    staged.stage_both(tx, [row for row in reread(link) if not (read and row.side == REMOTE)])


def _bury(scope: Scope, tx: sa.Connection, half: Link, mine: tuple[str, int]) -> None:
    """We made a row of this record and the row was deleted since: neither is brought back."""
    half.local_id, half.epoch = mine
    now = scope.store.now_us(tx)
    bury(scope, tx, half, "local_gone", now)
    links.save(tx, [half])
    rows = staged.load(tx, scope.connection, scope.kind, REMOTE, [half.remote_id or ""])
    for row in rows.values():
        half.remote_version = row.version
    links.save(tx, [half])
    staged.settle(tx, list(rows.values()))
    events.append(tx, [scope.event(now, half.id, "gone_before_copy")])
