"""A request and an answer, free of any server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass(slots=True, frozen=True)
class Call:
    """One request. `headers` has lower-case names; `query` the last value of each name."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""


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


class Dropped(Exception):
    """The connection was closed without an (entire) answer; what had been sent is in `reply`."""

    def __init__(self, reply: Reply) -> None:
        super().__init__("the connection was closed")
        self.reply = reply
