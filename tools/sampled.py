"""Where a run's CPU time goes: its stack is looked at after each so many milliseconds of it.

A profiler charges for each call and so makes small functions look dear; this does not.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import connector

STEP_S = 0.001
ROOT = Path(connector.__file__).parent

PRIVACY = {
    "seal": ("privacy/",),
    "decide": (
        *("policy/", "policies.py", "sync/gate.py", "sync/standins.py"),
        *("sync/consents.py", "sync/renewed.py", "sync/suppressed.py"),
    ),
    "audit": ("store/events.py", "sync/audit.py", "sync/disclosed.py"),
}
"""Parts of the privacy path and the files in which they begin. `sync/rulings.py` is not among them:
most of its time goes into reading the rows, which are read once, policy or no policy."""


def shares(work: Callable[[], object]) -> dict[str, float]:
    """Run it; the share of its CPU time in each part, with all that the part calls."""
    found: Counter[str] = Counter()
    parts: dict[str, str | None] = {}

    def part_of(file: str) -> str | None:
        if file not in parts:
            own = Path(file)
            inside = own.relative_to(ROOT).as_posix() if own.is_relative_to(ROOT) else ""
            parts[file] = next(
                (part for part, begins in PRIVACY.items() if inside.startswith(begins)), None
            )
        return parts[file]

    def look(_signal: int, frame: FrameType | None) -> None:
        found["all"] += 1
        while frame is not None:
            # the innermost: what the audit seals is sealing
            if part := part_of(frame.f_code.co_filename):
                found[part] += 1
                return
            frame = frame.f_back

    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, STEP_S, STEP_S)
    try:
        work()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return {part: found[part] / found["all"] for part in PRIVACY}
