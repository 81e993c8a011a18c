"""Fields that leave in another form than they have, or not at all: what a vendor is sent of them.

Such a field has no two sides. What the vendor shows of it is never read; the shop's value goes out
as the policy lets it, when it changed or when what should stand there is not what does. The base
notes what we put there in place of the true value, so that the true one is pushed before anything
is read again, once that is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from connector.mapping.translate import Pair, Unit
from connector.plugin import Kind
from connector.records import Canonical, Value, discreet
from connector.sync.decision import KindRules, Situation
from connector.sync.documents import Base, Own
from connector.sync.gate import Gate
from connector.sync.merge import differ


@discreet
@dataclass(frozen=True, slots=True)
class Sendable:
    """What of a unit may go out, in canonical values. `whole`: all of it, and truly."""

    values: dict[str, Value]
    whole: bool
    shut: bool
    """Nothing of it may go out at all."""
    clear: bool
    """What stands there is to be taken back or replaced even if nobody edits anything."""


def sendable(gate: Gate, case: Situation, unit: Unit, record: Canonical) -> Sendable:
    """Apply the ruling to one unit of a record."""
    assert case.ruling is not None
    values: dict[str, Value] = {}
    whole, shut, clear = True, True, False
    for name in unit.fields:
        verdict = gate.verdict(case.ruling, name)
        clear = clear or verdict.clear
        if verdict.action == "drop_field":
            whole = False
            if verdict.clear:
                values[name] = None
            continue
        shut = False
        whole = whole and verdict.action == "allow"
        if name in record:
            values[name] = gate.sent(verdict, name, record[name])
    return Sendable(values, whole, shut, clear)


def facts_in(rules: KindRules, kind: Kind, own: Mapping[str, Any]) -> Own:
    """The columns of a customer's row that the gates ask for: the base keeps them too, so that a
    change of them alone is noticed."""
    if rules.gate is None or kind is not Kind.CUSTOMER:
        return {}
    return {name: own[name] for name in rules.gate.people.columns if name in own}


def is_gated(pair: Pair, rules: KindRules, case: Situation, unit: Unit) -> bool:
    """Whether a unit goes out by its own rule, and is not merged."""
    gate, ruling = rules.gate, case.ruling
    if gate is None or ruling is None or not unit.push:
        return False
    if case.base is not None and unit.name in case.base.stand_ins:
        return True
    return not gate.leaves_free(ruling, unit.fields)


def reopened(pair: Pair, rules: KindRules, case: Situation) -> Situation:
    """The situation with units that are free again and of which the vendor was never told: both
    sides begin empty, so that the shop's value travels, and one typed there meanwhile meets it."""
    gate, base = rules.gate, case.base
    if gate is None or base is None or case.ruling is None or not base.stand_ins:
        return case
    known = base.copy()
    for unit in pair.units:
        stand_in = base.stand_ins.get(unit.name)
        if stand_in is None or not _is_blank(stand_in):
            continue
        free = sendable(gate, case, unit, {}).whole and not gate.shut.intersection(unit.fields)
        if free:
            known.local.update(dict.fromkeys(pair.columns_of(unit)))
            known.remote.update(dict.fromkeys(pair.remote_fields_of(unit)))
            known.stand_in({unit.name: None})
    return case if known == base else replace(case, base=known)


@discreet
@dataclass(slots=True)
class Step:
    """What to do about one such unit: values to send, or what the base notes without a write."""

    send: Mapping[str, Value] | None = None
    whole: bool = False
    take: bool = False
    note: Own | None = None
    noted: bool = False


def step(pair: Pair, rules: KindRules, case: Situation, unit: Unit) -> Step:
    """Decide one unit that is not merged."""
    assert rules.gate is not None
    base = case.base or Base()
    record = case.local_record(pair)
    now = {name: record[name] for name in unit.fields if name in record}
    if not now:
        return Step()  # the row does not show it
    found = sendable(rules.gate, case, unit, record)
    was = pair.read_local(base.local)
    before = {name: was[name] for name in unit.fields if name in was}
    moved = not before or differ(pair.same, before, now)
    stand_in = base.stand_ins.get(unit.name)
    there = {own: base.remote.get(own) for own in pair.remote_fields_of(unit)}
    if found.shut:
        known = there if stand_in is None else stand_in
        if found.clear and not _is_blank(known):
            return Step(send=found.values, whole=False)
        return Step(take=moved, note=known, noted=moved or stand_in is None)
    holds = pair.digests.holds
    wanted = _own(pair, unit, found.values)
    if stand_in is not None:
        stale = not all(holds(stand_in.get(own), value) for own, value in wanted.items())
        if not stale and found.whole:
            return Step(take=moved, note=None, noted=True)
    else:
        replaced = found.clear and any(
            not holds(there.get(own), value) for own, value in wanted.items()
        )
        stale = moved or (replaced and not found.whole)
    if stale:
        return Step(send=found.values, whole=found.whole)
    return Step(take=moved)


def _own(pair: Pair, unit: Unit, values: Mapping[str, Value]) -> Own:
    written = pair.write_remote(values).fields
    return {own: written[own] for own in pair.remote_fields_of(unit) if own in written}


def _is_blank(own: Mapping[str, object]) -> bool:
    return all(value in (None, "", False) or value == [] for value in own.values())
