"""At which points of a run it makes a difference that the process dies there."""

from __future__ import annotations

from collections.abc import Sequence


def unlike(points: Sequence[str]) -> list[int]:
    """Places of the points at which a process that dies leaves something else behind than at the
    point before.

    Right before a commit everything is as it was right after the one before it, if nothing but
    memory changed between them: no call went out, or its own points would stand there.

    >>> unlike(["before commit: a", "after commit: a", "before commit: b", "after commit: b",
    ...         "before call: write", "after call: write", "before commit: c"])
    [0, 1, 3, 4, 5, 6]
    """

    def is_new(at: int) -> bool:
        before = points[at - 1] if at else ""
        return not (points[at].startswith("before commit") and before.startswith("after commit"))

    return [at for at in range(len(points)) if is_new(at)]
