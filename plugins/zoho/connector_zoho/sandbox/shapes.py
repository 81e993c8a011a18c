"""How a stored record is shown: in lists and by id with names, in queries with ids alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connector.sandbox.views import State
from connector_zoho.sandbox.model import Organisation
from connector_zoho.sandbox.objects import Module
from connector_zoho.sandbox.refusals import Json
from connector_zoho.sandbox.values import parse_id


def link(org: Organisation, target: str | None, ref: Any) -> Json | None:
    """Show a lookup: the record's id and its present name; nothing if that record is gone."""
    module = org.modules.get(target or "")
    number = parse_id(ref)
    if module is None or number is None or number not in module.live:
        return None
    return {"name": module.title(module.live[number]), "id": ref}


def rows(
    org: Organisation, module: Module, states: Sequence[State], names: Sequence[str]
) -> list[Json]:
    """Show records with the fields named; an empty field is None."""
    shown = []
    lookups = [
        (name, module.fields[name].target) for name in names if module.fields[name].type == "lookup"
    ]
    wanted = ["id", *[name for name in names if name != "id"]]
    for state in states:
        values = state.values
        row = {name: values.get(name) for name in wanted}
        for name, target in lookups:
            if row[name] is not None:
                row[name] = link(org, target, row[name])
        shown.append(row)
    return shown


def whole(org: Organisation, module: Module, state: State) -> Json:
    """Show one record as a read by id does: all fields and the vendor's `$` keys."""
    row = rows(org, module, [state], list(module.fields))[0]
    row["Locked__s"] = state.number in module.locked
    row["$approval_state"] = "approved"
    row["$approved"] = True
    row["$editable"] = True
    row["$in_merge"] = False
    row["$has_more"] = {}
    row["$state"] = "save"
    row["$currency_symbol"] = "¥"
    return row
