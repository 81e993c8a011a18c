"""Syncs beside a host's own work: one thread that runs when it is rung, and every so often.

The thread begins with the first `ring` or `start` in a process, so that a server which forks its
workers has one in each; the leases of the state keep them apart. Nothing is registered anywhere:
the host calls `close`, or lets `atexit` call it.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import threading
from collections.abc import Mapping
from typing import Any, Final

from connector.app import open_connector
from connector.errors import ConnectorError, StopRequest
from connector.host import MachineClock
from connector.settings import Settings
from connector.shop import Given
from connector.sync.report import RunReport

_log = logging.getLogger(__name__)

_REPEATABLE: Final = 6
"""The exit code of what waiting may mend; see `docs/errors.md`."""


class Background:
    """A thread that syncs. `ring` from any thread, after a commit: it only wakes it.

    Settings, `folder` and `local` as in `open_connector`; what `local` makes is used in the thread
    only. Several rings are one run, and a ring during a run is another run after it.
    """

    def __init__(
        self,
        settings: Settings | Mapping[str, Any] | str | os.PathLike[str] | None = None,
        *,
        folder: str | os.PathLike[str] | None = None,
        local: Given = None,
        every: dt.timedelta | None = None,
        apart: dt.timedelta = dt.timedelta(seconds=2),
        again: dt.timedelta = dt.timedelta(seconds=30),
    ) -> None:
        """`every`: how long without a ring until it runs all the same, which is how the vendor's
        changes arrive; None: never. `apart`: how long from one run's end to the next one's begin.
        `again`: when a run is repeated that another run kept from something, or that an error ended
        which waiting may mend.
        """
        self._settings, self._folder, self._local = settings, folder, local
        self._every, self._apart, self._again = every, apart, again
        self._lock = threading.Lock()
        self._begin()
        self.last: RunReport | ConnectorError | None = None
        """How the last run ended."""
        self.runs = 0
        """How many runs have ended in this process."""

    def _begin(self) -> None:
        self._process = os.getpid()
        self._rung, self._closing = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def ring(self) -> None:
        """There is work: run soon. Returns at once, and raises nothing of a run's."""
        self.start()
        self._rung.set()

    def start(self) -> None:
        """Let the thread begin; it runs when it is rung, or after `every`."""
        if self._process != os.getpid():
            # We are the child of a fork: the thread stayed behind, perhaps with these in its hands.
            self._lock = threading.Lock()
            self._begin()
        with self._lock:
            alive = self._thread is not None and self._thread.is_alive()
            if not alive and not self._closing.is_set():
                self._thread = threading.Thread(
                    target=self._work, name="crm-connector", daemon=True
                )
                try:
                    self._thread.start()
                except RuntimeError:  # whoever rings has committed, and is not to be told of this
                    self._thread = None
                    _log.error("no thread could be started; the next ring tries again")

    def close(self, timeout_s: float = 30) -> bool:
        """End the thread; a run under way stops at its next safe point, and loses nothing.

        Says whether it ended in time. Later rings do nothing; again is harmless.
        """
        if self._process != os.getpid():
            return True
        self._closing.set()
        self._rung.set()
        with self._lock:
            thread = self._thread
        if thread is None:
            return True
        thread.join(timeout_s)
        return not thread.is_alive()

    # --- the thread -----------------------------------------------------------------------------

    def _work(self) -> None:
        wait = self._every
        while True:
            self._rung.wait(None if wait is None else wait.total_seconds())
            if self._closing.is_set():
                return
            self._rung.clear()  # before the run: what comes from here on is another one's
            again = self._run()
            self.runs += 1
            if self._closing.wait(self._apart.total_seconds()):
                return
            wait = min(self._again, self._every or self._again) if again else self._every

    def _run(self) -> bool:
        """One run. Whether it should be tried again soon."""
        try:
            with open_connector(
                self._settings, folder=self._folder, local=self._local, clock=_Clock(self._closing)
            ) as connector:
                report = connector.sync(progress=self._check)
        except StopRequest:
            return False
        except ConnectorError as error:
            self.last = error
            _log.error("sync stopped: %s", error, extra={"exit": error.exit_code})
            return error.exit_code == _REPEATABLE
        except Exception as error:
            # A bug of ours or of the host's side. Its text may quote a record: its class is enough.
            _log.error("sync broke", extra={"error_class": type(error).__name__})
            return False
        self.last = report
        for fault in report.errors:
            _log.error("sync: %s", fault, extra={"exit": fault.exit_code})
        written = sum(one.counts.written for one in report.passes)
        said = "sync ended: %d written; for a person: %d letters, %d conflicts"
        told = {"exit": report.exit}
        _log.info(said, written, report.letters, report.conflicts, extra=told)
        return report.locked or report.exit == _REPEATABLE

    def _check(self, connection: str, kind: str, phase: str, count: int) -> None:
        """Between two batches is where a run may stop."""
        if self._closing.is_set() and threading.current_thread() is self._thread:
            raise StopRequest


class _Clock(MachineClock):
    """The machine's clock; the run's own sleep is a safe point, that of its helpers is not."""

    def __init__(self, closing: threading.Event) -> None:
        self._closing = closing
        self._thread = threading.current_thread()

    def sleep(self, seconds: float) -> None:
        if threading.current_thread() is not self._thread:
            super().sleep(seconds)
        elif self._closing.wait(seconds):
            raise StopRequest
