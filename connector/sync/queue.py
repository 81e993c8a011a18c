"""Between deciding and sending: staged rows come in batches, and writes leave in full ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connector.plugin import Op
from connector.store import staged
from connector.store.staged import LOCAL, REMOTE, Staged
from connector.sync.attempts import Phase
from connector.sync.loads import load_size, send_gathered
from connector.sync.scope import Scope
from connector.sync.send import as_write, flight_size, send_local, send_remote
from connector.sync.work import Job


def batches(phase: Phase) -> Iterator[list[Staged]]:
    """The staged rows that are ready to be decided, the shop's first; suspects alone.

    For use inside `phase.counted`."""
    scope, gone = phase.scope, phase.gone
    for side in (LOCAL, REMOTE):
        after = ""
        while True:
            with scope.store.read() as tx:
                rows = staged.ready(
                    tx,
                    scope.connection,
                    scope.kind,
                    side,
                    gone=gone,
                    after=after,
                    limit=scope.batch,
                    now_us=scope.store.now_us(tx),
                )
            if not rows:
                break
            after = rows[-1].record
            yield from phase.one_by_one(rows)


class Queue:
    """Writes waiting for a full batch. Remote ones travel by operation and by `known until`."""

    def __init__(self, scope: Scope, held: tuple[bool, bool], *, for_removals: bool) -> None:
        self.scope = scope
        self.for_removals = for_removals
        self.held_removals, self.held_changes = held
        self.busy: set[str] = set()
        self.progressed = False
        self._remote: dict[tuple[str, object], list[Job]] = {}
        self._local: list[Job] = []
        self._load: int | None = None

    def add(self, job: Job) -> None:
        self.busy.add(job.work.link.id)
        if job.draft.side == "local":
            self._local.append(job)
            if len(self._local) >= self.scope.batch:
                self._send_local()
            return
        write = as_write(self.scope, job)
        key = (job.draft.op, write.unless_changed_since)
        self._remote.setdefault(key, []).append(job)
        if len(self._remote[key]) >= self._full(Op(job.draft.op)):
            self._send_remote(key)

    def _full(self, op: Op) -> int:
        """How many jobs leave together: a flight; of new records, a load where that pays."""
        if op is Op.CREATE and self._load is None:
            self._load = load_size(self.scope)
        flight = flight_size(self.scope.caps, op)
        return max(flight, self._load or 0) if op is Op.CREATE and self.scope.bulk else flight

    def flush(self) -> None:
        if self._local:
            self._send_local()
        for key in list(self._remote):
            self._send_remote(key)

    def _send_local(self) -> None:
        jobs, self._local = self._local, []
        send_local(self.scope, jobs)
        self._free(jobs)

    def _send_remote(self, key: tuple[str, object]) -> None:
        jobs = self._remote.pop(key)
        if self._load and key[0] == Op.CREATE:
            send_gathered(self.scope, jobs)
            self._free(jobs)
            return
        send_remote(self.scope, jobs, [as_write(self.scope, job) for job in jobs])
        self._free(jobs)

    def _free(self, jobs: Sequence[Job]) -> None:
        # A link with another write still queued stays busy: both were planned from one look.
        queued = {j.work.link.id for many in self._remote.values() for j in many}
        queued |= {j.work.link.id for j in self._local}
        self.busy -= {j.work.link.id for j in jobs} - queued
