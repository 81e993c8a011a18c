"""Records whose term is over: fields are emptied on both sides, or the whole record goes.

A record goes at the vendors first and in the shop last. The shop's row says since when it is kept,
so as long as anything of it is left, it is found to be over its term again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.local.contract import RowState
from connector.mapping.translate import Pair, Unit
from connector.plugin import Gone, Op, version_key
from connector.policy.retention import Due
from connector.records import MISSING
from connector.store.links import GONE
from connector.sync.decision import (
    EXPIRED,
    Decision,
    KindRules,
    Left,
    Side,
    Situation,
)
from connector.sync.documents import Base, Draft
from connector.sync.merge import Cause
from connector.sync.outgoing import as_reason
from connector.sync.terms import is_blank


def is_expired(case: Situation, unit: Unit) -> bool:
    """Whether a unit is emptied and not merged. What moves as one goes as one."""
    return not case.due.fields.isdisjoint(unit.fields)


def add_blanks(
    pair: Pair,
    rules: KindRules,
    case: Situation,
    remote: Mapping[str, Any],
    out: Decision,
    base: Base,
) -> bool:
    """Add to a decision the writes that empty what is over its term, where it is not empty yet.

    `remote`: what the vendor's record holds, as far as it is known. The base forgets what it
    remembers of it; says whether that was anything.
    """
    if not case.due.fields or case.row is None:
        return False
    units = [unit for unit in pair.units if is_expired(case, unit)]
    names = case.due.fields.union(*(unit.fields for unit in units))
    told = names | {unit.name for unit in units}
    out.close += [c.id for name, c in case.conflicts.items() if name in told]
    here = {} if rules.read_only else _full(pair.blank_local(names).fields, case.row.values)
    blanks = pair.blank_remote(names)
    there = _full(blanks.fields, remote)
    out.left += [Left(fault.canonical, as_reason(fault)) for fault in blanks.faults]
    both = bool(here) and bool(there)
    _add(out, "local", here, both, {name: case.row.values[name] for name in here})
    _add(out, "remote", there, both, {})
    if here or there:
        out.expired = told
        out.moves += [(name, Cause.RETENTION) for name in sorted(_known_as(units, case, names))]
    before = base.copy()
    _forget(pair, case, units, blanks.fields, remote, base)
    return base != before


def _known_as(units: list[Unit], case: Situation, names: frozenset[str]) -> set[str]:
    """Units, and the fields that only one of the sides has."""
    return {unit.name for unit in units} | (names - {n for unit in units for n in unit.fields})


def _full(blanks: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What is to be written where something else than nothing stands, or may stand."""
    return {n: b for n, b in blanks.items() if n not in own or not is_blank(own[n], b)}


def _add(
    out: Decision, side: Side, blanks: Mapping[str, Any], both: bool, old: Mapping[str, Any]
) -> None:
    if not blanks:
        return
    draft = next((d for d in out.drafts if d.side == side), None)
    if draft is None:
        draft = Draft(side, Op.UPDATE)
        out.drafts.append(draft)
    draft.set.update(blanks)
    draft.old.update(old)
    if both:
        draft.joint = (*draft.joint, *blanks)


def _forget(
    pair: Pair,
    case: Situation,
    units: list[Unit],
    blanks: Mapping[str, Any],
    remote: Mapping[str, Any],
    base: Base,
) -> None:
    """The base takes what is empty already, and lets go of what it noted of these units."""
    assert case.row is not None
    for unit in units:
        base.turns.pop(unit.name, None)
        if unit.name in base.stand_ins:
            base.stand_ins[unit.name] = dict.fromkeys(base.stand_ins[unit.name])
        for name in pair.columns_of(unit):
            if case.row.values.get(name, MISSING) in (None, ""):
                base.local[name] = case.row.values[name]
    for name, blank in blanks.items():
        if name in remote and is_blank(remote[name], blank):
            base.remote[name] = remote[name]


def holds_nothing(
    pair: Pair, rules: KindRules, due: Due, own: Mapping[str, Any], base: Base
) -> bool:
    """Whether a row, and the vendor's record as it was agreed, are empty in what is due."""
    units = [unit for unit in pair.units if not due.fields.isdisjoint(unit.fields)]
    names = due.fields.union(*(unit.fields for unit in units))
    here = {} if rules.read_only else _full(pair.blank_local(names).fields, own)
    return not here and not _full(pair.blank_remote(names).fields, base.remote)


# --- the whole record -----------------------------------------------------------------------------


def decide_expired(case: Situation) -> Decision | None:
    """A linked record is over its term: the vendor's goes now, and its row when no connection has
    it any more. None: nothing can be done while it is out of our sight."""
    seen = case.seen
    if seen is not None and seen.gone is Gone.HIDDEN:
        return None
    if seen is not None and seen.gone is not None:
        return Decision(case.link, state=GONE, evidence=EXPIRED, again=True)
    return Decision(case.link, [Draft("remote", Op.REMOVE)], state=GONE, evidence=EXPIRED)


def decide_buried(pair: Pair, case: Situation) -> Decision:
    """News of a link whose record went so. Its row goes too, unless another connection is not
    through with it; a row that is within its term is a new record. What somebody takes out of
    the vendor's bin is removed once more."""
    row, seen, link = case.row, case.seen, case.link
    if row is not None and row.state is RowState.LIVE:
        if not case.due.record:
            return Decision(link, rebirth="local")
        if case.shared:
            return Decision(link)
        old = {name: row.values[name] for name in pair.columns if name in row.values}
        return Decision(link, [Draft("local", Op.PURGE, old=old)])
    newer = seen is not None and version_key(seen.version) > version_key(link.remote_version or "")
    if seen is not None and seen.gone is None and newer:
        return Decision(link, [Draft("remote", Op.REMOVE)])
    return Decision(link)
