"""Work that several workers do at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence


def race(work: Sequence[Callable[[], object]]) -> None:
    """Do all of it at once, each in a thread of its own. Whoever calls asks what came of it."""
    racing = [threading.Thread(target=one) for one in work]
    for one in racing:
        one.start()
    for one in racing:
        one.join()
