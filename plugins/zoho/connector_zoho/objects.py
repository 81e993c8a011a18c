"""The organisation's modules, from the vendor's metadata into the words of the contract."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from connector.account import ObjectInfo
from connector.errors import InvalidError, LoginRefusedError, SchemaDriftError
from connector_zoho import facts, queries
from connector_zoho.client import Client


def listed(client: Client, count: Collection[str]) -> Sequence[ObjectInfo]:
    """The modules that the API serves, with their numbers of records where `count` names them."""
    told = client.read("modules", facts.MODULES_PATH).body.get("modules")
    if not isinstance(told, list):
        raise SchemaDriftError("The vendor shows no modules.")
    return [
        _info(one, _records(client, one["api_name"]) if one["api_name"] in count else None)
        for one in told
        if isinstance(one, Mapping)
        and isinstance(one.get("api_name"), str)
        and one.get("api_supported") is not False
    ]


def _info(told: Mapping[str, Any], records: int | None) -> ObjectInfo:
    return ObjectInfo(
        name=told["api_name"],
        label=str(told.get("plural_label") or ""),
        custom=told.get("generated_type") == "custom",
        can_read=told.get("viewable") is not False,
        can_create=told.get("creatable") is not False,
        can_update=told.get("editable") is not False,
        can_remove=told.get("deletable") is not False,
        records=records,
    )


def _records(client: Client, module: str) -> int | None:
    """How many a module has; None for a login that may not count."""
    path = f"{facts.BASE}/{queries.name(module)}{facts.COUNT}"
    try:
        told = client.read("count", path).body.get("count")
    except (LoginRefusedError, InvalidError):
        return None
    if isinstance(told, str) and told.isascii() and told.isdigit():
        return int(told)
    return told if isinstance(told, int) else None
