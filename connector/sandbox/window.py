"""A vendor's limit on calls, exact: at most so many in any window of so many seconds."""

from __future__ import annotations

from collections import deque

from connector.http.limits import Rate


class Window:
    """The calls of the last seconds. Refused calls are not counted.

    >>> window, rate = Window(), Rate(units=2, per_s=10)
    >>> [window.take(at, rate) for at in (0.0, 6.0, 9.9, 10.0, 15.9, 16.0)]
    [True, True, False, True, False, True]
    """

    def __init__(self) -> None:
        self._taken: deque[float] = deque()

    def take(self, now: float, rate: Rate) -> bool:
        """Count a call at `now` (epoch seconds), or say that it is one too many.

        The rate may be another one at each call; only the calls inside its window count.
        """
        while self._taken and self._taken[0] <= now - rate.per_s:
            self._taken.popleft()
        if len(self._taken) >= rate.units:
            return False
        self._taken.append(now)
        return True
