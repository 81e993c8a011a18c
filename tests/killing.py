"""`kill -9` of a real process at a moment that somebody else can see."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

PATIENCE_S = 60
"""How long a moment may be waited for."""


def kill_when(moment: Callable[[], bool], process: subprocess.Popen[Any]) -> None:
    """Kill a process once `moment` is true. Fails if it ends before, or never comes so far."""
    deadline = time.monotonic() + PATIENCE_S
    while not moment():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline, "the moment did not come"
        time.sleep(0.002)
    assert process.poll() is None, "it ended before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.communicate()
