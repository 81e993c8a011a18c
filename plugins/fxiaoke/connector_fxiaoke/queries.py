"""Bodies of calls, built from checked names and plain values; filters are all of them true.

Where the object's name stands differs from call to call (facts of the endpoints), and what stands
in the wrong place is ignored in silence: nothing else puts bodies together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from connector.errors import MappingError, UsageError
from connector_fxiaoke import facts

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

Filter = dict[str, Any]


def name(text: str) -> str:
    """Check the API name of an object or field. Raises: MappingError."""
    if not _NAME.fullmatch(text):
        raise MappingError("An object or field in the mapping has no name of the vendor's form.")
    return text


def is_id(text: object) -> bool:
    """Whether something is a record's id, as far as its form tells: ids are opaque."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def record_id(text: object) -> str:
    """Check a record's id. Raises: UsageError."""
    if not isinstance(text, str) or not _ID.fullmatch(text):
        raise UsageError("A record's id does not have the vendor's form.")
    return text


def where(field: str, operator: str, values: Sequence[str]) -> Filter:
    """One condition; its values are always a list of texts.

    >>> where("_id", "GT", ["65f0"])
    {'field_name': '_id', 'operator': 'GT', 'field_values': ['65f0']}
    """
    return {"field_name": name_or_id(field), "operator": operator, "field_values": list(values)}


def name_or_id(field: str) -> str:
    return field if field == "_id" else name(field)


def after_id(last: str) -> list[Filter]:
    """ "Behind this id"; nothing at the beginning."""
    return [where("_id", "GT", [record_id(last)])] if last else []


def since(ms: int | None) -> list[Filter]:
    """ "Changed then or later"; nothing for everything there is."""
    return [] if ms is None else [where("last_modified_time", "GTE", [str(ms)])]


def one_of(field: str, values: Sequence[str]) -> list[Filter]:
    """ "This field has one of these values"."""
    assert 0 < len(values) <= facts.IDS_AT_ONCE, "the caller cuts long lists"
    if len(values) == 1:
        return [where(field, "EQ", values)]
    return [where(field, "IN", values)]


def query(
    object_: str, filters: Sequence[Filter], fields: Sequence[str] | None, limit: int
) -> dict[str, Any]:
    """A page in the order of ids. The place in it is a condition, never an offset.

    Counting all rows is what makes queries slow: it is switched off, where it belongs.
    """
    search = {
        "limit": limit,
        "offset": 0,
        "filters": list(filters),
        "orders": [{"fieldName": "_id", "isAsc": True}],
    }
    if fields is not None:
        search["fieldProjection"] = [name_or_id(field) for field in fields]
    return about(object_, {"find_explicit_total_num": False, "search_query_info": search})


def get(object_: str, ref: str) -> dict[str, Any]:
    return about(object_, {"objectDataId": record_id(ref)})


def describe(object_: str) -> dict[str, Any]:
    """The vendor's page wants the name inside `data`, working clients put it beside: it is in
    both places."""
    wanted = {"apiName": name(object_), "includeDetail": False}
    return {**wanted, "data": wanted}


def create(object_: str, row: Mapping[str, Any], flags: Mapping[str, bool]) -> dict[str, Any]:
    """Flags stand beside `data`; inside it they would be ignored."""
    return {**flags, "data": {"object_data": {**row, "dataObjectApiName": name(object_)}}}


def update(
    object_: str, ref: str, row: Mapping[str, Any], flags: Mapping[str, bool]
) -> dict[str, Any]:
    return create(object_, {**row, "_id": record_id(ref)}, flags)


def invalid(object_: str, ref: str) -> dict[str, Any]:
    return about(object_, {"object_data_id": record_id(ref)})


def by_list(object_: str, ref: str) -> dict[str, Any]:
    """Of a recovery or a deletion: a list, here of one."""
    return about(object_, {"idList": [record_id(ref)]})


def change_owner(object_: str, ref: str, owner: str) -> dict[str, Any]:
    """`Data` with a capital, the owner as a list: the vendor's note, against its own table."""
    return about(object_, {"Data": [{"objectDataId": record_id(ref), "ownerId": [owner]}]})


def about(object_: str, what: Mapping[str, Any]) -> dict[str, Any]:
    return {"data": {"dataObjectApiName": name(object_), **what}}
