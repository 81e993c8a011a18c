"""What arrived: calls counted by operation, and the last of them kept whole."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from connector.sandbox.calls import Call

MOST_CALLS: Final = 5_000
MOST_BYTES: Final = 32 * 1024 * 1024


def whole(body: bytes) -> bytes:
    """A body whose vendor puts no secrets into it."""
    return body


class Watch:
    """Counts calls and keeps the last ones; the oldest go when there are too many or too large.

    `redact` takes a body's secrets away, at a vendor that wants them there.
    """

    def __init__(self, redact: Callable[[bytes], bytes] = whole) -> None:
        self.counts: Counter[str] = Counter()
        self._redact = redact
        self._kept: deque[tuple[str, Call, int, float]] = deque()
        self._bytes = 0

    def note(self, call: Call, operation: str, status: int, at: float) -> None:
        """Count and keep one call; `at` in epoch seconds."""
        self.counts[operation] += 1
        self._kept.append((operation, call, status, at))
        self._bytes += len(call.body)
        while len(self._kept) > MOST_CALLS or self._bytes > MOST_BYTES:
            self._bytes -= len(self._kept.popleft()[1].body)

    def told(self, operation: str | None = None) -> list[Mapping[str, Any]]:
        """The kept calls, oldest first: without tokens, and token calls without their secrets."""
        return [
            {
                "operation": kept,
                "method": call.method,
                "path": call.path,
                "query": {} if kept == "token" else dict(call.query),
                "headers": {k: v for k, v in call.headers.items() if k != "authorization"},
                "body": ""
                if kept == "token"
                else self._redact(call.body).decode("utf-8", "replace"),
                "status": status,
                "at": at,
            }
            for kept, call, status, at in self._kept
            if operation in (None, kept)
        ]

    def forget(self) -> None:
        """Drop the kept calls, not the counts."""
        self._kept.clear()
        self._bytes = 0
