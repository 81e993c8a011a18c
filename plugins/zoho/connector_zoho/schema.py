"""A module's fields and rights, from the vendor's metadata into the words of the contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from connector.errors import InvalidError, LoginRefusedError, SchemaDriftError
from connector.plugin import FieldInfo, Schema
from connector_zoho import facts, nested, queries
from connector_zoho.client import Client
from connector_zoho.values import TYPES

_WITH_LENGTH: Final = frozenset({"text", "textarea", "email", "phone", "website", "bigint"})
_COMPUTED: Final = frozenset({"autonumber", "formula", "rollup_summary"})


def describe(client: Client, module: str) -> Schema:
    """Read a module's metadata: two calls, and one for its layouts. Raises: SchemaDriftError."""
    params = {"module": queries.name(module)}
    rights = _one(client.read("describe", f"{facts.MODULES_PATH}/{module}").body, "modules")
    told = client.read("describe", facts.FIELDS_PATH, params).body.get("fields")
    if not isinstance(told, list):
        raise SchemaDriftError(f"The vendor shows no fields of the module {module}.")
    mandatory = _mandatory(client, params)
    fields = {info.name: info for one in _dicts(told) for info in _infos(one, mandatory)}
    return Schema(
        object=module,
        fields=fields,
        can_read=rights.get("viewable") is not False and rights.get("api_supported") is not False,
        can_create=rights.get("creatable") is not False,
        can_update=rights.get("editable") is not False,
        can_remove=rights.get("deletable") is not False,
    )


def _one(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = body.get(key)
    if isinstance(found, list) and found and isinstance(found[0], Mapping):
        return found[0]
    return {}


def _mandatory(client: Client, params: Mapping[str, str]) -> frozenset[str]:
    """Names that some layout demands. A login may lack the right to see layouts: then none."""
    try:
        body = client.read("layouts", facts.LAYOUTS_PATH, params).body
    except (LoginRefusedError, InvalidError):
        return frozenset()
    return frozenset(
        str(field.get("api_name"))
        for layout in _dicts(body.get("layouts"))
        for section in _dicts(layout.get("sections"))
        for field in _dicts(section.get("fields"))
        if field.get("required") is True
    )


def _dicts(told: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(told, list):
        yield from (one for one in told if isinstance(one, Mapping))


def _infos(told: Mapping[str, Any], mandatory: frozenset[str]) -> Iterator[FieldInfo]:
    """A field, and the parts of it that a mapping may name."""
    info = _field(told, mandatory)
    if info is not None:
        yield info
        if told.get("data_type") == facts.CONSENT_TYPE:
            yield from nested.infos(info)


def _field(told: Mapping[str, Any], mandatory: frozenset[str]) -> FieldInfo | None:
    name, kind = told.get("api_name"), told.get("data_type")
    if not isinstance(name, str) or not isinstance(kind, str):
        return None
    operations = told.get("operation_type")
    allowed = operations if isinstance(operations, Mapping) else {}
    length, decimals = told.get("length"), told.get("decimal_place")
    return FieldInfo(
        name=name,
        type=TYPES.get(kind, "other"),
        label=str(told.get("display_label") or told.get("field_label") or ""),
        max_length=length if kind in _WITH_LENGTH and isinstance(length, int) else None,
        decimals=decimals if isinstance(decimals, int) else None,
        required=told.get("system_mandatory") is True or name in mandatory,
        readable=_readable(told),
        writable=not (
            told.get("read_only") is True
            or told.get("field_read_only") is True
            or allowed.get("api_update") is False
            or kind in _COMPUTED
        ),
        unique=bool(told.get("unique")),
        external=bool(told.get("external")),
        options=_options(told, kind),
        target=_target(told),
    )


def _readable(told: Mapping[str, Any]) -> bool:
    """Say whether a null in an answer means an empty field: restricted ones always read as null."""
    for key in ("private", "hipaa_compliance"):
        limits = told.get(key)
        if isinstance(limits, Mapping) and limits.get("restricted") is True:
            return False
    return told.get("visible") is not False


def _options(told: Mapping[str, Any], kind: str) -> tuple[str, ...] | None:
    if kind not in ("picklist", "multiselectpicklist"):
        return None
    return tuple(
        str(one["actual_value"])
        for one in _dicts(told.get("pick_list_values"))
        if one.get("actual_value") is not None and one.get("type") != "unused"
    )


def _target(told: Mapping[str, Any]) -> str | None:
    lookup = told.get("lookup")
    module = lookup.get("module") if isinstance(lookup, Mapping) else None
    name = module.get("api_name") if isinstance(module, Mapping) else None
    return name if isinstance(name, str) else None
