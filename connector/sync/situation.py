"""Gathering what decisions depend on, one batch at a time: a few queries and reads by id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from connector.errors import SealError
from connector.local.contract import Row, RowState
from connector.plugin import Gone, Reason, Seen, version_key
from connector.privacy.subjects import RESTRICTED
from connector.records import Canonical
from connector.store import conflicts, intents, links, staged
from connector.store.conflicts import Conflict
from connector.store.links import Link
from connector.store.staged import LOCAL, REMOTE, Staged
from connector.sync import origins
from connector.sync.decision import Parent, Situation
from connector.sync.documents import Base
from connector.sync.gate import LETTER
from connector.sync.partners import add_partners
from connector.sync.people import subjects_of
from connector.sync.retaining import add_due
from connector.sync.rulings import Rulings, rule_on
from connector.sync.scope import Scope
from connector.sync.staging import open_staged
from connector.sync.successors import add_successors
from connector.sync.suppressed import suppressed_records, which_cases

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
    suppressed: list[tuple[Link, list[Staged]]] = field(default_factory=list)
    """What was staged of people who were erased."""


@dataclass(slots=True)
class _Looked:
    """What was read of both sides for a batch."""

    standing: Mapping[str, dict[str, Conflict]]
    rulings: Rulings | None
    seen: Mapping[str, tuple[Seen, bool]]
    """By ref: the vendor's record, and whether it was read by id."""
    table: Mapping[str, Row]
    unsaid: Set[str]
    """Rows that are not there, and of which the local side cannot say that they are gone."""
    named: Mapping[str, Mapping[str, str | None]]


def gather(scope: Scope, rows: Sequence[Staged], busy: set[str]) -> Batch:
    """Turn staged rows into situations; links in `busy` have writes under way and are left."""
    batch = Batch()
    with scope.store.read() as tx:
        by_link = _links_of(scope, tx, rows)
        ids = [i for i in by_link if i not in busy]
        waiting = intents.unresolved_links(tx, ids)
        found = {i: by_link[i] for i in ids if i not in waiting}
        _add_counterparts(scope, tx, found)
        standing = conflicts.of_links(tx, found)
    looked = _look(scope, found, standing, batch)
    dropped = {(row.side, row.record) for row, _ in batch.broken}
    for link, staged_rows in found.values():
        if any((row.side, row.record) in dropped for row in staged_rows):
            continue
        base = _open(scope, link, staged_rows, batch)
        if not isinstance(base, Reason):
            batch.cases.append(_case(scope, looked, link, base, staged_rows))
    _add_parents(scope, [c.situation for c in batch.cases])
    add_due(scope, [c.situation for c in batch.cases])
    _hold(scope, batch.cases)
    add_partners(scope, [c.situation for c in batch.cases])
    add_successors(scope, [c.situation for c in batch.cases])
    _refuse_suppressed_successors(scope, batch)
    _leave_for_later(scope, batch, busy)
    return batch


def _look(
    scope: Scope,
    found: dict[str, tuple[Link, list[Staged]]],
    standing: Mapping[str, dict[str, Conflict]],
    batch: Batch,
) -> _Looked:
    """Read both sides of these links; who was erased leaves `found`."""
    keys = [link.local_id for link, _ in found.values() if link.local_id is not None]
    rulings = rule_on(scope, [link for link, _ in found.values()])
    rows = [_distrusted(link, row) for link, many in found.values() for row in many]
    unsure = _unsure(found, standing)
    if rulings is not None:
        # Not even an id of theirs goes there: what was read before is all that is known.
        quiet = {found[i][0].remote_id for i in rulings.stopped}
        unsure = [ref for ref in unsure if ref not in quiet]
        rows = [r for r in rows if r.record not in quiet or r.payload or r.side == LOCAL]
    seen = _hydrate(scope, rows, unsure, batch)
    table = rulings.table if rulings is not None else scope.ports.local.read(scope.kind, keys)
    for link_id in which_cases(scope, found, {ref: one for ref, (one, _) in seen.items()}, table):
        batch.suppressed.append(found.pop(link_id))
    lost = [key for key in keys if key not in table]
    unsaid = set(lost) - scope.ports.local.gone(scope.kind, lost) if lost else set()
    named = _referred(scope, keys)
    scope.preload(link for link, _ in found.values())
    return _Looked(standing, rulings, seen, table, unsaid, named)


def _case(
    scope: Scope, looked: _Looked, link: Link, base: Base | None, staged_rows: list[Staged]
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


def _row_of(looked: _Looked, link: Link, base: Base | None) -> Row | None:
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


def _referred(scope: Scope, keys: Sequence[str]) -> Mapping[str, Mapping[str, str | None]]:
    """Whom these rows name by something else than a key; nothing where the mapping has no such."""
    unread = scope.pair.unread.intersection(scope.pair.reference_fields)
    return scope.ports.local.referred(scope.kind, keys) if unread else {}


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


def _links_of(
    scope: Scope, tx: sa.Connection, rows: Sequence[Staged]
) -> dict[str, tuple[Link, list[Staged]]]:
    found: dict[str, tuple[Link, list[Staged]]] = {}
    for side in (LOCAL, REMOTE):
        mine = {row.record: row for row in rows if row.side == side}
        by_record = links.by_side(tx, scope.connection, scope.kind, side, mine)
        for record, link in by_record.items():
            found.setdefault(link.id, (link, []))[1].append(mine[record])
    return found


def _add_counterparts(
    scope: Scope, tx: sa.Connection, found: dict[str, tuple[Link, list[Staged]]]
) -> None:
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


def _distrusted(link: Link, row: Staged) -> Staged:
    """A remote row no newer than what the link knows was seen before our last write or look.

    Its content is out of date: the record is read by id instead.
    """
    known = link.remote_version if link.base is not None else None
    if row.side == REMOTE and known and version_key(row.version) <= version_key(known):
        row.payload = None
    return row


def _unsure(
    found: dict[str, tuple[Link, list[Staged]]], standing: Mapping[str, Mapping[str, Conflict]]
) -> list[str]:
    """Remote records that are read by id although they are not staged.

    Those that may be removed because their row is gone: an edit that the feed does not show yet
    must not be destroyed. And those with an open conflict: their base does not hold their latest
    value, so "unchanged since the base" would not be true.
    """
    return [
        link.remote_id
        for link, rows in found.values()
        if link.live is not None
        and link.remote_id is not None
        and all(row.side != REMOTE for row in rows)
        and (
            any(row.side == LOCAL and row.gone in (Gone.EXPLICIT, Gone.NOT_FOUND) for row in rows)
            or any(c.state != conflicts.LEFT_OUT for c in standing.get(link.id, {}).values())
        )
    ]


def _hydrate(
    scope: Scope, rows: Iterable[Staged], others: Sequence[str], batch: Batch
) -> dict[str, tuple[Seen, bool]]:
    """The remote records of these rows; those staged without content are read by id."""
    seen: dict[str, tuple[Seen, bool]] = {}
    by_id: dict[str, Staged] = {}
    for row in rows:
        if row.side != REMOTE:
            continue
        if row.payload is None or row.gone is not None:
            by_id[row.record] = row
        else:
            seen[row.record] = (open_staged(scope.ports.vault, row), False)
    asked = [*by_id, *(ref for ref in others if ref not in by_id)]
    if asked:
        for one in scope.read(asked):
            if one.ref in others:
                seen[one.ref] = (one, True)
            elif one.ref in by_id:  # what we did not ask for is never believed
                seen[one.ref] = (_with_evidence(one, by_id[one.ref]), True)
        reason = Reason(code="not_read", text="the vendor did not answer for this record")
        batch.broken += [(row, reason) for ref, row in by_id.items() if ref not in seen]
    return seen


def _with_evidence(one: Seen, row: Staged) -> Seen:
    """A record not found by id, of which the feed said it was removed, is explicitly gone."""
    if one.gone is Gone.NOT_FOUND and row.gone == Gone.EXPLICIT:
        return Seen(
            ref=one.ref,
            version=one.version or row.version,
            changed_at=one.changed_at,
            fields={},
            gone=Gone.EXPLICIT,
            merged_into=one.merged_into,
        )
    return one


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


# --- parents --------------------------------------------------------------------------------------


def _add_parents(scope: Scope, cases: Sequence[Situation]) -> None:
    """Look up, for all references of all cases at once, whose children the records are."""
    for name, kind in scope.parent_kinds.items():
        raw: dict[str, set[str]] = {LOCAL: set(), REMOTE: set()}
        for case in cases:
            for side, record in _records(scope, case):
                value = record.get(name)
                if isinstance(value, str):
                    raw[side].add(value)
        known: dict[tuple[str, str], Parent] = {}
        with scope.store.read() as tx:
            for side, values in raw.items():
                for record_id, link in links.by_side(
                    tx, scope.connection, kind, side, values
                ).items():
                    if link.live is not None and link.state != links.OUT:
                        known[side, record_id] = _parent(scope, tx, kind, link)
        for case in cases:
            case.parents = {**case.parents, **known} if case.parents else known


def _records(scope: Scope, case: Situation) -> Iterable[tuple[str, Canonical]]:
    if case.row is not None:
        yield LOCAL, case.local_record(scope.pair)
    if case.seen is not None:
        yield REMOTE, case.remote_record(scope.pair)
    if case.base is not None:
        yield LOCAL, scope.pair.read_local(case.base.local)
        yield REMOTE, scope.pair.read_remote(case.base.remote)


def _parent(scope: Scope, tx: sa.Connection, kind: str, link: Link) -> Parent:
    ready = link.state == links.ACTIVE
    blocked = False
    if not ready:
        side, record = (
            (LOCAL, link.local_id) if link.local_id is not None else (REMOTE, link.remote_id)
        )
        row = staged.load(tx, scope.connection, kind, side, [record or ""]).get(record or "")
        blocked = row is None or row.reason is not None
    return Parent(
        kind,
        link.id,
        link.local_id,
        link.remote_id,
        link.subject,
        ready,
        blocked,
        link.evidence,
    )


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
