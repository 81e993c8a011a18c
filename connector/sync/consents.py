"""A person's yes or no that stands on both sides: the stricter stands, by the rule of consents.

The rule is a join of two answers and not a merge of two edits: an import at a vendor that empties
a box is an edit, and no yes. What a side that was not edited shows is what both agreed on, with the
time and the proof that the other side may have no field for.
"""

from __future__ import annotations

from dataclasses import replace

from connector.mapping.translate import Pair, Unit
from connector.policy.consent import (
    NEGATIVE,
    SUBJECT,
    VENDOR,
    Consent,
    as_values,
    consent_in,
    join,
)
from connector.records import Missing
from connector.sync.decision import Situation
from connector.sync.gate import Gate
from connector.sync.merge import NOTHING, Cause, Move, Sides, Values, agree, differ


def consent_move(pair: Pair, gate: Gate, case: Situation, unit: Unit, sides: Sides) -> Move:
    """Decide one consent. A side that does not show it says nothing and is not written."""
    local, remote = sides.local, sides.remote
    if isinstance(local, Missing) or isinstance(remote, Missing):
        return Move(Cause.NOTHING, settle=False)
    moved_here = differ(pair.same, sides.base_local, local) or _is_said_anew(gate, case, unit)
    moved_there = differ(pair.same, sides.base_remote, remote)
    based = not isinstance(sides.base_local, Missing)
    if based and not moved_here and not moved_there:
        return NOTHING
    stands = _stands(gate, case, unit, sides, moved_here, moved_there)
    wanted = as_values(stands, unit.name)
    to_local = _towards(pair, unit, local, wanted, open_=unit.pull)
    if to_local is not None:
        to_local = wanted  # with the time and the proof, where the row has columns for them
    to_remote = _towards(pair, unit, remote, wanted, open_=unit.push)
    if to_local is None and to_remote is None:
        return Move(Cause.AGREED)
    if to_local is not None and to_remote is not None:
        return Move(Cause.POLICY, to_remote=to_remote, to_local=to_local)
    if to_remote is not None:
        return Move(Cause.LOCAL_EDIT if moved_here else Cause.POLICY, to_remote=to_remote)
    return Move(Cause.REMOTE_EDIT if moved_there else Cause.POLICY, to_local=to_local)


def _is_said_anew(gate: Gate, case: Situation, unit: Unit) -> bool:
    """Whether the row tells the same answer with another time, source or proof."""
    if case.base is None or case.row is None:
        return False
    was, now = (gate.people.record(own) for own in (case.base.local, case.row.values))
    return consent_in(was, unit.name) != consent_in(now, unit.name)


def _stands(
    gate: Gate, case: Situation, unit: Unit, sides: Sides, moved_here: bool, moved_there: bool
) -> Consent:
    based = not isinstance(sides.base_local, Missing)
    assert not isinstance(sides.local, Missing) and not isinstance(sides.remote, Missing)
    row = case.row.values if case.row is not None else {}
    mine = consent_in({**gate.people.record(row), **sides.local}, unit.name)
    mine = _sourced(mine, gate.local_consent)
    if based and not moved_there:
        if moved_here and mine.source == SUBJECT and mine.at is None:
            return mine  # what both agreed on is older than this edit, whatever the clocks say
        assert not isinstance(sides.base_local, Missing)
        held = case.base.local if case.base is not None else {}
        agreed = consent_in({**gate.people.record(held), **sides.base_local}, unit.name)
        return mine if not moved_here else join(mine, _sourced(agreed, gate.local_consent))
    theirs = consent_in(sides.remote, unit.name)
    theirs = _sourced(theirs, VENDOR)
    if theirs.at is None and theirs.state in NEGATIVE and case.seen is not None:
        theirs = replace(theirs, at=case.seen.changed_at)
    if based and not moved_here and theirs.source == VENDOR and theirs.state not in NEGATIVE:
        # What was agreed came from there too: a vendor's empty box takes nothing back.
        return mine
    return join(mine, theirs)


def _sourced(one: Consent, source: str) -> Consent:
    return one if one.source is not None else replace(one, source=source)


def _towards(
    pair: Pair, unit: Unit, shown: Values, wanted: Values, *, open_: bool
) -> Values | None:
    """What a side is written, as far as it has fields for it; None if it says so already."""
    if not open_:
        return None
    asked = {name: wanted[name] for name in unit.fields if name in wanted}
    held = {name: shown[name] for name in asked if name in shown}
    if asked.keys() == held.keys() and agree(pair.same, held, asked):
        return None
    return asked
