"""Making custom fields by the vendor's API. README: Making fields.

A field's API name is the vendor's to give: it is asked for by the label, and looked at afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from connector.account import Made, MissingField
from connector.errors import RetryableError, UnknownOutcomeError
from connector.plugin import FieldInfo
from connector_zoho import facts, queries
from connector_zoho.client import Client
from connector_zoho.envelope import Answer, code_of

_PLAIN: Final[Mapping[str, str]] = {
    "email": "email",
    "phone": "phone",
    "date": "date",
    "datetime": "datetime",
    "integer": "integer",
    "flag": "boolean",
}
"""A lens's word to the data type that needs nothing more."""
_UNIQUE = "tick *Do not allow duplicate values* 勾选不允许重复值"
_EXTERNAL = "choose *Set as external field* for the organisation 设为外部字段（组织级）"


def label_of(name: str) -> str:
    """The label that the vendor makes this API name of.

    >>> label_of("Connector_Key")
    'Connector Key'
    """
    return name.replace("_", " ")


def by_hand(wanted: MissingField) -> str:
    """Why a person has to make this field; empty if the API can."""
    if len(wanted.name) > facts.FIELD_LABEL or not wanted.name.isascii():
        return f"a label for the API takes {facts.FIELD_LABEL} signs"
    if wanted.type == "tags":
        return "the options of a multi-select are the shop's own tags"
    if wanted.type == "choice":
        if len(wanted.options) > facts.FIELD_OPTIONS:
            return f"the API makes pick lists of {facts.FIELD_OPTIONS} options at most"
        if any(len(one.value) > facts.FIELD_LABEL for one in wanted.options):
            return f"an option for the API takes {facts.FIELD_LABEL} signs"
    if wanted.type == "reference" and wanted.target is None:
        return "nobody says which module it points to"
    return "" if _type_of(wanted) is not None else "the API makes no field of this type"


def _type_of(wanted: MissingField) -> dict[str, Any] | None:
    """What the request says of the type; None if there is none."""
    plain = _PLAIN.get(wanted.type)
    if plain is not None:
        return {"data_type": plain}
    match wanted.type:
        case "text":
            return _text(wanted.max_length or facts.TEXT_LENGTH)
        case "decimal":
            return {"data_type": "double", "decimal_place": wanted.decimals or 2}
        case "choice":
            values = [one.value for one in wanted.options]
            listed = [{"display_value": one, "actual_value": one} for one in values]
            return {"data_type": "picklist", "pick_list_values": listed}
        case "reference":
            label = label_of(wanted.object)[: facts.FIELD_LABEL]
            lookup = {"module": {"api_name": wanted.target}, "display_label": label}
            return {"data_type": "lookup", "lookup": lookup}
    return None


def _text(length: int) -> dict[str, Any]:
    if length <= facts.TEXT_LENGTH:
        return {"data_type": "text", "length": length}
    size = next(
        (word for word in ("small", "large") if length <= facts.TEXTAREA_LENGTH[word]), "large"
    )
    return {"data_type": "textarea", "textarea": {"type": size}}


def body_of(wanted: MissingField) -> dict[str, Any]:
    """The field as the request describes it."""
    body: dict[str, Any] = {"field_label": label_of(wanted.name), **(_type_of(wanted) or {})}
    if wanted.unique:
        # What is external is unique by that; both are said, and both are looked at afterwards.
        body |= {"unique": {"case_sensitive": True}, "external": {"type": "org", "show": True}}
    return body


def make(client: Client, wanted: MissingField) -> Made:
    """See `SetsUp.make_field`."""
    assert not by_hand(wanted), "the caller asked first"
    before = _look(client, wanted.object)
    if wanted.name in before:
        return Made(state="there", text="It is there already.")
    namesake = _labelled(before, label_of(wanted.name))
    if namesake is not None:
        return _misnamed(wanted, namesake)
    sent = {"fields": [body_of(wanted)]}
    params = {"module": queries.name(wanted.object)}
    sure = True
    try:
        _accept(
            client,
            client.write("make_field", "POST", facts.FIELDS_PATH, params=params, body=sent, cost=1),
        )
    except UnknownOutcomeError:
        sure = False  # what became of it, the look tells
    return _made(wanted, _look(client, wanted.object), sure=sure)


def _accept(client: Client, answer: Answer) -> None:
    """Raises: the error that a refusal is."""
    told = answer.body.get("fields")
    first = told[0] if isinstance(told, list) and told and isinstance(told[0], Mapping) else {}
    code = answer.refusal or code_of(first)
    if code != facts.SUCCESS:
        raise client.error("make_field", code or "", answer.status)


def _made(wanted: MissingField, after: Mapping[str, Mapping[str, Any]], *, sure: bool) -> Made:
    there = after.get(wanted.name)
    if there is None:
        namesake = _labelled(after, label_of(wanted.name))
        if namesake is not None:
            return _misnamed(wanted, namesake)
        raise RetryableError(
            "The field was made and does not show yet."
            if sure
            else "Whether the field was made is not known.",
            plugin="zoho",
            operation="make_field",
        )
    advice = key_advice(bool(there.get("unique")), bool(there.get("external")))
    if wanted.unique and advice:
        return Made(
            state="by_hand", text="It was made, and is not all that it must be.", click=advice
        )
    return Made(state="made", text="It was made.")


def _misnamed(wanted: MissingField, name: str) -> Made:
    return Made(
        state="by_hand",
        text=f"A field of this label has the API name {name}.",
        click=f"Setup > Developer Hub > APIs > API names 在 API 名称页: rename it to {wanted.name},"
        " or name it so in the mapping.",
    )


def key_advice(unique: bool, external: bool) -> str:
    """What to set in the console for our key's field; empty if all is well."""
    lacking = [words for words, has in ((_UNIQUE, unique), (_EXTERNAL, external)) if not has]
    return f"Setup > Modules and Fields 模块和字段: {'; '.join(lacking)}." if lacking else ""


def advice_for(key: FieldInfo) -> str:
    """As `key_advice`, of a field that is there."""
    return key_advice(key.unique, key.external)


def _look(client: Client, module: str) -> dict[str, Mapping[str, Any]]:
    """The fields that are there now, by API name."""
    params = {"module": queries.name(module)}
    told = client.read("fields", facts.FIELDS_PATH, params).body.get("fields")
    rows = told if isinstance(told, list) else []
    return {str(one.get("api_name")): one for one in rows if isinstance(one, Mapping)}


def _labelled(fields: Mapping[str, Mapping[str, Any]], label: str) -> str | None:
    """The API name of the field with this label, however it is written."""
    for name, one in fields.items():
        if str(one.get("field_label") or "").casefold() == label.casefold():
            return name
    return None
