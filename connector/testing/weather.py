"""What may happen to one call on its way, for tests that want bad weather."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Literal, TypeAlias


class Trouble(StrEnum):
    """What becomes of one call. Each is answered as the plugin contract says it must be."""

    LOST_BEFORE = "lost_before"
    """It never arrived; the caller cannot know that."""
    LOST_AFTER = "lost_after"
    """It took effect and its answer was lost."""
    ERROR_APPLIED = "error_applied"
    """It took effect and was answered with an error that nobody knows."""
    HALF_DONE = "half_done"
    """The first half of a batch took effect, then the answer was lost."""
    LATE = "late"
    """The answer was lost; it takes effect later, within `call_life`."""
    REORDERED = "reordered"
    """The results come in another order."""
    THROTTLED = "throttled"
    """Refused at the door; nothing happened."""
    STALE_PAGE = "stale_page"
    """A page of `changes` repeats older copies of its records, after the new ones."""


Phase: TypeAlias = Literal["before", "after"]
"""Before or after the commit of a call (for a read: before it is answered, after it was)."""

Weather: TypeAlias = Callable[[str, Phase], Trouble | None]
"""Asked twice for each call, with the operation's name (`create`, `changes`, `fetch`, …) and the
phase. It may raise: an error of ours is treated as the call's fate, anything else flies through,
as when the process dies there. Each trouble has its phase; in the other one it does nothing."""


def fair(operation: str, phase: Phase) -> Trouble | None:
    """No trouble at all."""
    return None
