"""`Connector.rights`: what can be done for one person, each in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from connector.errors import SettingsError, UsageError
from connector.plugin import Kind
from connector.privacy.ledger import LIFTED, OPEN, Counted, Entry
from connector.privacy.subjects import LIVE, RESTRICTED
from connector.rights import erasing, expired
from connector.rights.correcting import correct
from connector.rights.deeds import Deed, note
from connector.rights.erasing import STEPS, AfterShredding, Erasure, How
from connector.rights.finding import Finder, one_person, people
from connector.rights.person import Person
from connector.rights.portable import as_csv, as_json, collect, refuse_old, write_new
from connector.rights.rows import OnErase, RowRule
from connector.rights.who import Who, record_in
from connector.settings import PrivacySettings
from connector.store.database import Hook, no_hook
from connector.sync.audit import note_head
from connector.sync.beside import Beside
from connector.sync.clocks import stop_if_clock_went_back
from connector.sync.moments import moment
from connector.sync.ports import Progress, no_progress
from connector.sync.replay import replay_erasures
from connector.sync.showing import Showing

Made: TypeAlias = Callable[[Progress, Hook], Beside]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something of a person stands: an id, and the state of its link; no value."""

    where: str
    """A connection, or `local`."""
    kind: str
    id: str
    state: str


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """One person as far as state and shop know them."""

    subjects: tuple[str, ...]
    states: tuple[str, ...]
    places: tuple[Place, ...]
    letters: int
    conflicts: int
    identifiers: Mapping[str, int]
    """Kind of identifier to how many of it are known."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one erasure, without any value or id of the person."""

    id: str
    state: str
    begun: str
    ended: str | None
    step: str
    subjects: tuple[str, ...]
    places: tuple[Counted, ...]
    suppressed: Mapping[str, int]
    """Kind of identifier to how many of it are suppressed."""
    basis: str

    @classmethod
    def of(cls, entry: Entry) -> Receipt:
        counts: dict[str, int] = {}
        for token in entry.tokens:
            counts[token.label] = counts.get(token.label, 0) + 1
        next_step = STEPS[entry.step] if entry.state == OPEN and entry.step < len(STEPS) else ""
        return cls(
            entry.id,
            entry.state,
            moment(entry.at_us) or "",
            moment(entry.done_us),
            next_step,
            entry.subjects,
            entry.vendors,
            counts,
            entry.basis,
        )


@dataclass(slots=True)
class Rights:
    """The rights of one person. Made anew for each use; see `Connector.rights`."""

    made: Made
    settings: PrivacySettings
    after_shredding: list[AfterShredding] = field(default_factory=list)
    """Called when a person's keys were destroyed, before the erasure is called done."""

    # --- finding --------------------------------------------------------------------------------

    def find(self, who: Who) -> list[FoundPerson]:
        """Where a person stands. Asks no vendor, and shows no value."""
        beside = self._beside()
        finder = Finder(beside)
        return [_shown(beside, finder, person) for person in people(beside, who)]

    def find_one(self, who: Who) -> FoundPerson:
        """The one who is meant. Raises: UsageError if nobody is, or several people are."""
        beside = self._beside()
        return _shown(beside, Finder(beside), one_person(beside, who))

    # --- erasure --------------------------------------------------------------------------------

    def erase(
        self,
        who: Who,
        *,
        basis: str = "",
        on_erase: OnErase | None = None,
        given_up: Mapping[str, str] | None = None,
        progress: Progress = no_progress,
        hook: Hook = no_hook,
    ) -> Receipt:
        """Erase a person everywhere. `basis`: the law that demands to keep the shop's rows, which
        then stay and are used for nothing else. `given_up`: connections that cannot be reached for
        good, each with a reason.

        Raises: UsageError if nobody or several are meant; VendorError, LocalError, StoreError,
        LeaseHeldError if it cannot go on now: `resume` does, later.
        """
        beside = self._beside(progress, hook)
        how = self._how(on_erase, given_up, basis)
        person = one_person(beside, who)
        known = [e for e in self._open() if set(e.subjects) & person.subjects]
        if known:
            return self._run(beside, erasing.go_on(beside, known[0], how))
        return self._run(beside, erasing.begin(beside, person, how, basis=basis))

    def resume(
        self,
        *,
        on_erase: OnErase | None = None,
        given_up: Mapping[str, str] | None = None,
        progress: Progress = no_progress,
        hook: Hook = no_hook,
    ) -> list[Receipt]:
        """Go on with every erasure that was broken off. Raises: as `erase`."""
        beside = self._beside(progress, hook)
        replay_erasures(beside.ports)
        return [
            self._run(
                beside, erasing.go_on(beside, entry, self._how(on_erase, given_up, entry.basis))
            )
            for entry in self._open()
        ]

    def expire(
        self,
        *,
        today: bool = False,
        on_erase: OnErase | None = None,
        progress: Progress = no_progress,
        hook: Hook = no_hook,
    ) -> list[Receipt]:
        """Erase all people who are over the policy's term, at most once a day unless `today`.

        With `local_erasure = "callback"` and no `on_erase` they are counted and wait. Raises:
        SafetyStopError before anybody is erased, PolicyError if a clock went back, and as `erase`;
        `resume` goes on with a person, the next call with the others.
        """
        beside = self._beside(progress, hook)
        if not expired.erases_people(beside) or not (today or expired.is_due_today(beside)):
            return []
        stop_if_clock_went_back(beside.ports)
        over = expired.people_over(beside)
        left = dict(over.people)
        receipts = []
        if self.settings.local_erasure != "callback" or on_erase is not None:
            expired.stop_if_too_many(beside, over)
            for key in over.people:
                who = Who(rows=[key])
                note(beside, Deed.EXPIRED, one_person(beside, who), "over the policy's term")
                receipts.append(self.erase(who, on_erase=on_erase, progress=progress, hook=hook))
                del left[key]
        expired.note_look(beside, over, left)
        return receipts

    def ledger(self) -> list[Receipt]:
        """All erasures, the oldest first."""
        return [Receipt.of(entry) for entry in self._beside().ports.vault.ledger.entries()]

    def receipt(self, erasure_id: str) -> Receipt:
        """One of them. Raises: UsageError if there is none of this id."""
        return Receipt.of(self._entry(self._beside(), erasure_id))

    def lift(self, erasure_id: str, reason: str) -> Receipt:
        """Let somebody who was erased come back as a new customer; noted with the reason.

        The next run looks at all rows of the shop: one of theirs may be there, turned away so far.
        Raises: UsageError if the erasure is still under way.
        """
        beside = self._beside()
        entry = self._entry(beside, erasure_id)
        if entry.state == OPEN:
            raise UsageError("This erasure is still under way.", hint="Let it end first.")
        if entry.state != LIFTED:
            note(beside, Deed.LIFTED, None, reason)
            entry = erasing.lift(beside, entry)
        return Receipt.of(entry)

    # --- access and correction ------------------------------------------------------------------

    def export(self, who: Who, to: Path, *, reason: str, recipient: str) -> list[Path]:
        """Everything of a person's, as JSON and as CSV beside it, in two new files of the owner's.

        `reason` and `recipient` are noted. Raises: UsageError, VendorError, LocalError, PolicyError
        where values are not shown; see `sync/showing.py`.
        """
        if not reason.strip() or not recipient.strip():
            raise UsageError("An export needs a reason and a recipient: both are noted.")
        beside = self._beside()
        ports, limit = beside.ports, self.settings.people_an_hour
        showing = Showing(ports.store, ports.vault, limit, reason)
        showing.ask()
        finder = Finder(beside)
        person = one_person(beside, who)
        files = [to.with_suffix(".json"), to.with_suffix(".csv")]
        refuse_old(files)
        items = collect(beside, finder, person)
        # Noted first: an export that nobody knows of is worse than a note too many.
        note(beside, Deed.EXPORTED, person, f"{reason} (to {recipient})", showing)
        for file, content in zip(files, (as_json(items), as_csv(items)), strict=True):
            write_new(file, content)
        return files

    def rectify(self, who: Who, fields: str, *, reason: str) -> list[str]:
        """Correct fields of the customer (JSON of canonical fields) in the shop; the next sync
        carries them on. Returns the columns that changed. Raises: UsageError, LocalError."""
        beside = self._beside()
        person = one_person(beside, who)
        record = record_in(fields)
        changed = correct(beside, person, record)
        note(beside, Deed.RECTIFIED, person, reason)
        return changed

    # --- restriction ----------------------------------------------------------------------------

    def restrict(self, who: Who, reason: str, *, restricted: bool = True) -> FoundPerson:
        """Let a person's data only be stored: nothing of theirs travels until that ends.

        Raises: UsageError, also for a person who is in no sync yet.
        """
        beside = self._beside()
        person = one_person(beside, who)
        if not person.subjects:
            raise UsageError(
                "No sync has seen this person yet, so nothing of theirs travels.",
                hint="Run a sync, then restrict them.",
            )
        vault = beside.ports.vault
        states = {vault.subject_state(one) for one in person.subjects}
        if not states <= {LIVE, RESTRICTED}:
            raise UsageError("This person is being erased.")
        note(beside, Deed.RESTRICTED if restricted else Deed.UNRESTRICTED, person, reason)
        vault.subjects.set_state(sorted(person.subjects), RESTRICTED if restricted else LIVE)
        return _shown(beside, Finder(beside), person)

    # --- inside ---------------------------------------------------------------------------------

    def _beside(self, progress: Progress = no_progress, hook: Hook = no_hook) -> Beside:
        beside = self.made(progress, hook)
        beside.ports.vault.refresh()
        return beside

    def _how(self, on_erase: OnErase | None, given_up: Mapping[str, str] | None, basis: str) -> How:
        rule = self.settings.local_erasure
        if rule is None and not basis:
            raise SettingsError(
                "The settings do not say what becomes of an erased person's rows in the shop.",
                hint='Set [privacy] local_erasure to "delete", "blank" or "callback".',
            )
        if rule == "callback" and on_erase is None and not basis:
            raise SettingsError(
                '[privacy] local_erasure = "callback", and nobody handed one in.',
                hint="Erase from the host's program: docs/rights.md.",
            )
        return How(
            RowRule(rule or RowRule.KEEP), on_erase, self.after_shredding, dict(given_up or {})
        )

    def _open(self) -> list[Entry]:
        return [e for e in self._beside().ports.vault.ledger.entries() if e.state == OPEN]

    def _run(self, beside: Beside, erasure: Erasure) -> Receipt:
        try:
            return Receipt.of(erasure.run())
        finally:
            # As at a run's end, also where the erasure could not go on.
            note_head(beside.ports.store, beside.ports.vault)

    def _entry(self, beside: Beside, erasure_id: str) -> Entry:
        entry = beside.ports.vault.ledger.entry(erasure_id)
        if entry is None:
            raise UsageError(
                "There is no such erasure.", hint="`crm-connector privacy ledger` lists them."
            )
        return entry


def _shown(beside: Beside, finder: Finder, person: Person) -> FoundPerson:
    vault = beside.ports.vault
    places = []
    linked: dict[tuple[str, str, str], str] = {}
    for link in person.links.values():
        if link.local_id is not None:
            linked["local", link.kind, link.local_id] = link.state
        if link.remote_id is not None:
            linked[link.connection, link.kind, link.remote_id] = link.state
    for kind, keys in person.rows.items():
        there = beside.ports.local.present(Kind(kind), sorted(keys))
        for key in sorted(keys):
            state = linked.get(("local", kind, key), "not linked")
            places.append(Place("local", kind, key, state if key in there else "gone"))
    for (name, kind), refs in person.records.items():
        for ref in sorted(refs):
            places.append(Place(name, kind, ref, linked.get((name, kind, ref), "not linked")))
    counts: dict[str, int] = {}
    for kind, _ in person.identifiers:
        counts[kind] = counts.get(kind, 0) + 1
    letters, conflicts = finder.waiting(person)
    return FoundPerson(
        tuple(sorted(person.subjects)),
        tuple(vault.subject_state(one) for one in sorted(person.subjects)),
        tuple(places),
        letters,
        conflicts,
        counts,
    )
