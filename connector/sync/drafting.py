"""Both records are there: what the merge rule says of each unit becomes both sides' writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connector.mapping.translate import Pair, Unit
from connector.plugin import Op
from connector.records import Canonical, Digest, Missing, discreet
from connector.store.conflicts import LEFT_OUT, OPEN
from connector.sync.competing import MOST_REVERSALS, RULE, edit_of, reversals, turn_for
from connector.sync.decision import Clash, Decision, KindRules, Lost, Side, Situation
from connector.sync.documents import Base, Draft, Own, Turns
from connector.sync.expiry import add_blanks, is_expired
from connector.sync.fields import moves_of
from connector.sync.merge import Cause, Move, Sides, Values
from connector.sync.outgoing import Outgoing, outgoing
from connector.sync.standins import facts_in, is_gated, reopened, step


def decide_fields(pair: Pair, rules: KindRules, case: Situation) -> Decision:
    """Merge both records unit by unit; see `merge.py` for the rule itself."""
    merging = _Merging(pair, rules, reopened(pair, rules, case))
    for unit, sides, move in moves_of(pair, rules, merging.case):
        merging.take(unit, sides, move)
    merging.let_out()
    return merging.draft("remote") or merging.draft("local") or merging.decided(case.base)


@discreet
@dataclass(frozen=True, slots=True)
class _Wanted:
    """Values of one unit that one side is to be written.

    `both`: the other side is written too. `whole`: of a unit that goes out as the policy lets it,
    whether all of it goes and truly; None where it is merged.
    """

    unit: Unit
    values: Values
    both: bool = False
    whole: bool | None = None


class _Merging:
    """One link's decision, as it grows unit by unit."""

    def __init__(self, pair: Pair, rules: KindRules, case: Situation) -> None:
        assert case.row is not None
        self.case = case
        self._pair = pair
        self._rules = rules
        self._was = case.base or Base()
        self._base = self._was.copy()
        """What both sides agree on without a write."""
        self._row: Mapping[str, object] = case.row.values
        self._record: Own = dict(case.seen.fields if case.seen is not None else self._was.remote)
        self._out = Decision(case.link)
        self._turns: Turns = {}
        self._wanted: dict[Side, dict[str, _Wanted]] = {"local": {}, "remote": {}}

    def take(self, unit: Unit, sides: Sides, move: Move) -> None:
        """Note what becomes of one unit that is merged."""
        if self._rules.read_only and move.to_local is not None:
            move = _stays_there(move)
        out, standing = self._out, self.case.conflicts.get(unit.name)
        edit = edit_of(move)
        count = reversals(self._pair, self._was, unit, edit)
        rival = count >= MOST_REVERSALS
        if rival or move.cause is Cause.CONFLICT:
            competed = standing is not None and (standing.rule, standing.state) == (RULE, OPEN)
            out.moves.append((unit.name, Cause.CONFLICT))
            out.clashes.append(_clash(unit, sides, RULE if rival or competed else unit.policy))
            return
        if edit is not None:
            self._turns[unit.name] = turn_for(self._pair, self._was, unit, edit, count)
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
            self._wanted["local"][unit.name] = _Wanted(unit, _known(move.to_local), both)
        if move.to_remote is not None:
            self._wanted["remote"][unit.name] = _Wanted(unit, _known(move.to_remote), both)
        if move.to_local is None and move.to_remote is None and move.settle:
            self._agree(unit)

    def _agree(self, unit: Unit) -> None:
        """The base takes what both sides show of a unit."""
        pair, base, keeps = self._pair, self._base, self._pair.digests.keeps
        for name in pair.columns_of(unit):
            if name in self._row and not keeps(
                base.local.get(name), "local", name, self._row[name]
            ):
                base.local[name] = self._row[name]
        for name in pair.remote_fields_of(unit):
            if name in self._record and not keeps(
                base.remote.get(name), "remote", name, self._record[name]
            ):
                base.remote[name] = self._record[name]

    def let_out(self) -> None:
        """Decide the units that are not merged but go out as the policy lets them."""
        pair, rules, case, base, row = self._pair, self._rules, self.case, self._base, self._row
        base.local.update(facts_in(rules, pair.kind, row))
        for unit in pair.units:
            if is_expired(case, unit) or not is_gated(pair, rules, case, unit):
                continue
            standing = case.conflicts.get(unit.name)
            if standing is not None:
                self._out.close.append(standing.id)
            one = step(pair, rules, case, unit)
            if one.send is not None:
                self._wanted["remote"][unit.name] = _Wanted(unit, one.send, whole=one.whole)
                self._out.moves.append((unit.name, Cause.LOCAL_EDIT))
            if one.take:
                base.local.update({n: row[n] for n in pair.columns_of(unit) if n in row})
            if one.noted:
                base.stand_in({unit.name: one.note})

    def draft(self, side: Side) -> Decision | None:
        """Add the write of one side; a Decision instead if the record must wait or is set aside."""
        wanted = self._wanted[side]
        if not wanted:
            return None
        going = self._translated(side, wanted)
        if isinstance(going, Decision):
            return going
        self._out.left += going.left
        draft = Draft(side, Op.UPDATE, parent=going.ties.parent, subject=going.ties.subject)
        for one in wanted.values():
            self._add(draft, one, going)
        if side == "local":
            draft.old = {n: self._row[n] for n in draft.set if n in self._row}
        if draft.set:
            self._out.drafts.append(draft)
        return None

    def _translated(self, side: Side, wanted: Mapping[str, _Wanted]) -> Outgoing | Decision:
        pair, case = self._pair, self.case
        values = {name: value for one in wanted.values() for name, value in one.values.items()}
        raw: Canonical = {}
        if pair.reference_fields:
            remote = side == "remote"
            raw = case.local_record(pair) if remote else pair.read_remote(self._record)
        references = {n: raw[n] for n in pair.reference_fields if n in values and n in raw}
        return outgoing(pair, self._rules, case, side, values, references)

    def _add(self, draft: Draft, one: _Wanted, going: Outgoing) -> None:
        """Add one unit to a side's write, with what the base takes of the other side's then."""
        unit, pair, base, to_local = one.unit, self._pair, self._base, draft.side == "local"
        if unit.name in going.ties.without:
            return  # whom it refers to cannot be said there yet: it is tried again
        here, there = pair.columns_of(unit), pair.remote_fields_of(unit)
        target, source = (here, there) if to_local else (there, here)
        shown = self._record if to_local else self._row
        taken = {n: shown[n] for n in source if n in shown}
        sent = {n: going.fields[n] for n in target if n in going.fields}
        if not sent and any(left.field in unit.fields for left in going.left):
            # Left out: the base takes the source's value alone, so it is not tried again until
            # somebody edits it.
            (base.remote if to_local else base.local).update(taken)
            return
        draft.set.update(sent)
        if one.whole is not None:
            draft.stand_ins[unit.name] = None if one.whole else sent
        if to_local:
            at = pair.edited_remote(unit, self._record)
            draft.edited[unit.name] = at.isoformat() if at is not None else None
        if one.both:
            draft.joint = (*draft.joint, *sent)
        else:
            draft.take.update(taken)

    def decided(self, known: Base | None) -> Decision:
        """The decision; with a base if it differs from the `known` one."""
        out, base = self._out, self._base
        emptied = add_blanks(self._pair, self._rules, self.case, self._record, out, base)
        for draft in out.drafts:
            draft.turns = {n: turn for n, turn in self._turns.items() if turn.side == draft.side}
        if known is None or emptied or not _is_same(base, known):
            out.base = base
        return out


def _known(values: Values) -> Values:
    """What can be written: of a field that was not delivered a base may hold no more than that it
    has not changed."""
    return {name: value for name, value in values.items() if not isinstance(value, Digest)}


def _is_same(one: Base, other: Base) -> bool:
    return (one.local, one.remote, one.stand_ins) == (other.local, other.remote, other.stand_ins)


def _stays_there(move: Move) -> Move:
    """The vendor's value would be written into a row that is only read: it stays where it is, and
    is no news from here on."""
    if move.to_remote is None:
        return Move(Cause.AGAINST_DIRECTION)
    return Move(move.cause, to_remote=move.to_remote)


def _clash(unit: Unit, sides: Sides, rule: str) -> Clash:
    def plain(values: Values | Missing) -> Values:
        return {} if isinstance(values, Missing) else values

    local, remote, base = plain(sides.local), plain(sides.remote), plain(sides.base_local)
    return Clash(unit.name, rule, local, remote, base)
