"""Losing the answers to creates: some before the vendor acts, some after, some that act late."""

from __future__ import annotations

from random import Random
from typing import Final

from connector.sandbox.handle import SandboxProcess

OPERATION: Final = "insert"
"""A create, as the sandboxes count their calls."""
KINDS: Final = ("lost_before", "lost_after")
LATE: Final = "late"
"""The vendor acts on it after its sender gave up."""


class Losses:
    """Answers to creates that will be lost at one sandbox; each call's fate is drawn by itself.

    Of the next `calls` creates, repeated ones among them, the `share` is struck. `late_s` is how
    long a late one takes: longer than the sender waits; None for no late ones.
    """

    def __init__(
        self, box: SandboxProcess, calls: int, share: float, rng: Random, late_s: float | None
    ) -> None:
        self._box = box
        self._armed = dict.fromkeys((*KINDS, LATE), 0)
        kinds = KINDS if late_s is None else (*KINDS, LATE)
        for place in range(calls):
            if rng.random() >= share:
                continue
            kind = rng.choice(kinds)
            more = {"seconds": late_s} if kind == LATE else {}
            box.fault(kind, operation=OPERATION, after=place, **more)
            self._armed[kind] += 1

    def struck(self) -> dict[str, int]:
        """How many answers were lost so far, by kind."""
        left = [one["name"] for one in self._box.admin("faults")]
        return {kind: armed - left.count(kind) for kind, armed in self._armed.items()}
