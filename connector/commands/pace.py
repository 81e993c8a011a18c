"""Progress of a migration on stderr: how fast it goes and how long it still takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from connector.commands import output
from connector.commands.progress import ProgressLines

_EVERY_S = 10.0


class PaceLines(ProgressLines):
    """`ProgressLines` that also say the rate and the remaining time of writing.

    `totals`: by (connection, kind), the writes still to come when the run began.
    """

    def __init__(self, check: Callable[[], None], totals: Mapping[tuple[str, str], int]) -> None:
        super().__init__(check)
        self._totals = totals
        self._began: dict[tuple[str, str], float] = {}
        self._said: dict[tuple[str, str], float] = {}

    def __call__(self, connection: str, kind: str, phase: str, count: int) -> None:
        super().__call__(connection, kind, phase, count)
        here, now = (connection, str(kind)), time.monotonic()
        if phase != "written" or here not in self._totals:
            return
        began = self._began.setdefault(here, now)
        if self._live is None and now - self._said.setdefault(here, now) < _EVERY_S:
            return
        self._said[here] = now
        line = f"{connection}/{kind}: {paced(count, self._totals[here], now - began)}"
        if self._live is None:
            output.say(line)
        else:
            self._lines[here] = line
            self._live.update(self._text())


def paced(count: int, total: int, seconds: float) -> str:
    """How a job stands.

    >>> paced(500, 2000, 10.0)
    '500 of 2000 written, 50/s, about 30 s left'
    >>> paced(500, 200_000, 10.0)
    '500 of 200000 written, 50/s, about 66 min left'
    >>> paced(0, 10, 0.0)
    '0 of 10 written'
    """
    said = f"{count} of {max(total, count)} written"
    if seconds < 1 or not count:
        return said
    rate = count / seconds
    left_s = max(0, total - count) / rate
    left = f"{left_s:.0f} s" if left_s < 120 else f"{left_s / 60:.0f} min"
    return f"{said}, {rate:.0f}/s, about {left} left"
