"""Changing a key of the ring for a new one, while others work, in numbered steps.

::

    1 pending    a new key is in the ring; nobody seals under it yet
    2 active     it seals; the old one only opens
    3 leases     every run that began before step 2 has ended
    4 draining   nothing seals under the old one any more
    5 moving     what lies under it is sealed anew, page by page
    6 moved      nothing is left under it

A process may die before or after any of them; the same command then goes on. Opening works
throughout: who meets a key that he does not know reads the ring again. After step 6 come `retire`,
which looks at everything once more, and `destroy`, which waits for a date. The index key has steps
of its own: see `indexing.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from connector.errors import UsageError
from connector.keeping import references
from connector.keeping.indexing import Indexing
from connector.keeping.moving import MOVES, POLL_S, Moved
from connector.plugin import Clock
from connector.privacy import ring_changes
from connector.privacy.keys import KeyState, Purpose, RingKey
from connector.privacy.providers import Kek, WithPrevious, make_kek_if_absent
from connector.privacy.ring import Ring
from connector.privacy.vault import Vault
from connector.store import scopes
from connector.store.database import Hook, Store, no_hook
from connector.sync.audit import note_head
from connector.sync.beside import Beside

_T = TypeVar("_T")

LEAST_WAIT: Final = timedelta(days=1)
"""Between asking for a key's destruction and carrying it out: time for a second person to look."""

Progress = Callable[[str, int], None]
"""Told the step and how many rows it has done."""


def no_progress(step: str, done: int) -> None:
    """Tell nobody."""


FOLLOWS: Final[Mapping[Purpose, str]] = {
    Purpose.WRAP: "people's keys lie under the new key; their data is as it was",
    Purpose.SECRETS: "access tokens and places in pages lie under the new key",
    Purpose.STAGING: "records that wait lie under the new key",
    Purpose.SUPPRESS: "new suppressions use the new key; old keys stay for ever, for old ones",
    Purpose.AUDIT: "the log goes on under the new key; old keys stay, to check what they signed",
    Purpose.BACKUP: "new backups use the new key; the old one stays while a backup needs it",
    Purpose.INDEX: "identity values are known by the new key",
    Purpose.DISCLOSE: "what is kept for people to read is sealed for the new key; old keys stay",
    Purpose.PSEUDONYM: "pseudonyms change: what vendors hold of them joins with nothing sent later",
}
"""Purposes that may be rotated, and what then holds."""

REFUSED: Final[Mapping[Purpose, tuple[str, str]]] = {
    Purpose.DIGEST: (
        "The digest key is one for the life of an installation: without the records themselves no"
        " digest can be made anew.",
        "One who has it and the state can test guesses; he cannot open anything.",
    ),
}
_KEPT: Final = (Purpose.SUPPRESS, Purpose.AUDIT, Purpose.DISCLOSE)
"""Old keys of these are needed for ever: they stay `decrypt_only`."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did. `resumed`: it ended one that had been broken off."""

    purpose: Purpose
    kid: int
    old: tuple[int, ...]
    moved: int
    resumed: bool


@dataclass(frozen=True, slots=True)
class Keyring:
    """The ring's file and how it is opened."""

    path: Path
    kek: Kek
    tenant: str
    officer: Kek | None = None
    """The privacy officer's own provider, where the settings name one."""


class Rotation:
    """Rotates, retires and destroys keys of one installation."""

    def __init__(
        self,
        keyring: Keyring,
        store: Store,
        vault: Vault,
        clock: Clock,
        *,
        hook: Hook = no_hook,
        progress: Progress = no_progress,
        beside: Callable[[], Beside] | None = None,
    ) -> None:
        """`beside`: reads records on both sides, which only the index key's rotation needs."""
        self._at = (keyring.path, keyring.kek, keyring.tenant)
        self._keyring = keyring
        self._store, self._vault, self._clock = store, vault, clock
        self._hook, self._progress = hook, progress
        self._beside = beside

    # --- rotate -----------------------------------------------------------------------------------

    def rotate(self, purpose: Purpose) -> Rotated:
        """Take the six steps; see the module. Raises: UsageError if this purpose has no rotation.

        Waits for runs that began before, however long they take; stop it and call again later.
        """
        self._refuse(purpose)
        ring = self._vault.follow_ring()
        unfinished = self._unfinished(ring, purpose)
        kid = ring.active(purpose).kid
        if not unfinished:
            kid = self._step("1 pending", lambda: self._add(purpose))
            if purpose is not Purpose.INDEX:
                self._step("2 active", lambda: self._activate(kid))
        moved = 0
        if purpose is Purpose.INDEX:
            moved = self._move_index(kid)
        elif purpose not in _KEPT:
            self._step("3 leases", self._wait_for_runs)
            self._step("4 draining", lambda: self._drain(purpose))
            moved = self._step("5 moving", lambda: self._move(purpose))
            self._step("6 moved", self._vault.follow_ring)
        self._end()
        ring = self._vault.ring
        old = tuple(k.kid for k in ring.of(purpose) if k.state in _OLD)
        return Rotated(purpose, ring.active(purpose).kid, old, moved, unfinished)

    def _move_index(self, kid: int) -> int:
        """The steps after the first one of the index key's own rotation; see `indexing.py`."""
        assert self._beside is not None, "the index key is rotated by who can read both sides"
        self._vault.follow_ring()
        self._step("2 leases", self._wait_for_runs)
        index = Indexing(self._store, self._vault, self._beside())
        moved = self._step("3 back-filling", lambda: index.fill(self._told("back-filling")))
        self._step("4 active", lambda: self._activate(kid))
        self._step("5 draining", lambda: self._drain(Purpose.INDEX))
        self._step("6 leases", self._wait_for_runs)
        self._step("7 forgotten", lambda: index.forget(self._told("forgetting")))
        return moved

    def _told(self, doing: str) -> Moved:
        total = 0

        def told(count: int) -> None:
            nonlocal total
            total += count
            self._progress(doing, total)
            self._hook(f"after commit: {doing}, a page")

        return told

    def _refuse(self, purpose: Purpose) -> None:
        if purpose in REFUSED:
            sentence, hint = REFUSED[purpose]
            raise UsageError(sentence, hint=hint)
        if purpose is Purpose.REF and (count := references.carried(self._store)):
            raise UsageError(
                f"The ref key is not rotated while records carry keys made with it: {count} do.",
                hint="Such a key is how a record is found again; it can be made with no other.",
            )

    def _unfinished(self, ring: Ring, purpose: Purpose) -> bool:
        """Whether an earlier rotation was broken off behind its second step."""
        if any(key.state is KeyState.PENDING for key in ring.of(purpose)):
            return False  # it goes on with the key that waits
        left = self._rows(purpose)
        return any(left.get(key.kid) for key in ring.of(purpose) if key.state in _OLD)

    def _step(self, name: str, act: Callable[[], _T]) -> _T:
        self._hook(f"before commit: {name}")
        done = act()
        self._hook(f"after commit: {name}")
        return done

    def _end(self) -> None:
        """As at a run's end: what the log of events holds by now is not to be cut off unseen."""
        note_head(self._store, self._vault)

    def _add(self, purpose: Purpose) -> int:
        officer = self._keyring.officer
        return ring_changes.add_pending(*self._at, self._clock.now(), purpose, officer)

    def _activate(self, kid: int) -> Ring:
        ring_changes.activate(*self._at, self._clock.now(), kid)
        return self._vault.follow_ring()

    def _wait_for_runs(self) -> None:
        """Until every lease held now has ended: later ones are of runs that know the new key."""
        waited_for = self._held()
        while waited_for:
            self._progress("waiting for runs", len(waited_for))
            self._clock.sleep(POLL_S)
            waited_for &= self._held()

    def _held(self) -> set[scopes.Held]:
        with self._store.read() as tx:
            return scopes.held(tx, self._store.now_us(tx))

    def _drain(self, purpose: Purpose) -> None:
        for key in self._vault.ring.of(purpose):
            if key.state is KeyState.DECRYPT_ONLY:
                ring_changes.move(*self._at, key.kid, KeyState.DRAINING)
        self._vault.follow_ring()

    def _move(self, purpose: Purpose) -> int:
        total = 0

        def moved(count: int) -> None:
            nonlocal total
            total += count
            self._progress("moving", total)
            self._hook("after commit: 5 moving, a page")

        if purpose in MOVES:
            MOVES[purpose](self._store, self._vault, self._clock, moved)
        return total

    # --- retire and destroy -----------------------------------------------------------------------

    def retire(self, kid: int) -> RingKey | None:
        """Use a drained key for nothing from now on, if nothing lies under it: all is looked at.

        Raises: UsageError with what still needs it.
        """
        key = self._key(kid)
        if key.state is not KeyState.RETIRED and (why := self._needed(key.purpose, kid)):
            raise UsageError(f"Key {kid} is kept: {why}.", hint=_hint(key))
        return self._changed(kid, "retired", KeyState.RETIRED)

    def revive(self, kid: int) -> RingKey | None:
        """Let a retired key open again what it sealed."""
        return self._changed(kid, "revived", KeyState.DRAINING)

    def _changed(self, kid: int, step: str, state: KeyState) -> RingKey | None:
        self._step(step, lambda: ring_changes.move(*self._at, kid, state))
        self._end()
        return next((k for k in self._vault.follow_ring().keys if k.kid == kid), None)

    def destroy(self, kid: int, *, after: datetime | None = None) -> bool:
        """With `after`: note from when a retired key may be destroyed. Without: destroy it.

        Says whether it is destroyed. Two calls, at least `LEAST_WAIT` apart, so that one person's
        slip is seen by another. Raises: UsageError.
        """
        now = self._clock.now()
        if after is not None:
            if after < now + LEAST_WAIT:
                raise UsageError("The date lies less than a day ahead: somebody else must see it.")
            self._step("dated", lambda: ring_changes.plan_destruction(*self._at, kid, after))
            self._vault.follow_ring()
            return False
        purpose = self._purpose_of(kid)
        if purpose is not None:
            self._step(
                "destroyed",
                lambda: ring_changes.destroy(
                    *self._at, kid, now, lambda: self._needed(purpose, kid)
                ),
            )
            self._vault.follow_ring()
        self._end()
        return True

    def keep(self, kid: int) -> None:
        """Take back the date of a key's destruction."""
        ring_changes.plan_destruction(*self._at, kid, None)
        self._vault.follow_ring()

    def _key(self, kid: int) -> RingKey:
        for key in self._vault.follow_ring().keys:
            if key.kid == kid:
                return key
        raise UsageError(
            f"The key ring has no key {kid}, or it is destroyed.",
            hint="See `crm-connector keys status`.",
        )

    def _purpose_of(self, kid: int) -> Purpose | None:
        """None if it is destroyed already."""
        if kid in ring_changes.destroyed(*self._at):
            return None
        return self._key(kid).purpose

    def _needed(self, purpose: Purpose, kid: int) -> str | None:
        """Why a key must stay; None if nothing holds it."""
        if purpose in _KEPT or purpose in REFUSED:
            return f"{purpose} keys are never destroyed"
        if rows := self._rows(purpose).get(kid):
            return f"{rows} rows lie under it"
        if purpose is Purpose.REF and (count := references.carried(self._store)):
            return f"{count} records carry what it made"
        with self._store.read() as tx:
            now_us = self._store.now_us(tx)
        if backups := references.in_backups(self._vault.subjects, now_us).get(kid):
            return f"{backups} backups need it"
        return None

    def _rows(self, purpose: Purpose) -> Mapping[int, int]:
        count = references.COUNTED.get(purpose)
        return count(self._store, self._vault) if count is not None else {}

    # --- the key-encrypting key -------------------------------------------------------------------

    def rewrap(self) -> Ring:
        """Wrap the ring anew by the provider of the settings; see `[keys.previous]`.

        For a `file:` reference whose file is not there, that file is made with a new key.
        """
        self._step("kek", self._make_kek)
        self._step("ring", lambda: ring_changes.rewrap(*self._at, self._keyring.officer))
        self._end()
        return self._vault.follow_ring()

    def _make_kek(self) -> None:
        kek = self._keyring.kek
        if isinstance(kek, WithPrevious):
            kek.make()
        else:
            make_kek_if_absent(kek, self._keyring.path.parent)
        if isinstance(self._keyring.officer, WithPrevious):
            self._keyring.officer.make()


_OLD: Final = (KeyState.DECRYPT_ONLY, KeyState.DRAINING)


def _hint(key: RingKey) -> str:
    if key.state is KeyState.ACTIVE:
        return f"It is the active key; run `crm-connector keys rotate {key.purpose}` first."
    return f"Run `crm-connector keys rotate {key.purpose}`, which goes on where it stopped."
