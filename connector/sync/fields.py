"""What the merge rule is asked of each unit of two records, and what it says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

from connector.mapping.translate import Pair, Unit
from connector.policy.consent import is_state
from connector.records import MISSING, Canonical, Missing
from connector.store.conflicts import CHOSEN, OPEN
from connector.sync.consents import consent_move
from connector.sync.decision import KindRules, Situation
from connector.sync.documents import Base
from connector.sync.expiry import is_expired
from connector.sync.merge import Move, Rule, Sides, Values, merge
from connector.sync.references import as_tokens, without_cascades
from connector.sync.standins import is_gated


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
