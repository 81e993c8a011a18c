"""The shop's database was put back: what its rows hold is older than what the state knows.

A row that nobody touched since holds no edit: what the vendor shows is the later value and is
carried back. A row that is missing was not deleted: it is made again. A row that the state knows to
be deleted was brought back by the copy and by nobody: it waits for a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from connector.local.contract import Row, RowState
from connector.plugin import Reason
from connector.store import claims, events, links, staged
from connector.store.links import Link
from connector.store.staged import LOCAL, Staged
from connector.sync.decision import DETACHED
from connector.sync.documents import Base, reason_text
from connector.sync.marks import reread
from connector.sync.scope import Scope
from connector.sync.tombstones import bury

_BACK = Reason(
    code="restored_row",
    text="it was deleted before the shop's database was put back; `letters retry` takes it to the"
    " vendors again, else delete the row",
)


def take_back_older_rows(scope: Scope) -> None:
    """Compare all links with the rows; those marked by now were edited since and stay edits."""
    for live in (True, False):
        for some in links.batches(scope.store, scope.connection, scope.kind, live=live):
            batch = [k for k in some if k.local_id is not None and k.remote_id is not None]
            keys = [link.local_id for link in batch if link.local_id is not None]
            table = scope.ports.local.read(scope.kind, keys)
            scope.preload(batch)
            with scope.store.write(scope.lease, "reconcile: older rows") as tx:
                touched = staged.load(tx, scope.connection, scope.kind, LOCAL, keys)
                if live:
                    _compare(scope, tx, batch, table, touched)
                else:
                    _set_aside(tx, batch, table, touched)


def _compare(
    scope: Scope,
    tx: sa.Connection,
    batch: Sequence[Link],
    table: Mapping[str, Row],
    touched: Mapping[str, Staged],
) -> None:
    saved: list[Link] = []
    for link in batch:
        row, base = table.get(link.local_id or ""), scope.open_base(link)
        if row is None or _holds_none(scope, row):
            _make_again(scope, tx, link, None)
        elif base is None or row.state is not RowState.LIVE:
            continue
        elif link.local_id in touched:
            if not _same_person(scope, row, base):
                _make_again(scope, tx, link, row)
            elif _agree_on_older(scope, link, base, row, edited=True):
                saved.append(link)
        elif _agree_on_older(scope, link, base, row, edited=False):
            saved.append(link)
    links.save(tx, saved)
    staged.stage_both(tx, [mark for link in saved for mark in reread(link)])


def _holds_none(scope: Scope, row: Row) -> bool:
    """Whether the row is there and the record that lived in it is not: it was lost as a row is."""
    return scope.rules.in_row and row.state is RowState.DELETED


def _same_person(scope: Scope, row: Row, base: Base) -> bool:
    """Whether an edited row is still the link's: a shop that was put back gives its keys anew."""
    held = set(scope.identities("local", base.local))
    known = {name: base.local[name] for name in row.values if name in base.local}
    return bool(held & set(scope.identities("local", row.values))) or known == dict(row.values)


def _make_again(scope: Scope, tx: sa.Connection, link: Link, row: Row | None) -> None:
    """The link's row is lost: the vendor's record gets another; a new row of its key is another's.

    Their next epoch keeps both from being taken for what carries the old key.
    """
    now = scope.store.now_us(tx)
    bury(scope, tx, link, "row_lost", now)
    links.save(tx, [link])
    new = [
        Link(
            scope.store.new_id(),
            link.connection,
            link.kind,
            remote_id=link.remote_id,
            epoch=link.epoch + 1,
            subject=link.subject,
            parent=link.parent,
        )
    ]
    if row is not None:
        key, epoch = row.key, link.epoch + 1
        other = Link(scope.store.new_id(), link.connection, link.kind, local_id=key, epoch=epoch)
        scope.give_key(other)
        new.append(other)
        links.insert(tx, new)
        values = {other.id: scope.identities("local", row.values)}
        claims.stake(tx, link.connection, link.kind, values, {other.id: LOCAL})
    else:
        links.insert(tx, new)
    staged.stage_both(tx, [mark for one in new for mark in reread(one)])
    events.append(tx, [scope.event(now, new[0].id, "row_lost")])


def _agree_on_older(scope: Scope, link: Link, base: Base, row: Row, *, edited: bool) -> bool:
    """Let the base hold what the row held when the copy was taken, on both sides: what the vendor
    shows beyond that is then its news. Says whether the row differs at all.

    Of a row that was edited since nobody knows which of its values are the edit: those that differ
    meet as at first contact.
    """
    pair = scope.pair
    was, now = pair.read_local(base.local), pair.read_local(row.values)
    older = [
        unit
        for unit in pair.units
        if any(n in was and n in now and not pair.same(n, was[n], now[n]) for n in unit.fields)
    ]
    for unit in older:
        if edited:
            for held, names in (
                (base.local, pair.columns_of(unit)),
                (base.remote, pair.remote_fields_of(unit)),
            ):
                for name in names:
                    held.pop(name, None)
            continue
        base.local.update({n: row.values[n] for n in pair.columns_of(unit) if n in row.values})
        if unit.name not in pair.reference_fields:
            values = {name: now[name] for name in unit.fields if name in now}
            base.remote.update(pair.write_remote(values).fields)
    if older:
        scope.seal_base(link, base)
    return bool(older)


def _set_aside(
    tx: sa.Connection,
    batch: Sequence[Link],
    table: Mapping[str, Row],
    touched: Mapping[str, Staged],
) -> None:
    marks = []
    for link in batch:
        row = table.get(link.local_id or "")
        back = row is not None and row.state is RowState.LIVE and link.evidence != DETACHED
        if back and link.local_id not in touched and link.local_id is not None:
            alive = links.by_side(tx, link.connection, link.kind, LOCAL, [link.local_id])
            if alive[link.local_id].live is None:
                marks.append(Staged(link.connection, link.kind, LOCAL, link.local_id))
                marks[-1].reason = reason_text(_BACK)
    staged.stage(tx, marks)
