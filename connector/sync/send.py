"""Writes on their way: stored as intents, sent, and settled by what the answer says.

SENDING → applied  the link takes the new version and base, the intent ends
        → refused  the intent becomes a letter
        → retry    surely no effect: the staged rows stay and are planned again later
        → stale    surely no effect: both sides are read again and planned anew
        → unknown  the intent stays until a look has told what became of it (`recover.py`)
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final

import sqlalchemy as sa

from connector.errors import ConnectorError, UnknownOutcomeError
from connector.local.contract import LocalWrite
from connector.plugin import Capabilities, Op, Outcome, Ref, Result, Write
from connector.store import events, intents, links, staged
from connector.store.intents import SENDING, Intent
from connector.store.links import Link
from connector.sync.answers import settle_local, settle_remote
from connector.sync.decision import Lost
from connector.sync.documents import pack
from connector.sync.observe import look_again
from connector.sync.pretend import pretend
from connector.sync.scope import Scope
from connector.sync.tombstones import bury
from connector.sync.work import Job

FLIGHT: Final = 20
"""Least writes in one flight to a vendor that takes one by each call."""
ROUNDS: Final = 10
"""Rounds of parallel calls in one flight: its last calls run beside fewer and fewer others, and
while it is settled none runs."""


def send_remote(scope: Scope, jobs: Sequence[Job], writes: Sequence[Write]) -> None:
    """Send one batch to the vendor and settle every answer."""
    if scope.ports.dry is not None:
        pretend(scope, jobs)
        return
    look_again(scope)
    current = store_intents(scope, jobs, "remote")
    if current:
        sent = {job.intent for job in current}
        deliver(scope, current, [write for write in writes if write.id in sent])


def flight_size(caps: Capabilities, op: Op) -> int:
    """Writes that are stored and settled together: a call's worth, or several small calls'."""
    return max(caps.batch.get(op, 1), FLIGHT, ROUNDS * caps.parallel)


def deliver(scope: Scope, jobs: Sequence[Job], writes: Sequence[Write]) -> None:
    """Send what is stored as SENDING, call by call, and settle.

    A call's answer is never lost with another call's error: each call tells what became of its own
    writes, and after an error no further call begins.
    """
    by_id = {job.intent: job for job in jobs}
    size = scope.caps.batch.get(writes[0].op, 1)
    calls = [writes[start : start + size] for start in range(0, len(writes), size)]
    errors: list[ConnectorError] = []

    def call(some: Sequence[Write]) -> list[Result]:
        told: dict[str, Result] = {}
        silent = Outcome.UNKNOWN
        if errors:
            silent = Outcome.RETRY
        else:
            try:
                for result in _send(scope, some):
                    told.setdefault(result.id, result)
            except UnknownOutcomeError:
                pass  # whatever has no answer is unknown
            except ConnectorError as error:
                silent = Outcome.RETRY  # surely nothing was sent of what has no answer yet
                errors.append(error)
        return [told.get(w.id) or Result(id=w.id, outcome=silent) for w in some]

    answers = scope.ports.spread(call, calls, scope.caps.parallel)
    settle_remote(scope, by_id, [result for some in answers for result in some])
    if errors:
        raise errors[0]


def _send(scope: Scope, writes: Sequence[Write]) -> Iterator[Result]:
    """One call. Whoever was frozen until another took over stops here, before a byte leaves."""
    scope.ports.hook("before call: write")
    with scope.store.write(scope.lease, "sending") as tx:
        intents.leaving(tx, [write.id for write in writes], scope.store.now_us(tx))
    yield from scope.remote.write(scope.kind, writes)
    scope.ports.hook("after call: write")


def send_local(scope: Scope, jobs: Sequence[Job]) -> None:
    """Write one batch into the host's tables and settle every answer."""
    if scope.ports.dry is not None:
        pretend(scope, jobs)
        return
    current = store_intents(scope, jobs, "local")
    if current:
        deliver_local(scope, current)


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
    settle_local(scope, {job.intent: job for job in jobs}, results)


def store_intents(scope: Scope, jobs: Sequence[Job], side: str, *, load: bool = False) -> list[Job]:
    """The intents of a batch are SENDING before a byte leaves; links that die, die here.

    `load`: they go by a job of the vendor's. Returns the jobs that still hold: one whose records
    have news since it was planned is dropped, and its rows are decided anew.
    """
    with scope.store.write(scope.lease, "store intents") as tx:
        now = scope.store.now_us(tx)
        jobs = _current(scope, tx, jobs)
        rows = sealed_intents(scope, jobs, side, now)
        for row in rows:
            row.reason = intents.LOAD if load else None
        lost = []
        for job in jobs:
            link = job.work.link
            lost += _lost_events(scope, link, job.work.lost, now)
            job.work.lost = []
            if job.work.dies:
                agreed = link.base
                bury(scope, tx, link, job.work.evidence, now)
                link.base = agreed  # until it landed: one that does not is decided anew, by it
        links.save(tx, [job.work.link for job in jobs if job.work.dies])
        links.save_subjects(tx, [job.work.link for job in jobs if not job.work.dies])
        intents.put(tx, rows)
        events.append(tx, lost)
    return jobs


def _lost_events(scope: Scope, link: Link, lost: Sequence[Lost], now_us: int) -> list[events.Event]:
    """The values that a policy overwrites, sealed, so that it can be undone."""
    assert link.subject is not None or not lost
    found = []
    for one in lost:
        kept = {n: v for n, v in one.values.items() if n not in scope.pair.digests.fields}
        if not kept:  # a class that is not to be kept is not kept here either
            found.append(scope.event(now_us, link.id, f"lost_{one.side}", field=one.field))
            continue
        doc = pack({one.side: kept})
        name = f"event/{one.field}"
        assert link.subject is not None
        sealed = scope.ports.vault.seal(name, scope.kind, link.subject, link.id, doc)
        found.append(scope.event(now_us, link.id, f"lost_{one.side}", field=one.field, doc=sealed))
    return found


def _current(scope: Scope, tx: sa.Connection, jobs: Sequence[Job]) -> list[Job]:
    """Leave out what was planned from less than is staged by now, and rows that another connection
    may have made in the meantime."""
    refs = [job.work.link.remote_id for job in jobs if job.work.link.remote_id is not None]
    staged_now = staged.load(tx, scope.connection, scope.kind, staged.REMOTE, refs)
    wait = another_may_create(scope, tx) if any(_makes_a_row(job) for job in jobs) else False
    current = []
    for job in jobs:
        row = staged_now.get(job.work.link.remote_id or "")
        planned = {(r.record, r.counter) for r in job.work.rows if r.side == staged.REMOTE}
        news = row is not None and row.reason is None and (row.record, row.counter) not in planned
        if not (news and job.work.rows) and not (wait and _makes_a_row(job)):
            current.append(job)
    return current


def _makes_a_row(job: Job) -> bool:
    return job.draft.side == "local" and job.draft.op == Op.CREATE


def another_may_create(scope: Scope, tx: sa.Connection) -> bool:
    """Whether a row of the shop for the same person may be on its way from another connection."""
    return bool(scope.peers) and (
        intents.creates_rows(tx, scope.peers, scope.kind)
        or bool(staged.unlinked(tx, scope.connection, scope.kind, "", 1))
    )


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
