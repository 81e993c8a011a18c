"""Planning without sending: writes are noted, and the state goes on as if they had landed."""

from __future__ import annotations

from collections.abc import Sequence

from connector.plugin import Op
from connector.store import links, staged
from connector.store.links import ACTIVE
from connector.sync.scope import PlannedWrite, Scope
from connector.sync.settle import waiting_names
from connector.sync.work import Job


def pretend(scope: Scope, jobs: Sequence[Job]) -> None:
    """Note the writes of a plan, and let children see their parents as they will be."""
    assert scope.ports.dry is not None
    made = []
    for job in jobs:
        link, draft = job.work.link, job.draft
        held = job.work.base.remote if draft.side == "remote" else job.work.base.local
        fields = {
            name: (draft.old.get(name, held.get(name)), value) for name, value in draft.set.items()
        }
        scope.ports.dry.append(
            PlannedWrite(
                scope.connection,
                scope.kind,
                draft.side,
                draft.op,
                link.local_id,
                link.remote_id,
                fields,
            )
        )
        if draft.op == Op.CREATE:
            scope.counts.created += 1
            name = f"planned-{link.id}"
            link.local_id, link.remote_id = link.local_id or name, link.remote_id or name
            link.state = ACTIVE
            made.append(link)
        elif job.work.dies:
            scope.counts.removed += 1
        else:
            scope.counts.updated += 1
    with scope.store.write(scope.lease, "plan") as tx:
        links.save(tx, made)
        staged.wake(tx, scope.connection, waiting_names(scope, made))
        staged.settle(tx, [row for job in jobs for row in job.work.rows])
