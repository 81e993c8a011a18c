"""Values on their way to one side: references turned, lenses applied, faults sorted."""

from __future__ import annotations

from dataclasses import dataclass

from connector.mapping.translate import Fault, Pair
from connector.plugin import Reason
from connector.records import Canonical, discreet
from connector.sync.decision import Decision, KindRules, Left, Side, Situation
from connector.sync.documents import Own
from connector.sync.references import Ties, turn_references


@discreet
@dataclass(frozen=True, slots=True)
class Outgoing:
    """What a side is to be written, in its own names, and what of it cannot go."""

    ties: Ties
    fields: Own
    left: list[Left]


def outgoing(
    pair: Pair,
    rules: KindRules,
    case: Situation,
    side: Side,
    values: Canonical,
    references: Canonical,
    *,
    create: bool = False,
) -> Outgoing | Decision:
    """Translate `values` for `side`; a Decision if the record must wait or is set aside.

    `references` holds the other side's own ids; they take the place of what `values` says.
    """
    ties = turn_references(pair, rules, case, references, side)
    if isinstance(ties, Decision):
        return ties
    if side == "remote" and rules.gate is not None and not _is_let_out(pair, rules, case, values):
        return Decision(case.link, letter=rules.gate.reason("untraced"))
    write = pair.write_remote if side == "remote" else pair.write_local
    written = write({**values, **ties.values}, create=create)
    blocking = next((f for f in written.faults if f.mandatory), None)
    if blocking is not None:
        return Decision(case.link, letter=as_reason(blocking))
    left = [Left(f.canonical, as_reason(f)) for f in written.faults]
    return Outgoing(ties, written.fields, left)


def _is_let_out(pair: Pair, rules: KindRules, case: Situation, values: Canonical) -> bool:
    """The last look: whether each value is just what the ruling makes of the shop's.

    Whatever way a value took until here, it does not leave by a mistake of ours.
    """
    gate, ruling = rules.gate, case.ruling
    if gate is None or ruling is None or case.row is None:
        return False
    record = case.local_record(pair)
    for name, value in values.items():
        verdict = gate.verdict(ruling, name)
        if value is None or verdict.action == "allow":
            continue
        if verdict.action == "drop_field" or value != gate.sent(verdict, name, record.get(name)):
            return False
    return True


def as_reason(fault: Fault) -> Reason:
    return Reason(code=fault.code, text=fault.text, field=fault.own)
