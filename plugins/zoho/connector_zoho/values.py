"""Values, ids and versions, between the vendor's JSON and what lenses and the engine read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from connector.errors import RetryableError

TYPES: Final[Mapping[str, str]] = {
    "bigint": "text",  # it travels as a string of digits
    "boolean": "flag",
    "currency": "decimal",
    "date": "date",
    "datetime": "datetime",
    "double": "decimal",
    "email": "email",
    "integer": "integer",
    "lookup": "reference",
    "multiselectpicklist": "tags",
    "percent": "decimal",
    "phone": "phone",
    "picklist": "choice",
    "text": "text",
    "textarea": "text",
    "website": "text",
}
"""`data_type` to the lens's word; anything else is "other"."""
_ID: Final = re.compile(r"[0-9]{1,20}")


def moment(at: datetime) -> str:
    """Write a time in the vendor's form: whole seconds, UTC, with its offset.

    >>> moment(datetime(2026, 1, 31, 2, 0, 0, 999, tzinfo=UTC))
    '2026-01-31T02:00:00+00:00'
    """
    return at.astimezone(UTC).replace(microsecond=0).isoformat()


def version(told: object) -> tuple[str, datetime]:
    """Read the vendor's time of change: our version (UTC, fixed length) and the same as a time.

    Raises: RetryableError.

    >>> version("2026-01-31T10:00:00+08:00")[0]
    '2026-01-31T02:00:00+00:00'
    """
    try:
        at = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise RetryableError("A record came without a readable time of change.")
    at = at.astimezone(UTC)
    return moment(at), at


def changed(row: Mapping[str, Any]) -> tuple[str, datetime]:
    """When a row was changed last, as `version` reads it."""
    return version(row.get("Modified_Time"))


def read_id(told: object) -> str | None:
    """Read a record's id: text, as its 19 digits do not fit a float; None for whatever is none.

    >>> read_id(4150000000002175001), read_id("41"), read_id("4.1"), read_id(True)
    ('4150000000002175001', '41', None, None)
    """
    text = str(told) if isinstance(told, int) and not isinstance(told, bool) else told
    return text if isinstance(text, str) and _ID.fullmatch(text) else None


def checked(row: Any) -> dict[str, Any]:
    """Take a row whose id is an id. Raises: RetryableError."""
    told = read_id(row.get("id")) if isinstance(row, dict) else None
    if told is None:
        raise RetryableError("A record came without a readable id.")
    return {**row, "id": told}


def plain(value: Any) -> Any:
    """Make one form of what differs by the way of reading: lookups come with a name, or without.

    >>> plain({"id": "41", "name": "Lin"}), plain("Lin")
    ({'id': '41'}, 'Lin')
    """
    if isinstance(value, Mapping) and "id" in value:
        return {"id": value["id"]}
    return value
