"""Both records are there: they are merged unit by unit, and the writes of both sides drafted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

from connector.mapping.translate import Pair, Unit
from connector.plugin import Op
from connector.policy.consent import is_state
from connector.records import MISSING, Canonical, Digest, Missing, Value
from connector.store.conflicts import CHOSEN, LEFT_OUT, OPEN
from connector.sync.competing import MOST_REVERSALS, RULE, edit_of, reversals, turn_for
from connector.sync.consents import consent_move
from connector.sync.decision import Clash, Decision, KindRules, Lost, Side, Situation
from connector.sync.documents import Base, Draft, Own, Turns
from connector.sync.expiry import add_blanks, is_expired
from connector.sync.merge import Cause, Move, Rule, Sides, Values, merge
from connector.sync.outgoing import outgoing
from connector.sync.references import as_tokens, without_cascades
from connector.sync.standins import facts_in, is_gated, reopened, step

NONE_GATED: Mapping[str, bool] = {}


def decide_fields(pair: Pair, rules: KindRules, case: Situation) -> Decision:
    """Both records are there: merge them unit by unit."""
    known = case.base
    case = reopened(pair, rules, case)
    link, row, seen = case.link, case.row, case.seen
    assert row is not None
    base = case.base or Base()
    remote_own: Own = dict(seen.fields) if seen is not None else dict(base.remote)
    out = Decision(link)
    new_base = base.copy()
    turns: Turns = {}
    to_local: dict[str, tuple[Unit, Values, bool]] = {}
    to_remote: dict[str, tuple[Unit, Values, bool]] = {}
    for unit, sides, move in moves_of(pair, rules, case):
        if rules.read_only and move.to_local is not None:
            move = _stays_there(move)
        standing = case.conflicts.get(unit.name)
        edit = edit_of(move)
        count = reversals(pair, base, unit, edit)
        compete = standing is not None and standing.rule == RULE and standing.state == OPEN
        if count >= MOST_REVERSALS or move.cause is Cause.CONFLICT:
            rival = compete or count >= MOST_REVERSALS
            _clash(out, unit, sides, RULE if rival else unit.policy)
            continue
        if edit is not None:
            turns[unit.name] = turn_for(pair, base, unit, edit, count)
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
            to_local[unit.name] = (unit, _known(move.to_local), both)
        if move.to_remote is not None:
            to_remote[unit.name] = (unit, _known(move.to_remote), both)
        if move.to_local is None and move.to_remote is None and move.settle:
            _take(pair, unit, new_base, row.values, remote_own)
    gated = _gated(pair, rules, case, to_remote, out, new_base)
    halted = _draft(pair, rules, case, "remote", to_remote, remote_own, out, new_base, gated)
    halted = halted or _draft(pair, rules, case, "local", to_local, remote_own, out, new_base)
    if halted is not None:
        return halted
    emptied = add_blanks(pair, rules, case, remote_own, out, new_base)
    for draft in out.drafts:
        draft.turns = {name: turn for name, turn in turns.items() if turn.side == draft.side}
    if known is None or emptied or not _is_same(new_base, known):
        out.base = new_base
    return out


def _known(values: Values) -> Values:
    """What can be written: of a field that was not delivered a base may hold no more than that it
    has not changed."""
    return {name: value for name, value in values.items() if not isinstance(value, Digest)}


def _is_same(one: Base, other: Base) -> bool:
    return (one.local, one.remote, one.stand_ins) == (other.local, other.remote, other.stand_ins)


def _gated(
    pair: Pair,
    rules: KindRules,
    case: Situation,
    to_remote: dict[str, tuple[Unit, Values, bool]],
    out: Decision,
    base: Base,
) -> dict[str, bool]:
    """Decide the units that are not merged but go out as the policy lets them; of those that are
    sent, whether all of it goes and truly."""
    sent: dict[str, bool] = {}
    assert case.row is not None
    base.local.update(facts_in(rules, pair.kind, case.row.values))
    for unit in pair.units:
        if is_expired(case, unit) or not is_gated(pair, rules, case, unit):
            continue
        standing = case.conflicts.get(unit.name)
        if standing is not None:
            out.close.append(standing.id)
        one = step(pair, rules, case, unit)
        if one.send is not None:
            to_remote[unit.name] = (unit, one.send, False)
            sent[unit.name] = one.whole
            out.moves.append((unit.name, Cause.LOCAL_EDIT))
        if one.take:
            columns = pair.columns_of(unit)
            base.local.update({n: case.row.values[n] for n in columns if n in case.row.values})
        if one.noted:
            base.stand_in({unit.name: one.note})
    return sent


def moves_of(pair: Pair, rules: KindRules, case: Situation) -> Iterator[tuple[Unit, Sides, Move]]:
    """What the merge rule says of each unit, where both records are there."""
    base = case.base or Base()
    local = case.local_record(pair)
    remote = (
        case.remote_record(pair) if case.seen is not None else pair.read_remote(dict(base.remote))
    )
    was_local = pair.read_local(base.local) if base.local else {}
    was_remote = pair.read_remote(base.remote) if base.remote else {}
    for unit in pair.units:
        if is_expired(case, unit) or is_gated(pair, rules, case, unit):
            continue
        sides = Sides(
            _values(unit, was_local) if case.base else MISSING,
            _values(unit, was_remote) if case.base else MISSING,
            _values(unit, local),
            _values(unit, remote),
        )
        if not unit.push and pair.unread.issuperset(unit.fields):
            sides = _as_blank(unit, sides)
        if unit.name in pair.reference_fields:
            sides = as_tokens(case, without_cascades(case, sides))
        if rules.gate is not None and is_state(unit.name):
            yield unit, sides, consent_move(pair, rules.gate, case, unit, sides)
            continue
        yield unit, sides, _move(pair, rules, case, unit, sides)


def _stays_there(move: Move) -> Move:
    """The vendor's value would be written into a row that is only read: it stays where it is, and
    is no news from here on."""
    if move.to_remote is None:
        return Move(Cause.AGAINST_DIRECTION)
    return Move(move.cause, to_remote=move.to_remote)


def _as_blank(unit: Unit, sides: Sides) -> Sides:
    """A column that is only written holds nothing of its own until it was written."""
    if isinstance(sides.base_local, Missing) and not isinstance(sides.remote, Missing):
        return Sides(MISSING, MISSING, dict.fromkeys(unit.fields), sides.remote)
    return sides


def _values(unit: Unit, record: Canonical) -> Values | Missing:
    """The unit's part of a record; MISSING if none of it was delivered."""
    held = {name: record[name] for name in unit.fields if name in record}
    return held or MISSING


def _move(pair: Pair, rules: KindRules, case: Situation, unit: Unit, sides: Sides) -> Move:
    reference = unit.name in pair.reference_fields
    same = (lambda field, a, b: a == b) if reference else pair.same
    standing = case.conflicts.get(unit.name)
    rule = Rule(
        policy=_policy(unit, case),
        push=unit.push,
        pull=unit.pull and not (reference and rules.in_row),
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


def _policy(unit: Unit, case: Situation) -> str:
    """The unit's policy; between two vendors' values the settings' order stands for `local`."""
    origin = case.origins.get(unit.name)
    if origin is None or unit.policy != "local":
        return unit.policy
    return "local" if origin.first else "remote"


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
    origin = case.origins.get(unit.name)
    here = origin.at if origin is not None else pair.edited_local(unit, row)
    return here, pair.edited_remote(unit, remote)


def _clash(out: Decision, unit: Unit, sides: Sides, rule: str) -> None:
    def plain(values: Values | Missing) -> Values:
        return {} if isinstance(values, Missing) else values

    out.moves.append((unit.name, Cause.CONFLICT))
    out.clashes.append(
        Clash(
            unit.name,
            rule,
            plain(sides.local),
            plain(sides.remote),
            plain(sides.base_local),
        )
    )


def _take(pair: Pair, unit: Unit, base: Base, row: Own | Mapping[str, object], own: Own) -> None:
    """The base takes what both sides show of a unit."""
    keeps = pair.digests.keeps
    for name in pair.columns_of(unit):
        if name in row and not keeps(base.local.get(name), "local", name, row[name]):
            base.local[name] = row[name]
    for name in pair.remote_fields_of(unit):
        if name in own and not keeps(base.remote.get(name), "remote", name, own[name]):
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
    gated: Mapping[str, bool] = NONE_GATED,
) -> Decision | None:
    """Add the write of one side; a Decision instead if the record must wait or is set aside.

    `gated`: units that go out by the policy, and whether they go whole.
    """
    if not wanted:
        return None
    assert case.row is not None
    own_row, own_other = case.row.values, remote_own
    values: dict[str, Value] = {}
    for _, chosen, _ in wanted.values():
        values.update(chosen)
    if not pair.reference_fields:
        raw: Canonical = {}
    elif side == "remote":
        raw = case.local_record(pair)
    else:
        raw = pair.read_remote(own_other)
    references = {n: raw[n] for n in pair.reference_fields if n in values and n in raw}
    going = outgoing(pair, rules, case, side, values, references)
    if isinstance(going, Decision):
        return going
    ties, refused = going.ties, {left.field for left in going.left}
    out.left += going.left
    draft = Draft(side, Op.UPDATE, parent=ties.parent, subject=ties.subject)
    for unit, _, both in wanted.values():
        here, there = pair.columns_of(unit), pair.remote_fields_of(unit)
        target, other = (there, here) if side == "remote" else (here, there)
        shown = own_row if side == "remote" else own_other
        sent = {n: going.fields[n] for n in target if n in going.fields}
        if unit.name in ties.without or (not sent and refused & set(unit.fields)):
            # Left out: the base takes the source's value alone, so it is not tried again until
            # somebody edits it.
            half = base.local if side == "remote" else base.remote
            if unit.name not in ties.without:
                half.update({n: shown[n] for n in other if n in shown})
            continue
        draft.set.update(sent)
        if unit.name in gated:
            draft.stand_ins[unit.name] = None if gated[unit.name] else dict(sent)
        if side == "local":
            at = pair.edited_remote(unit, own_other)
            draft.edited[unit.name] = at.isoformat() if at is not None else None
        if both:
            draft.joint = (*draft.joint, *sent)
        else:
            draft.take.update({n: shown[n] for n in other if n in shown})
    if side == "local":
        draft.old = {n: own_row[n] for n in draft.set if n in own_row}
    if draft.set:
        out.drafts.append(draft)
    return None
