"""Erasing a person: ten numbered steps, each noted when done, so that it goes on after any stop.

 1 suppress   what they are known again by is suppressed, their keys turn `shredding`: one commit
 2 gather     with every run kept out, all that is theirs is looked up once more
 3 intents    writes under way are cancelled; creates without an answer are noted, to be looked for
 4 vendors    their records are deleted and read back
 5 rows       the shop's rows, by the host's rule
 6 state      links, bases, claims, staged records, letters, conflicts, values in events
 7 keys       their keys are destroyed; then whoever keeps copies of keys is told
 8 medium     the databases overwrite what they no longer hold
 9 verify     our own files are searched for what was theirs
10 receipt    the ledger keeps counts and states; what the steps worked on is forgotten
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import Final

import sqlalchemy as sa

from connector.errors import ConnectorError, StoreError, UsageError
from connector.mapping.identifiers import Identifier
from connector.plugin import Kind, Op
from connector.privacy.ledger import DONE, OPEN, PLANNED, Entry
from connector.rights import medium
from connector.rights.finding import Finder
from connector.rights.person import Person
from connector.rights.rows import STAYS, OnErase, RowRule, erase_rows
from connector.rights.vendors import VendorErasure, due_of, kinds_children_first
from connector.rights.work import Late, Work
from connector.store import erasing, events, intents, links, scopes, staged
from connector.store.events import Event
from connector.store.intents import SENDING, UNKNOWN
from connector.store.links import Link
from connector.store.staged import LOCAL, REMOTE
from connector.sync.beside import Beside, Leases
from connector.sync.documents import unpack
from connector.sync.noticing import look_at_rows_again
from connector.sync.replay import keep_copy, replay_erasures

_STATE_TABLES: Final = ("link", "claim", "staged", "intent", "conflict", "event", "erasure")
_KEY_TABLES: Final = ("subject", "erasure", "suppression")

AfterShredding = Callable[[Sequence[str]], None]
"""Called with the subjects whose keys were just destroyed; a failure stops the erasure before it is
called done, and it is called again."""


@dataclass(slots=True)
class How:
    """What the host decided about erasures."""

    rule: RowRule = RowRule.DELETE
    on_erase: OnErase | None = None
    after_shredding: list[AfterShredding] = field(default_factory=list)
    given_up: dict[str, str] = field(default_factory=dict)
    """Connections that cannot be reached for good, each with the reason."""


class Erasure:
    """One erasure, from wherever it got to."""

    def __init__(self, beside: Beside, entry: Entry, work: Work, how: How) -> None:
        self._beside = beside
        self._ports = beside.ports
        self._finder = Finder(beside)
        self._how = how
        self.entry = entry
        self.work = work

    # --- the whole ------------------------------------------------------------------------------

    def run(self) -> Entry:
        """Do what is left to do. Raises: LeaseHeldError, VendorError, LocalError, StoreError; all
        that was done stays done, and `run` goes on."""
        with ExitStack() as stack:
            leases = self._beside.hold(stack) if self.entry.step < len(STEPS) else {}
            while self.entry.step < len(STEPS):
                name = STEPS[self.entry.step]
                self._ports.hook(f"before step: {name}")
                _STEPS[name](self, leases)
                if self.entry.state == OPEN:
                    self._note(step=self.entry.step + 1)
                self._ports.hook(f"after step: {name}")
        return self.entry

    def _note(self, *, step: int | None = None) -> None:
        """Commit how far it got, with what is still to do."""
        step = self.entry.step if step is None else step
        vendors = self.work.counted()
        self.entry = replace(self.entry, step=step, work=self._sealed(), vendors=vendors)
        self._ports.vault.ledger.note(self.entry)

    def _sealed(self) -> bytes:
        return self.work.sealed(self._ports.vault, self.entry.id)

    # --- the steps ------------------------------------------------------------------------------

    def _suppress(self, leases: Leases) -> None:
        """Done when the entry was made; see `begin`."""

    def _gather(self, leases: Leases) -> None:
        person = self._person()
        self.work.aim_at(person, self._finder.traces(person))
        own = self._finder.distinctive(person)
        tokens = {*self.entry.tokens, *self._ports.vault.suppression.tokens(own)}
        self.entry = replace(
            self.entry,
            tokens=tuple(sorted(tokens, key=lambda one: (one.label, one.kid, one.digest))),
            subjects=tuple(sorted({*self.entry.subjects, *person.subjects})),
            work=self._sealed(),
        )
        self._ports.vault.ledger.save(self.entry)
        keep_copy(self._ports, self.entry)

    def _person(self) -> Person:
        """Whoever the work so far is about, with what has turned up since."""
        person = Person(subjects=set(self.entry.subjects))
        person.identifiers = set(self.work.identifiers)
        person.values = set(self.work.values)
        for one in self.work.targets:
            if one.place == LOCAL:
                person.rows.setdefault(one.kind, set()).add(one.id)
            else:
                person.records.setdefault((one.place, one.kind), set()).add(one.id)
        return self._finder.follow(person)

    def _intents(self, leases: Leases) -> None:
        with self._ports.store.read() as tx:
            under_way = [one for link in self.work.links for one in intents.of_link(tx, link)]
            known = links.by_ids(tx, {one.link for one in under_way})
        for one in under_way:
            if one.op != Op.CREATE or one.state not in (SENDING, UNKNOWN):
                continue
            link, kind = known[one.link], Kind(one.kind)
            if one.side == LOCAL:
                landed = self._ports.local.landed(kind, [one.id])
                self.work.add(LOCAL, kind, landed.values())
            elif link.external_key is not None and one.connection in self._beside.connections:
                scope_due = self._late_until(one.connection, one.sent_us)
                self.work.late.append(Late(one.connection, kind, link.external_key, scope_due))
        self._note()
        with self._ports.store.write(None, "cancel intents") as tx:
            intents.drop(tx, self.work.links)

    def _late_until(self, connection: str, sent_us: int | None) -> int:
        return due_of(self._beside.connections[connection].remote.capabilities, sent_us)

    def _vendors(self, leases: Leases) -> None:
        failed: list[ConnectorError] = []
        for name in self._places():
            if name in self._how.given_up or name not in self._beside.connections:
                reason = self._how.given_up.get(name, "no_connection")
                for one in self.work.at(name):
                    if not one.ended:
                        one.cannot(reason)
                self._note()
                continue
            try:
                self._vendor(name, leases)
            except ConnectorError as error:
                failed.append(error)  # the other vendors first
        if failed:
            raise failed[0]

    def _places(self) -> list[str]:
        aimed = (one.place for one in self.work.targets if one.place != LOCAL)
        return list(dict.fromkeys((*self._beside.connections, *aimed)))

    def _vendor(self, name: str, leases: Leases) -> None:
        at_work: dict[Kind, VendorErasure] = {}
        for kind in kinds_children_first(list(self._beside.connections[name].kinds)):
            scope = self._beside.scope(name, kind, leases[name, str(kind)])
            at_work[kind] = VendorErasure(scope, self.work, self._note)
        for kind, here in at_work.items():
            late = [one for one in self.work.late if (one.place, one.kind) == (name, str(kind))]
            here.look_for_late(late)
        if name not in self.work.searched and Kind.CUSTOMER in at_work:
            person = Person(identifiers=set(self.work.identifiers), values=set(self.work.values))
            of_customers, mine = at_work[Kind.CUSTOMER], set(self.work.links)
            shared = of_customers.search(person, mine, self.entry.at_us)
            self.work.searched.append(name)
            self._let_go(shared)
            self._note()
        for kind, here in at_work.items():
            here.delete([one for one in self.work.at(name) if one.kind == kind])
            self._note()
        for one in self.work.at(name):
            if Kind(one.kind) not in at_work:
                one.cannot("no_connection")

    def _let_go(self, shared: set[Identifier]) -> None:
        """Suppress no value that somebody else has too: it tells nobody apart."""
        theirs = {one.digest for one in self._ports.vault.suppression.tokens(shared)}
        kept = tuple(one for one in self.entry.tokens if one.digest not in theirs)
        if kept != self.entry.tokens:
            self.entry = replace(self.entry, tokens=kept)
            self._ports.vault.ledger.save(self.entry)

    def _rows(self, leases: Leases) -> None:
        rule = RowRule.KEEP if self.entry.basis else self._how.rule
        targets = self.work.at(LOCAL)
        for one in targets:
            if one.reason not in STAYS:  # the host may have set another rule since
                one.state, one.reason = PLANNED, None
        erase_rows(self._beside, self._finder.pairs, rule, targets, self._how.on_erase)
        self._note()
        refused = [one for one in targets if one.reason not in STAYS]
        if refused:
            raise StoreError(
                f"The shop's database keeps {len(refused)} rows of the person: other tables need"
                " them, or a column must not be empty.",
                hint='Set [privacy] local_erasure to "blank" or "callback", then run'
                " `crm-connector privacy erase --resume`.",
            )

    def _state(self, leases: Leases) -> None:
        store, work = self._ports.store, self.work
        with store.read() as tx:
            known = self._known(tx)
            alone = self._alone(tx, known)
        self._learn(known, alone)
        with store.write(None, "erase: state") as tx:
            for name in self._beside.connections:
                for one in work.targets:
                    if one.place in (LOCAL, name):
                        side = LOCAL if one.place == LOCAL else REMOTE
                        erasing.drop_rows(tx, name, one.kind, side, [one.id])
            self._forget_places(tx)
            erasing.erase(tx, list(known))
            now = store.now_us(tx)
            run = self._ports.run
            events.append(
                tx,
                [Event(now, run, k.connection, k.kind, "erased", k.id) for k in known.values()],
            )

    def _known(self, tx: sa.Connection) -> dict[str, Link]:
        """The links that were gathered, and those of records that only the vendors led to."""
        found = links.by_ids(tx, self.work.links)
        for name in self._beside.connections:
            for one in self.work.targets:
                if one.place in (LOCAL, name):
                    side = LOCAL if one.place == LOCAL else REMOTE
                    of_one = erasing.links_of_records(tx, name, one.kind, side, [one.id])
                    found |= {link.id: link for link in of_one}
        return found

    def _alone(self, tx: sa.Connection, known: Mapping[str, Link]) -> set[str]:
        """The subjects of these links that no other link has."""
        subjects = {link.subject for link in known.values() if link.subject is not None}
        having = erasing.links_of_subjects(tx, subjects)
        return subjects - {link.subject for link in having if link.id not in known}

    def _learn(self, known: Mapping[str, Link], subjects: set[str]) -> None:
        """Note what is to be destroyed and must not be found any more, before it is forgotten."""
        having = Person(links=dict(known))
        self.work.aim_at(having, self._finder.traces(having))
        own = tuple(sorted({*self.entry.subjects, *subjects}))
        self.entry = replace(self.entry, subjects=own, work=self._sealed())
        self._ports.vault.ledger.save(self.entry)

    def _forget_places(self, tx: sa.Connection) -> None:
        """A look at all rows keeps keys at which its pages end: one of theirs is no place any
        more, and the next look begins anew."""
        rows = [one for one in self.work.targets if one.place == LOCAL]
        for name in self._beside.connections:
            for kind in {one.kind for one in rows}:
                place = f"*/rows/{kind}"
                known = scopes.get(tx, name, place)
                if known is None:
                    continue
                ends = set(unpack(known.listing)["pages"]) if known.listing else set()
                ends |= {known.resume.decode()} if known.resume else set()
                if ends & {one.id for one in rows}:
                    scopes.update(tx, name, place, listing=None, resume=None)

    def _keys(self, leases: Leases) -> None:
        self._ports.vault.subjects.shred(self.entry.subjects)
        for told in self._how.after_shredding:
            told(self.entry.subjects)

    def _medium(self, leases: Leases) -> None:
        self._ports.vault.refresh()
        medium.overwrite(self._ports.store.engine, _STATE_TABLES)
        medium.overwrite(self._ports.vault.subjects.engine, _KEY_TABLES)

    def _verify(self, leases: Leases) -> None:
        with self._ports.store.read() as tx:
            left = erasing.remaining(tx, self.work.links)
            mine, others = self._standing(tx)
        left += mine
        engines = (self._ports.store.engine, self._ports.vault.subjects.engine)
        needles = self.work.needles(self._ports.vault.blind, others)
        for engine in engines:
            if not left and medium.found_in(medium.files_of(engine), needles):
                medium.rewrite(engine)
        files = [file for engine in engines for file in medium.files_of(engine)]
        held = medium.found_in(files, needles)
        if left or held:
            raise StoreError(
                f"Something of the person is still there: {left} links, in files:"
                f" {', '.join(held) or 'none'}.",
                hint="Run `crm-connector privacy erase --resume`; if it stays, report it as a bug.",
            )

    def _standing(self, tx: sa.Connection) -> tuple[int, set[str]]:
        """How many of their ids the state still knows as theirs; and those that are also some
        other record's, at another vendor or of another kind."""
        theirs = {(t.place, t.kind, t.id) for t in self.work.targets if t.place != LOCAL}
        ids = {one for _, _, one in theirs}
        known: set[tuple[str, str, str]] = set()
        for name, connection in self._beside.connections.items():
            for kind in connection.kinds:
                found = erasing.links_of_records(tx, name, kind, REMOTE, ids)
                known |= {(name, str(kind), link.remote_id or "") for link in found}
                known |= {
                    (name, str(kind), one) for one in staged.load(tx, name, kind, REMOTE, ids)
                }
        return len(known & theirs), {one for _, _, one in known - theirs}

    def _receipt(self, leases: Leases) -> None:
        with self._ports.store.read() as tx:
            now = self._ports.store.now_us(tx)
        self.entry = replace(
            self.entry,
            state=DONE,
            step=len(STEPS),
            work=None,
            done_us=now,
            vendors=self.work.counted(),
        )
        self._ports.vault.ledger.save(self.entry)
        keep_copy(self._ports, self.entry)
        self.work = Work()
        with suppress(StoreError):  # what is left of the work is sealed, and is overwritten later
            self._medium(leases)


_STEPS: Final[Mapping[str, Callable[[Erasure, Leases], None]]] = {
    "suppress": Erasure._suppress,
    "gather": Erasure._gather,
    "intents": Erasure._intents,
    "vendors": Erasure._vendors,
    "rows": Erasure._rows,
    "state": Erasure._state,
    "keys": Erasure._keys,
    "medium": Erasure._medium,
    "verify": Erasure._verify,
    "receipt": Erasure._receipt,
}
STEPS: Final = tuple(_STEPS)
_GATHER: Final = STEPS.index("gather")
_ROWS: Final = STEPS.index("rows")


# --- beginning and going on -----------------------------------------------------------------------


def begin(beside: Beside, person: Person, how: How, *, basis: str = "") -> Erasure:
    """Suppress a person, from now on and for every way in. The rest is `Erasure.run`.

    Raises: UsageError if nothing is known of them.
    """
    if person.is_nobody:
        raise UsageError("Nobody is known by that.")
    ports = beside.ports
    replay_erasures(ports)
    with ports.store.read() as tx:
        now = ports.store.now_us(tx)
    work = Work()
    finder = Finder(beside)
    work.aim_at(person, finder.traces(person))
    own = finder.distinctive(person)
    entry = Entry(
        ports.store.new_id(),
        now,
        tuple(sorted(person.subjects)),
        tuple(ports.vault.suppression.tokens(own)),
        basis=basis,
        vendors=work.counted(),
    )
    entry = replace(entry, work=work.sealed(ports.vault, entry.id))
    ports.hook("before commit: suppress")
    ports.vault.ledger.save(entry)
    ports.hook("after commit: suppress")
    keep_copy(ports, entry)
    return Erasure(beside, entry, work, how)


def go_on(beside: Beside, entry: Entry, how: How) -> Erasure:
    """An erasure that was broken off. Raises: SealError if what it still has to do cannot be
    opened.

    While the state still knows them, it is gathered and looked for anew: a run since then may have
    learned of a row, a record or a link of theirs that nobody could know of.
    """
    work = Work.of(beside.ports.vault, entry)
    if _GATHER < entry.step <= _ROWS:
        work.searched = []
        entry = replace(entry, step=_GATHER)
    return Erasure(beside, entry, work, how)


def lift(beside: Beside, entry: Entry) -> Entry:
    """Suppress nothing of an erasure any more, and have all rows of the shop looked at."""
    lifted = beside.ports.vault.ledger.lift(entry)
    keep_copy(beside.ports, lifted)
    with beside.ports.store.write(None, "look again after a lift") as tx:
        for connection in beside.connections.values():
            for kind in connection.kinds:
                look_at_rows_again(tx, connection.name, kind)
    return lifted
