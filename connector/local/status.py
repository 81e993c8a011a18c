"""Whether changes of the host's rows are noticed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connector.local.contract import Capture, Local
from connector.local.sql import SqlLocal


@dataclass(frozen=True, slots=True)
class LocalStatus:
    """Whether changes of the host's rows are captured."""

    installed: bool
    missing: Mapping[str, Sequence[str]]
    waiting: Mapping[str, int]
    """Journal rows not read yet, by kind (at most 10,000 counted)."""


def status_of_local(local: Local) -> LocalStatus:
    """Asks the host's database."""
    installed = local.identity() is not None
    if isinstance(local, SqlLocal):
        missing = local.missing()
    else:
        missing = {name: [] for name in local.lacking()}
    waiting = {
        kind.value: len(local.journal(kind, 0, 10_000).entries) if installed else 0
        for kind in local.kinds()
        if local.capture(kind) is Capture.JOURNAL
    }
    return LocalStatus(installed, missing, waiting)
