"""Organisation, user, modules, fields, layouts. README: Metadata, Organisation."""

from __future__ import annotations

from connector.sandbox.calls import Call
from connector_zoho.sandbox.auth import Grant
from connector_zoho.sandbox.model import Organisation
from connector_zoho.sandbox.objects import Module
from connector_zoho.sandbox.refusals import Json, RefusedCall

Answer = tuple[int, Json | None]


def org(organisation: Organisation) -> Answer:
    """Answer who this organisation is."""
    return 200, {
        "org": [
            {
                "id": organisation.zgid + "000",
                "zgid": organisation.zgid,
                "company_name": "Example Shop",
                "time_zone": organisation.zone_name,
                "iso_code": "CNY",
                "currency": "China Yuan Renminbi - CNY",
                "currency_symbol": "¥",
                "privacy_settings": False,
                "mc_status": False,
                "license_details": {"paid": True, "paid_type": "enterprise", "trial_type": None},
            }
        ]
    }


def users(organisation: Organisation, call: Call, grant: Grant) -> Answer:
    """Answer users: the token's own with `type=CurrentUser`, else all."""
    wanted = call.query.get("type", "AllUsers")
    if wanted not in ("CurrentUser", "AllUsers", "ActiveUsers"):
        raise RefusedCall("INVALID_DATA", "invalid data", {"param_name": "type"})
    chosen = [grant.user] if wanted == "CurrentUser" else list(organisation.users.values())
    shown = [
        {
            "id": user["id"],
            "full_name": user["name"],
            "email": user["email"],
            "time_zone": organisation.zone_name,
            "status": "active",
            "role": {"name": "CEO", "id": "4150000000000026005"},
            "profile": {"name": "Administrator", "id": "4150000000000026011"},
        }
        for user in chosen
    ]
    count = len(shown)
    return 200, {
        "users": shown,
        "info": {"per_page": 200, "count": count, "page": 1, "more_records": False},
    }


def modules(organisation: Organisation, name: str | None) -> Answer:
    """Answer all modules, or one."""
    if name is None:
        return 200, {"modules": [module.meta for module in organisation.modules.values()]}
    return 200, {"modules": [organisation.module(name).meta]}


def fields(module: Module) -> Answer:
    """Answer a module's fields."""
    return 200, {"fields": [field.meta for field in module.fields.values()]}


def layouts(module: Module) -> Answer:
    """Answer a module's layout: here live the layout's mandatory flags and its options."""
    shown = [
        {
            "id": field.meta["id"],
            "api_name": field.name,
            "data_type": field.type,
            "required": field.mandatory,
            "read_only": field.read_only,
            "visible": field.meta["visible"],
            "length": field.length,
            "pick_list_values": field.meta["pick_list_values"],
        }
        for field in module.fields.values()
    ]
    section = {"display_label": "Information", "api_name": "Information", "fields": shown}
    return 200, {
        "layouts": [
            {
                "id": module.meta["id"] + "01",
                "name": "Standard",
                "status": "active",
                "visible": True,
                "sections": [section],
            }
        ]
    }


def module_of(organisation: Organisation, call: Call) -> Module:
    """The module that `module=` names. Raises RefusedCall."""
    name = call.query.get("module")
    if not name:
        raise RefusedCall(
            "REQUIRED_PARAM_MISSING",
            "One of the expected parameter is missing",
            {"param_name": "module"},
        )
    return organisation.module(name)
