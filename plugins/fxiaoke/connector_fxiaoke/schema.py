"""An object's fields, from the vendor's describe into the words of the contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from connector.errors import SchemaDriftError
from connector.plugin import FieldInfo, Schema
from connector_fxiaoke import facts, queries
from connector_fxiaoke.client import Client
from connector_fxiaoke.values import NUMBERS, TYPES

_LENGTHS: Final[Mapping[str, int]] = {
    "text": facts.TEXT_LENGTH,
    "long_text": facts.LONG_TEXT_LENGTH,
    "html_rich_text": facts.RICH_TEXT_LENGTH,
}
"""Where describe tells no length."""
_COMPUTED: Final = frozenset({"auto_number", "formula", "count", "quote"})
_SYSTEM: Final = frozenset(
    {
        "_id",
        "create_time",
        "created_by",
        "is_deleted",
        "last_modified_by",
        "last_modified_time",
        "life_status",
        "lock_status",
        "version",
    }
)
"""Fields that the vendor keeps itself. Others are refused by name where they cannot be written."""


@dataclass(frozen=True, slots=True)
class Described:
    """What describe tells: in the contract's words, and each field's own `type`."""

    schema: Schema
    types: Mapping[str, str]


def describe(client: Client, object_: str) -> Described:
    """Read an object's metadata: one call. Raises: SchemaDriftError if it shows no fields.

    The vendor tells no rights: they count as given, and a refusal is met when it comes.
    """
    answer = client.read("describe", facts.DESCRIBE_PATH, queries.describe(object_))
    told = answer.data.get("describe")
    fields = told.get("fields") if isinstance(told, Mapping) else None
    if not isinstance(fields, Mapping):
        raise SchemaDriftError(f"The vendor shows no fields of the object {object_}.")
    known = {one["api_name"]: one for one in _fields(fields)}
    return Described(
        Schema(object=object_, fields={name: _field(name, one) for name, one in known.items()}),
        {name: one["type"] for name, one in known.items()},
    )


def _fields(told: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for name, one in told.items():
        if not isinstance(one, Mapping) or one.get("is_active") is False:
            continue  # one that was switched off is in no record and takes no value
        if isinstance(one.get("type"), str):
            yield {**one, "api_name": name}


def _field(name: str, told: Mapping[str, Any]) -> FieldInfo:
    type_ = told["type"]
    decimals, length = told.get("decimal_places"), told.get("max_length")
    target = told.get("target_api_name")
    places = decimals if isinstance(decimals, int) and type_ in NUMBERS else None
    return FieldInfo(
        name=name,
        type="integer" if places == 0 else TYPES.get(type_, "other"),
        label=str(told.get("label") or ""),
        max_length=(length if isinstance(length, int) else _LENGTHS[type_])
        if type_ in _LENGTHS
        else None,
        decimals=places,
        required=told.get("is_required") is True,
        writable=type_ not in _COMPUTED and name not in _SYSTEM,
        unique=told.get("is_unique") is True,
        options=_options(told),
        target=target if isinstance(target, str) and target else None,
    )


def _options(told: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The values that are stored, not their labels."""
    if told["type"] not in ("select_one", "select_many"):
        return None
    options = told.get("options")
    return tuple(
        str(one["value"])
        for one in (options if isinstance(options, list) else [])
        if isinstance(one, Mapping) and one.get("value") is not None and not one.get("not_usable")
    )
