"""An organisation's clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any


class Time:
    """A source of epoch seconds, shifted or stopped on demand."""

    def __init__(self, source: Callable[[], float]) -> None:
        self._source = source
        self._offset = 0.0
        self._frozen: float | None = None

    def now(self) -> float:
        """Epoch seconds."""
        return self._frozen if self._frozen is not None else self._source() + self._offset

    def set(self, now: float) -> None:
        """Go on from this moment (stay there, if stopped)."""
        if self._frozen is not None:
            self._frozen = now
        self._offset = now - self._source()

    def freeze(self) -> None:
        self._frozen = self.now()

    def run(self) -> None:
        if self._frozen is not None:
            self._offset = self._frozen - self._source()
            self._frozen = None

    def advance(self, seconds: float) -> None:
        self.set(self.now() + seconds)


def moment(told: Any) -> float:
    """Read a moment, epoch seconds or ISO 8601 with offset, to epoch seconds.

    >>> moment("1970-01-01T08:00:10+08:00")
    10.0
    """
    return datetime.fromisoformat(told).timestamp() if isinstance(told, str) else float(told)
