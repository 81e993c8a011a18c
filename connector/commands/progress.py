"""Progress of a run on stderr: live lines on a terminal, one for each scope; else plain ones."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

from connector.commands import output

_PHASES = {
    "read": "reading",
    "listed": "listing",
    "compared": "comparing",
    "written": "writing",
    "job": "waiting for the vendor's job",
    "waiting": "waiting until a lost answer is certain",
    "done": "done",
}


class ProgressLines:
    """A `connector.sync.scope.Progress`, used as a context manager.

    `check` is called each time: between two batches is where a run may stop. `done` says what was
    done with the records that the last line counts.
    """

    def __init__(self, check: Callable[[], None], *, done: str = "written") -> None:
        self._check = check
        self._done = done
        self._told: set[tuple[str, str, str]] = set()
        self._lines: dict[tuple[str, str], str] = {}
        self._live: Any = None

    def __enter__(self) -> ProgressLines:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            # rich honours NO_COLOR.
            self._live = Live(console=Console(stderr=True), refresh_per_second=8)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, connection: str, kind: str, phase: str, count: int) -> None:
        self._check()
        said = _PHASES.get(phase, phase)
        if self._live is not None:
            self._lines[connection, kind] = f"{connection}/{kind}: {said} {count}"
            self._live.update(self._text())
            return
        if (connection, kind, phase) not in self._told:
            self._told.add((connection, kind, phase))
            number = f", {count} {self._done}" if phase == "done" else ""
            output.say(f"{connection}/{kind}: {said}{number}")

    def _text(self) -> Any:
        from rich.text import Text

        return Text("\n".join(self._lines.values()))
