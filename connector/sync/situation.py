"""Gathering what decisions depend on, one batch at a time: a few queries and reads by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from connector.errors import SealError
from connector.local.contract import Row, RowState
from connector.plugin import Reason, Seen
from connector.privacy.subjects import RESTRICTED
from connector.store import conflicts, intents, links, staged
from connector.store.links import Link
from connector.store.staged import LOCAL, REMOTE, Staged
from connector.sync import origins
from connector.sync.decision import Situation
from connector.sync.documents import Base
from connector.sync.gate import LETTER
from connector.sync.looked import Found, Looked, look
from connector.sync.parents import add_parents
from connector.sync.partners import add_partners
from connector.sync.retaining import add_due
from connector.sync.scope import Scope
from connector.sync.subjects import subjects_of
from connector.sync.successors import add_successors
from connector.sync.suppressed import suppressed_records

AS_NEW = "as_new"
"""The `origin` of a staged row that a person declared to be a record of its own."""
LOOK_AGAIN = "look_again"
"""The `origin` of a staged row that a person wants looked at anew, whom it names included."""


@dataclass(slots=True)
class Case:
    """A situation with the staged rows it came from."""

    situation: Situation
    rows: list[Staged]
    fetched: bool = False
    """The remote record was read by id for this decision."""
    stopped: Reason | None = None
    """Why the policy lets nothing of the record go to the vendor; it was not asked for by id."""
    held: bool = False
    """The person's data may not be used for now."""


@dataclass(slots=True)
class Batch:
    cases: list[Case] = field(default_factory=list)
    broken: list[tuple[Staged, Reason]] = field(default_factory=list)
    """Rows that cannot be decided, with the reason for a person."""
    suppressed: list[Found] = field(default_factory=list)
    """What was staged of people who were erased."""


def gather(scope: Scope, rows: Sequence[Staged], busy: set[str]) -> Batch:
    """Turn staged rows into situations; links in `busy` have writes under way and are left."""
    with scope.store.read() as tx:
        by_link = _links_of(scope, tx, rows)
        ids = [i for i in by_link if i not in busy]
        waiting = intents.unresolved_links(tx, ids)
        found = {i: by_link[i] for i in ids if i not in waiting}
        _add_counterparts(scope, tx, found)
        standing = conflicts.of_links(tx, found)
    looked = look(scope, found, standing)
    batch = Batch(broken=looked.broken, suppressed=looked.suppressed)
    dropped = {(row.side, row.record) for row, _ in batch.broken}
    for link, staged_rows in found.values():
        if any((row.side, row.record) in dropped for row in staged_rows):
            continue
        base = _open(scope, link, staged_rows, batch)
        if not isinstance(base, Reason):
            batch.cases.append(_case(scope, looked, link, base, staged_rows))
    situations = [case.situation for case in batch.cases]
    add_parents(scope, situations)
    add_due(scope, situations)
    _hold(scope, batch.cases)
    add_partners(scope, situations)
    add_successors(scope, situations)
    _refuse_suppressed_successors(scope, batch)
    _leave_for_later(scope, batch, busy)
    return batch


def _case(
    scope: Scope, looked: Looked, link: Link, base: Base | None, staged_rows: list[Staged]
) -> Case:
    """One link with all that its decision looks at, but for what other links say."""
    asked = {row.side for row in staged_rows}
    seen, by_id = looked.seen.get(link.remote_id or "", (None, False))
    row = _row_of(looked, link, base)
    if row is not None and row.key in looked.named:
        again = any(one.origin == LOOK_AGAIN for one in staged_rows)
        row = _with_person(scope, row, looked.named[row.key], base, again=again)
    if link.live is None:
        row = row if LOCAL in asked else None
        seen = seen if REMOTE in asked else None
    situation = Situation(
        link,
        base,
        row,
        seen,
        looked.standing.get(link.id, {}),
        new_only=any(one.origin == AS_NEW for one in staged_rows),
    )
    for one in staged_rows:
        if row is not None and one.side == LOCAL and one.origin is not None:
            shown = situation.local_record(scope.pair)
            situation.origins = origins.standing(scope, one, shown)
    case = Case(situation, staged_rows, by_id)
    if looked.rulings is not None:
        situation.ruling = looked.rulings.of.get(link.id)
        case.stopped = looked.rulings.stopped.get(link.id)
    if case.stopped is None and _is_odd(scope, seen):
        case.stopped = _ODD
    return case


def _row_of(looked: Looked, link: Link, base: Base | None) -> Row | None:
    """The shop's row; as it was agreed where it is missing and nobody says that it is gone."""
    if link.local_id is None:
        return None
    if link.live is not None and link.local_id in looked.unsaid:
        return _as_agreed(link.local_id, base)
    return looked.table.get(link.local_id)


def _hold(scope: Scope, cases: Sequence[Case]) -> None:
    """Mark what is of people whose data may not be used for now, through whatever connection that
    is known of them."""
    vault, whose = scope.ports.vault, subjects_of(scope, [case.situation for case in cases])
    vault.preload(set(whose.values()))
    for case in cases:
        subject = whose.get(case.situation.link.id)
        case.held = subject is not None and vault.subject_state(subject) == RESTRICTED


_ODD = Reason(
    code=f"{LETTER}unclassified",
    text="it shows a value in a field that has no class in the privacy policy; nothing is read",
)


def _is_odd(scope: Scope, seen: Seen | None) -> bool:
    gate = scope.rules.gate
    if gate is None or not gate.odd or seen is None:
        return False
    return any(seen.fields.get(own) not in (None, "") for own in gate.odd)


def _refuse_suppressed_successors(scope: Scope, batch: Batch) -> None:
    """A living person's record that was merged into an erased one's: no machine knows whose the
    winner is."""
    merged = [c for c in batch.cases if c.situation.successor is not None]
    winners = [c.situation.successor.seen for c in merged if c.situation.successor]
    turned = suppressed_records(scope, winners, {}) if winners else set()
    reason = Reason(
        code="suppressed",
        text="its record was merged into that of a person who was erased; look at the vendor's",
    )
    for case in merged:
        if case.situation.successor and case.situation.successor.seen.ref in turned:
            batch.cases.remove(case)
            batch.broken += [(row, reason) for row in case.rows]


def _with_person(
    scope: Scope, row: Row, named: Mapping[str, str | None], base: Base | None, *, again: bool
) -> Row:
    """The row with the person it names, unless that was found out before: who is renamed, and who
    takes a name that another had, changes nothing. A name that nobody or several had is looked up
    again when a person asks for it."""
    known = base.local if base is not None else {}
    fresh = {
        own: person
        for own, person in named.items()
        if own not in known or (again and known[own] is None)
    }
    scope.counts.unlinked += sum(person is None for person in fresh.values())
    return replace(row, values={**row.values, **fresh})


def _as_agreed(key: str, base: Base | None) -> Row:
    """What stands for a row that is not there and was not deleted: the row as both last agreed."""
    return Row(key, dict(base.local)) if base is not None else Row(key, {}, RowState.OUT)


def _links_of(scope: Scope, tx: sa.Connection, rows: Sequence[Staged]) -> dict[str, Found]:
    found: dict[str, Found] = {}
    for side in (LOCAL, REMOTE):
        mine = {row.record: row for row in rows if row.side == side}
        by_record = links.by_side(tx, scope.connection, scope.kind, side, mine)
        for record, link in by_record.items():
            found.setdefault(link.id, (link, []))[1].append(mine[record])
    return found


def _add_counterparts(scope: Scope, tx: sa.Connection, found: dict[str, Found]) -> None:
    """The other side's news of the same link is decided together with this one's."""
    for side in (LOCAL, REMOTE):
        wanted = {}
        for link, rows in found.values():
            record = link.local_id if side == LOCAL else link.remote_id
            # A dead link's other id may live on under another link: its news is that link's.
            if link.live is None or record is None:
                continue
            if all(row.side != side for row in rows):
                wanted[record] = link.id
        for record, row in staged.load(tx, scope.connection, scope.kind, side, wanted).items():
            found[wanted[record]][1].append(row)


def _open(scope: Scope, link: Link, rows: Sequence[Staged], batch: Batch) -> Base | Reason | None:
    """The link's base. An unreadable one is never taken for none: that would be first contact."""
    try:
        return scope.open_base(link)
    except SealError as error:
        if not error.missing:
            raise
        reason = Reason(code="key_missing", text="the person's key is missing; nothing was changed")
        batch.broken += [(row, reason) for row in rows]
        return reason


def _leave_for_later(scope: Scope, batch: Batch, busy: set[str]) -> None:
    """A record whose partner has a write under way waits until that has ended: its partner may be
    getting another record just now. And a link that is about to go on with another record is
    decided after that."""
    met = {name for case in batch.cases for name in _met(case.situation)}
    if not met:
        return
    with scope.store.read() as tx:
        under_way = busy | intents.unresolved_links(tx, list(met))
    batch.cases = [c for c in batch.cases if not under_way & set(_met(c.situation))]
    moving = {
        c.situation.partner.replaced.link for c in batch.cases if c.situation.partner.replaced
    }
    batch.cases = [c for c in batch.cases if c.situation.link.id not in moving]


def _met(case: Situation) -> list[str]:
    """The links beside its own that a decision about this one would change."""
    partner, successor = case.partner, case.successor
    names = [partner.candidate, partner.replaced.link if partner.replaced else None]
    names.append(successor.link.id if successor and successor.link else None)
    return [name for name in names if name is not None]
