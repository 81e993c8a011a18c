"""Making custom fields, strict as published. README: Making fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from connector.sandbox.calls import Call
from connector_zoho import facts
from connector_zoho.sandbox.model import Organisation
from connector_zoho.sandbox.objects import Module
from connector_zoho.sandbox.refusals import Json, RefusedCall, RefusedItem, bad_item

Answer = tuple[int, Json | None]

_TYPES: Final = frozenset(
    {
        "address",
        "autonumber",
        "bigint",
        "boolean",
        "currency",
        "date",
        "datetime",
        "double",
        "email",
        "fileupload",
        "formula",
        "imageupload",
        "integer",
        "lookup",
        "multiselectlookup",
        "multiselectpicklist",
        "multiuserlookup",
        "percent",
        "phone",
        "picklist",
        "rollup_summary",
        "text",
        "textarea",
        "userlookup",
        "website",
    }
)
"""Data types that a call may make. Source: OpenAPI fields, August 2026."""

_KNOWN: Final[Mapping[str, type | tuple[type, ...]]] = {
    "field_label": str,
    "data_type": str,
    "length": int,
    "decimal_place": int,
    "textarea": dict,
    "unique": (dict, bool),
    "external": dict,
    "pick_list_values": list,
    "lookup": dict,
    "filterable": bool,
    "tooltip": dict,
    "profiles": list,
}
"""Keys of a new field that this stand-in takes, with the types of their values."""
_INNER: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    "textarea": (frozenset({"type"}), frozenset({"type"})),
    "unique": (frozenset({"case_sensitive"}), frozenset({"case_sensitive"})),
    "external": (frozenset({"type", "show"}), frozenset({"type", "show"})),
    "lookup": (frozenset({"module"}), frozenset({"module", "display_label"})),
}
"""Keys that an inner object must have, and may have."""


def make(org: Organisation, module: Module, call: Call) -> Answer:
    """Make the fields that a call describes; the whole call fails with its first bad field."""
    try:
        told = orjson.loads(call.body)
        wanted = told["fields"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise RefusedCall(
            "MANDATORY_NOT_FOUND",
            "required field not found",
            {"api_name": "fields", "json_path": "$.fields"},
        ) from None
    if not isinstance(wanted, list) or not wanted or not all(isinstance(o, dict) for o in wanted):
        raise RefusedCall(
            "INVALID_DATA", "invalid data", {"api_name": "fields", "json_path": "$.fields"}
        )
    if len(wanted) > facts.FIELDS_AT_ONCE:
        raise RefusedCall("LIMIT_EXCEEDED", "limit exceeded", {"limit": facts.FIELDS_AT_ONCE})
    labels = {str(f.meta["field_label"]).casefold() for f in module.fields.values()}
    try:
        for place, one in enumerate(wanted):
            _check(org, one, f"$.fields[{place}]", labels)
            labels.add(one["field_label"].casefold())
    except RefusedItem as refused:
        return 400, {"fields": [refused.body]}
    made = [_define(org, module, one) for one in wanted]
    return 201, {
        "fields": [
            {
                "code": facts.SUCCESS,
                "details": {"id": field_id},
                "message": "field created",
                "status": "success",
            }
            for field_id in made
        ]
    }


def _check(org: Organisation, one: Json, path: str, labels: set[str]) -> None:
    for name in ("field_label", "data_type"):
        if name not in one:
            details = {"api_name": name, "json_path": f"{path}.{name}"}
            raise RefusedItem("MANDATORY_NOT_FOUND", "required field not found", details)
    for name, value in one.items():
        if name not in _KNOWN or not isinstance(value, _KNOWN[name]):
            raise bad_item(name, f"{path}.{name}")
        if isinstance(value, dict) and name in _INNER:
            needed, allowed = _INNER[name]
            if not needed <= value.keys() <= allowed:
                raise bad_item(name, f"{path}.{name}")
    label, kind = one["field_label"], one["data_type"]
    if not 0 < len(label) <= facts.FIELD_LABEL:
        raise bad_item("field_label", f"{path}.field_label", maximum_length=facts.FIELD_LABEL)
    if kind not in _TYPES:
        raise bad_item("data_type", f"{path}.data_type", supported_values=sorted(_TYPES))
    if label.casefold() in labels:
        details = {"api_name": "field_label", "json_path": f"{path}.field_label"}
        raise RefusedItem("DUPLICATE_DATA", "duplicate data", details)
    _check_type(org, one, path, kind)


def _check_type(org: Organisation, one: Json, path: str, kind: str) -> None:
    if kind == "text" and not 0 < one.get("length", 1) <= facts.TEXT_LENGTH:
        raise bad_item("length", f"{path}.length", maximum_length=facts.TEXT_LENGTH)
    if kind == "textarea" and one.get("textarea", {}).get("type") not in facts.TEXTAREA_LENGTH:
        raise bad_item("textarea", f"{path}.textarea")
    if kind == "double" and not 0 <= one.get("decimal_place", 2) <= 9:
        raise bad_item("decimal_place", f"{path}.decimal_place")
    if kind == "picklist":
        values = one.get("pick_list_values") or []
        good = all(
            isinstance(v, dict) and {"display_value", "actual_value"} <= v.keys() for v in values
        )
        short = good and all(len(v["actual_value"]) <= facts.FIELD_LABEL for v in values)
        if not short or not 0 < len(values) <= facts.FIELD_OPTIONS:
            raise bad_item("pick_list_values", f"{path}.pick_list_values")
    if kind == "lookup":
        aimed = (one.get("lookup") or {}).get("module") or {}
        if aimed.get("api_name") not in org.modules:
            raise bad_item("lookup", f"{path}.lookup")
    if ("unique" in one or "external" in one) and kind not in ("text", "email", "phone", "integer"):
        raise bad_item("unique", f"{path}.unique")


def _define(org: Organisation, module: Module, one: Json) -> str:
    name = re.sub(r"\W+", "_", one["field_label"]).strip("_")
    if org.switches["field_names"] == "numbered":
        name += "1"
    given: dict[str, Any] = {
        key: value
        for key, value in one.items()
        if key not in ("unique", "external", "tooltip", "profiles")
    }
    if org.switches["field_keys"] == "kept":
        unique = one.get("unique")
        if unique:
            told = unique["case_sensitive"] if isinstance(unique, dict) else False
            given["unique"] = {"casesensitive": "true" if told else "false"}
        given["external"] = one.get("external")
    made = {**given, "api_name": name, "custom_field": True, "display_label": one["field_label"]}
    org.define_field(module, made)
    return str(module.fields[name].meta["id"])
