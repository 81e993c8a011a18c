"""The merge rule: what becomes of one unit (a field, or a group that moves as one).

Pure: values in, a `Move` out. Each side is compared with what *it* held when both last agreed
(its half of the base), never with the other side, so differences that were once agreed stay.

| local moved | remote moved | what happens |
|---|---|---|
| no  | no  | nothing |
| yes | no  | to the remote, if the direction allows; else it stays where it is, counted |
| no  | yes | mirror |
| yes | yes, to the same | the base takes it, nothing is written |
| yes | yes, differently | the unit's policy decides; without one a person does |
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from connector.records import MISSING, Missing, Value, discreet

Values = Mapping[str, Value]
"""The canonical values of one unit: one for a field, several for a group."""

Same = Callable[[str, Value, Value], bool]
"""Canonical equality of one field."""


class Cause(StrEnum):
    """Why a unit came out as it did; stands in events and in `plan`."""

    NOTHING = "nothing"
    AGREED = "agreed"
    LOCAL_EDIT = "local_edit"
    REMOTE_EDIT = "remote_edit"
    AGAINST_DIRECTION = "against_direction"
    POLICY = "policy"
    CONFLICT = "conflict"
    CHOSEN = "chosen"
    RETENTION = "retention"
    """Its term is over: it is emptied on all sides."""


@discreet
@dataclass(frozen=True, slots=True)
class Move:
    """What to do with one unit.

    `to_remote`/`to_local`: values to write there, or None. `settle`: the base takes what both
    sides show (where a side is written, when that write has landed). `lost`: whose value is
    overwritten by a policy ("local", "remote" or None). An open conflict settles nothing.
    """

    cause: Cause
    to_remote: Values | None = None
    to_local: Values | None = None
    settle: bool = True
    lost: str | None = None


NOTHING = Move(Cause.NOTHING)


@discreet
@dataclass(frozen=True, slots=True)
class Sides:
    """One unit as it was (`base_*`) and as it is now. MISSING = not delivered, or no base yet."""

    base_local: Values | Missing
    base_remote: Values | Missing
    local: Values | Missing
    remote: Values | Missing


@dataclass(frozen=True, slots=True)
class Rule:
    """How a unit merges. `times` are the origins' times of the two values, for `newest`."""

    policy: str = "manual"
    push: bool = True
    pull: bool = True
    first_contact: str = "manual"
    chosen: str | None = None
    times: tuple[dt.datetime | None, dt.datetime | None] = (None, None)
    strictness: Callable[[str, Value], int] | None = None


def differ(same: Same, old: Values | Missing, new: Values | Missing) -> bool:
    """Say whether a side moved. What was not delivered did not move.

    >>> eq = lambda field, a, b: a == b
    >>> differ(eq, {"a": 1}, {"a": 2}), differ(eq, {"a": 1}, MISSING), differ(eq, MISSING, {"a": 1})
    (True, False, True)
    """
    if isinstance(new, Missing):
        return False
    if isinstance(old, Missing):
        return True
    return any(field not in old or not same(field, old[field], new[field]) for field in new)


def agree(same: Same, a: Values, b: Values) -> bool:
    return a.keys() == b.keys() and all(same(field, a[field], b[field]) for field in a)


def merge(rule: Rule, same: Same, sides: Sides) -> Move:
    """Decide one unit by the table above."""
    local, remote = sides.local, sides.remote
    if isinstance(sides.base_local, Missing) or isinstance(sides.base_remote, Missing):
        return _first_contact(rule, same, local, remote)
    moved_local = differ(same, sides.base_local, local)
    moved_remote = differ(same, sides.base_remote, remote)
    if not moved_local and not moved_remote:
        return NOTHING
    now_local = {**sides.base_local, **local} if not isinstance(local, Missing) else None
    now_remote = {**sides.base_remote, **remote} if not isinstance(remote, Missing) else None
    if not moved_remote:
        assert now_local is not None
        return _travel(rule, same, now_local, sides.base_remote, towards="remote")
    if not moved_local:
        assert now_remote is not None
        return _travel(rule, same, now_remote, sides.base_local, towards="local")
    assert now_local is not None
    assert now_remote is not None
    return _both(rule, same, now_local, now_remote, sides)


def _travel(rule: Rule, same: Same, values: Values, there: Values, *, towards: str) -> Move:
    """One side moved: to the other, if the direction allows."""
    if agree(same, values, there):
        return Move(Cause.AGREED)
    if towards == "remote":
        return (
            Move(Cause.LOCAL_EDIT, to_remote=values) if rule.push else Move(Cause.AGAINST_DIRECTION)
        )
    return Move(Cause.REMOTE_EDIT, to_local=values) if rule.pull else Move(Cause.AGAINST_DIRECTION)


def _both(rule: Rule, same: Same, local: Values, remote: Values, sides: Sides) -> Move:
    """Both sides moved."""
    if agree(same, local, remote):
        return Move(Cause.AGREED)
    if rule.chosen:
        return _win(rule.chosen, local, remote, Cause.CHOSEN)
    if not (rule.push and rule.pull):
        # Only one way is open: the side it comes from has the say.
        return _win("local" if rule.push else "remote", local, remote, Cause.POLICY)
    return _by_policy(rule, rule.policy, local, remote, sides)


def _by_policy(rule: Rule, policy: str, local: Values, remote: Values, sides: Sides) -> Move:
    if policy in ("local", "remote"):
        return _win(policy, local, remote, Cause.POLICY)
    if policy == "newest":
        mine, theirs = rule.times
        if mine is None or theirs is None or mine == theirs:
            return Move(Cause.CONFLICT, settle=False)
        return _win("local" if mine > theirs else "remote", local, remote, Cause.POLICY)
    combine = _COMBINE.get(policy)
    if combine is None:
        return Move(Cause.CONFLICT, settle=False)
    merged: dict[str, Value] = {}
    for field in local:
        base = sides.base_local.get(field) if not isinstance(sides.base_local, Missing) else None
        value = combine(rule, field, base, local[field], remote.get(field))
        if isinstance(value, Missing):
            return Move(Cause.CONFLICT, settle=False)
        merged[field] = value
    return _towards(merged, local, remote)


def _towards(merged: Values, local: Values, remote: Values) -> Move:
    """Write a combined value to each side that does not have it."""
    return Move(
        Cause.POLICY,
        to_remote=None if dict(merged) == dict(remote) else merged,
        to_local=None if dict(merged) == dict(local) else merged,
    )


def _win(winner: str, local: Values, remote: Values, cause: Cause) -> Move:
    if winner == "local":
        return Move(cause, to_remote=local, lost="remote")
    return Move(cause, to_local=remote, lost="local")


def _first_contact(
    rule: Rule, same: Same, local: Values | Missing, remote: Values | Missing
) -> Move:
    """No base yet: never decided by time."""
    if isinstance(local, Missing) or isinstance(remote, Missing):
        # One side cannot show the field: nothing is known, nothing is agreed.
        return Move(Cause.NOTHING, settle=False)
    if agree(same, local, remote):
        return Move(Cause.AGREED)
    if rule.chosen:
        return _win(rule.chosen, local, remote, Cause.CHOSEN)
    if not rule.push or not rule.pull:
        return _win("local" if rule.push else "remote", local, remote, Cause.POLICY)
    if rule.policy == "most_restrictive":
        return _by_policy(rule, rule.policy, local, remote, Sides(MISSING, MISSING, local, remote))
    return _by_policy(
        rule, rule.first_contact, local, remote, Sides(MISSING, MISSING, local, remote)
    )


# --- policies that combine two values -------------------------------------------------------------

Combine = Callable[[Rule, str, Value, Value, Value], "Value | Missing"]


def _max(rule: Rule, field: str, base: Value, a: Value, b: Value) -> Value | Missing:
    return _ordered(a, b, larger=True)


def _min(rule: Rule, field: str, base: Value, a: Value, b: Value) -> Value | Missing:
    return _ordered(a, b, larger=False)


def _ordered(a: Value, b: Value, *, larger: bool) -> Value | Missing:
    if a is None or b is None:
        return b if a is None else a
    try:
        first_larger = a > b  # type: ignore[operator]  # values of one field have one type
    except TypeError:
        return MISSING
    return a if first_larger is larger else b


def _union(rule: Rule, field: str, base: Value, a: Value, b: Value) -> Value | Missing:
    """(base ∪ added on either side) − removed on either side; added beats removed."""
    sets = [v if isinstance(v, frozenset) else frozenset() for v in (base, a, b)]
    was, mine, theirs = sets
    added = (mine - was) | (theirs - was)
    removed = (was - mine) | (was - theirs)
    return ((was - removed) | added) or None


def _most_restrictive(rule: Rule, field: str, base: Value, a: Value, b: Value) -> Value | Missing:
    if rule.strictness is None:
        return MISSING
    # Two equally strict answers: the order of their text, not of the sides, so that both sides'
    # engines would choose the same.
    order = {v: (rule.strictness(field, v), v is not None, str(v)) for v in (a, b)}
    return a if order[a] >= order[b] else b


def _fill_blank(rule: Rule, field: str, base: Value, a: Value, b: Value) -> Value | Missing:
    if a is None or b is None:
        return b if a is None else a
    return a if a == b else MISSING


_COMBINE: Mapping[str, Combine] = {
    "max": _max,
    "min": _min,
    "union": _union,
    "most_restrictive": _most_restrictive,
    "fill_blank": _fill_blank,
}
