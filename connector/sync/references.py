"""References between records: turned into the other side's ids, and compared by whom they name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from connector.mapping.translate import Pair
from connector.plugin import Reason
from connector.records import MISSING, Canonical, Missing, Value, discreet
from connector.store.links import Link
from connector.sync.decision import Decision, KindRules, Parent, Side, Situation, other_side
from connector.sync.merge import Sides, Values


@discreet
@dataclass(slots=True)
class Ties:
    """References as the target side writes them, and whose child the record thereby is."""

    values: dict[str, Value]
    without: set[str]
    parent: str | None = None
    subject: str | None = None


def turn_references(
    pair: Pair, rules: KindRules, case: Situation, values: Canonical, target: Side
) -> Ties | Decision:
    """Turn references into the target side's ids; a Decision if the record must wait.

    `values` holds the other side's ids; what else is in it is passed over.
    """
    source = other_side(target)
    ties = Ties({}, set())
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
    return Decision(link, waits_for=_waiting_name(name, source, raw), letter=reason)


def waiting_names(kind: str, parents: Iterable[Link]) -> list[str]:
    """What the children of these records may be waiting for; see `Decision.waits_for`."""
    return [
        _waiting_name(kind, side, record)
        for link in parents
        for side, record in (("local", link.local_id), ("remote", link.remote_id))
        if record is not None
    ]


def _waiting_name(kind: str, side: str, record: str) -> str:
    """A reference is called as the kind that it points to."""
    return f"{kind}/{side}/{record}"


def without_cascades(case: Situation, sides: Sides) -> Sides:
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


def as_tokens(case: Situation, sides: Sides) -> Sides:
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
