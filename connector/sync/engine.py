"""One connection's part in a run: observe, plan, apply, settle, until nothing is left to decide.

The steps of a round, for all kinds of a connection: removals, children before parents; then
creates and updates, parents before children. Nothing is written to a side that was not observed
in this run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from connector.plugin import Gone, Op
from connector.store import links, staged
from connector.store.staged import LOCAL, REMOTE, Staged
from connector.sync.attempts import Phase, is_suspect
from connector.sync.carrying import carry_out, set_aside_broken
from connector.sync.compare import compare
from connector.sync.decision import Decision
from connector.sync.direct import direct_for
from connector.sync.loads import resume_load
from connector.sync.notes import Notes
from connector.sync.noticing import take_marks
from connector.sync.observe import observe_changes
from connector.sync.place import in_doubt
from connector.sync.plan import decide
from connector.sync.queue import Queue, batches
from connector.sync.recover import recover
from connector.sync.refusals import send_refusals
from connector.sync.scope import Scope
from connector.sync.situation import Batch, Case, gather
from connector.sync.subjects import ensure_subjects
from connector.sync.suppressed import turn_away
from connector.sync.sweep import sweep
from connector.sync.work import Job, Work

ROUNDS = 6
"""Rounds of one run at most: what is overtaken again and again is left to the next run."""


def observe_connection(scopes_in_order: Sequence[Scope]) -> bool:
    """Read what changed at one vendor, once for a run. Raises the first error."""
    for scope in scopes_in_order:
        # What the shop has is known first: a stranger that belongs to a row must find it.
        take_marks(scope)
        observe_changes(scope, direct_for(scope))
        if scope.doubt is not None and scope.ports.dry is None:
            raise in_doubt(scope.connection, scope.doubt)
    return True


def settle_connection(scopes_in_order: Sequence[Scope]) -> None:
    """Decide and carry out all that is staged for one connection. Scopes come parents first.

    Raises the first error that stopped the connection; what was settled before stays settled.
    """
    if not scopes_in_order or not _waiting(scopes_in_order):
        return
    for scope in scopes_in_order:
        take_marks(scope)
    for _ in range(ROUNDS):
        waiting = _waiting(scopes_in_order)
        busy = [
            _pass(scope, gone=True)
            for scope in reversed(scopes_in_order)
            if (scope.kind, True) in waiting and scope.source is None
        ]
        # What a removal left behind may be decided in the same round.
        waiting |= _waiting(scopes_in_order) if any(busy) else set()
        busy += [
            _pass(scope, gone=False) for scope in scopes_in_order if (scope.kind, False) in waiting
        ]
        if not any(busy):
            break


def send_all_refusals(scopes_in_order: Sequence[Scope]) -> bool:
    """Write what says no among all that is staged for one connection; says whether any did."""
    if not scopes_in_order or not _waiting(scopes_in_order):
        return False
    for scope in scopes_in_order:
        take_marks(scope)
        _claim(scope)
    return any([send_refusals(scope) for scope in scopes_in_order])


def _waiting(scopes_in_order: Sequence[Scope]) -> set[tuple[str, bool]]:
    """The kinds for which anything is staged, news of removals and other news apart."""
    first = scopes_in_order[0]
    with first.store.read() as tx:
        return staged.waiting(tx, first.connection)


def sweep_connection(scopes_in_order: Sequence[Scope]) -> bool:
    """List all ids and compare some records whole, where that is due; says whether there is news
    to decide."""
    listed = [sweep(scope) for scope in scopes_in_order]
    return any([*listed, *[compare(scope) for scope in scopes_in_order]])


def finish_connection(scopes_in_order: Sequence[Scope]) -> bool:
    """Wait for the fate of writes whose answers were lost, as long as that takes; says whether
    there were any."""
    looked = False
    for scope in scopes_in_order:
        if scope.ports.dry is None:
            before = scope.counts.unknown
            scope.counts.unknown = recover(scope, wait=True)
            looked = looked or bool(before or scope.counts.unknown)
    return looked


def recover_now(scopes_in_order: Sequence[Scope]) -> None:
    """Resolve what an earlier run left open, as far as that needs no waiting. Of a scope in doubt
    that is the reconcile's."""
    for scope in scopes_in_order:
        if scope.doubt is None and scope.ports.dry is None:
            resume_load(scope)
            recover(scope, wait=False)


# --- one pass over what is staged -----------------------------------------------------------------


def _pass(scope: Scope, *, gone: bool) -> bool:
    """Decide and carry out all staged rows that are ready; says whether that moved anything."""
    if scope.asks_anew:
        scope.renew_fields()
    if not gone:
        _claim(scope)
    held = _over_the_cap(scope, gone=gone)
    queue = Queue(scope, held, for_removals=gone)
    phase = Phase(scope, gone)
    with phase.counted():
        for rows in batches(phase):
            _decide_batch(scope, rows, queue)
            if is_suspect(rows):
                queue.flush()
        queue.flush()
    return queue.progressed


def _claim(scope: Scope) -> None:
    """Let the halves that a run after deaths noted be found by their values, before any is decided:
    else a row is made anew at a vendor whose record of it waits in a later batch."""
    with scope.store.read() as tx:
        where = (scope.connection, scope.kind)
        wanted = {side: staged.unclaimed(tx, *where, side) for side in (LOCAL, REMOTE)}
    if not any(wanted.values()):
        return
    phase = Phase(scope, gone=False, whole=False)
    with phase.counted():
        for rows in batches(phase):
            mine = [row for row in rows if row.record in wanted[row.side]]
            if mine:
                gather(scope, mine, set())


def _decide_batch(scope: Scope, rows: Sequence[Staged], queue: Queue) -> None:
    batch = gather(scope, rows, queue.busy)
    decided = list(_decisions(scope, batch))
    changing = _changing_hands(scope, decided)
    passed = [
        (case, decision)
        for case, decision in decided
        if decision.link.id not in changing and not _withheld(scope, case, decision, queue)
    ]
    turn_away(scope, batch.suppressed)
    set_aside_broken(scope, batch.broken)
    ensure_subjects(scope, [(c.situation, d) for c, d in passed if _needs_subject(d)])
    works: list[tuple[Work, Decision]] = []
    with scope.store.write(scope.lease, "plan batch") as tx:
        notes = Notes(scope, tx)
        for case, decision in passed:
            work = carry_out(notes, case, decision)
            if work is not None:
                works.append((work, decision))
        notes.finish()
    queue.progressed = queue.progressed or notes.woke
    queue.progressed = queue.progressed or any(
        d.bind or d.replaces or d.succeeds or d.rebirth or d.reread or d.drafts for _, d in passed
    )
    for work, decision in works:
        for draft in decision.drafts:
            queue.add(Job(work, draft, scope.intent_id(work.link, draft)))


def _changing_hands(scope: Scope, decided: Sequence[tuple[Case, Decision]]) -> set[str]:
    """The links that die at the vendor while their children in the shop have news.

    The news may be another parent, as after a merge in the shop: the children go first, or the
    vendor takes them along. The removal is decided in the next round.
    """
    dying = [
        decision.link.id
        for _, decision in decided
        if any(d.side == "remote" and d.op == Op.REMOVE for d in decision.drafts)
    ]
    if not dying:
        return set()
    with scope.store.read() as tx:
        return staged.parents_with_news(tx, scope.connection, dying)


def _withheld(scope: Scope, case: Case, decision: Decision, queue: Queue) -> bool:
    """Whether a decision is not carried out in this pass; its rows stay staged."""
    if any(draft.side == scope.source for draft in decision.drafts):
        scope.left_there.add(decision.link.id)
        scope.counts.left_there = len(scope.left_there)
        return True
    over = queue.held_removals if decision.removes else queue.held_changes and _is_change(decision)
    if over:
        scope.held.add(decision.link.id)
        scope.counts.held = len(scope.held)
        return True
    if decision.removes and not queue.for_removals:
        # Found to be gone while looking at something else: it is counted with the removals.
        for row in case.rows:
            row.gone = row.gone or Gone.NOT_FOUND
        _keep(scope, case.rows, "mark gone")
        queue.progressed = True
        return True
    stranger = decision.link.local_id is None and case.situation.seen is not None
    if stranger and (decision.letter or decision.replaces) and not case.fetched:
        # A stranger is not set aside, nor put in another's place, on the word of a list alone,
        # which may have answered with wrong ids: it is read by id first.
        for row in case.rows:
            row.payload = None
        _keep(scope, case.rows, "ask by id")
        queue.progressed = True
        return True
    return False


def _keep(scope: Scope, rows: Sequence[Staged], what: str) -> None:
    with scope.store.write(scope.lease, what) as tx:
        staged.save(tx, rows)


def _decisions(scope: Scope, batch: Batch) -> Iterator[tuple[Case, Decision]]:
    for case in batch.cases:
        if case.held:
            scope.restricted.add(case.situation.link.id)
            scope.counts.restricted = len(scope.restricted)
            continue
        decision = decide(scope.pair, scope.rules, case.situation)
        removes = decision.removes and case.situation.due.record
        if case.stopped is not None and decision.waits_for is None and not removes:
            # (A child of somebody who is not there yet waits for them, as ever.)
            decision = Decision(case.situation.link, letter=case.stopped)
        yield case, decision


def _needs_subject(decision: Decision) -> bool:
    return bool(decision.drafts or decision.clashes or decision.base is not None)


def _is_change(decision: Decision) -> bool:
    return any(d.op == Op.UPDATE for d in decision.drafts)


# --- the brakes -----------------------------------------------------------------------------------


def _over_the_cap(scope: Scope, *, gone: bool) -> tuple[bool, bool]:
    """Whether removals, and whether changes, are more than `[safety]` allows in one run.

    Counting what is staged is enough to say no; only beyond the cap is every row decided to count
    exactly. What is held back stays staged.
    """
    limits = scope.max_delete if gone else scope.max_change
    with scope.store.read() as tx:
        waiting = staged.count(tx, scope.connection, scope.kind, gone=gone)
        # The links are counted only where their number can matter: a quiet pass costs the same
        # whatever it is.
        matters = waiting > limits.least
        linked = links.count_live(tx, scope.connection, scope.kind) if matters else 0
    limit = limits.of(linked)
    if gone and not scope.may_remove and waiting:
        scope.stopped = (
            f"{scope.connection}/{scope.kind}: mapping or schema changed since the last run, so"
            " this run removes nothing; the next one may"
        )
        return True, False
    if waiting <= limit or (scope.first_sync and not gone):
        return False, False
    test: Callable[[Decision], bool] = (lambda d: d.removes) if gone else _is_change
    phase = Phase(scope, gone, whole=False)
    with phase.counted():
        count = sum(
            test(decision)
            for rows in batches(phase)
            for _, decision in _decisions(scope, gather(scope, rows, set()))
        )
    if count <= limit:
        return False, False
    what = "removed" if gone else "changed"
    key = "max_delete" if gone else "max_change"
    scope.stopped = (
        f"{scope.connection}/{scope.kind}: {count} records would be {what},"
        f" [safety] {key} allows {limit}; none of them was"
    )
    return gone, not gone
