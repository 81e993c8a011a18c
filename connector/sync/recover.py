"""Finding out what became of writes whose answer was lost, before anything is sent again.

The look is made for whomever it is about, also for one whom the policy stops, or whose data is
restricted, since the write was sent: as long as nobody knows whether it landed, nothing can be
cleared or erased at the vendor. It tells the vendor our key, a keyed hash that the write carried,
or the vendor's own id; no value, and nothing that the write did not tell before. What is not sent
again is the write: that is decided anew, by what holds today.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from connector.errors import SealError
from connector.lent import LONGEST_WAIT
from connector.plugin import Gone, Op, Reason, Ref, Seen, version_key
from connector.privacy.subjects import RESTRICTED, SHREDDED, SHREDDING
from connector.store import intents, links, staged
from connector.store.intents import Intent
from connector.store.links import Link
from connector.sync.attempts import intents_one_by_one, looking
from connector.sync.documents import Base, Draft, reason_of
from connector.sync.marks import reread, row_again
from connector.sync.moments import NEVER, us_in
from connector.sync.news import note_seen
from connector.sync.partners import is_older
from connector.sync.scope import Scope
from connector.sync.send import as_write, deliver, flight_size
from connector.sync.settling import Settling, bind_probe, blank, shown_of, wrote_local
from connector.sync.work import Job, Work

MOST_SENDINGS = 4
"""A create that was sent so often and is never there becomes a letter."""
_NEVER_LANDS = Reason(
    code="never_lands",
    text="its create was sent again and again, the vendor neither took nor refused it, and it is"
    " not there",
)


def recover(scope: Scope, *, wait: bool) -> int:
    """Resolve every intent that was sent and has no outcome; returns how many must still wait.

    No remote write is judged before the vendor's `call_life` has passed: until then it may still
    land. A create under a unique key is the exception, because there a late twin fails, unless a
    policy has to rule on it anew; any other is looked for at once all the same, because what is
    found is found.
    With `wait` the time is waited out, renewing the lease. Each is looked for once: what stays
    unknown (the vendor fails again, or the record is hidden from us) is the next run's.
    """
    tried: set[str] = set()
    glanced: set[str] = set()
    while True:
        with scope.store.read() as tx:
            open_intents = intents.unresolved(tx, scope.connection, scope.kind)
            now = scope.store.now_us(tx)
        left = [i for i in open_intents if i.id not in tried and not i.loaded]
        if not left:
            return len(open_intents)
        due = [i for i in left if _due_us(scope, i) <= now]
        # Looked for together, they cost one call: with time to wait, all are waited for.
        if due and (len(due) == len(left) or not wait):
            tried |= {i.id for i in due}
            for some in intents_one_by_one(scope, due):
                with looking(scope, some):
                    _resolve(scope, some)
            continue
        early = [i for i in left if i.id not in glanced and _may_glance(scope, i)]
        if early:
            glanced |= {i.id for i in early}
            for some in intents_one_by_one(scope, early):
                with looking(scope, some):
                    _resolve(scope, some, absent_means_lost=False)
            continue
        if not wait:
            return len(open_intents)
        last = max(_due_us(scope, i) for i in left)
        pause = min((last - now) / 1_000_000, scope.store.lease_us / 3_000_000)
        scope.ports.progress(scope.connection, scope.kind, "waiting", len(open_intents))
        scope.ports.clock.sleep(max(pause, 0.05))
        scope.store.renew(scope.lease)


def look_back(scope: Scope) -> None:
    """End what a restored copy holds open by what is there now, and send nothing again.

    What was sent may have landed long ago and may have been edited or removed since; whatever is
    not found is decided anew from what both sides show.
    """
    with scope.store.read() as tx:
        open_intents = intents.unresolved(tx, scope.connection, scope.kind)
    _resolve(scope, open_intents, send=False)


def _may_glance(scope: Scope, intent: Intent) -> bool:
    keyed = scope.caps.external_key != "none"
    return intent.side == "remote" and intent.op == Op.CREATE and keyed


def _due_us(scope: Scope, intent: Intent) -> int:
    if intent.side == "local":
        return 0
    life = scope.caps.call_life + LONGEST_WAIT
    if intent.op == Op.CREATE:
        unique = scope.caps.external_key == "unique" and scope.caps.find_lag is not None
        if unique and scope.rules.gate is None:
            return 0
        life += life if scope.caps.find_lag is None else scope.caps.find_lag
    return (intent.sent_us or 0) + us_in(life)


def _resolve(
    scope: Scope, due: Sequence[Intent], *, absent_means_lost: bool = True, send: bool = True
) -> None:
    with scope.store.read() as tx:
        known = links.by_ids(tx, [i.link for i in due])
    scope.preload(known.values())
    jobs = [one for i in due if i.link in known and (one := job_of(scope, known[i.link], i))]
    sides = {i.id: i.side for i in due}
    _local(scope, [j for j in jobs if sides[j.intent] == "local"])
    remote = [j for j in jobs if sides[j.intent] == "remote"]
    _creates(scope, [j for j in remote if j.draft.op == Op.CREATE], absent_means_lost, send)
    _changes(scope, [j for j in remote if j.draft.op != Op.CREATE], send)


def job_of(scope: Scope, link: Link, intent: Intent) -> Job | None:
    """The job that a stored intent is; what it was planned from is not known any more.

    None if its person's key is missing: the intent stays open, its link stands still, and both go
    on once the key is back.
    """
    assert link.subject is not None
    assert intent.doc is not None
    try:
        plain = scope.ports.vault.open(
            f"intent/{intent.id}", scope.kind, link.subject, link.id, intent.doc
        )
    except SealError as error:
        if not error.missing:
            raise
        return None
    draft = Draft.unpack(intent.side, intent.op, plain)
    base = scope.open_base(link) or Base()
    # A value that was to be written on both sides is settled by neither write alone: with half of
    # it in the base the other side's old value would look like a later edit.
    work = Work(link, base, [], 1, dies=link.live is None, clean=not draft.joint)
    return Job(
        work,
        draft,
        intent.id,
        sent=intent.attempt - intent.starts,  # a process that died in it says nothing of the vendor
        sent_us=intent.sent_us or 0,
        reason=intent.reason,
    )


def _local(scope: Scope, jobs: Sequence[Job]) -> None:
    """A local write landed if its mark stands in the host's database; else it surely did not."""
    if not jobs:
        return
    landed = scope.ports.local.landed(scope.kind, [j.intent for j in jobs])
    with scope.store.write(scope.lease, "recover local") as tx:
        settling = Settling(scope, tx)
        settling.jobs = list(jobs)
        for job in jobs:
            key = landed.get(job.intent)
            if key is None:
                settling.overtaken(job)
                continue
            # The base is what the write set; the row as it is now is news for every connection.
            wrote_local(settling, job, key, blank(scope, job) | job.draft.set)
            settling.reread += reread(job.work.link) if job.work.link.live else []
        settling.finish()


def _creates(scope: Scope, jobs: Sequence[Job], absent_means_lost: bool, send: bool) -> None:
    """Look for our key; a record that is not there is created once more, with the same values,
    unless it may still turn up."""
    if not jobs:
        return
    target = scope.pair.vendor.external_key
    if target is None or scope.caps.external_key == "none":
        _cannot_know(scope, jobs)
        return
    found = _by_key(scope, target, jobs)
    shown = [j for j in jobs if _key(j) in found]
    if not absent_means_lost:
        jobs = shown
    elif scope.caps.find_lag is None and send:
        # Where the search promises nothing, not finding is no evidence: a person must look.
        _cannot_know(scope, [j for j in jobs if _key(j) not in found])
        jobs = shown
    again = []
    with scope.store.write(scope.lease, "recover creates") as tx:
        settling = Settling(scope, tx)
        for job in jobs:
            mine = found.get(_key(job))
            if mine is not None:
                settling.jobs.append(job)
                bind_probe(settling, job, mine)
            elif not send:
                settling.jobs.append(job)
                settling.overtaken(job)
            elif scope.rules.gate is not None or _is_held(scope, job):
                # What was let out when it was planned may not be today: it is planned anew, once
                # it surely is not there.
                if _would_show(scope, job, settling.now):
                    settling.jobs.append(job)
                    settling.overtaken(job)
            elif job.sent >= MOST_SENDINGS and _would_show(scope, job, settling.now):
                _set_aside(settling, job, reason_of(job.reason) if job.reason else _NEVER_LANDS)
            else:
                job.again = True
                job.may_land = not _would_show(scope, job, settling.now)
                again.append(job)
        intents.resend(tx, [j.intent for j in again], scope.lease.fence, settling.now)
        settling.finish()
    _send_again(scope, again, flight_size(scope.caps, Op.CREATE))


def _key(job: Job) -> str:
    return job.work.link.external_key or ""


def _by_key(scope: Scope, field: str, jobs: Sequence[Job]) -> dict[str, Seen]:
    """The vendor's records that carry these creates' keys; of two the older."""
    found: dict[str, Seen] = {}
    scope.ports.hook("before call: find")
    for seen in scope.remote.find(scope.kind, field, [_key(job) for job in jobs]):
        key = seen.external_key
        if key is not None and (key not in found or is_older(seen, found[key])):
            found[key] = seen
    scope.ports.hook("after call: find")
    return found


def _send_again(scope: Scope, jobs: Sequence[Job], size: int) -> None:
    for start in range(0, len(jobs), size):
        part = jobs[start : start + size]
        deliver(scope, part, [as_write(scope, job) for job in part])


def _is_held(scope: Scope, job: Job) -> bool:
    """Whether nothing of the person's may be written by now, whatever was decided before."""
    assert job.work.link.subject is not None, "its intent was opened"
    state = scope.ports.vault.subject_state(job.work.link.subject)
    return state in (RESTRICTED, SHREDDING, SHREDDED)


def _would_show(scope: Scope, job: Job, now_us: int) -> bool:
    """Whether a search would show the create by now, had it landed when it was sent last."""
    lag = (scope.caps.find_lag or dt.timedelta(0)) + scope.caps.call_life + LONGEST_WAIT
    return now_us >= job.sent_us + us_in(lag)


def _cannot_know(scope: Scope, jobs: Sequence[Job]) -> None:
    """A create whose answer was lost and that nothing can find becomes a letter, never a twin."""
    if not jobs:
        return
    reason = Reason(
        code="unknown_create",
        text="the answer to its create was lost and this vendor cannot be asked for it by a key of"
        " ours; look whether it is there, then retry or drop this letter",
    )
    with scope.store.write(scope.lease, "recover creates") as tx:
        settling = Settling(scope, tx)
        for job in jobs:
            _set_aside(settling, job, reason)
        settling.finish()


def _set_aside(settling: Settling, job: Job, reason: Reason) -> None:
    """Make a create a letter: the mark that it was planned from must not plan it once more."""
    scope, key = settling.scope, job.work.link.local_id or ""
    marks = staged.load(settling.tx, scope.connection, scope.kind, staged.LOCAL, [key])
    job.work.rows = list(marks.values())
    settling.jobs.append(job)
    settling.refused(job, reason)


def _changes(scope: Scope, jobs: Sequence[Job], send: bool) -> None:
    """Read the records and settle field by field: what holds the value sent is settled as ours."""
    if not jobs:
        return
    refs = [Ref(j.work.link.remote_id or "") for j in jobs]
    scope.ports.hook("before call: fetch")
    read = {seen.ref: seen for seen in scope.remote.fetch(scope.kind, refs)}
    scope.ports.hook("after call: fetch")
    again: list[Job] = []
    with scope.store.write(scope.lease, "recover changes") as tx:
        settling = Settling(scope, tx)
        for job in jobs:
            seen = read.get(Ref(job.work.link.remote_id or ""))
            if seen is None:
                continue
            if job.draft.op in (Op.REMOVE, Op.PURGE):
                if _is_to_be_removed(scope, settling, job, seen, send):
                    again.append(job)
            elif seen.gone is Gone.HIDDEN:
                continue  # what became of it cannot be seen now
            elif seen.gone is not None:
                settling.jobs.append(job)
                settling.overtaken(job)
            else:
                settling.jobs.append(job)
                _patched(scope, settling, job, seen)
        intents.resend(tx, [j.intent for j in again], scope.lease.fence, settling.now)
        settling.finish()
    _send_again(scope, again, 1)


def _is_to_be_removed(scope: Scope, settling: Settling, job: Job, seen: Seen, send: bool) -> bool:
    """Settle a removal by what is there; whether it has to be sent once more."""
    link = job.work.link
    if seen.gone is None and _edited_since(link, seen):
        # The edit wins: its news brings the record back, as it does to a tombstone.
        settling.finished.append(job.intent)
        link.base = None
        settling.saved[link.id] = link
        note_seen(scope, settling.tx, [seen], NEVER)
        return False
    if seen.gone is None and send and not _is_held(scope, job):
        return True
    settling.jobs.append(job)
    if seen.gone is None:
        settling.overtaken(job)
    else:
        settling.landed(job, {})
    return False


def _edited_since(link: Link, seen: Seen) -> bool:
    """Whether a record is newer than when its removal was decided, which was on a look by id."""
    return version_key(seen.version) > version_key(link.remote_version or "")


def _patched(scope: Scope, settling: Settling, job: Job, seen: Seen) -> None:
    """Keep of the write what the record now holds, and plan the rest anew from both sides."""
    link, kept = job.work.link, shown_of(scope, job, seen)
    settling.landed(job, kept)
    if seen.version != link.remote_version:
        # Somebody wrote: after ours, over ours, or before it and under it. Nobody can know.
        settling.possibly_overwritten(job, set(job.draft.set) - set(kept))
    # The base holds only what we sent; whatever else the record shows is news, and a row staged
    # before this look is older than it.
    link.remote_version, link.remote_observed_us = seen.version, 0
    links.save(settling.tx, [link])
    note_seen(scope, settling.tx, [seen], NEVER)
    settling.reread += row_again(link)
