"""What the answers to a batch of writes mean: each is settled, and none is left open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connector.local.contract import LocalResult
from connector.plugin import Op, Outcome, Reason, Result, Seen
from connector.sync.marks import reread
from connector.sync.moments import as_us
from connector.sync.scope import Scope
from connector.sync.settling import Settling, bind_probe, blank, found_local, wrote_local
from connector.sync.work import Job

POSTPONED_S = 60
"""A write that the vendor did not take for now is planned again no earlier than this."""

_UNNAMED = Reason(code="refused", text="refused")


def settle_remote(scope: Scope, jobs: Mapping[str, Job], results: Sequence[Result]) -> None:
    collided: list[tuple[Job, Result]] = []
    with scope.store.write(scope.lease, "settle remote") as tx:
        settling = Settling(scope, tx)
        settling.jobs = [jobs[r.id] for r in results]
        for result in results:
            job = jobs[result.id]
            if result.outcome is Outcome.APPLIED:
                _applied(settling, job, result.seen)
            elif result.outcome is Outcome.REFUSED:
                if result.existing is not None and job.draft.op == Op.CREATE:
                    collided.append((job, result))
                    continue
                if job.may_land:
                    settling.not_sent(job)
                    continue
                if settling.scope.may_be_outdated(result.reason):
                    settling.overtaken(job)
                    continue
                settling.refused(job, result.reason or _UNNAMED)
            elif result.outcome is Outcome.RETRY and job.may_land:
                settling.not_sent(job)
            elif result.outcome is Outcome.RETRY:
                after = result.after.total_seconds() if result.after else POSTPONED_S
                settling.put_off(job, after, result.reason)
            elif result.outcome is Outcome.STALE:
                settling.overtaken(job)
            else:
                settling.lost(job, result.reason)
        settling.jobs = [j for j in settling.jobs if all(j is not c for c, _ in collided)]
        settling.finish()
    for job, result in collided:
        _collision(scope, job, result)
    scope.ports.progress(scope.connection, scope.kind, "written", scope.counts.written)


def _applied(settling: Settling, job: Job, seen: Seen | None) -> None:
    link = job.work.link
    if seen is not None:
        if _foreign_write_between(settling.scope, job, seen):
            # The count says that somebody wrote after our last look: their value of a field we
            # sent may be gone, and their other fields are news. Read by id before the next plan.
            settling.possibly_overwritten(job, job.draft.set)
            settling.reread += reread(link)
        if link.remote_id is None:
            link.remote_id = seen.ref
    link.remote_version = _version_after(settling.scope, job, seen)
    # A write is not an observation: whoever wrote in the same step after us must be noticed.
    shown_at = seen.changed_at if seen is not None else None
    link.remote_observed_us = as_us(shown_at) if shown_at else 0
    # Of what the vendor shows now, only what we sent is ours to settle.
    shown = seen.fields if seen is not None else {}
    held = {name: shown.get(name, value) for name, value in job.draft.set.items()}
    settling.landed(job, blank(settling.scope, job) | held)


def _version_after(scope: Scope, job: Job, seen: Seen | None) -> str | None:
    """The version our write made: as told, or the next one where the vendor counts writes."""
    if seen is not None and seen.version:
        return seen.version
    known = job.work.link.remote_version
    counted = scope.caps.counts_writes and known is not None and known.isdigit()
    if not counted or job.draft.op == Op.CREATE:
        return known if job.draft.op != Op.CREATE else None
    assert known is not None
    return str(int(known) + 1).zfill(len(known))


def _foreign_write_between(scope: Scope, job: Job, seen: Seen) -> bool:
    """Whether a counting vendor shows more writes than ours since the version we knew."""
    known = job.work.link.remote_version
    if not scope.caps.counts_writes or job.draft.op != Op.UPDATE or not known:
        return False
    return known.isdigit() and seen.version.isdigit() and int(seen.version) > int(known) + 1


def _collision(scope: Scope, job: Job, result: Result) -> None:
    """A create was refused because a record exists: ours from an earlier attempt, or a stranger."""
    assert result.existing is not None
    found = scope.remote.fetch(scope.kind, [result.existing])
    key = job.work.link.external_key
    mine = next((s for s in found if s.gone is None and s.external_key == key), None)
    with scope.store.write(scope.lease, "settle collision") as tx:
        settling = Settling(scope, tx)
        settling.jobs = [job]
        if mine is not None:
            bind_probe(settling, job, mine, ours=job.again)
        else:
            reason = result.reason or Reason(code="duplicate", text="duplicate")
            settling.refused(job, reason)
        settling.finish()


def settle_local(scope: Scope, jobs: Mapping[str, Job], results: Sequence[LocalResult]) -> None:
    with scope.store.write(scope.lease, "settle local") as tx:
        settling = Settling(scope, tx)
        settling.jobs = [jobs[r.id] for r in results]
        for result in results:
            job = jobs[result.id]
            if result.outcome is Outcome.APPLIED:
                assert result.row is not None
                if result.repeated and job.draft.op == Op.CREATE:
                    found_local(settling, job, result.row.key)
                    continue
                wrote_local(settling, job, result.row.key, result.row.values)
            elif result.outcome is Outcome.STALE:
                settling.overtaken(job)
            else:
                settling.refused(job, result.reason or _UNNAMED)
        settling.finish()
    scope.ports.progress(scope.connection, scope.kind, "written", scope.counts.written)
