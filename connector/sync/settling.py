"""Settling writes: one transaction ends the intents of a batch, and what hangs on them.

Used with the answers to a batch, and with what a look has told of writes that had no answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from connector.plugin import Op, Reason, Seen
from connector.store import conflicts, events, intents, links, staged
from connector.store.links import ACTIVE, Link
from connector.sync import origins
from connector.sync.decision import EXPIRED
from connector.sync.disclosed import classes_told
from connector.sync.documents import reason_text
from connector.sync.marks import reread, row_again
from connector.sync.moments import NEVER
from connector.sync.news import note_seen
from connector.sync.references import waiting_names
from connector.sync.scope import Scope
from connector.sync.work import Job, settled_rows

_TAKEN = Reason(code="twin", text="its row was made before and belongs to another record by now")


class Settling:
    """One transaction, which settles a batch of answers."""

    def __init__(self, scope: Scope, tx: sa.Connection) -> None:
        self.scope = scope
        self.tx = tx
        self.now = scope.store.now_us(tx)
        self.jobs: list[Job] = []
        self.finished: list[str] = []
        self.unknown: list[tuple[str, str | None]] = []
        self.not_sent_again: list[str] = []
        self.saved: dict[str, Link] = {}
        self.activated: list[Link] = []
        self.postponed: list[staged.Staged] = []
        self.reread: list[staged.Staged] = []
        self.letters: list[tuple[str, Reason]] = []
        self.events: list[events.Event] = []
        self.fanned: dict[str, str | None] = {}

    def landed(self, job: Job, held: Mapping[str, object]) -> None:
        """The write is in; `held` is what its side holds of what was written."""
        work, link, scope = job.work, job.work.link, self.scope
        work.landed(job.draft, dict(held))
        self.finished.append(job.intent)
        told = classes_told(scope, job.draft)
        self.events.append(
            scope.event(self.now, link.id, f"{job.draft.op}_{job.draft.side}", note=told)
        )
        if job.draft.side == "local" and scope.peers:
            assert link.local_id is not None
            self.fanned[link.local_id] = origins.told(
                scope, link.local_id, job.draft, work.base.local
            )
        if link.live is None:
            scope.counts.removed += 1
            link.base = None
            self.saved[link.id] = link
            if link.evidence == EXPIRED and job.draft.side == "remote":
                self.reread += row_again(link)  # the shop's goes last
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

    def lost(self, job: Job, reason: Reason | None = None) -> None:
        job.work.failed()
        self.unknown.append((job.intent, reason_text(reason) if reason is not None else None))
        self.scope.counts.unknown += 1

    def not_sent(self, job: Job) -> None:
        """This sending surely had no effect; an earlier one of the same write still may have."""
        job.work.failed()
        self.not_sent_again.append(job.intent)
        self.scope.counts.unknown += 1

    def possibly_overwritten(self, job: Job, fields: Iterable[str]) -> None:
        """Note for a person that somebody's value of these own fields may be gone."""
        self.events += [
            self.scope.event(self.now, job.work.link.id, "possibly_overwritten", field=name)
            for name in sorted(fields)
        ]

    def finish(self) -> None:
        scope, tx = self.scope, self.tx
        links.save(tx, list(self.saved.values()))
        intents.finish(tx, self.finished)
        for intent_id, said in self.unknown:
            intents.mark(tx, [intent_id], intents.UNKNOWN, said)
        intents.not_sent(tx, self.not_sent_again)
        for intent_id, reason in self.letters:
            intents.mark(tx, [intent_id], intents.LETTER, reason_text(reason))
        if scope.pair.digests:
            # A letter may lie here for long, and a retry reads both sides anew.
            intents.forget_values(tx, [intent_id for intent_id, _ in self.letters])
        staged.save(tx, self.postponed)
        staged.settle(tx, settled_rows({job.work.link.id: job.work for job in self.jobs}.values()))
        staged.stage_both(tx, self.reread)
        staged.mark(tx, scope.peers, scope.kind, self.fanned)
        conflicts.close(tx, [c for job in self.jobs if job.work.done for c in job.work.close])
        staged.wake(tx, scope.connection, waiting_names(scope.kind, self.activated))
        events.append(tx, self.events)


def blank(scope: Scope, job: Job) -> dict[str, object]:
    """A new record's fields that were not sent are empty there, until it says otherwise."""
    if job.draft.op != Op.CREATE:
        return {}
    on_remote = job.draft.side == "remote"
    return dict.fromkeys(scope.pair.remote_fields if on_remote else scope.pair.columns)


def shown_of(scope: Scope, job: Job, seen: Seen) -> dict[str, object]:
    """What of a write the record now holds, unit by unit; the draft forgets the rest of it."""
    sent = scope.pair.read_remote(job.draft.set)
    now = scope.pair.read_remote(seen.fields)
    kept = [
        unit
        for unit in scope.pair.units
        if any(name in sent for name in unit.fields)
        and all(
            name in now and scope.pair.same(name, sent[name], now[name])
            for name in unit.fields
            if name in sent
        )
    ]
    fields = {name for unit in kept for name in scope.pair.remote_fields_of(unit)}
    columns = {name for unit in kept for name in scope.pair.columns_of(unit)}
    job.draft.take = {n: v for n, v in job.draft.take.items() if n in columns}
    names = {unit.name for unit in kept}
    job.draft.stand_ins = {n: own for n, own in job.draft.stand_ins.items() if n in names}
    return {n: v for n, v in job.draft.set.items() if n in fields}


def bind_probe(settling: Settling, job: Job, seen: Seen, *, ours: bool = True) -> None:
    """A record found by our key is the create's: only what we sent is settled by it, and what was
    read is staged as news, so that nobody's edit is swallowed.

    `ours`: this very write made it. If an earlier one did, with other values perhaps, what the
    record does not show was never agreed, and meets as at first contact.
    """
    link, scope = job.work.link, settling.scope
    known = links.by_side(settling.tx, scope.connection, scope.kind, "remote", [seen.ref])
    half = known.get(seen.ref)
    if half is not None and half.id != link.id and half.local_id is None:
        # The feed showed it before we looked: it is this link's, not a record of its own.
        links.forget(settling.tx, half.id)
        link.epoch = max(link.epoch, half.epoch)
        links.hand_over_claims(settling.tx, half.id, link.id)
    link.remote_id = seen.ref
    link.remote_version = seen.version
    link.remote_observed_us = 0
    if ours:
        settling.landed(job, blank(scope, job) | job.draft.set)
    else:
        settling.landed(job, shown_of(scope, job, seen))
        settling.reread += row_again(link)
    links.save(settling.tx, [link])
    note_seen(scope, settling.tx, [seen], NEVER)


def found_local(settling: Settling, job: Job, key: str) -> None:
    """The row was made by an earlier sending of this create that nobody saw land: its values may be
    older ones, so nothing is agreed by it, and both sides meet as at first contact."""
    link, scope = job.work.link, settling.scope
    known = links.by_side(settling.tx, scope.connection, scope.kind, "local", [key]).get(key)
    if known is not None and known.live is not None and known.remote_id is not None:
        settling.refused(job, _TAKEN)
        return
    if known is not None and known.live is not None:
        links.forget(settling.tx, known.id)
        links.hand_over_claims(settling.tx, known.id, link.id)
    link.local_id = key
    scope.give_key(link)
    settling.saved[link.id] = link
    settling.overtaken(job)


def wrote_local(settling: Settling, job: Job, key: str, held: Mapping[str, object]) -> None:
    """A local write landed; `held` is the row as read back in its transaction."""
    link, scope = job.work.link, settling.scope
    if link.local_id is None:
        link.local_id = key
        scope.give_key(link)
    if job.draft.op == Op.CREATE:
        # What the table filled in by itself is the shop's own news: it travels like an edit.
        shown = {n: v if n in job.draft.set else None for n, v in held.items()}
        settling.landed(job, {**job.draft.set, **shown})
    else:
        settling.landed(job, {n: held.get(n, v) for n, v in job.draft.set.items()})
