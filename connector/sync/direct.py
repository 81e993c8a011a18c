"""The short way of a first read: a stranger that is nobody's candidate becomes a row at once.

While a vendor is read for the first time, a record that no other record has an identity value in
common with will be created here whatever comes after it. Its intent is stored in the page's own
transaction, so it need not be staged, sealed and opened again. Everything else is staged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from connector.plugin import Seen
from connector.store import intents, staged
from connector.store.claims import Claim, Value
from connector.store.links import Link
from connector.store.staged import LOCAL
from connector.sync.decision import Decision, Situation
from connector.sync.documents import Base
from connector.sync.plan import decide
from connector.sync.scope import Scope
from connector.sync.send import another_may_create, deliver_local, sealed_intents
from connector.sync.work import Job, Work

Stranger = tuple[Link, Seen]


class Direct:
    """Takes strangers of a page that can be decided at once, and writes them after its commit."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._jobs: list[Job] = []

    def take(
        self,
        tx: sa.Connection,
        strangers: Sequence[Stranger],
        values: Mapping[str, Sequence[Value]],
        claims: Mapping[Value, Claim],
        observed_us: int,
    ) -> Sequence[Stranger]:
        """Store the intents of those that can be created now; returns the others."""
        scope, others = self._scope, []
        if another_may_create(scope, tx):
            return strangers
        taken: list[tuple[Stranger, Situation, Decision]] = []
        for link, seen in strangers:
            case = Situation(link, None, None, seen)
            if seen.external_key is None and _alone(link, values[link.id], claims):
                decision = decide(scope.pair, scope.rules, case)
                if len(decision.drafts) == 1 and not decision.left:
                    taken.append(((link, seen), case, decision))
                    continue
            others.append((link, seen))
        subjects = scope.ports.vault.new_subjects(len(taken)) if taken else []
        jobs = []
        for ((link, seen), case, decision), subject in zip(taken, subjects, strict=True):
            link.subject = subject
            link.remote_version, link.remote_observed_us = seen.version, observed_us
            shown = {"remote": (dict(seen.fields), case.shown["remote"])}
            work = Work(link, Base(), [], 1, shown=shown)
            draft = decision.drafts[0]
            jobs.append(Job(work, draft, scope.intent_id(link, draft)))
        intents.put(tx, sealed_intents(scope, jobs, "local", scope.store.now_us(tx)))
        self._jobs += jobs
        return others

    def finish(self) -> None:
        """Write what was taken into the host's tables, and settle it."""
        jobs, self._jobs = self._jobs, []
        size = self._scope.batch
        for start in range(0, len(jobs), size):
            deliver_local(self._scope, jobs[start : start + size])


def direct_for(scope: Scope) -> Direct | None:
    """The short way, if the scope may use it: rows are made here, they have no parents, and each
    row that is noted may be found by its values."""
    may = scope.rules.create_local and not scope.parent_kinds and scope.ports.dry is None
    if not may or scope.source == "local":
        return None
    with scope.store.read() as tx:
        hidden = staged.unclaimed(tx, scope.connection, scope.kind, LOCAL)
    return None if hidden else Direct(scope)


def _alone(link: Link, values: Sequence[Value], claims: Mapping[Value, Claim]) -> bool:
    """Whether no other record was there first with one of its values, or is its candidate."""
    held = [claims[value] for value in values]
    return all(claim.link == link.id and claim.rival is None for claim in held)
