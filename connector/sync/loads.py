"""Loads: very many new records on their way to the vendor by one of its own jobs.

    stored    their intents are SENDING, marked as a load's, before anything is sent
    kept      the job's token is stored: from here on the job may have had an effect
    settled   each record's result ends its intent, a thousand to a transaction

Loads of a scope go one after the other. A stop at any point loses nothing and makes nothing twice:
what was only stored is planned anew, as surely nothing was sent of it; what has a token is gone on
with by the token, for those of its records that have no result yet. Decision 0035.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from typing import Final

from connector.bulk import BulkWrites, Keep
from connector.errors import ConnectorError, RetryableError, StopRequest
from connector.plugin import Op, Outcome, Result
from connector.store import intents, links, scopes, staged
from connector.store.intents import Intent
from connector.sync.answers import settle_remote
from connector.sync.observe import look_again
from connector.sync.recover import job_of
from connector.sync.rulings import stopped
from connector.sync.scope import Scope
from connector.sync.send import as_write, deliver, flight_size, send_remote, store_intents
from connector.sync.settling import Settling
from connector.sync.work import Job

logger = logging.getLogger(__name__)

PATIENCE: Final = dt.timedelta(hours=2)
"""So long a migration waits for one job at the vendor; another run goes on with it."""
_PAUSE_S: Final = 30.0
_AT_ONCE: Final = 1000
"""Intents in one transaction, and results."""


def load_size(scope: Scope) -> int:
    """How many new records to gather for one job; 0: they go by calls."""
    if not scope.bulk or not isinstance(scope.remote, BulkWrites):
        return 0
    terms = scope.remote.bulk_write_terms(scope.kind)
    with scope.store.read() as tx:
        waiting = staged.count(tx, scope.connection, scope.kind, gone=False)
    return terms.job_records if terms.job_pays(waiting) else 0


def send_gathered(scope: Scope, jobs: Sequence[Job]) -> None:
    """Send new records: by jobs as far as that pays and the vendor takes them so, else by calls."""
    left = {job.intent: job for job in jobs}
    if scope.bulk and isinstance(scope.remote, BulkWrites):
        look_again(scope)
        terms = scope.remote.bulk_write_terms(scope.kind)
        loads = scope.remote.bulk_loads(scope.kind, [as_write(scope, job) for job in jobs])
        for load in [one for one in loads if terms.job_pays(len(one))]:
            if scope.bulk:
                _send_load(scope, [left.pop(write.id) for write in load])
    calls, size = list(left.values()), flight_size(scope.caps, Op.CREATE)
    for start in range(0, len(calls), size):
        some = calls[start : start + size]
        send_remote(scope, some, [as_write(scope, job) for job in some])


def _send_load(scope: Scope, jobs: Sequence[Job]) -> None:
    current: list[Job] = []
    for start in range(0, len(jobs), _AT_ONCE):
        current += store_intents(scope, jobs[start : start + _AT_ONCE], "remote", load=True)
    if current:
        _carry(scope, {job.intent: job for job in current}, None)


def resume_load(scope: Scope) -> None:
    """Go on with the load that an earlier run left, if there is one, before anything else."""
    with scope.store.read() as tx:
        marked = intents.in_load(tx, scope.connection, scope.kind)
        row = scopes.get(tx, scope.connection, _place(scope))
    kept = row.resume if row is not None else None
    if not marked:
        if kept is not None:
            _keep(scope, None)
        return
    if not isinstance(scope.remote, BulkWrites):
        _hand_over(scope, marked)  # another version of the plugin: each is looked for by its key
        return
    jobs = {job.intent: job for job in _rebuilt(scope, marked)}
    if kept is None:
        _forget(scope, jobs)
        return
    token = scope.ports.vault.open_secret(f"{scope.connection}/{_place(scope)}", kept)
    try:
        _carry(scope, jobs, token)
    except RetryableError:
        scope.bulk = False  # its job is under way still: one load of a scope at a time


def _rebuilt(scope: Scope, marked: Sequence[Intent]) -> list[Job]:
    """The jobs of stored intents. Whoever may not be told of any more, or whose key is missing, is
    left to `recover`."""
    found: list[Job] = []
    held: list[Intent] = []
    for start in range(0, len(marked), _AT_ONCE):
        some = marked[start : start + _AT_ONCE]
        with scope.store.read() as tx:
            known = links.by_ids(tx, [one.link for one in some])
        left = stopped(scope, known.values())
        scope.preload(known.values())
        for one in some:
            if one.link not in known:
                continue
            job = None if one.link in left else job_of(scope, known[one.link], one)
            if job is None:
                held.append(one)
            else:
                found.append(job)
    _hand_over(scope, held)
    return found


def _hand_over(scope: Scope, some: Sequence[Intent]) -> None:
    """Let `recover` look for these by their keys, as for any write without an answer."""
    if some:
        with scope.store.write(scope.lease, "hand over") as tx:
            intents.mark(tx, [one.id for one in some], intents.UNKNOWN)


def _forget(scope: Scope, jobs: Mapping[str, Job]) -> None:
    """No token: surely nothing was sent. The staged rows are there, and are planned anew."""
    with scope.store.write(scope.lease, "forget load") as tx:
        settling = Settling(scope, tx)
        settling.jobs = list(jobs.values())
        for job in settling.jobs:
            settling.overtaken(job)
        settling.finish()


# --- one load -----------------------------------------------------------------------------------


def _carry(scope: Scope, jobs: Mapping[str, Job], token: bytes | None) -> None:
    """See a load through to its end. Raises what stops it; the token tells how it goes on."""
    left = dict(jobs)
    kept = token
    until = scope.ports.clock.now() + (PATIENCE if scope.bulk else dt.timedelta(0))

    def keep(told: bytes | None) -> None:
        nonlocal kept
        kept = told
        _keep(scope, told)

    while left:
        try:
            _write(scope, left, kept, keep)
            break
        except ConnectorError as error:
            if kept is None:
                _not_sent(scope, left, error)
                return
            if not isinstance(error, RetryableError) or scope.ports.clock.now() >= until:
                raise
            scope.ports.progress(scope.connection, scope.kind, "job", len(left))
            with scope.ports.meanwhile(lambda: scope.store.renew(scope.lease)):
                scope.ports.clock.sleep(max(error.after_s or 0, _PAUSE_S))
    _keep(scope, None)


def _write(scope: Scope, left: dict[str, Job], kept: bytes | None, keep: Keep) -> None:
    """One call of the plugin; whatever it tells is settled, though it ends with an error."""
    assert isinstance(scope.remote, BulkWrites)
    scope.ports.hook("before call: bulk write")
    scope.store.renew(scope.lease)
    writes = [as_write(scope, job) for job in left.values()]
    told: list[Result] = []
    with scope.ports.meanwhile(lambda: scope.store.renew(scope.lease)):
        try:
            for result in scope.remote.bulk_write(scope.kind, writes, kept, keep):
                if not told:
                    scope.ports.hook("after call: bulk write")
                told.append(result)
                if len(told) >= _AT_ONCE:
                    _settle(scope, left, told)
                    told = []
        except (ConnectorError, StopRequest):
            _settle(scope, left, told)
            raise
        _settle(scope, left, told)


def _settle(scope: Scope, left: dict[str, Job], told: Sequence[Result]) -> None:
    told = [one for one in told if one.id in left]
    if not told:
        return
    _take_marks_of_refused(scope, left, told)
    settle_remote(scope, {one.id: left[one.id] for one in told}, told)
    for one in told:
        del left[one.id]


def _take_marks_of_refused(scope: Scope, left: Mapping[str, Job], told: Sequence[Result]) -> None:
    """A record of a load that was gone on with knows no staged row: if it is refused, its mark must
    not plan it once more."""
    refused = [
        left[one.id]
        for one in told
        if one.outcome is Outcome.REFUSED and one.existing is None and not left[one.id].work.rows
    ]
    if not refused:
        return
    keys = [job.work.link.local_id or "" for job in refused]
    with scope.store.read() as tx:
        marks = staged.load(tx, scope.connection, scope.kind, staged.LOCAL, keys)
    for job in refused:
        mark = marks.get(job.work.link.local_id or "")
        job.work.rows = [mark] if mark is not None else []


def _not_sent(scope: Scope, left: Mapping[str, Job], error: ConnectorError) -> None:
    """Surely nothing was sent. What may help later is put off; else the records go by calls."""
    jobs = list(left.values())
    if isinstance(error, RetryableError):
        for start in range(0, len(jobs), _AT_ONCE):
            some = jobs[start : start + _AT_ONCE]
            settle_remote(scope, left, [Result(id=j.intent, outcome=Outcome.RETRY) for j in some])
        raise error
    logger.warning("bulk_refused", extra={"connection": scope.connection, "kind": str(scope.kind)})
    scope.bulk = False
    size = flight_size(scope.caps, Op.CREATE)
    for start in range(0, len(jobs), size):
        some = jobs[start : start + size]
        with scope.store.write(scope.lease, "unload") as tx:
            intents.mark(tx, [job.intent for job in some], intents.SENDING)
        deliver(scope, some, [as_write(scope, job) for job in some])


# --- the token ------------------------------------------------------------------------------------


def _place(scope: Scope) -> str:
    return f"*/bulk/{scope.kind}"


def _keep(scope: Scope, token: bytes | None) -> None:
    """Store the token of the scope's one load; None: there is no job."""
    name = _place(scope)
    sealed = None
    if token is not None:
        sealed = scope.ports.vault.seal_secret(f"{scope.connection}/{name}", token)
    with scope.store.write(scope.lease, "keep job") as tx:
        scope.store.ensure_scope(tx, scope.connection, name)
        scopes.update(tx, scope.connection, name, resume=sealed)
