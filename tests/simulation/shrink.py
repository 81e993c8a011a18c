"""The shortest story that still goes wrong: steps are left out as long as it does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def shortest(steps: Sequence[T], fails: Callable[[Sequence[T]], bool], tries: int = 80) -> list[T]:
    """Leave out ever smaller runs of steps while `fails` says that it still goes wrong.

    `steps` go wrong as they are; `fails` is asked at most `tries` times.

    >>> shortest(range(20), lambda some: {3, 11} <= set(some))
    [3, 11]
    """
    kept, size = list(steps), max(1, len(steps) // 2)
    while True:
        place, shorter = 0, False
        while place < len(kept):
            if tries == 0:
                return kept
            tries -= 1
            fewer = kept[:place] + kept[place + size :]
            if fails(fewer):
                kept, shorter = fewer, True
            else:
                place += size
        if size == 1 and not shorter:
            return kept
        size = max(1, size // 2)
