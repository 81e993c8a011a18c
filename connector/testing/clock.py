"""A clock that stands still until somebody moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class ManualClock:
    """`connector.plugin.Clock` under a test's hand. Sleeping moves it and takes no time."""

    def __init__(self, start: datetime = datetime(2026, 1, 31, 2, 0, tzinfo=UTC)) -> None:
        self._now = start.astimezone(UTC)
        self.slept = timedelta(0)
        """What was slept away altogether."""

    def now(self) -> datetime:
        return self._now

    def sleep(self, seconds: float) -> None:
        self.slept += timedelta(seconds=max(seconds, 0.0))
        self.move(timedelta(seconds=max(seconds, 0.0)))

    def move(self, span: timedelta) -> None:
        """Let time pass; a negative span sets the clock back, as operators do."""
        self._now += span
