"""SIGINT and SIGTERM: the command stops at the next safe point and lets go of what it holds.

The library installs no handlers. A first signal during a run is only noted; the run ends at its
next safe point (between two batches, or while it sleeps). A second one ends it at once, which
is safe too: what was under way is looked up by the next run.
"""

from __future__ import annotations

import datetime as dt
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from connector.errors import StopRequest


class Stopped(StopRequest):
    """The person or the machine's manager asked us to stop."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.exit_code = 128 + signum


class Stopping:
    """Whether a stop was asked for."""

    def __init__(self) -> None:
        self._asked: int | None = None
        self._deferred = False

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handle the two signals meanwhile; off the main thread, where nobody may, do nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before: dict[int, Any] = {
            number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if not self._deferred or self._asked is not None:
            raise Stopped(signum)
        self._asked = signum
        print("stopping at the next safe point …", file=sys.stderr, flush=True)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Until the end of the block a first signal waits for `check`."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
        self.check()

    def check(self) -> None:
        """A safe point. Raises: Stopped."""
        # Only the main thread stops the run: a pool's thread would only lose its answer.
        if self._asked is not None and threading.current_thread() is threading.main_thread():
            raise Stopped(self._asked)


class StoppableClock:
    """The machine's clock, a `connector.plugin.Clock`; its sleep is a safe point."""

    def __init__(self, stopping: Stopping) -> None:
        self._stopping = stopping

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._stopping.check()
            time.sleep(min(left, 0.2))
