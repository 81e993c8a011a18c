"""Whose records a batch holds, asked of the policy before anything else is done with them.

A record that may not go to a vendor is not even asked for there: its id would be the first thing
to arrive. So this comes before any read by id, from the shop's rows alone, in one query for the
records and one for the people they belong to.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from connector.local.contract import Row, RowState
from connector.plugin import Kind, Reason
from connector.policy.compile import Ruling
from connector.privacy.subjects import SHREDDED, SHREDDING
from connector.store.links import Link
from connector.sync.gate import Gate
from connector.sync.scope import Scope


@dataclass(slots=True)
class Rulings:
    """By link: what may go out of its record, and why nothing may. `table` holds the rows."""

    table: Mapping[str, Row]
    of: dict[str, Ruling] = field(default_factory=dict)
    stopped: dict[str, Reason] = field(default_factory=dict)


def rule_on(scope: Scope, some: Collection[Link]) -> Rulings | None:
    """Ask the policy about all links that have a live row; None if there is no policy.

    A row that is gone holds nothing that could go out: its removal may.
    """
    gate = scope.rules.gate
    if gate is None:
        return None
    keys = [link.local_id for link in some if link.local_id is not None]
    table = scope.ports.local.read(scope.kind, keys)
    told = Rulings(table)
    whose = _people(scope, gate, table)
    scope.preload(some)
    for link in some:
        row = table.get(link.local_id or "")
        if row is None or row.state is not RowState.LIVE:
            continue
        ruling = gate.ruling(whose.get(row.key), suppressed=_is_erased(scope, link))
        told.of[link.id] = ruling
        why = _why(scope, gate, ruling, row)
        if why is not None:
            told.stopped[link.id] = why
    return told


def stopped(scope: Scope, some: Collection[Link]) -> Mapping[str, Reason]:
    """Of these links, those of whose record nothing may go to the vendor, and why."""
    told = rule_on(scope, some)
    return told.stopped if told is not None else {}


def quiet(scope: Scope, some: Collection[Link]) -> set[str]:
    """Of these links, those whose record is not even asked for at the vendor: the policy stops it,
    or its person is being erased."""
    scope.preload(some)
    return {link.id for link in some if _is_erased(scope, link)} | stopped(scope, some).keys()


def _is_erased(scope: Scope, link: Link) -> bool:
    vault = scope.ports.vault
    return link.subject is not None and vault.subject_state(link.subject) in (SHREDDING, SHREDDED)


def _why(scope: Scope, gate: Gate, ruling: Ruling, row: Row) -> Reason | None:
    if ruling.block is None and not ruling.stops:
        return None
    return gate.stopped(ruling, scope.pair.read_local(row.values) if ruling.stops else {})


def _people(scope: Scope, gate: Gate, table: Mapping[str, Row]) -> dict[str, Mapping[str, object]]:
    """By the key of a row: the row of the customer it is of."""
    if scope.kind is Kind.CUSTOMER:
        return {key: row.values for key, row in table.items()}
    parents: dict[str, str] = {}
    for name in scope.parent_kinds:
        unit = next((u for u in scope.pair.units if name in u.fields), None)
        columns = scope.pair.columns_of(unit) if unit is not None else ()
        for key, row in table.items():
            part = {own: row.values[own] for own in columns if own in row.values}
            told = scope.pair.read_local(part).get(name)
            if isinstance(told, str):
                parents[key] = told
    if scope.pair.unread.intersection(scope.parent_kinds):
        # Whom a row names by something else than a key is looked up, as for its reference.
        for key, named in scope.ports.local.referred(scope.kind, list(table)).items():
            person = next((p for p in named.values() if p is not None), None)
            if person is not None:
                parents[key] = person
    if not parents or not gate.people.columns:
        return {}
    customers = scope.ports.local.read(Kind.CUSTOMER, list(dict.fromkeys(parents.values())))
    return {key: customers[p].values for key, p in parents.items() if p in customers}
