"""Carrying decisions out as far as the state goes: what needs no write, and what waits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa

from connector.plugin import Reason, Ref
from connector.policy.document import CHANGES
from connector.records import Canonical
from connector.store import claims, conflicts, events, links, staged
from connector.store.conflicts import LEFT_OUT, OPEN, RECORD, Conflict
from connector.store.links import ACTIVE, GONE, Link
from connector.store.staged import LOCAL, REMOTE, Staged
from connector.sync.decision import EXPIRED, Clash, Decision, Lost, Replaced
from connector.sync.documents import Base, Own, pack
from connector.sync.gate import LETTER
from connector.sync.kin import facts_moved, note_facts, stage_children
from connector.sync.marks import reread, row_again
from connector.sync.merge import Cause
from connector.sync.scope import Scope, reason_text
from connector.sync.situation import Case
from connector.sync.successors import repoint, tombstone
from connector.sync.work import Work


def ensure_subjects(scope: Scope, cases: Sequence[tuple[Case, Decision]]) -> None:
    """Give every link that is about to hold sealed documents a person's key, committed first."""
    lacking = []
    for case, decision in cases:
        link = case.situation.link
        parent = next((d.subject for d in decision.drafts if d.subject), None) or _parents(
            scope, case
        )
        if link.subject is None and parent is not None:
            link.subject = parent
        elif link.subject is None:
            lacking.append(link)
    if lacking and scope.peers:
        # One person, one key, whatever the number of connections.
        with scope.store.read() as tx:
            known = links.subjects_of(tx, scope.kind, [k.local_id for k in lacking if k.local_id])
        for link in lacking:
            link.subject = known.get(link.local_id or "")
        lacking = [link for link in lacking if link.subject is None]
    if lacking:
        for link, subject in zip(
            lacking, scope.ports.vault.new_subjects(len(lacking)), strict=True
        ):
            link.subject = subject


def _parents(scope: Scope, case: Case) -> str | None:
    """The person of the record's parent, if it has one that is known."""
    if not scope.parent_kinds or case.situation.row is None:
        return None
    record = scope.pair.read_local(case.situation.row.values)
    for name in scope.parent_kinds:
        raw = record.get(name)
        parent = case.situation.parents.get((LOCAL, raw)) if isinstance(raw, str) else None
        if parent is not None:
            return parent.subject
    return None


class Settlement:
    """One transaction, which carries out decisions as far as they need no write."""

    def __init__(self, scope: Scope, tx: sa.Connection) -> None:
        self.scope = scope
        self.tx = tx
        self.now = scope.store.now_us(tx)
        self.saved: list[Link] = []
        self.gone_rows: list[Staged] = []
        self.kept_rows: list[Staged] = []
        self.new_rows: list[Staged] = []
        self.events: list[events.Event] = []
        self.clashes: list[Conflict] = []
        self.named: list[Link] = []
        """Links whose subject seals a conflict: a stop before their write must not lose it."""
        self.close: list[str] = []
        self.people: set[str] = set()
        """Whose facts have changed: their records of other kinds are decided again."""
        self.woke = False

    def finish(self) -> None:
        scope, tx = self.scope, self.tx
        links.save(tx, self.saved)
        links.save_subjects(tx, self.named)
        conflicts.close(tx, self.close)
        conflicts.put(tx, self.clashes)
        staged.settle(tx, self.gone_rows)
        staged.save(tx, self.kept_rows)
        staged.stage_both(tx, self.new_rows)
        self.woke = stage_children(scope, tx, self.people)
        events.append(tx, self.events)
        wake = [link for link in self.saved if link.state == ACTIVE and link.live]
        staged.wake(tx, scope.connection, waiting_names(scope, wake))

    def take(self, case: Case, decision: Decision) -> Work | None:
        """Note one decision; a Work if there are writes to send."""
        link = decision.link
        if link.subject is not None and facts_moved(self.scope, case.situation):
            self.people.add(link.subject)
            if decision.letter is not None:
                note_facts(self.scope, case.situation)
                self.saved.append(link)
        self._note_moves(decision)
        self._note_left(decision)
        self._note_expired(decision)
        for clash in decision.clashes:
            if clash.field not in case.situation.conflicts:
                self.scope.counts.conflicts += 1
            self._conflict(link, clash, case.situation.conflicts.get(clash.field))
        if decision.letter is not None or decision.waits_for is not None:
            self._set_aside(case.rows, decision)
            return None
        if decision.drop:
            links.delete(self.tx, [link.id])
            self.gone_rows += case.rows
            return None
        if decision.bind is not None:
            self._bind(link, decision.bind)
            return None
        if decision.replaces is not None:
            self._replace(case, decision.replaces)
            return None
        if decision.succeeds:
            self._succeed(case)
            return None
        if decision.rebirth is not None:
            self._rebirth(case, decision)
            return None
        if decision.drafts:
            base = decision.base or case.situation.base or Base()
            work = Work(link, base.copy(), case.rows, len(decision.drafts))
            work.close, work.lost = decision.close, decision.lost
            work.shown = _shown(case)
            if case.situation.ruling is not None:
                verdicts = case.situation.ruling.fields.items()
                work.told = {n: v.action for n, v in verdicts if v.action in CHANGES}
            # The link dies in the transaction that stores the write, not before: a stop in
            # between must leave a live link that is planned again.
            work.dies, work.evidence = decision.state == GONE, decision.evidence
            self._observed(case, link, creating=True)
            return work
        self._advance(case, decision)
        return None

    def _advance(self, case: Case, decision: Decision) -> None:
        """Nothing to write: the base, the state and the versions move, the rows are done."""
        link = decision.link
        self.close += decision.close
        if decision.base is not None:
            self.scope.seal_base(link, decision.base)
            if link.state == links.PENDING:
                link.state = ACTIVE
                self.scope.counts.adopted += 1
        if decision.state == GONE:
            bury(self.scope, self.tx, link, decision.evidence, self.now)
            self.events.append(self.scope.event(self.now, link.id, "gone_both"))
        elif decision.state is not None:
            link.state, link.evidence = decision.state, decision.evidence
        elif any(c.field == RECORD for c in decision.clashes):
            link.evidence = decision.clashes[0].rule
        elif decision.reread:
            link.evidence = None
        self._observed(case, link)
        self.saved.append(link)
        self.gone_rows += case.rows
        if decision.reread:
            self.new_rows += reread(link)
        if decision.again:
            self.new_rows += row_again(link)

    def _observed(self, case: Case, link: Link, *, creating: bool = False) -> None:
        """The link knows the remote record in the version it was read in."""
        seen = case.situation.seen
        if seen is None or seen.gone is not None:
            return
        link.remote_version = seen.version
        row = next((r for r in case.rows if r.side == REMOTE), None)
        link.remote_observed_us = row.observed_us if row else None
        if link.local_id is None and link.base is None and not creating:
            # A half that stays one: remember what was seen, so that an echo is not news.
            link.remote_digest = self.scope.digest(
                link.id, "R", self.scope.pair.read_remote(seen.fields)
            )

    # --- parts of a decision --------------------------------------------------------------------

    def _note_moves(self, decision: Decision) -> None:
        for name, cause in decision.moves:
            if cause is Cause.AGAINST_DIRECTION:
                self.scope.counts.against_direction += 1
            self.events.append(
                self.scope.event(self.now, decision.link.id, cause.value, field=name or None)
            )

    def _note_expired(self, decision: Decision) -> None:
        """What a policy let lose earlier is not kept longer than what won."""
        link = decision.link
        if decision.expired:
            events.drop_values(self.tx, [link.id], decision.expired)
        if decision.evidence == EXPIRED:
            events.drop_values(self.tx, [link.id])
            self.events.append(self.scope.event(self.now, link.id, "retention"))

    def _note_left(self, decision: Decision) -> None:
        self.scope.counts.left_out += len(decision.left)
        for left in decision.left:
            self.clashes.append(
                Conflict(
                    id=self.scope.store.new_id(),
                    connection=self.scope.connection,
                    kind=self.scope.kind,
                    link=decision.link.id,
                    field=left.field,
                    doc=None,
                    rule=left.reason.code,
                    state=LEFT_OUT,
                    at_us=self.now,
                    reason=reason_text(left.reason),
                )
            )

    def _conflict(self, link: Link, clash: Clash, standing: Conflict | None) -> None:
        scope = self.scope
        shown = scope.pair.digests.shown
        sides = {"local": clash.local, "remote": clash.remote, "base": clash.base}
        doc = pack({side: shown(values, link.id) for side, values in sides.items()})
        assert link.subject is not None
        if standing is not None and self._stands(link, clash, standing, doc):
            return
        self.named.append(link)
        self.clashes.append(
            Conflict(
                id=scope.store.new_id(),
                connection=scope.connection,
                kind=scope.kind,
                link=link.id,
                field=clash.field,
                doc=scope.ports.vault.seal(
                    f"conflict/{clash.field}", scope.kind, link.subject, link.id, doc
                ),
                rule=clash.rule,
                state=OPEN,
                at_us=self.now,
            )
        )

    def _stands(self, link: Link, clash: Clash, standing: Conflict, doc: bytes) -> bool:
        """Say whether a conflict is the one that stands already, of the same values.

        A record is read again as long as it lies in the overlap of the windows. The id that a
        person was shown must live on; with other values it must not, as nobody has seen those.
        """
        if standing.state != OPEN or standing.rule != clash.rule or standing.doc is None:
            return False
        assert link.subject is not None
        name = f"conflict/{clash.field}"
        kept = self.scope.ports.vault.open(
            name, self.scope.kind, link.subject, link.id, standing.doc
        )
        return kept == doc

    def _set_aside(self, rows: Sequence[Staged], decision: Decision) -> None:
        for row in rows:
            row.waits_for = decision.waits_for
            row.reason = reason_text(decision.letter) if decision.letter is not None else None
            if self.scope.pair.digests:
                row.payload = None  # it may lie here for long: it is read by id when its turn comes
            row.attempts += 1
            self.kept_rows.append(row)
        if decision.letter is not None:
            self.scope.counts.letters += 1
            if decision.letter.code.startswith(LETTER) and all(r.attempts > 1 for r in rows):
                return  # it was looked at again, and the policy says what it said
            self.events.append(
                self.scope.event(self.now, decision.link.id, f"letter:{decision.letter.code}")
            )

    def _bind(self, mine: Link, other_id: str) -> None:
        """Two halves become one link; the local half's id and key stay."""
        other = links.by_ids(self.tx, [other_id]).get(other_id)
        if other is None or other.live is None:
            return
        winner, loser = (mine, other) if mine.local_id is not None else (other, mine)
        if winner.remote_id is not None or loser.local_id is not None:
            return
        links.forget(self.tx, loser.id)
        winner.remote_id = loser.remote_id
        winner.remote_version = None
        if loser.epoch > winner.epoch:
            # The record lived before: its new life carries a key of its own.
            assert winner.local_id is not None
            winner.epoch = loser.epoch
            winner.external_key = self.scope.ports.vault.external_key(
                winner.connection, winner.kind, winner.local_id, winner.epoch
            )
        links.save(self.tx, [winner])
        links.hand_over_claims(self.tx, loser.id, winner.id)
        self.events.append(self.scope.event(self.now, winner.id, "bound"))

    def _replace(self, case: Case, replaced: Replaced) -> None:
        """A link goes on with an older record that carries its key; the one it held so far becomes
        a stranger, which its key will tell to be the twin."""
        scope, tx, seen = self.scope, self.tx, case.situation.seen
        link = links.by_ids(tx, [replaced.link]).get(replaced.link)
        if link is None or link.live is None or link.remote_id is None or seen is None:
            return
        former = Ref(link.remote_id)
        repoint(scope, tx, link, seen, case.situation.link, merged=replaced.gone)
        if replaced.gone:
            self._remember(link, former, link.remote_version or "")
        else:
            half = Link(scope.store.new_id(), scope.connection, scope.kind, remote_id=former)
            links.insert(tx, [half])
            self.new_rows += reread(half)
        self.new_rows += reread(link)
        self.events.append(scope.event(self.now, link.id, "older_kept"))

    def _succeed(self, case: Case) -> None:
        """A link goes on with the record that its own was merged into."""
        link, seen, successor = case.situation.link, case.situation.seen, case.situation.successor
        assert seen is not None and successor is not None
        repoint(self.scope, self.tx, link, successor.seen, successor.link, merged=True)
        self._remember(link, seen.ref, seen.version)
        self.gone_rows += case.rows
        self.new_rows += reread(link)
        self.events.append(self.scope.event(self.now, link.id, "merged"))

    def _remember(self, link: Link, ref: Ref, version: str) -> None:
        new_id = self.scope.store.new_id()
        dead = tombstone(link, new_id, ref, version, _until(self.scope, self.now))
        links.insert(self.tx, [dead])

    def _rebirth(self, case: Case, decision: Decision) -> None:
        """A record lives again on one side: its dead link stays, a new epoch begins."""
        old, side = decision.link, decision.rebirth
        if old.live is not None:
            bury(self.scope, self.tx, old, decision.evidence, self.now)
            self.saved.append(old)
            links.save(self.tx, [old])
        new = Link(
            self.scope.store.new_id(),
            old.connection,
            old.kind,
            epoch=old.epoch + 1,
            subject=old.subject,
            parent=old.parent,
        )
        if side == "local":
            new.local_id = old.local_id
            assert old.local_id is not None
            new.external_key = self.scope.ports.vault.external_key(
                old.connection, old.kind, old.local_id, new.epoch
            )
        else:
            new.remote_id = old.remote_id
        links.insert(self.tx, [new])
        self._stake(case, new)
        self.gone_rows += case.rows
        self.close += decision.close
        self.events.append(self.scope.event(self.now, new.id, f"reborn_{side}"))
        staged.settle(self.tx, case.rows)
        self.new_rows += reread(new)

    def _stake(self, case: Case, half: Link) -> None:
        """Let a half be found by its identity values, as one that was just seen would be."""
        row, seen, scope = case.situation.row, case.situation.seen, self.scope
        if half.local_id is not None:
            values = scope.identities("local", row.values) if row is not None else []
        else:
            values = scope.identities("remote", seen.fields) if seen is not None else []
        side = {half.id: LOCAL if half.local_id is not None else REMOTE}
        claims.stake(self.tx, scope.connection, scope.kind, {half.id: values}, side)


def _shown(case: Case) -> dict[str, tuple[Own, Canonical]]:
    """The readings a decision has made, so that sealing the base need not make them again."""
    situation, found = case.situation, {}
    if situation.row is not None and "local" in situation.shown:
        found["local"] = (dict(situation.row.values), situation.shown["local"])
    if situation.seen is not None and "remote" in situation.shown:
        found["remote"] = (dict(situation.seen.fields), situation.shown["remote"])
    return found


def bury(scope: Scope, tx: sa.Connection, link: Link, evidence: str | None, now_us: int) -> None:
    """Make a link a tombstone: it keeps both ids, and nothing else that could come back."""
    if link.remote_observed_us == 0:
        # Our last write was never seen: what it may have overwritten will not be told any more.
        events.append(tx, [scope.event(now_us, link.id, "possibly_overwritten")])
    link.live, link.state, link.evidence = None, GONE, evidence
    link.base = link.local_digest = link.remote_digest = None
    link.keep_until_us = _until(scope, now_us)
    links.release_claims(tx, [link.id])
    conflicts.close_links(tx, [link.id])


def _until(scope: Scope, now_us: int) -> int:
    """How long a tombstone that is made now is kept."""
    return now_us + scope.tombstone_life // dt.timedelta(microseconds=1)


def waiting_names(scope: Scope, active: Sequence[Link]) -> list[str]:
    """What children of these records may be waiting for; see `Decision.waits_for`."""
    names = []
    for link in active:
        if link.local_id is not None:
            names.append(f"{scope.kind}/local/{link.local_id}")
        if link.remote_id is not None:
            names.append(f"{scope.kind}/remote/{link.remote_id}")
    return names


def lost_events(scope: Scope, link: Link, lost: Sequence[Lost], now_us: int) -> list[events.Event]:
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


def set_aside_broken(scope: Scope, broken: Sequence[tuple[Staged, Reason]]) -> None:
    """Rows that could not even be gathered become letters."""
    if not broken:
        return
    with scope.store.write(scope.lease, "set aside") as tx:
        for row, reason in broken:
            row.reason = reason_text(reason)
            scope.counts.letters += 1
        staged.save(tx, [row for row, _ in broken])
