"""The arithmetic of a rate limit that many processes share (GCRA); the row itself is the store's.

One number is kept, the theoretical arrival time: when the budget would be whole again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from connector.errors import SettingsError

_FORM: Final = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,6})s")
_BURST_SHARE: Final = 20
"""One unit in so many may be taken at once; the rest comes evenly, and is 95 % in the long run."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `units` in any window of `per_s` seconds."""

    units: int
    per_s: int

    @property
    def burst(self) -> int:
        """Units an idle budget gives at once."""
        return max(1, self.units // _BURST_SHARE)

    @property
    def step_us(self) -> int:
        """Microseconds in which one unit comes back.

        Burst and steady flow together stay within `units` in every window, wherever it begins: a
        budget that allowed `units` at once would allow nearly twice as many across two windows.
        """
        steady = max(1, self.units - self.burst)
        return -(-self.per_s * 1_000_000 // steady)


def parse_rate(text: str) -> Rate:
    """Read "N/SECONDSs". Raises: SettingsError.

    >>> parse_rate("80/20s")
    Rate(units=80, per_s=20)
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise SettingsError('A rate is written like "80/20s": 80 units in 20 seconds.')
    return Rate(int(match[1]), int(match[2]))


def reserve(tat_us: int, now_us: int, cost: int, rate: Rate) -> tuple[int, int]:
    """Take `cost` units: the new arrival time to keep, and how long to wait before using them.

    A caller that will not wait so long keeps the old time and takes nothing.

    >>> rate = Rate(80, 20)
    >>> reserve(0, 1_000_000, 4, rate)
    (2052632, 0)
    >>> reserve(2_052_632, 1_000_000, 1, rate)
    (2315790, 263158)
    """
    new_tat_us = max(tat_us, now_us) + cost * rate.step_us
    return new_tat_us, max(0, new_tat_us - rate.burst * rate.step_us - now_us)


def left(tat_us: int, now_us: int, rate: Rate) -> int:
    """Units that may be taken now without waiting.

    >>> rate = Rate(80, 20)
    >>> left(0, 1_000_000, rate), left(2_052_632, 1_000_000, rate), left(1_263_158, 1_000_000, rate)
    (4, 0, 3)
    """
    taken = -(-max(0, tat_us - now_us) // rate.step_us)
    return max(0, rate.burst - taken)
