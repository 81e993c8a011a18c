"""Objects, describe, areas."""

from __future__ import annotations

from connector_fxiaoke.sandbox.model import Organisation
from connector_fxiaoke.sandbox.organisation import AREA_CODES
from connector_fxiaoke.sandbox.refusals import Json, RefusedRecord, null_pointer


def objects(org: Organisation) -> Json:
    """Answer which objects there are."""
    listed = [
        {
            "describeApiName": table.name,
            "describeDisplayName": table.label,
            "defineType": "custom" if table.custom else "package",
            "isActive": True,
        }
        for table in org.tables.values()
    ]
    return {"data": {"objects": listed}}


def described_name(org: Organisation, body: Json) -> str:
    """The object that a describe asks for; where it stands is a switch. Raises RefusedRecord."""
    place, data = org.switches["describe_param"], body.get("data")
    inner = data.get("apiName") if isinstance(data, dict) else None
    told = {"data": inner, "top": body.get("apiName")}.get(place, inner or body.get("apiName"))
    if not isinstance(told, str):
        raise null_pointer()
    return told


def describe(org: Organisation, body: Json) -> Json:
    """Answer an object's fields."""
    name = described_name(org, body)
    table = org.tables.get(name)
    if table is None:
        raise RefusedRecord(f"对象[{name}]不存在")
    fields = {
        field.name: field.described(table.name, org.switches) for field in table.fields.values()
    }
    told: Json = {
        "api_name": table.name,
        "display_name": table.label,
        "define_type": "custom" if table.custom else "package",
        "is_active": True,
        "tenant_id": "790000",
        "fields": fields,
    }
    return {"data": {"describe": told}}


def user_by_mobile(org: Organisation, mobile: object) -> Json:
    """Answer the employees with a phone number: one or none."""
    return {
        "empList": [
            {"openUserId": one["open_id"], "name": one["name"], "mobile": one["phone"]}
            for one in org.employees.values()
            if one["phone"] == mobile
        ]
    }


def areas() -> Json:
    """Answer the codes of countries, provinces, cities and districts, at the top level."""
    return {
        "countryAreaOptions": {
            kind: {"options": [{"label": label, "value": code} for code, label in codes.items()]}
            for kind, codes in AREA_CODES.items()
        }
    }
