"""What a person has paused takes no part in a run; what changes meanwhile waits for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from connector.plugin import Kind
from connector.store import scopes
from connector.store.database import Store
from connector.sync.setup import Connection


def going(
    store: Store, connections: Sequence[Connection], skipped: list[str]
) -> Iterator[Connection]:
    """The connections with the kinds that nobody has paused; a sentence in `skipped` for each
    other kind. A connection without any is not even logged in to."""
    with store.read() as tx:
        paused = scopes.paused(tx)
    for one in connections:
        kinds = {k: setup for k, setup in one.kinds.items() if (one.name, k) not in paused}
        skipped += [
            f"{one.name}/{kind} is paused: what changes waits until"
            f" `crm-connector resume {one.name} {kind}`."
            for kind in one.kinds
            if kind not in kinds
        ]
        if kinds:
            yield replace(one, kinds=kinds)


def paused_kinds(store: Store, connections: Sequence[Connection]) -> set[Kind]:
    """The kinds that are paused anywhere: the shop's journal of them is read all the same."""
    with store.read() as tx:
        paused = scopes.paused(tx)
    return {kind for one in connections for kind in one.kinds if (one.name, kind) in paused}
