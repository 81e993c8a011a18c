"""Carrying decisions out as far as the state goes: what needs no write, and what waits."""

from __future__ import annotations

from collections.abc import Sequence

from connector.plugin import Reason
from connector.policy.document import CHANGES
from connector.records import Canonical
from connector.store import events, links, staged
from connector.store.conflicts import LEFT_OUT, OPEN, RECORD, Conflict
from connector.store.links import ACTIVE, GONE, Link
from connector.store.staged import REMOTE, Staged
from connector.sync.decision import EXPIRED, Clash, Decision
from connector.sync.documents import Base, Own, pack, reason_text
from connector.sync.gate import LETTER
from connector.sync.kin import facts_moved, note_facts
from connector.sync.marks import reread, row_again
from connector.sync.merge import Cause
from connector.sync.notes import Notes
from connector.sync.relinking import bind, rebirth, replace, succeed
from connector.sync.scope import Scope
from connector.sync.situation import Case
from connector.sync.tombstones import bury
from connector.sync.work import Work


def carry_out(to: Notes, case: Case, decision: Decision) -> Work | None:
    """Carry out one decision as far as it needs no write; a Work if there are writes to send."""
    _note(to, case, decision)
    if decision.letter is not None or decision.waits_for is not None:
        _set_aside(to, case.rows, decision)
    elif decision.drop:
        links.delete(to.tx, [decision.link.id])
        to.gone_rows += case.rows
    elif decision.bind is not None:
        bind(to, decision.link, decision.bind)
    elif decision.replaces is not None:
        replace(to, case, decision.replaces)
    elif decision.succeeds:
        succeed(to, case)
    elif decision.rebirth is not None:
        rebirth(to, case, decision)
    elif decision.drafts:
        return _work(to, case, decision)
    else:
        _advance(to, case, decision)
    return None


def _work(to: Notes, case: Case, decision: Decision) -> Work:
    """The writes of a decision, and what is settled when they have landed."""
    link, situation = decision.link, case.situation
    base = decision.base or situation.base or Base()
    work = Work(link, base.copy(), case.rows, len(decision.drafts))
    work.close, work.lost = decision.close, decision.lost
    work.shown = _shown(case)
    if situation.ruling is not None:
        verdicts = situation.ruling.fields.items()
        work.told = {n: v.action for n, v in verdicts if v.action in CHANGES}
    # The link dies in the transaction that stores the write, not before: a stop in between must
    # leave a live link that is planned again.
    work.dies, work.evidence = decision.state == GONE, decision.evidence
    _observed(to.scope, case, link, creating=True)
    return work


def _advance(to: Notes, case: Case, decision: Decision) -> None:
    """Nothing to write: the base, the state and the versions move, the rows are done."""
    link, scope = decision.link, to.scope
    to.close += decision.close
    if decision.base is not None:
        scope.seal_base(link, decision.base)
        if link.state == links.PENDING:
            link.state = ACTIVE
            scope.counts.adopted += 1
    if decision.state == GONE:
        bury(scope, to.tx, link, decision.evidence, to.now)
        to.event(link.id, "gone_both")
    elif decision.state is not None:
        link.state, link.evidence = decision.state, decision.evidence
    elif any(c.field == RECORD for c in decision.clashes):
        link.evidence = decision.clashes[0].rule
    elif decision.reread:
        link.evidence = None
    _observed(scope, case, link)
    to.saved.append(link)
    to.gone_rows += case.rows
    if decision.reread:
        to.new_rows += reread(link)
    if decision.again:
        to.new_rows += row_again(link)


def _observed(scope: Scope, case: Case, link: Link, *, creating: bool = False) -> None:
    """The link knows the remote record in the version it was read in."""
    seen = case.situation.seen
    if seen is None or seen.gone is not None:
        return
    link.remote_version = seen.version
    row = next((r for r in case.rows if r.side == REMOTE), None)
    link.remote_observed_us = row.observed_us if row else None
    if link.local_id is None and link.base is None and not creating:
        # A half that stays one: remember what was seen, so that an echo is not news.
        link.remote_digest = scope.digest(link.id, "R", scope.pair.read_remote(seen.fields))


def _shown(case: Case) -> dict[str, tuple[Own, Canonical]]:
    """The readings a decision has made, so that sealing the base need not make them again."""
    situation, found = case.situation, {}
    if situation.row is not None and "local" in situation.shown:
        found["local"] = (dict(situation.row.values), situation.shown["local"])
    if situation.seen is not None and "remote" in situation.shown:
        found["remote"] = (dict(situation.seen.fields), situation.shown["remote"])
    return found


def _set_aside(to: Notes, rows: Sequence[Staged], decision: Decision) -> None:
    letter = decision.letter
    for row in rows:
        row.waits_for = decision.waits_for
        row.reason = reason_text(letter) if letter is not None else None
        if to.scope.pair.digests:
            row.payload = None  # it may lie here for long: it is read by id when its turn comes
        row.attempts += 1
        to.kept_rows.append(row)
    if letter is not None:
        to.scope.counts.letters += 1
        if letter.code.startswith(LETTER) and all(r.attempts > 1 for r in rows):
            return  # it was looked at again, and the policy says what it said
        to.event(decision.link.id, f"letter:{letter.code}")


def set_aside_broken(scope: Scope, broken: Sequence[tuple[Staged, Reason]]) -> None:
    """Rows that could not even be gathered become letters."""
    if not broken:
        return
    with scope.store.write(scope.lease, "set aside") as tx:
        for row, reason in broken:
            row.reason = reason_text(reason)
            scope.counts.letters += 1
        staged.save(tx, [row for row, _ in broken])


# --- what is noted of every decision --------------------------------------------------------------


def _note(to: Notes, case: Case, decision: Decision) -> None:
    """Note why each unit came out as it did, and what waits for a person."""
    link, standing = decision.link, case.situation.conflicts
    if link.subject is not None and facts_moved(to.scope, case.situation):
        to.people.add(link.subject)
        if decision.letter is not None:
            note_facts(to.scope, case.situation)
            to.saved.append(link)
    for name, cause in decision.moves:
        if cause is Cause.AGAINST_DIRECTION:
            to.scope.counts.against_direction += 1
        to.event(link.id, cause.value, field=name or None)
    _note_left(to, decision)
    _note_expired(to, decision)
    for clash in decision.clashes:
        if clash.field not in standing:
            to.scope.counts.conflicts += 1
        _note_clash(to, link, clash, standing.get(clash.field))


def _note_left(to: Notes, decision: Decision) -> None:
    to.scope.counts.left_out += len(decision.left)
    for left in decision.left:
        one = _conflict(to, decision.link, left.field, left.reason.code, LEFT_OUT, None)
        one.reason = reason_text(left.reason)
        to.clashes.append(one)


def _note_expired(to: Notes, decision: Decision) -> None:
    """What a policy let lose earlier is not kept longer than what won."""
    link = decision.link
    if decision.expired:
        events.drop_values(to.tx, [link.id], decision.expired)
    if decision.evidence == EXPIRED:
        events.drop_values(to.tx, [link.id])
        to.event(link.id, "retention")


def _note_clash(to: Notes, link: Link, clash: Clash, standing: Conflict | None) -> None:
    scope = to.scope
    shown = scope.pair.digests.shown
    sides = {"local": clash.local, "remote": clash.remote, "base": clash.base}
    doc = pack({side: shown(values, link.id) for side, values in sides.items()})
    if standing is not None and _stands(scope, link, clash, standing, doc):
        return
    assert link.subject is not None
    name = f"conflict/{clash.field}"
    sealed = scope.ports.vault.seal(name, scope.kind, link.subject, link.id, doc)
    to.named.append(link)
    to.clashes.append(_conflict(to, link, clash.field, clash.rule, OPEN, sealed))


def _conflict(
    to: Notes, link: Link, field: str, rule: str, state: str, doc: bytes | None
) -> Conflict:
    scope = to.scope
    about = (scope.store.new_id(), scope.connection, scope.kind, link.id, field)
    return Conflict(*about, doc, rule, state, to.now)


def _stands(scope: Scope, link: Link, clash: Clash, standing: Conflict, doc: bytes) -> bool:
    """Say whether a conflict is the one that stands already, of the same values.

    A record is read again as long as it lies in the overlap of the windows. The id that a person
    was shown must live on; with other values it must not, as nobody has seen those.
    """
    if standing.state != OPEN or standing.rule != clash.rule or standing.doc is None:
        return False
    assert link.subject is not None
    name = f"conflict/{clash.field}"
    return doc == scope.ports.vault.open(name, scope.kind, link.subject, link.id, standing.doc)
