"""Our two tables and triggers in the shop's database: made, removed, looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connector.local import capture
from connector.local.contract import Capture
from connector.local.sql import SqlLocal


@dataclass(frozen=True, slots=True)
class LocalStatus:
    """Whether changes of the host's rows are captured."""

    installed: bool
    missing: Mapping[str, Sequence[str]]
    waiting: Mapping[str, int]
    """Journal rows not read yet, by kind (at most 10,000 counted)."""


def install(local: SqlLocal, store_id: str, new_id: str) -> None:
    """Make them; again changes nothing."""
    with local.changing() as tx:
        capture.install(tx, store_id, _watched(local), new_id)


def remove(local: SqlLocal, store_id: str) -> list[str]:
    """Drop them; the host's own tables are as they were. Returns the names dropped."""
    with local.changing() as tx:
        return capture.remove(tx, store_id)


def status(local: SqlLocal, store_id: str) -> LocalStatus:
    installed = local.identity() is not None
    with local.changing() as tx:
        missing = capture.missing_triggers(tx, store_id, _watched(local))
    waiting = {
        kind.value: len(local.journal(kind, 0, 10_000).entries) if installed else 0
        for kind in local.kinds()
        if local.capture(kind) is Capture.JOURNAL
    }
    return LocalStatus(installed, missing, waiting)


def _watched(local: SqlLocal) -> list[capture.Captured]:
    return capture.watched(local.specs().values())
