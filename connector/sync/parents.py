"""Whose children records are: what their references point to, looked up for a batch at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from connector.records import Canonical
from connector.store import links, staged
from connector.store.links import Link
from connector.store.staged import LOCAL, REMOTE
from connector.sync.decision import Parent, Situation
from connector.sync.scope import Scope


def add_parents(scope: Scope, cases: Sequence[Situation]) -> None:
    """Look up, for all references of all cases at once, whose children the records are."""
    for name, kind in scope.parent_kinds.items():
        raw: dict[str, set[str]] = {LOCAL: set(), REMOTE: set()}
        for case in cases:
            for side, record in _records(scope, case):
                value = record.get(name)
                if isinstance(value, str):
                    raw[side].add(value)
        known: dict[tuple[str, str], Parent] = {}
        with scope.store.read() as tx:
            for side, values in raw.items():
                for record_id, link in links.by_side(
                    tx, scope.connection, kind, side, values
                ).items():
                    if link.live is not None and link.state != links.OUT:
                        known[side, record_id] = _parent(scope, tx, kind, link)
        for case in cases:
            case.parents = {**case.parents, **known} if case.parents else known


def _records(scope: Scope, case: Situation) -> Iterable[tuple[str, Canonical]]:
    if case.row is not None:
        yield LOCAL, case.local_record(scope.pair)
    if case.seen is not None:
        yield REMOTE, case.remote_record(scope.pair)
    if case.base is not None:
        yield LOCAL, scope.pair.read_local(case.base.local)
        yield REMOTE, scope.pair.read_remote(case.base.remote)


def _parent(scope: Scope, tx: sa.Connection, kind: str, link: Link) -> Parent:
    ready = link.state == links.ACTIVE
    blocked = False
    if not ready:
        side, record = (
            (LOCAL, link.local_id) if link.local_id is not None else (REMOTE, link.remote_id)
        )
        row = staged.load(tx, scope.connection, kind, side, [record or ""]).get(record or "")
        blocked = row is None or row.reason is not None
    return Parent(
        kind,
        link.id,
        link.local_id,
        link.remote_id,
        link.subject,
        ready,
        blocked,
        link.evidence,
    )
