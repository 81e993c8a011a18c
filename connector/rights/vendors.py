"""Deleting one person's records at a vendor: sent once, read back, and never sent in the blind.

A record that is there is put away, then deleted for good where the vendor offers that. Each sending
is noted before the bytes leave; after a stop or a lost answer the record is read first, and sent
again only when the first sending can no longer land.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

from connector.errors import RetryableError
from connector.lent import LONGEST_WAIT
from connector.mapping.identifiers import EMAIL, PHONE, TEXT, Identifier
from connector.plugin import Capabilities, Gone, Kind, Op, Outcome, Ref, Result, Seen, Write
from connector.privacy.ledger import SENT, VERIFIED
from connector.records import field_of
from connector.rights.person import Person, is_same, of_seen, spellings
from connector.rights.work import Late, Target, Work
from connector.store import erasing
from connector.store.staged import REMOTE
from connector.sync.scope import Scope

_US = dt.timedelta(microseconds=1)
_NOT_THERE = ("not_found", "gone")
"""Codes of a refusal that is as good as done."""

Note = Callable[[], None]
"""Commits how far the work is."""


class VendorErasure:
    """The records of one kind at one vendor."""

    def __init__(self, scope: Scope, work: Work, note: Note) -> None:
        self._scope = scope
        self._work = work
        self._note = note

    # --- finding --------------------------------------------------------------------------------

    def look_for_late(self, late: Sequence[Late]) -> None:
        """Wait until creates without an answer have landed or cannot any more, and find them."""
        scope = self._scope
        field = scope.pair.vendor.external_key
        for one in late:
            if one.looked:
                continue
            self._wait_until(one.due_us)
            if field is not None and scope.caps.external_key != "none":
                found = scope.remote.find(scope.kind, field, [one.key])
                self._work.add(
                    scope.connection,
                    scope.kind,
                    [s.ref for s in found if s.external_key == one.key],
                )
            one.looked = True
            self._note()

    def search(self, person: Person, mine: set[str], since_us: int) -> set[Identifier]:
        """Find records of theirs that no link knows, by the values that we may search by.

        What was made until `since_us` is waited for, if the vendor's search lags. `mine` are the
        person's links. A record that belongs to somebody else's link is left alone;
        so is one that shares a value and differs in another, and these values are returned.
        """
        scope, refs = self._scope, set[Ref]()
        lag = (scope.caps.find_lag or dt.timedelta()) // _US
        self._wait_until(min(since_us, self._now()) + lag)
        for rule in scope.pair.vendor.rules:
            known = field_of(scope.kind, rule.canonical)
            if rule.canonical not in scope.pair.vendor.match or known is None:
                continue
            kind = {"email": EMAIL, "phone": PHONE}.get(known.type, TEXT)
            values = spellings(person, kind)
            written = {
                shown
                for value in values
                for shown in scope.pair.write_remote({rule.canonical: value}).fields.values()
                if isinstance(shown, str)
            }
            if values:
                found = scope.remote.find(scope.kind, rule.own, sorted(values | written))
                refs |= {one.ref for one in found}
        known_refs = {t.id for t in self._work.at(scope.connection)}
        some = [ref for ref in sorted(refs) if ref not in known_refs]
        read = scope.remote.fetch(scope.kind, some) if some else ()
        theirs, shared = [], set[Identifier]()
        for one in read:
            identified = of_seen(scope.pair, one)
            verdict = is_same(person.identifiers, identified)
            if verdict is None:
                self._work.doubtful += 1
                shared |= person.identifiers & set(identified)
            elif verdict and not self._is_others(one, mine):
                theirs.append(one.ref)
        self._work.add(scope.connection, scope.kind, theirs)
        return shared

    def _is_others(self, seen: Seen, mine: set[str]) -> bool:
        scope = self._scope
        with scope.store.read() as tx:
            owners = erasing.links_of_records(
                tx, scope.connection, scope.kind, REMOTE, [str(seen.ref)]
            )
        return any(o.live and o.local_id is not None and o.id not in mine for o in owners)

    # --- deleting -------------------------------------------------------------------------------

    def delete(self, targets: Sequence[Target]) -> None:
        """Delete these, as far as the vendor lets us. Raises: VendorError; then go on later."""
        left = [one for one in targets if not one.ended]
        until = self._now() + 3 * self._life() if left else 0
        while left:
            seen = {str(one.ref): one for one in self._read(left)}
            puts_away, for_good, merged = [], [], set[Ref]()
            now = self._now()
            if now > until:
                raise RetryableError(
                    f"{self._scope.connection} leaves open what became of {len(left)} deletions."
                )
            for one in left:
                shown = seen.get(one.id)
                if shown is None:
                    continue  # not answered for: asked again
                if shown.merged_into is not None:
                    merged.add(shown.merged_into)
                if shown.gone is Gone.HIDDEN:
                    one.cannot("hidden")
                elif shown.gone is None:
                    if one.state == SENT and now < (one.sent_us or 0) + self._life():
                        continue  # our first sending may still land
                    puts_away.append(one)
                elif self._is_final(one, shown):
                    one.state = VERIFIED
                else:
                    for_good.append(one)
            self._note()
            self._send(Op.REMOVE, puts_away)
            self._send(Op.PURGE, for_good)
            heirs = self._heirs(merged)
            left = [one for one in left if not one.ended] + heirs
            if left and not puts_away and not for_good and not heirs:
                self._wait_until(now + 1_000_000)

    def _heirs(self, refs: set[Ref]) -> list[Target]:
        """Aim at what their records were merged into meanwhile: it holds what these held. Not at
        what is a living person's, or shares a value and differs in another."""
        scope, kind = self._scope, self._scope.kind
        known = {one.id for one in self._work.at(scope.connection) if one.kind == kind}
        new = sorted(refs - known)
        if not new or kind is not Kind.CUSTOMER:
            return []
        theirs = []
        for one in scope.remote.fetch(kind, new):
            if one.gone is not None:
                continue
            same = is_same(self._work.identifiers, of_seen(scope.pair, one))
            if same and not self._is_others(one, set(self._work.links)):
                theirs.append(one.ref)
            else:
                self._work.doubtful += 1
        self._work.add(scope.connection, kind, theirs)
        aimed = self._work.at(scope.connection)
        return [one for one in aimed if one.kind == kind and one.id in theirs]

    def _now(self) -> int:
        with self._scope.store.read() as tx:
            return self._scope.store.now_us(tx)

    def _life(self) -> int:
        """How long after its sending a write of ours may land, in µs."""
        return (self._scope.caps.call_life + LONGEST_WAIT) // _US

    def _read(self, targets: Sequence[Target]) -> Sequence[Seen]:
        scope = self._scope
        scope.store.renew(scope.lease)
        return scope.remote.fetch(scope.kind, [Ref(one.id) for one in targets])

    def _is_final(self, target: Target, shown: Seen) -> bool:
        """Whether a record that is gone is as gone as it can be. What lies in a bin looks the same
        as what is purged, so only the vendor's answer tells; an invalid record can be read."""
        caps = self._scope.caps
        if caps.removal == "final" or (target.stage == Op.PURGE and target.answered):
            return True
        if caps.removal == "invalidate" and shown.gone is Gone.NOT_FOUND:
            return True
        return caps.batch.get(Op.PURGE, 1) == 0

    def _send(self, op: Op, targets: Sequence[Target]) -> None:
        scope = self._scope
        size = max(scope.caps.batch.get(op, 1), 1)
        for start in range(0, len(targets), size):
            some = targets[start : start + size]
            for one in some:
                one.state, one.stage, one.sent_us, one.answered = SENT, op, self._now(), False
            self._note()
            writes = [
                Write(id=scope.store.new_id(), op=op, ref=Ref(t.id), fields={}, external_key="")
                for t in some
            ]
            scope.store.renew(scope.lease)
            scope.ports.hook("before call: erase")
            told = {one.id: one for one in scope.remote.write(scope.kind, writes)}
            scope.ports.hook("after call: erase")
            for target, write in zip(some, writes, strict=True):
                self._take(op, target, told.get(write.id))
            self._note()

    def _take(self, op: Op, target: Target, result: Result | None) -> None:
        """What an answer means; whether the record is gone tells only a read."""
        if result is None or result.outcome is Outcome.UNKNOWN:
            self._sleep(1.0)
        elif result.outcome in (Outcome.RETRY, Outcome.STALE):
            target.sent_us = None  # surely no effect
            self._sleep(result.after.total_seconds() if result.after else 1.0)
        elif result.outcome is Outcome.REFUSED:
            code = result.reason.code if result.reason else "refused"
            if code in _NOT_THERE:
                target.answered = True
            else:
                # Put away, it waits for a person to empty the bin.
                target.cannot(code if op is Op.REMOVE else f"in_the_bin:{code}")
        else:
            target.answered = True

    # --- waiting --------------------------------------------------------------------------------

    def _wait_until(self, due_us: int) -> None:
        scope = self._scope
        while (left := due_us - self._now()) > 0:
            scope.ports.progress(scope.connection, scope.kind, "waiting", 1)
            self._sleep(left / 1_000_000)

    def _sleep(self, seconds: float) -> None:
        scope = self._scope
        scope.ports.clock.sleep(max(min(seconds, scope.store.lease_us / 3_000_000), 0.05))
        scope.store.renew(scope.lease)


def due_of(caps: Capabilities, sent_us: int | None) -> int:
    """When a create that was sent then has surely landed, and would be found."""
    life = caps.call_life + LONGEST_WAIT + (caps.find_lag or dt.timedelta(hours=2))
    return (sent_us or 0) + life // _US


def kinds_children_first(kinds: Sequence[Kind]) -> list[Kind]:
    return sorted(kinds, key=lambda kind: kind is Kind.CUSTOMER)
