"""Modules and fields of the sandbox's organisation, in the shape of the vendor's metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from connector_zoho import facts
from connector_zoho.sandbox.refusals import Json

JSON_TYPES: Final[Mapping[str, str]] = {
    "bigint": "string",
    "boolean": "boolean",
    "currency": "double",
    "double": "double",
    "integer": "integer",
    "lookup": "jsonobject",
    "consent_lookup": "jsonobject",
    "multiselectpicklist": "jsonarray",
    "ownerlookup": "jsonobject",
    "percent": "double",
    "profileimage": "string",
    "userlookup": "jsonobject",
}
"""Data type to `json_type`, where it is not string."""

LENGTHS: Final[Mapping[str, int]] = {
    "bigint": facts.BIGINT_DIGITS,
    "boolean": 5,
    "currency": facts.DECIMAL_DIGITS,
    "date": 20,
    "datetime": 20,
    "double": facts.DECIMAL_DIGITS,
    "email": 100,
    "integer": facts.INTEGER_DIGITS,
    "lookup": 120,
    "multiselectpicklist": 2000,
    "percent": facts.PERCENT_DIGITS,
    "phone": 30,
    "picklist": 120,
    "text": facts.TEXT_LENGTH,
    "website": 450,
}
"""Data type to `length`, where the definition names none."""

DERIVED: Final = frozenset({"autonumber", "formula", "rollup_summary"})
"""Data types that nobody writes."""


@dataclass(slots=True)
class Field:
    """One field, with what a write needs at hand; `meta` is what the fields call answers."""

    name: str
    type: str
    length: int
    decimals: int
    mandatory: bool
    unique: bool
    case_sensitive: bool
    external: bool
    read_only: bool
    target: str | None
    options: list[str] | None
    meta: Json

    def add_option(self, value: str) -> None:
        """Take a value into the list, as the vendor's API does with unknown ones."""
        assert self.options is not None
        self.options.append(value)
        self.meta["pick_list_values"].append(_option(value, len(self.options), self.meta["id"]))


def _option(value: Any, place: int, field_id: str) -> Json:
    given = value if isinstance(value, dict) else {"actual_value": value, "display_value": value}
    return {
        "display_value": given["actual_value"],
        "reference_value": given["actual_value"],
        "sequence_number": place,
        "type": "used",
        "id": f"{field_id}{place:03d}",
        **given,
    }


def define_field(given: Mapping[str, Any], field_id: str) -> Field:
    """Complete a definition in the shape of the vendor's field metadata; short ones will do.

    `pick_list_values` may be a list of plain strings, `lookup` a module's name, `unique` and
    `external` plain booleans. Raises KeyError without `api_name` or `data_type`.

    >>> f = define_field({"api_name": "Size", "data_type": "text", "unique": True}, "41")
    >>> f.unique, f.length, f.meta["unique"]
    (True, 255, {'casesensitive': 'false'})
    """
    name, kind = str(given["api_name"]), str(given["data_type"])
    meta = _meta(given, name, kind, field_id)
    unique, lookup, options = meta["unique"], meta["lookup"], meta["pick_list_values"]
    listed = kind in ("picklist", "multiselectpicklist")
    return Field(
        name=name,
        type=kind,
        length=int(meta["length"]),
        decimals=meta["decimal_place"] or 0,
        mandatory=bool(meta["system_mandatory"] or meta["required"]),
        unique=bool(unique),
        case_sensitive=unique.get("casesensitive") == "true",
        external=bool(meta["external"]),
        read_only=meta["field_read_only"] or not meta["operation_type"]["api_update"],
        target=lookup["module"]["api_name"] if lookup else None,
        options=[o["actual_value"] for o in options if o["type"] == "used"] if listed else None,
        meta=meta,
    )


def _meta(given: Mapping[str, Any], name: str, kind: str, field_id: str) -> Json:
    """What the fields call answers: what is usual, what is given, what of that is spelled out."""
    decimals = given.get("decimal_place")
    if decimals is None and kind in ("double", "currency", "percent"):
        decimals = 2
    textarea = given.get("textarea") or ({"type": "small"} if kind == "textarea" else None)
    length = given.get("length")
    if length is None:
        length = facts.TEXTAREA_LENGTH[textarea["type"]] if textarea else LENGTHS.get(kind, 255)
    read_only = bool(given.get("field_read_only") or given.get("read_only") or kind in DERIVED)
    rounding = {"rounding_option": "normal", "precision": decimals} if kind == "currency" else {}
    return {
        "id": field_id,
        "field_label": name.replace("_", " "),
        "display_label": name.replace("_", " "),
        "json_type": JSON_TYPES.get(kind, "string"),
        "system_mandatory": False,
        "required": bool(given.get("system_mandatory")),
        "custom_field": False,
        "visible": True,
        "searchable": kind != "textarea",
        "sortable": True,
        "filterable": kind != "textarea",
        "virtual_field": False,
        "default_value": None,
        "crypt": None,
        "private": None,
        "hipaa_compliance": None,
        "formula": {},
        "auto_number": {},
        "currency": rounding,
        "multiselectlookup": {},
        "subform": None,
        **given,
        **_keys(given),
        "length": length,
        "decimal_place": decimals,
        "read_only": bool(given.get("read_only")),
        "field_read_only": read_only,
        "lookup": _lookup(given.get("lookup") or {}, name),
        "textarea": textarea,
        "pick_list_values": [
            _option(value, place, field_id)
            for place, value in enumerate(given.get("pick_list_values") or (), 1)
        ],
        "operation_type": given.get("operation_type")
        or dict.fromkeys(("web_update", "api_create", "web_create", "api_update"), not read_only),
    }


def _keys(given: Mapping[str, Any]) -> Json:
    """Whether no two records share a value; what is external is unique."""
    external = given.get("external") or None
    unique = given.get("unique") or bool(external) or {}
    return {
        "unique": {"casesensitive": "false"} if unique is True else unique,
        "external": {"type": "org", "show": True} if external is True else external,
    }


def _lookup(told: str | Mapping[str, Any], name: str) -> Json:
    if isinstance(told, str):
        return {"module": {"api_name": told}, "api_name": name, "display_label": name}
    return dict(told)


SYSTEM_FIELDS: Final[tuple[Json, ...]] = (
    {"api_name": "id", "data_type": "bigint", "field_read_only": True},
    {"api_name": "Owner", "data_type": "ownerlookup"},
    {"api_name": "Created_By", "data_type": "ownerlookup", "field_read_only": True},
    {"api_name": "Modified_By", "data_type": "ownerlookup", "field_read_only": True},
    {"api_name": "Created_Time", "data_type": "datetime", "field_read_only": True},
    {"api_name": "Modified_Time", "data_type": "datetime", "field_read_only": True},
    {"api_name": "Record_Status__s", "data_type": "text", "field_read_only": True},
    {"api_name": "Locked__s", "data_type": "boolean", "field_read_only": True},
)
"""Fields that every module has."""


def module_meta(name: str, module_id: str, *, custom: bool, given: Mapping[str, Any]) -> Json:
    """Complete a module's metadata."""
    return {
        "id": module_id,
        "api_name": name,
        "module_name": name,
        "singular_label": name.rstrip("s"),
        "plural_label": name,
        "generated_type": "custom" if custom else "default",
        "creatable": True,
        "editable": True,
        "deletable": True,
        "viewable": True,
        "api_supported": True,
        "recycle_bin_on_delete": True,
        "status": "visible",
        **{k: v for k, v in given.items() if k != "fields"},
    }
