"""Records known on one side only: they are bound, get their partner made, or are set aside."""

from __future__ import annotations

from connector.local.contract import RowState
from connector.mapping.translate import Pair, Unit
from connector.plugin import Op
from connector.records import Canonical, Value
from connector.sync.decision import Decision, KindRules, Side, Situation, other_side
from connector.sync.documents import Draft
from connector.sync.expiry import is_expired
from connector.sync.outgoing import outgoing
from connector.sync.standins import facts_in, is_gated, sendable


def decide_half(pair: Pair, rules: KindRules, case: Situation, side: Side) -> Decision:
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
    if case.partner.replaced:
        return Decision(link, replaces=case.partner.replaced)
    if case.partner.clash and not case.new_only:
        return Decision(link, letter=case.partner.clash)
    if case.due.record:
        return Decision(link)  # nobody is told of what is over its term already
    may = rules.create_remote if side == "local" else rules.create_local
    if not may:
        return Decision(link)
    return _create(pair, rules, case, other_side(side))


def _create(pair: Pair, rules: KindRules, case: Situation, side: Side) -> Decision:
    """Make the record of `side` from the other side's."""
    if side == "remote":
        assert case.row is not None
        shown, own = case.local_record(pair), dict(case.row.values)
    else:
        assert case.seen is not None
        shown, own = case.remote_record(pair), dict(case.seen.fields)
    wanted = {
        name: shown[name]
        for unit in pair.units
        if (unit.push if side == "remote" else unit.pull) and not is_expired(case, unit)
        for name in unit.fields
        if name in shown
    }
    changed: list[Unit] = []
    raw = wanted
    if side == "remote":
        wanted, changed = _as_let_out(pair, rules, case, shown, wanted)
    out = outgoing(pair, rules, case, side, wanted, raw, create=True)
    if isinstance(out, Decision):
        return out
    own_names = pair.columns_of if side == "remote" else pair.remote_fields_of
    without = {n for unit in pair.units if unit.name in out.ties.without for n in own_names(unit)}
    known = frozenset(pair.own_columns) if side == "remote" else _readable(pair, rules)
    facts = facts_in(rules, pair.kind, own) if side == "remote" else {}
    draft = Draft(
        side,
        Op.CREATE,
        set={n: v for n, v in out.fields.items() if v is not None},
        take={n: v for n, v in own.items() if n not in without and n in known} | facts,
        parent=out.ties.parent,
        subject=out.ties.subject,
    )
    for unit in changed:
        draft.stand_ins[unit.name] = {n: out.fields.get(n) for n in pair.remote_fields_of(unit)}
    return Decision(case.link, [draft], left=out.left)


def _readable(pair: Pair, rules: KindRules) -> frozenset[str]:
    """The vendor's fields that are not only written there: what a record shows in one of those is
    not known to be anybody's."""
    fields = frozenset(pair.remote_fields)
    if rules.gate is None:
        return fields
    shut = [unit for unit in pair.units if rules.gate.shut.intersection(unit.fields)]
    return fields.difference(*(pair.remote_fields_of(unit) for unit in shut))


def _as_let_out(
    pair: Pair, rules: KindRules, case: Situation, shown: Canonical, wanted: dict[str, Value]
) -> tuple[dict[str, Value], list[Unit]]:
    """A new record's values as the policy lets them out, and the units that it changes."""
    if rules.gate is None or case.ruling is None:
        return wanted, []
    sent = dict(wanted)
    changed = []
    for unit in pair.units:
        if is_expired(case, unit) or not is_gated(pair, rules, case, unit):
            continue
        one = sendable(rules.gate, case, unit, shown)
        for name in unit.fields:
            sent.pop(name, None)
        sent.update(one.values)
        if not one.whole:
            changed.append(unit)
    return sent, changed
