"""Reading an answer: a JSON object, or none; and the vendor's own clock."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from connector.plugin import Response


def json_object(body: bytes) -> dict[str, Any] | None:
    """The object that a body holds; None if it is no JSON, or JSON of another kind.

    >>> json_object(b'{"a": 1}'), json_object(b"<html>"), json_object(b"[]")
    ({'a': 1}, None, None)
    """
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return told if isinstance(told, dict) else None


def answered_at(response: Response) -> datetime | None:
    """The vendor's clock when it answered, in UTC, from the `Date` header; None if unreadable."""
    told = response.headers.get("date")
    if told is None:
        return None
    try:
        at = parsedate_to_datetime(told)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
