"""Rows as the vendor tells them: absent nulls, companions, persons in the caller's style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connector.sandbox.views import State
from connector_fxiaoke.sandbox.model import Organisation
from connector_fxiaoke.sandbox.objects import Table, row_id, row_number
from connector_fxiaoke.sandbox.organisation import AREA_CODES
from connector_fxiaoke.sandbox.refusals import Json
from connector_fxiaoke.sandbox.schema import AREAS, NUMBERS, REFERENCES, Field


@dataclass(slots=True, frozen=True, kw_only=True)
class Shape:
    """How one caller wants rows told."""

    nulls: bool = False
    """Empty fields are there, as null."""
    open_ids: bool = False
    """Persons are told as FSUID."""
    only: Sequence[str] | None = None
    """The fields asked for; None: all."""
    projection: str = "strict"
    """How strictly `only` is kept; see the switch of this name."""
    numbers: str = "string"
    """How numbers are told; see the switch `numbers_as`."""


def record(org: Organisation, table: Table, state: State, shape: Shape) -> Json:
    """One row as `get` and the lists tell it."""
    form = shape.projection if shape.only is not None else "ignored"
    asked = ["_id", *(shape.only or ())]
    if form == "strict":
        return _plain(org, table, state, shape, [name for name in asked if name in table.fields])
    told = _plain(org, table, state, shape, list(table.fields))
    companions = _companions(org, table, told, state)
    if form == "with_companions":
        return {name: told[name] for name in asked if name in told} | companions
    return told | _internals(table) | companions


def _internals(table: Table) -> Json:
    return {
        "object_describe_api_name": table.name,
        "tenant_id": "790000",
        "package": "CRM",
        "origin_source": "0",
        "owner_department": "门店",
        "owner_department_id": "1001",
    }


def _plain(
    org: Organisation, table: Table, state: State, shape: Shape, names: Sequence[str]
) -> Json:
    told: Json = {}
    for name in names:
        field = table.fields[name]
        value = _system(org, state, name) if field.system else state.values.get(name)
        if value is not None:
            told[name] = _outside(org, field, value, shape)
        elif shape.nulls:
            told[name] = None
    return told


def _system(org: Organisation, state: State, name: str) -> Any:
    values = state.values
    match name:
        case "_id":
            return row_id(state.number)
        case "create_time":
            return state.created
        case "last_modified_time":
            return state.modified
        case "version":
            return str(values["version"])
        case "is_deleted":
            gone = values["life_status"] == "invalid"
            return gone and org.switches["invalid_is_deleted"] == "yes"
        case "data_own_department":
            return ["1001"]
        case "relevant_team":
            return [{"teamMemberEmployee": values.get("owner") or [], "teamMemberRole": "1"}]
    return values.get(name)


def _outside(org: Organisation, field: Field, value: Any, shape: Shape) -> Any:
    if field.type in NUMBERS and field.name != "version" and shape.numbers == "number":
        exact = Decimal(str(value))
        return int(exact) if exact == exact.to_integral_value() else float(exact)
    if shape.open_ids and field.type.startswith("employee"):
        return [org.employees.get(one, {"open_id": one})["open_id"] for one in value]
    return value


def _companions(org: Organisation, table: Table, told: Json, state: State) -> Json:
    """The keys that come along with a field; those of persons carry employees' contact data."""
    made: Json = {}
    for name, value in list(told.items()):
        field = table.fields.get(name)
        if field is None or value is None:
            continue
        if field.type.startswith("employee"):
            people = [
                {key: org.employees[one][key] for key in ("id", "name", "phone", "email")}
                for one in state.values.get(name) or ()
                if one in org.employees
            ]
            made[f"{name}__l"] = people
            if people:
                made[f"{name}__r"] = people[0]
        elif field.type in REFERENCES:
            target, number = org.tables.get(field.target or ""), row_number(value)
            if target is not None and number in target.rows:
                made[f"{name}__r"] = target.rows[number].values.get("name")
                made[f"{name}__relation_ids"] = value
        elif field.type in AREAS and org.switches["areas"] == "codes":
            made[f"{name}__r"] = AREA_CODES[field.type].get(value)
        elif field.type == "phone_number":
            made[f"{name}__p"] = "浙江杭州"
        elif field.type == "select_one" and field.options and "other" in field.options:
            made[f"{name}__o"] = ""
    return made
