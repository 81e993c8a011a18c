"""What a request's query and body say."""

from __future__ import annotations

import orjson

from connector.sandbox.calls import Call
from connector_zoho.sandbox.refusals import bad_pattern


def positive(call: Call, name: str, default: int, most: int | None = None) -> int:
    """Read a positive number from the query. Raises RefusedCall PATTERN_NOT_MATCHED."""
    told = call.query.get(name)
    if told is None:
        return default
    if not (told.isascii() and told.isdigit() and len(told) < 10) or int(told) < 1:
        raise bad_pattern(name)
    if most is not None and int(told) > most:
        raise bad_pattern(name)
    return int(told)


def batch_size(body: bytes) -> int:
    """Count the records of a writing call's body; 0 if it is unreadable."""
    try:
        data = orjson.loads(body).get("data")
    except (orjson.JSONDecodeError, AttributeError):
        return 0
    return len(data) if isinstance(data, list) else 0


def ids_of(body: bytes) -> list[str]:
    """Read `{"ids": [...]}`; empty if the body is anything else."""
    try:
        ids = orjson.loads(body).get("ids")
    except (orjson.JSONDecodeError, AttributeError):
        return []
    return [str(one) for one in ids] if isinstance(ids, list) else []
