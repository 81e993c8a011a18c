"""Writes on their way: stored as intents, sent, and settled by what the answer says.

SENDING → applied  the link takes the new version and base, the intent ends
        → refused  the intent becomes a letter
        → retry    surely no effect: the staged rows stay and are planned again later
        → stale    surely no effect: both sides are read again and planned anew
        → unknown  the intent stays until a look has told what became of it (`recover.py`)
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from connector.errors import ConnectorError, UnknownOutcomeError
from connector.local.contract import LocalResult, LocalWrite
from connector.plugin import Op, Outcome, Reason, Ref, Result, Seen, Write
from connector.store import conflicts, events, intents, links, staged
from connector.store.intents import SENDING, Intent
from connector.store.links import ACTIVE, Link
from connector.sync.observe import note_seen
from connector.sync.scope import NEVER, PlannedWrite, Scope, as_us, reason_text
from connector.sync.settle import bury, lost_events, reread, waiting_names
from connector.sync.work import Job, settled_rows

POSTPONED_S = 60
"""A write that the vendor did not take for now is planned again no earlier than this."""


def send_remote(scope: Scope, jobs: Sequence[Job], writes: Sequence[Write]) -> None:
    """Send one batch to the vendor and settle every answer."""
    if scope.ports.dry is not None:
        _pretend(scope, jobs)
        return
    _store_intents(scope, jobs, "remote")
    deliver(scope, jobs, writes)


def deliver(scope: Scope, jobs: Sequence[Job], writes: Sequence[Write]) -> None:
    """Send what is stored as SENDING, and settle."""
    by_id = {job.intent: job for job in jobs}
    results: dict[str, Result] = {}
    scope.ports.hook("before call: write")
    # Whoever was frozen until another took over stops here, before a byte leaves.
    scope.store.renew(scope.lease)
    try:
        for result in scope.remote.write(scope.kind, writes):
            if result.id in by_id:
                results.setdefault(result.id, result)
    except UnknownOutcomeError:
        pass  # whatever has no answer is unknown, below
    except ConnectorError:
        # Surely nothing was sent of what has no answer yet.
        later = [Result(id=i, outcome=Outcome.RETRY) for i in by_id if i not in results]
        _settle_remote(scope, by_id, [*results.values(), *later])
        raise
    scope.ports.hook("after call: write")
    lost = [Result(id=i, outcome=Outcome.UNKNOWN) for i in by_id if i not in results]
    _settle_remote(scope, by_id, [*results.values(), *lost])


def send_local(scope: Scope, jobs: Sequence[Job]) -> None:
    """Write one batch into the host's tables and settle every answer."""
    if scope.ports.dry is not None:
        _pretend(scope, jobs)
        return
    _store_intents(scope, jobs, "local")
    deliver_local(scope, jobs)


def deliver_local(scope: Scope, jobs: Sequence[Job]) -> None:
    """Write what is stored as SENDING into the host's tables, and settle."""
    writes = [
        LocalWrite(
            id=job.intent,
            op=Op(job.draft.op),
            key=job.work.link.local_id,
            values=job.draft.set,
            old=job.draft.old,
        )
        for job in jobs
    ]
    scope.ports.hook("before call: local write")
    scope.store.renew(scope.lease)
    results = scope.ports.local.write(scope.kind, writes)
    scope.ports.hook("after call: local write")
    _settle_local(scope, {job.intent: job for job in jobs}, results)


def _store_intents(scope: Scope, jobs: Sequence[Job], side: str) -> None:
    """T4: the intents of a batch are SENDING before a byte leaves; links that die, die here."""
    with scope.store.write(scope.lease, "store intents") as tx:
        now = scope.store.now_us(tx)
        rows = sealed_intents(scope, jobs, side, now)
        lost = []
        for job in jobs:
            link = job.work.link
            lost += lost_events(scope, link, job.work.lost, now)
            job.work.lost = []
            if job.work.dies:
                bury(scope, tx, link, job.work.evidence, now)
        links.save(tx, [job.work.link for job in jobs if job.work.dies])
        links.save_subjects(tx, [job.work.link for job in jobs if not job.work.dies])
        intents.put(tx, rows)
        events.append(tx, lost)


def sealed_intents(scope: Scope, jobs: Sequence[Job], side: str, now_us: int) -> list[Intent]:
    """The rows that store these writes as SENDING, sealed for their people."""
    rows = []
    for job in jobs:
        link = job.work.link
        assert link.subject is not None
        doc = scope.ports.vault.seal(
            f"intent/{job.intent}", scope.kind, link.subject, link.id, job.draft.pack()
        )
        rows.append(
            Intent(
                job.intent,
                scope.connection,
                scope.kind,
                link.id,
                side,
                job.draft.op,
                doc,
                SENDING,
                scope.lease.fence,
                sent_us=now_us,
            )
        )
    return rows


# --- settling -------------------------------------------------------------------------------------


class Settling:
    """T5: one transaction settles a batch of answers."""

    def __init__(self, scope: Scope, tx: sa.Connection) -> None:
        self.scope = scope
        self.tx = tx
        self.now = scope.store.now_us(tx)
        self.jobs: list[Job] = []
        self.finished: list[str] = []
        self.unknown: list[str] = []
        self.saved: dict[str, Link] = {}
        self.activated: list[Link] = []
        self.postponed: list[staged.Staged] = []
        self.reread: list[staged.Staged] = []
        self.letters: list[tuple[str, Reason]] = []
        self.events: list[events.Event] = []

    def landed(self, job: Job, held: Mapping[str, object]) -> None:
        """The write is in; `held` is what its side holds of what was written."""
        work, link, scope = job.work, job.work.link, self.scope
        work.landed(job.draft, dict(held))
        self.finished.append(job.intent)
        self.events.append(scope.event(self.now, link.id, f"{job.draft.op}_{job.draft.side}"))
        if link.live is None:
            scope.counts.removed += 1
            return
        if job.draft.op == Op.CREATE:
            scope.counts.created += 1
        else:
            scope.counts.updated += 1
        if job.draft.parent is not None:
            link.parent = job.draft.parent
        if job.draft.subject is not None:
            link.subject = job.draft.subject
        scope.seal_base(link, work.base, work.shown)
        if job.draft.op == Op.UPDATE:
            scope.reclaim(self.tx, link, work.base, (*job.draft.set, *job.draft.take))
        if link.state != ACTIVE:
            link.state = ACTIVE
            self.activated.append(link)
        self.saved[link.id] = link

    def refused(self, job: Job, reason: Reason) -> None:
        job.work.failed()
        # Refused surely and for good: the intent keeps what was to be written, as a letter, and
        # the staged rows need not.
        self.letters.append((job.intent, reason))
        self.scope.counts.letters += 1
        self.events.append(
            self.scope.event(self.now, job.work.link.id, f"letter:{reason.code}"[:60])
        )
        staged.settle(self.tx, job.work.rows)

    def put_off(self, job: Job, after_s: float, reason: Reason | None) -> None:
        job.work.failed()
        self.finished.append(job.intent)
        self.scope.counts.postponed += 1
        for row in job.work.rows:
            row.not_before_us = self.now + int(after_s * 1_000_000)
            row.attempts += 1
            # Another write of this link may have landed: what was staged is then out of date.
            row.payload = None
            self.postponed.append(row)
        self._revive(job)

    def overtaken(self, job: Job) -> None:
        job.work.failed()
        self.finished.append(job.intent)
        self._revive(job)
        self.reread += reread(job.work.link)

    def _revive(self, job: Job) -> None:
        """A removal that did not happen leaves its link alive, as it was before."""
        link, work = job.work.link, job.work
        if work.dies:
            link.live, link.state, link.evidence = 1, ACTIVE, None
            self.scope.seal_base(link, work.base)
            self.saved[link.id] = link

    def lost(self, job: Job) -> None:
        job.work.failed()
        self.unknown.append(job.intent)
        self.scope.counts.unknown += 1

    def finish(self) -> None:
        scope, tx = self.scope, self.tx
        links.save(tx, list(self.saved.values()))
        intents.finish(tx, self.finished)
        intents.mark(tx, self.unknown, intents.UNKNOWN)
        for intent_id, reason in self.letters:
            intents.mark(tx, [intent_id], intents.LETTER, reason_text(reason))
        staged.save(tx, self.postponed)
        staged.settle(tx, settled_rows({job.work.link.id: job.work for job in self.jobs}.values()))
        for side in ("local", "remote"):
            staged.stage(tx, [row for row in self.reread if row.side == side])
        conflicts.close(tx, [c for job in self.jobs if job.work.done for c in job.work.close])
        staged.wake(tx, scope.connection, waiting_names(scope, self.activated))
        events.append(tx, self.events)


def _settle_remote(scope: Scope, jobs: Mapping[str, Job], results: Sequence[Result]) -> None:
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
                settling.refused(job, result.reason or Reason(code="refused", text="refused"))
            elif result.outcome is Outcome.RETRY:
                after = result.after.total_seconds() if result.after else POSTPONED_S
                settling.put_off(job, after, result.reason)
            elif result.outcome is Outcome.STALE:
                settling.overtaken(job)
            else:
                settling.lost(job)
        settling.jobs = [j for j in settling.jobs if all(j is not c for c, _ in collided)]
        settling.finish()
    for job, result in collided:
        _collision(scope, job, result)
    done = scope.counts.created + scope.counts.updated + scope.counts.removed
    scope.ports.progress(scope.connection, scope.kind, "written", done)


def _applied(settling: Settling, job: Job, seen: Seen | None) -> None:
    link = job.work.link
    if seen is not None:
        if _foreign_write_between(settling.scope, job, seen):
            # The count says that somebody wrote after our last look: their value of a field we
            # sent may be gone, and their other fields are news. Read by id before the next plan.
            settling.events += [
                settling.scope.event(settling.now, link.id, "possibly_overwritten", field=name)
                for name in job.draft.set
            ]
            settling.reread += reread(link)
        if link.remote_id is None:
            link.remote_id = seen.ref
        link.remote_version = seen.version
        # A write is not an observation: whoever wrote in the same step after us must be noticed.
        link.remote_observed_us = as_us(seen.changed_at) if seen.changed_at else 0
    # Of what the vendor shows now, only what we sent is ours to settle.
    shown = seen.fields if seen is not None else {}
    held = {name: shown.get(name, value) for name, value in job.draft.set.items()}
    settling.landed(job, blank(settling.scope, job) | held)


def _foreign_write_between(scope: Scope, job: Job, seen: Seen) -> bool:
    """Whether a counting vendor shows more writes than ours since the version we knew."""
    known = job.work.link.remote_version
    if not scope.caps.counts_writes or job.draft.op != Op.UPDATE or not known:
        return False
    return known.isdigit() and seen.version.isdigit() and int(seen.version) > int(known) + 1


def blank(scope: Scope, job: Job) -> dict[str, object]:
    """A new record's fields that were not sent are empty there, until it says otherwise."""
    return dict.fromkeys(scope.pair.remote_fields) if job.draft.op == Op.CREATE else {}


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
            bind_probe(settling, job, mine)
        else:
            reason = result.reason or Reason(code="duplicate", text="duplicate")
            settling.refused(job, reason)
        settling.finish()


def bind_probe(settling: Settling, job: Job, seen: Seen) -> None:
    """A record found by our key is the create's: only what we sent is settled by it, and what was
    read is staged as news, so that nobody's edit is swallowed."""
    link, scope = job.work.link, settling.scope
    known = links.by_side(settling.tx, scope.connection, scope.kind, "remote", [seen.ref])
    half = known.get(seen.ref)
    if half is not None and half.id != link.id and half.local_id is None:
        # The feed showed it before we looked: it is this link's, not a record of its own.
        links.forget(settling.tx, half.id)
        links.hand_over_claims(settling.tx, half.id, link.id)
    link.remote_id = seen.ref
    link.remote_version = seen.version
    link.remote_observed_us = 0
    settling.landed(job, blank(scope, job) | job.draft.set)
    links.save(settling.tx, [link])
    note_seen(scope, settling.tx, [seen], NEVER)


def _settle_local(scope: Scope, jobs: Mapping[str, Job], results: Sequence[LocalResult]) -> None:
    with scope.store.write(scope.lease, "settle local") as tx:
        settling = Settling(scope, tx)
        settling.jobs = [jobs[r.id] for r in results]
        for result in results:
            job = jobs[result.id]
            if result.outcome is Outcome.APPLIED:
                assert result.row is not None
                wrote_local(settling, job, result.row.key, result.row.values)
            elif result.outcome is Outcome.STALE:
                settling.overtaken(job)
            else:
                settling.refused(job, result.reason or Reason(code="refused", text="refused"))
        settling.finish()
    done = scope.counts.created + scope.counts.updated + scope.counts.removed
    scope.ports.progress(scope.connection, scope.kind, "written", done)


def wrote_local(settling: Settling, job: Job, key: str, held: Mapping[str, object]) -> None:
    """A local write landed; `held` is the row as read back in its transaction."""
    link, scope = job.work.link, settling.scope
    if link.local_id is None:
        link.local_id = key
        link.external_key = scope.ports.vault.external_key(
            scope.connection, scope.kind, key, link.epoch
        )
    if job.draft.op == Op.CREATE:
        # What the table filled in by itself is the shop's own news: it travels like an edit.
        settling.landed(job, {n: v if n in job.draft.set else None for n, v in held.items()})
    else:
        settling.landed(job, {n: held.get(n, v) for n, v in job.draft.set.items()})


# --- planning without sending ---------------------------------------------------------------------


def _pretend(scope: Scope, jobs: Sequence[Job]) -> None:
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


def as_write(scope: Scope, job: Job) -> Write:
    """The write a plugin gets: own fields, our key, and the time our knowledge ends at."""
    link, draft = job.work.link, job.draft
    return Write(
        id=job.intent,
        op=Op(draft.op),
        ref=Ref(link.remote_id) if link.remote_id is not None else None,
        fields=draft.set,
        external_key=link.external_key or "",
        unless_changed_since=known_until(scope, link) if draft.op == Op.UPDATE else None,
    )


def known_until(scope: Scope, link: Link) -> dt.datetime | None:
    """No foreign edit of this record at or before this instant is unknown to us.

    The end of this run's window for most; a record whose own version is younger travels under it.
    None where the vendor's versions are not times.
    """
    if not scope.caps.conditional:
        return None
    try:
        own = dt.datetime.fromisoformat(link.remote_version or "")
    except ValueError:
        return scope.watermark
    return own if scope.watermark is None or own > scope.watermark else scope.watermark
