"""Noting that passes ended well: what staleness is reckoned from."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from connector.store import scopes
from connector.sync.ports import Ports
from connector.sync.scope import Scope


def note_ended(
    ports: Ports, opened: Sequence[Scope], began_us: int, failed: Collection[str]
) -> None:
    """Note it for each scope that read and wrote all it should: its connection is not among the
    `failed` ones, it is not in doubt, no safety stop held it back, no write was put off or lost its
    answer.

    Letters and conflicts do not count against it: they wait for a person, not for a run.
    """
    well = [
        scope
        for scope in opened
        if scope.connection not in failed
        and scope.doubt is None
        and scope.stopped is None
        and not (scope.counts.unknown or scope.counts.postponed)
    ]
    if not well or ports.dry is not None:
        return
    with ports.store.write(None, "passes ended") as tx:
        ended_us = ports.store.now_us(tx)
        for scope in well:
            scopes.note_pass(ports.store, tx, scope.connection, scope.kind, began_us, ended_us)
