"""Planning without sending: writes are noted, and the state goes on as if they had landed."""

from __future__ import annotations

from collections.abc import Sequence

from connector.local.contract import Row, RowState
from connector.local.foreseen import PLANNED, Foreseen
from connector.plugin import Op
from connector.store import links, staged
from connector.store.links import ACTIVE
from connector.sync import origins
from connector.sync.counts import PlannedWrite
from connector.sync.disclosed import classes_in
from connector.sync.references import waiting_names
from connector.sync.scope import Scope
from connector.sync.work import Job


def pretend(scope: Scope, jobs: Sequence[Job]) -> None:
    """Note the writes of a plan, let children see their parents as they will be, and the other
    connections the shop's rows."""
    assert scope.ports.dry is not None
    made = []
    marks: dict[str, str | None] = {}
    for job in jobs:
        scope.ports.dry.append(_planned(scope, job))
        link, draft = job.work.link, job.draft
        if draft.op == Op.CREATE:
            scope.counts.created += 1
            name = f"{PLANNED}{link.id}"
            link.local_id, link.remote_id = link.local_id or name, link.remote_id or name
            link.state = ACTIVE
            made.append(link)
        elif job.work.dies:
            scope.counts.removed += 1
        else:
            scope.counts.updated += 1
            # What this write brings is agreed for what is planned after it.
            job.work.landed(draft, draft.set)
            scope.seal_base(link, job.work.base)
            made.append(link)
            if draft.side == "remote" and link.remote_id is not None:
                scope.foreseen.setdefault(link.remote_id, {}).update(draft.set)
        if draft.side == "local":
            assert link.local_id is not None
            _foresee(scope, link.local_id, job)
            held = {**job.work.base.local, **draft.set}
            marks[link.local_id] = origins.told(scope, link.local_id, draft, held)
    with scope.store.write(scope.lease, "plan") as tx:
        links.save(tx, made)
        staged.wake(tx, scope.connection, waiting_names(scope.kind, made))
        staged.settle(tx, [row for job in jobs for row in job.work.rows])
        staged.mark(tx, scope.peers, scope.kind, marks)


def _planned(scope: Scope, job: Job) -> PlannedWrite:
    link, draft = job.work.link, job.draft
    held = job.work.base.remote if draft.side == "remote" else job.work.base.local
    fields = {n: (draft.old.get(n, held.get(n)), value) for n, value in draft.set.items()}
    local_id, remote_id = (
        None if one is not None and one.startswith(PLANNED) else one
        for one in (link.local_id, link.remote_id)
    )
    return PlannedWrite(
        scope.connection,
        scope.kind,
        draft.side,
        draft.op,
        local_id,
        remote_id,
        fields,
        classes_in(scope, draft, job.work.told),
    )


def _foresee(scope: Scope, key: str, job: Job) -> None:
    local, draft = scope.ports.local, job.draft
    assert isinstance(local, Foreseen)
    row = local.read(scope.kind, [key]).get(key)
    values = dict(row.values) if row is not None else dict.fromkeys(scope.pair.columns)
    gone = draft.op in (Op.REMOVE, Op.PURGE)
    state = RowState.DELETED if gone else RowState.LIVE
    local.foresee(scope.kind, Row(key, {**values, **draft.set}, state))
