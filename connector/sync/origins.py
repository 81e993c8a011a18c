"""Where a value in the shop came from, when a vendor put it there and another one now meets it.

A value that vendor A put into the shop is A's, not the shop's: `newest` compares A's time of it,
and `local` asks whose connection stands first in the settings. The origin travels with the mark
that the settled write leaves for the other connections, and holds as long as the value stands: a
keyed digest beside it tells.
"""

from __future__ import annotations

import datetime as dt
import json

from connector.mapping.translate import Unit
from connector.records import Canonical
from connector.store.staged import Staged
from connector.sync.decision import Origin
from connector.sync.documents import Draft, Own, pack
from connector.sync.scope import Scope


def told(scope: Scope, key: str, draft: Draft, held: Own) -> str | None:
    """What to say of a write that landed in the shop's row `key`, whose base now holds `held`.

    None where nobody will ask: the units of `draft.edited` alone can be judged by their origin.
    """
    if not draft.edited:
        return None
    shown = scope.pair.read_local(held)
    found = {
        unit.name: [scope.connection, draft.edited[unit.name], _mark(scope, key, unit, shown)]
        for unit in scope.pair.units
        if unit.name in draft.edited
    }
    return json.dumps(found)


def standing(scope: Scope, row: Staged, shown: Canonical) -> dict[str, Origin]:
    """The origins told with a mark whose values the row still holds; by unit."""
    if row.origin is None or not row.origin.startswith("{"):
        return {}
    units = {unit.name: unit for unit in scope.pair.units}
    found = {}
    for name, (connection, at, mark) in json.loads(row.origin).items():
        known = name in units and connection in scope.order
        if known and mark == _mark(scope, row.record, units[name], shown):
            first = scope.order.index(connection) < scope.order.index(scope.connection)
            found[name] = Origin(dt.datetime.fromisoformat(at) if at else None, first)
    return found


def _mark(scope: Scope, key: str, unit: Unit, shown: Canonical) -> str:
    """A keyed digest of a unit's values in a row, the same for every connection of the kind."""
    values = {name: shown[name] for name in unit.fields if name in shown}
    name = f"origin/{unit.name}"
    return scope.ports.vault.digest(scope.kind, key, name, pack(values)).hex()
