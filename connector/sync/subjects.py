"""Whose records these are: the person behind each, whose key seals what is kept of it."""

from __future__ import annotations

from collections.abc import Sequence

from connector.privacy.subjects import MISSING
from connector.store import links
from connector.store.staged import LOCAL
from connector.sync.decision import Decision, Situation
from connector.sync.scope import Scope


def subjects_of(scope: Scope, cases: Sequence[Situation]) -> dict[str, str]:
    """By link: its person, or its parent's, or whose the row is at another connection; as far as
    that is known. One person, one key, whatever the number of connections."""
    whose, lacking = {}, {}
    for case in cases:
        link = case.link
        subject = link.subject or _parents(scope, case)
        if subject is not None:
            whose[link.id] = subject
        elif link.local_id is not None:
            lacking[link.local_id] = link.id
    if lacking and scope.peers:
        with scope.store.read() as tx:
            known = links.subjects_of(tx, scope.kind, list(lacking))
        whose |= {lacking[local_id]: subject for local_id, subject in known.items()}
    return whose


def _parents(scope: Scope, case: Situation) -> str | None:
    """The person of the record's parent, if it has one that is known."""
    if not scope.parent_kinds or case.row is None:
        return None
    record = case.local_record(scope.pair)
    for name in scope.parent_kinds:
        raw = record.get(name)
        parent = case.parents.get((LOCAL, raw)) if isinstance(raw, str) else None
        if parent is not None:
            return parent.subject
    return None


def ensure_subjects(scope: Scope, decided: Sequence[tuple[Situation, Decision]]) -> None:
    """Give every link that is about to hold sealed documents a person's key, committed first.

    One that is lost is nobody's: a connection that was not reconciled yet still names it.
    """
    vault = scope.ports.vault
    new = [(case, decision) for case, decision in decided if case.link.subject is None]
    whose = subjects_of(scope, [case for case, _ in new])
    vault.preload(set(whose.values()))
    lacking = []
    for case, decision in new:
        parents = next((d.subject for d in decision.drafts if d.subject), None)
        known = [one for one in (parents, whose.get(case.link.id)) if one is not None]
        there = (one for one in known if vault.subject_state(one) != MISSING)
        case.link.subject = next(there, None)
        if case.link.subject is None:
            lacking.append(case.link)
    if lacking:
        subjects = vault.new_subjects(len(lacking))
        for link, subject in zip(lacking, subjects, strict=True):
            link.subject = subject
