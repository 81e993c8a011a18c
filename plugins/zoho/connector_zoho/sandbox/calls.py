"""A request and an answer, free of any server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from connector_zoho.sandbox.refusals import bad_pattern


@dataclass(slots=True, frozen=True)
class Call:
    """One request. `headers` has lower-case names; `query` the last value of each name."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""

    def number(self, name: str, default: int, most: int | None = None) -> int:
        """Read a positive number from the query. Raises RefusedCall PATTERN_NOT_MATCHED."""
        told = self.query.get(name)
        if told is None:
            return default
        if not (told.isascii() and told.isdigit() and len(told) < 10) or int(told) < 1:
            raise bad_pattern(name)
        if most is not None and int(told) > most:
            raise bad_pattern(name)
        return int(told)


@dataclass(slots=True)
class Reply:
    """One answer. `drop` closes the connection: before anything is sent, or after `cut` bytes."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    drop: bool = False
    cut: int | None = None
    heavy: bool = False
    """While this answer waits, it counts as a heavy call in flight."""
    late: Callable[[], Reply] | None = None
    """After the delay, this answer is made and takes the place of this one."""

    @classmethod
    def of(cls, status: int, body: Any) -> Reply:
        """An answer in JSON; without a body for None."""
        if body is None:
            return cls(status)
        return cls(status, orjson.dumps(body), {"content-type": "application/json;charset=UTF-8"})


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
