"""A person's no goes first: a refusal on its way reaches every connection before any other write
for that person.

Before a round's passes, the staged records that say no (to marketing, to being contacted at all)
are decided in their consent fields alone, and those are written. What else changed in them stays
staged and follows in its pass; so do the person's membership and feedback.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from connector.mapping.choices import NO
from connector.mapping.translate import Pair
from connector.plugin import Op
from connector.policy.consent import is_state
from connector.policy.facts import OBJECTS
from connector.policy.retention import NOTHING_DUE
from connector.records import Canonical, field_of
from connector.store.links import ACTIVE
from connector.store.staged import LOCAL, Staged
from connector.sync.attempts import Phase, is_suspect
from connector.sync.carrying import carry_out
from connector.sync.decision import Decision
from connector.sync.notes import Notes
from connector.sync.plan import decide
from connector.sync.queue import Queue, batches
from connector.sync.scope import Scope
from connector.sync.situation import Case, gather
from connector.sync.staging import open_staged
from connector.sync.subjects import ensure_subjects
from connector.sync.work import Job


def send_refusals(scope: Scope) -> bool:
    """Write the refusals among what is staged for this scope; says whether there were any."""
    consents = scope.pair.only(_says_no_in(scope.pair))
    if not consents.units or scope.first_sync or scope.source or scope.ports.dry is not None:
        # (A plan shows what is written, not in which order.)
        return False
    queue = Queue(scope, (False, False), for_removals=False)
    found = False
    phase = Phase(scope, gone=False, whole=False)
    with phase.counted():
        for rows in batches(phase):
            asked = _refusing(scope, consents, rows)
            if not asked:
                continue
            decided = [
                (case, decision)
                for case in gather(scope, asked, queue.busy).cases
                if _is_plain(_without_terms(case))
                and (decision := decide(consents, scope.rules, case.situation)).drafts
                and (not (case.held or case.stopped) or _only_refuses(consents, decision))
            ]
            found = found or bool(decided)
            for job in _taken(scope, decided):
                queue.add(job)
            if is_suspect(rows):
                queue.flush()
        queue.flush()
    return found


def _says_no_in(pair: Pair) -> set[str]:
    return {
        unit.name
        for unit in pair.units
        for name in unit.fields
        if (known := field_of(pair.kind, name)) is not None and known.privacy == "consent"
    }


def _refusing(scope: Scope, consents: Pair, rows: Sequence[Staged]) -> list[Staged]:
    """Of these rows, those that show a no on their side, or that must be read to know."""

    columns = {name for unit in consents.units for name in consents.columns_of(unit)}
    fields = {name for unit in consents.units for name in consents.remote_fields_of(unit)}

    def says_no(shown: Canonical) -> bool:
        return any(consents.strictness(name, value) == NO for name, value in shown.items())

    def of(own: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
        return {name: own[name] for name in names if name in own}

    if rows[0].side == LOCAL:
        table = scope.ports.local.read(scope.kind, [row.record for row in rows])
        return [
            row
            for row in rows
            if row.record in table
            and says_no(consents.read_local(of(table[row.record].values, columns)))
        ]
    return [
        row
        for row in rows
        if row.payload is None
        or says_no(consents.read_remote(of(open_staged(scope.ports.vault, row).fields, fields)))
    ]


def _without_terms(case: Case) -> Case:
    """What is over its term follows in its pass."""
    case.situation.due = NOTHING_DUE
    return case


def _is_plain(case: Case) -> bool:
    """Whether both records of a link are there and nothing but their fields is in question."""
    link, row, seen = case.situation.link, case.situation.row, case.situation.seen
    there = row is not None and row.state == "live" and (seen is None or seen.gone is None)
    return link.live is not None and link.state == ACTIVE and there and bool(case.situation.base)


def _only_refuses(consents: Pair, decision: Decision) -> bool:
    """Whether all that would be written says no: that much is done for a person whose data may not
    be used, or not go to a vendor, as far as the vendor has their record."""
    return all(
        consents.strictness(name, value) == NO
        for draft in decision.drafts
        for name, value in (
            consents.read_remote(draft.set)
            if draft.side == "remote"
            else consents.read_local(draft.set)
        ).items()
        if is_state(name) or name == OBJECTS
    )


def _taken(scope: Scope, decided: Sequence[tuple[Case, Decision]]) -> list[Job]:
    """Store what the decisions settle, and make their writes; the rows stay staged."""
    if not decided:
        return []
    jobs = []
    ensure_subjects(scope, [(case.situation, decision) for case, decision in decided])
    with scope.store.write(scope.lease, "plan refusals") as tx:
        notes = Notes(scope, tx)
        for case, decision in decided:
            assert all(draft.op == Op.UPDATE for draft in decision.drafts)
            case.rows = []
            decision.left, decision.clashes = [], []
            work = carry_out(notes, case, decision)
            if work is not None:
                jobs += [Job(work, draft, scope.store.new_id()) for draft in decision.drafts]
        notes.finish()
    return jobs
