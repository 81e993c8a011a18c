"""From what both sides show to what is to be done: pure decisions for one link at a time.

`decide` takes a `Situation` (a link, its base, both records as they now stand) and returns a
`Decision`. It reads no clock, no network and no database, so `plan` and `sync` cannot differ.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from connector.local.contract import Row, RowState
from connector.mapping.translate import Fault, Pair, Unit
from connector.plugin import Gone, Op, Reason, Seen, version_key
from connector.records import MISSING, Canonical, Missing, Value
from connector.store.conflicts import CHOSEN, LEFT_OUT, OPEN, RECORD, Conflict
from connector.store.links import ACTIVE, GONE, OUT, Link
from connector.sync.documents import Base, Draft, Own
from connector.sync.merge import Cause, Move, Rule, Sides, Values, merge

Side = Literal["local", "remote"]
DETACHED = "detached"


@dataclass(frozen=True, slots=True)
class KindRules:
    """What settings and mapping say about a kind as a whole."""

    first_contact: str = "manual"
    create_local: bool = True
    create_remote: bool = True
    archive_local: bool = False
    on_gone_push: str = "archive"
    on_gone_pull: str = "manual"
    reference: str = "none"


@dataclass(frozen=True, slots=True)
class Parent:
    """The record that a reference points to, as far as it is known."""

    kind: str
    link: str
    local_id: str | None
    remote_id: str | None
    subject: str | None
    ready: bool
    blocked: bool
    gone: str | None = None
    """On which side it is gone while a person is asked: "local_gone" or "remote_gone"."""


@dataclass(frozen=True, slots=True)
class Partner:
    """What the claims say about a half link: its one candidate, or why there is none."""

    candidate: str | None = None
    clash: Reason | None = None


@dataclass(slots=True)
class Situation:
    """All that a decision may depend on."""

    link: Link
    base: Base | None
    row: Row | None
    seen: Seen | None
    """The remote record as read; None: unchanged since the base."""
    conflicts: Mapping[str, Conflict] = field(default_factory=dict)
    partner: Partner = field(default_factory=Partner)
    parents: Mapping[tuple[str, str], Parent] = field(default_factory=dict)
    new_only: bool = False
    shown: dict[str, Canonical] = field(default_factory=dict)
    """What each side shows, in canonical values: read once, used many times."""

    def local_record(self, pair: Pair) -> Canonical:
        """The local row in canonical values."""
        if "local" not in self.shown:
            assert self.row is not None
            self.shown["local"] = pair.read_local(self.row.values)
        return self.shown["local"]

    def remote_record(self, pair: Pair) -> Canonical:
        """The remote record as read in canonical values."""
        if "remote" not in self.shown:
            assert self.seen is not None
            self.shown["remote"] = pair.read_remote(self.seen.fields)
        return self.shown["remote"]


@dataclass(slots=True)
class Left:
    """An optional value that the other side will not take."""

    field: str
    reason: Reason


@dataclass(slots=True)
class Clash:
    """A field (or `*`, the record) that waits for a person, with both values and the base's."""

    field: str
    rule: str
    local: Canonical
    remote: Canonical
    base: Canonical


@dataclass(slots=True)
class Lost:
    """A value that a policy overwrites; it is kept, sealed, in an event."""

    field: str
    side: str
    values: Canonical


@dataclass(slots=True)
class Decision:
    """What to do about one link. Nothing set: all is as it should be."""

    link: Link
    drafts: list[Draft] = field(default_factory=list)
    base: Base | None = None
    """The base after the advances that need no write; None: unchanged."""
    clashes: list[Clash] = field(default_factory=list)
    close: list[str] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    moves: list[tuple[str, Cause]] = field(default_factory=list)
    letter: Reason | None = None
    waits_for: str | None = None
    bind: str | None = None
    """Join this pending half: the link of the other side's record."""
    drop: bool = False
    """Forget a half link whose record is gone."""
    state: str | None = None
    evidence: str | None = None
    rebirth: Side | None = None
    """Start a new epoch from the record of this side (the other side's is dead)."""
    reread: bool = False
    """Read both sides by id before deciding again."""

    @property
    def removes(self) -> bool:
        return any(d.op in (Op.REMOVE, Op.PURGE) for d in self.drafts)


def decide(pair: Pair, rules: KindRules, case: Situation) -> Decision:
    """Decide one link. See the module for what it may look at."""
    link = case.link
    if link.live is None:
        return _tombstone(case)
    if link.remote_id is None:
        return _half(pair, rules, case, "local")
    if link.local_id is None:
        return _half(pair, rules, case, "remote")
    if RECORD in case.conflicts:
        return _gone_and_waiting(pair, rules, case)
    local_gone = case.row is None or case.row.state is RowState.DELETED
    remote_gone = case.seen is not None and case.seen.gone not in (None, Gone.HIDDEN)
    hidden = (case.row is not None and case.row.state is RowState.OUT) or (
        case.seen is not None and case.seen.gone is Gone.HIDDEN
    )
    if local_gone and remote_gone:
        return Decision(link, state=GONE, evidence="both")
    if local_gone:
        return _gone(pair, rules, case, "local")
    if remote_gone:
        return _gone(pair, rules, case, "remote")
    if hidden:
        # Out of sight is not deleted: fields stop, nothing is removed.
        return Decision(link, state=OUT, evidence="hidden")
    if link.state == OUT:
        return Decision(link, state=ACTIVE, reread=True)
    return _fields(pair, rules, case)


# --- records that are gone ------------------------------------------------------------------------


def _tombstone(case: Situation) -> Decision:
    """News of a dead link: only an explicit restore brings a record back, as a new epoch."""
    link, row, seen = case.link, case.row, case.seen
    if link.evidence == DETACHED:
        return Decision(link)
    if row is not None and row.state is RowState.LIVE:
        return Decision(link, rebirth="local")
    newer = seen is not None and version_key(seen.version) > version_key(link.remote_version or "")
    if seen is not None and seen.gone is None and newer:
        return Decision(link, rebirth="remote")
    return Decision(link)


def _gone(pair: Pair, rules: KindRules, case: Situation, side: Side) -> Decision:
    """One side's record is gone, the other's is there."""
    link = case.link
    other: Side = "remote" if side == "local" else "local"
    if _edited(pair, case, other):
        # gone here, edited there since both agreed: the edit wins, the record comes back
        return Decision(link, state=GONE, evidence="edit_wins", rebirth=other)
    policy = rules.on_gone_push if side == "local" else rules.on_gone_pull
    if policy == "archive" and other == "local" and not rules.archive_local:
        policy = "manual"
    if policy == "detach":
        return Decision(link, state=GONE, evidence=DETACHED)
    if policy == "ignore":
        return Decision(link, state=OUT, evidence="ignored")
    if policy == "manual":
        return Decision(link, clashes=[Clash(RECORD, f"{side}_gone", {}, {}, {})])
    return _removal(case, other, final=policy == "propagate")


def _removal(case: Situation, side: Side, *, final: bool) -> Decision:
    """Remove the record of `side`: the link dies first, then the write is sent."""
    draft = Draft(side, Op.REMOVE)
    if side == "local":
        assert case.row is not None
        held = case.base.local if case.base else {}
        # The row goes only if it still holds what we knew: an edit made meanwhile is kept.
        draft.old = {name: value for name, value in case.row.values.items() if name in held}
        draft.op = Op.PURGE if final else Op.REMOVE
    return Decision(case.link, [draft], state=GONE, evidence="explicit")


def _edited(pair: Pair, case: Situation, side: Side) -> bool:
    """Whether the side that is still there was edited since both agreed."""
    if any(c.state == OPEN and c.field != RECORD for c in case.conflicts.values()):
        return True
    if case.base is None:
        return False
    if side == "local":
        assert case.row is not None
        was, now = pair.read_local(case.base.local), case.local_record(pair)
    else:
        if case.seen is None:
            return False
        was, now = pair.read_remote(case.base.remote), case.remote_record(pair)
    return any(
        name in now and name in was and not pair.same(name, was[name], now[name])
        for unit in pair.units
        if (unit.push if side == "local" else unit.pull)
        for name in unit.fields
    )


def _gone_and_waiting(pair: Pair, rules: KindRules, case: Situation) -> Decision:
    """A record is gone on one side and a person is asked what should become of the other's."""
    link, clash = case.link, case.conflicts[RECORD]
    side: Side = "local" if clash.rule == "local_gone" else "remote"
    local_gone = case.row is None or case.row.state is RowState.DELETED
    remote_gone = case.seen is not None and case.seen.gone is not None
    if local_gone and remote_gone:
        return Decision(link, state=GONE, evidence="both", close=[clash.id])
    back = not local_gone if clash.who is None and side == "local" else False
    if side == "remote":
        back = case.seen is not None and case.seen.gone is None
    if back:
        return Decision(link, close=[clash.id], reread=True)
    if clash.state == CHOSEN:
        gone: Side = "local" if local_gone else "remote"
        other: Side = "remote" if gone == "local" else "local"
        if clash.rule == gone:
            return _removal(case, other, final=not rules.archive_local)
        return Decision(link, state=GONE, evidence="chosen", rebirth=other, close=[clash.id])
    return Decision(link)


# --- records that have no partner yet -------------------------------------------------------------


def _half(pair: Pair, rules: KindRules, case: Situation, side: Side) -> Decision:
    """A record known on one side only: bind it, create its partner, or set it aside."""
    link = case.link
    if side == "local":
        here = case.row is not None and case.row.state is not RowState.DELETED
        inside = case.row is not None and case.row.state is RowState.LIVE
    else:
        here = inside = case.seen is not None and case.seen.gone is None
    if not here:
        return Decision(link, drop=True)
    if not inside:
        return Decision(link)
    if case.partner.candidate:
        return Decision(link, bind=case.partner.candidate)
    if case.partner.clash and not case.new_only:
        return Decision(link, letter=case.partner.clash)
    may = rules.create_remote if side == "local" else rules.create_local
    if not may:
        return Decision(link)
    return _create(pair, rules, case, "remote" if side == "local" else "local")


def _create(pair: Pair, rules: KindRules, case: Situation, side: Side) -> Decision:
    """Make the record of `side` from the other side's."""
    link = case.link
    if side == "remote":
        assert case.row is not None
        shown, own = case.local_record(pair), dict(case.row.values)
    else:
        assert case.seen is not None
        shown, own = case.remote_record(pair), dict(case.seen.fields)
    wanted = {
        name: shown[name]
        for unit in pair.units
        if (unit.push if side == "remote" else unit.pull)
        for name in unit.fields
        if name in shown
    }
    own_side: Side = "local" if side == "remote" else "remote"
    ties = _references(pair, rules, case, own_side, wanted, side)
    if isinstance(ties, Decision):
        return ties
    values = {**wanted, **ties.values}
    written = (
        pair.write_remote(values, create=True)
        if side == "remote"
        else pair.write_local(values, create=True)
    )
    blocking = [f for f in written.faults if f.mandatory]
    if blocking:
        return Decision(link, letter=_as_reason(blocking[0]))
    own_names = pair.columns_of if own_side == "local" else pair.remote_fields_of
    without = {n for unit in pair.units if unit.name in ties.without for n in own_names(unit)}
    draft = Draft(
        side,
        Op.CREATE,
        set={n: v for n, v in written.fields.items() if v is not None},
        take={n: v for n, v in own.items() if n not in without},
        parent=ties.parent,
        subject=ties.subject,
    )
    return Decision(
        link,
        [draft],
        left=[Left(f.canonical, _as_reason(f)) for f in written.faults],
    )


def _as_reason(fault: Fault) -> Reason:
    return Reason(code=fault.code, text=fault.text, field=fault.own)


# --- references -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Ties:
    """References as the target side writes them, and whose child the record thereby is."""

    values: dict[str, Value]
    without: set[str]
    parent: str | None = None
    subject: str | None = None


def _references(
    pair: Pair, rules: KindRules, case: Situation, source: Side, values: Canonical, target: Side
) -> _Ties | Decision:
    """Turn references into the target side's ids; a Decision if the record must wait."""
    ties = _Ties({}, set())
    for name in pair.reference_fields:
        raw = values.get(name)
        if not isinstance(raw, str):
            if name in values and raw is None and rules.reference == "required":
                reason = Reason(
                    code="no_parent", text=f"{name} is empty and this kind needs one", field=name
                )
                return Decision(case.link, letter=reason)
            continue
        parent = case.parents.get((source, raw))
        there = parent and (parent.local_id if target == "local" else parent.remote_id)
        if parent and parent.ready and there:
            ties.values[name], ties.parent, ties.subject = there, parent.link, parent.subject
        elif rules.reference == "optional" and (parent is None or parent.blocked):
            ties.values[name] = None
            ties.without.add(name)
        else:
            return _waiting(case.link, name, source, raw, parent)
    return ties


def _waiting(link: Link, name: str, source: Side, raw: str, parent: Parent | None) -> Decision:
    reason = None
    if parent is None:
        reason = Reason(
            code="parent_missing",
            text=f"the {name} it belongs to ({source} id {raw}) is not there",
            field=name,
        )
    return Decision(link, waits_for=f"{name}/{source}/{raw}", letter=reason)


# --- fields ---------------------------------------------------------------------------------------


def _fields(pair: Pair, rules: KindRules, case: Situation) -> Decision:
    """Both records are there: merge them unit by unit."""
    link, row, seen = case.link, case.row, case.seen
    assert row is not None
    base = case.base or Base()
    remote_own: Own = dict(seen.fields) if seen is not None else dict(base.remote)
    local = case.local_record(pair)
    remote = case.remote_record(pair) if seen is not None else pair.read_remote(remote_own)
    was_local = pair.read_local(base.local) if base.local else {}
    was_remote = pair.read_remote(base.remote) if base.remote else {}
    out = Decision(link)
    new_base = base.copy()
    to_local: dict[str, tuple[Unit, Values, bool]] = {}
    to_remote: dict[str, tuple[Unit, Values, bool]] = {}
    for unit in pair.units:
        sides = Sides(
            _values(unit, was_local) if case.base else MISSING,
            _values(unit, was_remote) if case.base else MISSING,
            _values(unit, local),
            _values(unit, remote),
        )
        if unit.name in pair.reference_fields:
            sides = _tokens(case, _without_cascades(case, sides))
        move = _move(pair, rules, case, unit, sides)
        standing = case.conflicts.get(unit.name)
        if move.cause is Cause.CONFLICT:
            _clash(out, unit, sides, standing)
            continue
        if standing is not None and (standing.state != LEFT_OUT or move.cause is not Cause.NOTHING):
            out.close.append(standing.id)
        if move.cause is not Cause.NOTHING:
            out.moves.append((unit.name, move.cause))
        if move.lost:
            loser = sides.local if move.lost == "local" else sides.remote
            assert not isinstance(loser, Missing)
            out.lost.append(Lost(unit.name, move.lost, loser))
        both = move.to_local is not None and move.to_remote is not None
        if move.to_local is not None:
            to_local[unit.name] = (unit, move.to_local, both)
        if move.to_remote is not None:
            to_remote[unit.name] = (unit, move.to_remote, both)
        if move.to_local is None and move.to_remote is None and move.settle:
            _take(pair, unit, new_base, row.values, remote_own)
    halted = _draft(pair, rules, case, "remote", to_remote, remote_own, out, new_base)
    halted = halted or _draft(pair, rules, case, "local", to_local, remote_own, out, new_base)
    if halted is not None:
        return halted
    if new_base.local != base.local or new_base.remote != base.remote or case.base is None:
        out.base = new_base
    return out


def _values(unit: Unit, record: Canonical) -> Values | Missing:
    """The unit's part of a record; MISSING if none of it was delivered."""
    held = {name: record[name] for name in unit.fields if name in record}
    return held or MISSING


def _without_cascades(case: Situation, sides: Sides) -> Sides:
    """A reference that turned empty because its parent is gone on that side is nobody's edit."""

    def shown(now: Values | Missing, was: Values | Missing, side: str) -> Values | Missing:
        if isinstance(now, Missing) or isinstance(was, Missing):
            return now
        for name, value in now.items():
            before = was.get(name)
            if value is None and isinstance(before, str):
                parent = case.parents.get((side, before))
                if parent is None or parent.gone == f"{side}_gone":
                    return MISSING
        return now

    return Sides(
        sides.base_local,
        sides.base_remote,
        shown(sides.local, sides.base_local, "local"),
        shown(sides.remote, sides.base_remote, "remote"),
    )


def _tokens(case: Situation, sides: Sides) -> Sides:
    """References name the parent's link, so that both sides' ids of one parent are equal."""

    def token(values: Values | Missing, side: str) -> Values | Missing:
        if isinstance(values, Missing):
            return MISSING
        named: dict[str, Value] = {}
        for name, raw in values.items():
            parent = case.parents.get((side, raw)) if isinstance(raw, str) else None
            named[name] = f"@{parent.link}" if parent else f"{side}:{raw}" if raw else None
        return named

    return Sides(
        token(sides.base_local, "local"),
        token(sides.base_remote, "remote"),
        token(sides.local, "local"),
        token(sides.remote, "remote"),
    )


def _move(pair: Pair, rules: KindRules, case: Situation, unit: Unit, sides: Sides) -> Move:
    reference = unit.name in pair.reference_fields
    same = (lambda field, a, b: a == b) if reference else pair.same
    standing = case.conflicts.get(unit.name)
    rule = Rule(
        policy=unit.policy,
        push=unit.push,
        pull=unit.pull,
        # A reference that could not be given at first is filled in once it can.
        first_contact="fill_blank" if reference else rules.first_contact,
        chosen=standing.rule if standing and standing.state == CHOSEN else None,
        times=_times(pair, unit, case),
        strictness=pair.strictness,
    )
    held = standing is not None and standing.state in (OPEN, CHOSEN)
    if held and not isinstance(sides.local, Missing) and not isinstance(sides.remote, Missing):
        # While a conflict stands its field is never written by an edit of one side: it ends
        # when both sides agree, or when a person has chosen.
        sides = Sides(MISSING, MISSING, sides.local, sides.remote)
        if rule.chosen is None:
            rule = Rule(policy="manual", push=True, pull=True, first_contact="manual")
    return merge(rule, same, sides)


def _times(
    pair: Pair, unit: Unit, case: Situation
) -> tuple[dt.datetime | None, dt.datetime | None]:
    """When each side's value was last edited, by the time fields that the mapping names."""
    remote: Mapping[str, object] = {}
    if case.seen is not None:
        remote = case.seen.fields
    elif case.base is not None:
        remote = case.base.remote
    row = case.row.values if case.row else {}
    return pair.edited_local(unit, row), pair.edited_remote(unit, remote)


def _clash(out: Decision, unit: Unit, sides: Sides, standing: Conflict | None) -> None:
    def plain(values: Values | Missing) -> Values:
        return {} if isinstance(values, Missing) else values

    out.moves.append((unit.name, Cause.CONFLICT))
    out.clashes.append(
        Clash(
            unit.name,
            unit.policy,
            plain(sides.local),
            plain(sides.remote),
            plain(sides.base_local),
        )
    )


def _take(pair: Pair, unit: Unit, base: Base, row: Own | Mapping[str, object], own: Own) -> None:
    """The base takes what both sides show of a unit."""
    for name in pair.columns_of(unit):
        if name in row:
            base.local[name] = row[name]
    for name in pair.remote_fields_of(unit):
        if name in own:
            base.remote[name] = own[name]


def _draft(
    pair: Pair,
    rules: KindRules,
    case: Situation,
    side: Side,
    wanted: Mapping[str, tuple[Unit, Values, bool]],
    remote_own: Own,
    out: Decision,
    base: Base,
) -> Decision | None:
    """Add the write of one side; a Decision instead if the record must wait or is set aside."""
    if not wanted:
        return None
    assert case.row is not None
    source: Side = "local" if side == "remote" else "remote"
    own_row, own_other = case.row.values, remote_own
    values: dict[str, Value] = {}
    for _, chosen, _ in wanted.values():
        values.update(chosen)
    if not pair.reference_fields:
        raw: Canonical = {}
    elif source == "local":
        raw = case.local_record(pair)
    else:
        raw = pair.read_remote(own_other)
    references = {n: raw[n] for n in pair.reference_fields if n in values and n in raw}
    ties = _references(pair, rules, case, source, references, side)
    if isinstance(ties, Decision):
        return ties
    values.update(ties.values)
    written = pair.write_remote(values) if side == "remote" else pair.write_local(values)
    blocking = [f for f in written.faults if f.mandatory]
    if blocking:
        return Decision(case.link, letter=_as_reason(blocking[0]))
    refused = {f.canonical for f in written.faults}
    out.left += [Left(f.canonical, _as_reason(f)) for f in written.faults]
    draft = Draft(side, Op.UPDATE, parent=ties.parent, subject=ties.subject)
    for unit, _, both in wanted.values():
        here, there = pair.columns_of(unit), pair.remote_fields_of(unit)
        target, other = (there, here) if side == "remote" else (here, there)
        shown = own_row if side == "remote" else own_other
        sent = {n: written.fields[n] for n in target if n in written.fields}
        if unit.name in ties.without or (not sent and refused & set(unit.fields)):
            # Left out: the base takes the source's value alone, so it is not tried again until
            # somebody edits it.
            half = base.local if side == "remote" else base.remote
            if unit.name not in ties.without:
                half.update({n: shown[n] for n in other if n in shown})
            continue
        draft.set.update(sent)
        if both:
            draft.joint = (*draft.joint, *sent)
        else:
            draft.take.update({n: shown[n] for n in other if n in shown})
    if side == "local":
        draft.old = {n: own_row[n] for n in draft.set if n in own_row}
    if draft.set:
        out.drafts.append(draft)
    return None


def is_quiet(decision: Decision) -> bool:
    """Whether a decision changes nothing at all.

    >>> is_quiet(Decision(Link("1", "crm", "customer")))
    True
    """
    parts: Sequence[object] = (
        decision.drafts,
        decision.base,
        decision.clashes,
        decision.close,
        decision.left,
        decision.letter,
        decision.waits_for,
        decision.bind,
        decision.drop,
        decision.state,
        decision.rebirth,
        decision.reread,
    )
    return not any(parts)
