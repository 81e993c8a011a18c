"""A person's facts decide about their records of other kinds too: these are looked at with them.

A country, an age, a consent stands in the customer's row alone. When one of them has changed, the
records of the same person that are linked at this connection are decided again.
"""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from connector.plugin import Kind
from connector.store import links, staged
from connector.sync.decision import Situation
from connector.sync.marks import reread
from connector.sync.scope import Scope


def facts_moved(scope: Scope, case: Situation) -> bool:
    """Whether the row of a linked customer tells the policy's gates something else than when both
    sides last agreed."""
    gate = scope.rules.gate
    if gate is None or scope.kind is not Kind.CUSTOMER or case.row is None or case.base is None:
        return False
    people = gate.people
    return people.record(case.row.values) != people.record(case.base.local)


def note_facts(scope: Scope, case: Situation) -> None:
    """The base of a customer who is set aside takes the facts that no vendor has a field for: when
    they change back, that is a change again. The others travel, and stay news until then."""
    gate = scope.rules.gate
    assert gate is not None and case.row is not None and case.base is not None
    travels = {name for unit in scope.pair.units for name in scope.pair.columns_of(unit)}
    base = case.base.copy()
    base.local.update(
        {n: v for n, v in case.row.values.items() if n in gate.people.columns and n not in travels}
    )
    scope.seal_base(case.link, base)


def stage_children(scope: Scope, tx: sa.Connection, subjects: Collection[str]) -> bool:
    """Have the linked records of these people decided again; says whether there are any."""
    found = links.children(tx, scope.connection, subjects)
    for kind in dict.fromkeys(link.kind for link in found):
        mine = [link for link in found if link.kind == kind]
        staged.stage_both(tx, [mark for link in mine for mark in reread(link)])
    return bool(found)
