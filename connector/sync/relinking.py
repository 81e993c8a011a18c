"""Decisions about links themselves: two halves become one, a link goes on with another record, or
a record lives again."""

from __future__ import annotations

from connector.plugin import Ref
from connector.store import claims, links, staged
from connector.store.links import Link
from connector.store.staged import LOCAL, REMOTE
from connector.sync.decision import Decision, Replaced
from connector.sync.marks import reread
from connector.sync.notes import Notes
from connector.sync.situation import Case
from connector.sync.successors import repoint
from connector.sync.tombstones import bury, remember


def bind(to: Notes, mine: Link, other_id: str) -> None:
    """Two halves become one link; the local half's id and key stay."""
    other = links.by_ids(to.tx, [other_id]).get(other_id)
    if other is None or other.live is None:
        return
    winner, loser = (mine, other) if mine.local_id is not None else (other, mine)
    if winner.remote_id is not None or loser.local_id is not None:
        return
    links.forget(to.tx, loser.id)
    winner.remote_id = loser.remote_id
    winner.remote_version = None
    if loser.epoch > winner.epoch:
        # The record lived before: its new life carries a key of its own.
        winner.epoch = loser.epoch
        to.scope.give_key(winner)
    links.save(to.tx, [winner])
    links.hand_over_claims(to.tx, loser.id, winner.id)
    to.event(winner.id, "bound")


def replace(to: Notes, case: Case, replaced: Replaced) -> None:
    """A link goes on with an older record that carries its key; the one it held so far becomes a
    stranger, which its key will tell to be the twin."""
    scope, seen = to.scope, case.situation.seen
    link = links.by_ids(to.tx, [replaced.link]).get(replaced.link)
    if link is None or link.live is None or link.remote_id is None or seen is None:
        return
    former, version = Ref(link.remote_id), link.remote_version or ""
    repoint(scope, to.tx, link, seen, case.situation.link, merged=replaced.gone)
    if replaced.gone:
        remember(scope, to.tx, link, former, version, to.now)
    else:
        half = Link(scope.store.new_id(), scope.connection, scope.kind, remote_id=former)
        links.insert(to.tx, [half])
        to.new_rows += reread(half)
    to.new_rows += reread(link)
    to.event(link.id, "older_kept")


def succeed(to: Notes, case: Case) -> None:
    """A link goes on with the record that its own was merged into."""
    link, seen, successor = case.situation.link, case.situation.seen, case.situation.successor
    assert seen is not None and successor is not None
    repoint(to.scope, to.tx, link, successor.seen, successor.link, merged=True)
    remember(to.scope, to.tx, link, seen.ref, seen.version, to.now)
    to.gone_rows += case.rows
    to.new_rows += reread(link)
    to.event(link.id, "merged")


def rebirth(to: Notes, case: Case, decision: Decision) -> None:
    """A record lives again on one side: its dead link stays, a new epoch begins."""
    old, side, scope = decision.link, decision.rebirth, to.scope
    if old.live is not None:
        bury(scope, to.tx, old, decision.evidence, to.now)
        links.save(to.tx, [old])
    new = Link(
        scope.store.new_id(),
        old.connection,
        old.kind,
        epoch=old.epoch + 1,
        subject=old.subject,
        parent=old.parent,
    )
    if side == "local":
        new.local_id = old.local_id
        scope.give_key(new)
    else:
        new.remote_id = old.remote_id
    links.insert(to.tx, [new])
    _stake(to, case, new)
    to.gone_rows += case.rows
    to.close += decision.close
    to.event(new.id, f"reborn_{side}")
    staged.settle(to.tx, case.rows)
    to.new_rows += reread(new)


def _stake(to: Notes, case: Case, half: Link) -> None:
    """Let a half be found by its identity values, as one that was just seen would be."""
    row, seen, scope = case.situation.row, case.situation.seen, to.scope
    if half.local_id is not None:
        values = scope.identities("local", row.values) if row is not None else []
    else:
        values = scope.identities("remote", seen.fields) if seen is not None else []
    side = {half.id: LOCAL if half.local_id is not None else REMOTE}
    claims.stake(to.tx, scope.connection, scope.kind, {half.id: values}, side)
