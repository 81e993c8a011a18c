"""Putting a backup back, and trying that out.

A backup is read to its end before anything is changed; then everything changes in one transaction
or not at all. What was there before is kept in a backup of its own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from connector.backup import content, lines
from connector.backup.backups import ENDING, Backups, manifest_at, opened
from connector.backup.manifest import KEYS, STATE, Manifest
from connector.errors import ConnectorError, LeaseHeldError, SealError, SettingsError, UsageError
from connector.keeping.rotation import Keyring
from connector.privacy import ring_changes
from connector.privacy.blind import IN_USE, mark_of
from connector.privacy.container import altered
from connector.privacy.keys import KeyState
from connector.privacy.keys_database import ERASURE, SUBJECT, OurErrors
from connector.privacy.private_file import locked, write_private
from connector.privacy.providers import provider_of
from connector.privacy.ring import (
    INIT_HINT,
    Ring,
    open_ring,
    open_root,
    parse_ring,
    read_ring,
)
from connector.privacy.subjects import SHREDDED, SHREDDING
from connector.store import claims, scopes
from connector.store import tables as t
from connector.store.database import Store, open_engine
from connector.sync.audit import begin_restore, end_restore

SAMPLE: Final = 200
"""Documents that a drill opens."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back. `aside`: the backup of what was there before, None if that was empty."""

    manifest: Manifest
    counts: Mapping[str, int]
    erased: int
    aside: Path | None


@dataclass(frozen=True, slots=True)
class Drilled:
    """What a drill found: of a sample of documents, how many open, how many are of people who were
    erased since, and how many ought to open and do not."""

    manifest: Manifest
    counts: Mapping[str, int]
    opened: int
    erased: int
    failed: int


class Restoring:
    """Puts backups back into one installation."""

    def __init__(self, backups: Backups) -> None:
        self._b = backups
        self._store, self._vault, self._hook = backups.store, backups.vault, backups.hook

    def restore(self, path: Path) -> Restored:
        """Put a backup in place of what is there. Raises: SealError, SettingsError or UsageError
        if it may not be, LeaseHeldError while a run is at work; then nothing has changed."""
        manifest, counts = self._b.verify(path)
        if manifest.content == KEYS:
            return self._keys(path, manifest, counts)
        return self._state(path, manifest, counts)

    # --- the state --------------------------------------------------------------------------------

    def _state(self, path: Path, manifest: Manifest, counts: Mapping[str, int]) -> Restored:
        self._check_state(manifest, counts)
        with self._store.read() as tx:
            self._nobody_at_work(self._store, tx)
        aside = None if self._is_new() else self._b.create(STATE)
        known = {one.id for one in self._vault.heads.restores(manifest.store_id)}
        begun = begin_restore(self._store, self._vault, manifest.store_id, manifest.made)
        try:
            erased = self._replace(path, manifest)
        except ConnectorError:
            if begun.id not in known:  # else it is one that died, and is still to be ended
                self._vault.heads.forget_restore(begun.id)
            raise
        with self._b.opened(path) as (_, rows):
            self._learn(rows)
        self._store.store_id = manifest.store_id
        self._vault.subjects.refresh()
        end_restore(self._store, self._vault, begun, manifest.made)
        return Restored(manifest, counts, erased, aside)

    def _replace(self, path: Path, manifest: Manifest) -> int:
        with self._store.write(None, "restore") as tx:
            # Nobody begins a run before this ends: a lease is taken in a transaction like this.
            self._nobody_at_work(self._store, tx)
            erased = self._fill(tx, path, manifest)
            content.settle_meta(self._store, tx)
            self._use_index_keys(tx)
        return erased

    def _check_state(self, manifest: Manifest, counts: Mapping[str, int]) -> None:
        if manifest.schema > t.SCHEMA_VERSION:
            raise SettingsError(
                f"The backup has schema {manifest.schema}, this version works with"
                f" {t.SCHEMA_VERSION}.",
                hint="Install the version that made it, or a newer one.",
            )
        if not {"meta", "scope", "link"} <= counts.keys():
            raise altered()
        if manifest.store_id == self._store.store_id:
            return
        served = self._vault.subjects.generation(manifest.store_id) > 0
        if not (self._is_new() and served):
            raise SettingsError(
                "The backup is of another state than the one in [state] url.",
                hint="After a loss point [state] url at a new, empty database; these keys must"
                " have served the state of the backup.",
            )

    def _is_new(self) -> bool:
        """Whether no run has ever used the present state."""
        return (self._store.meta("generation") or "0") == "0"

    @staticmethod
    def _nobody_at_work(store: Store, tx: sa.Connection) -> None:
        held = scopes.held(tx, store.now_us(tx))
        if held:
            one = min(held, key=lambda h: (h.connection, h.kind))
            raise LeaseHeldError(
                f"A run is at work on {one.connection}/{one.kind}; nothing was replaced.",
                hint="Stop all workers, then restore.",
            )

    def _fill(self, tx: sa.Connection, path: Path, manifest: Manifest) -> int:
        """Replace all rows, then take out who was erased since."""
        erased = self._erased()
        with self._b.opened(path) as (again, rows):
            if again != manifest:
                raise altered()
            listed: set[str] = set()

            def passing() -> Iterator[lines.Rows]:
                for some in rows:
                    listed.update(content.erased_in([some]))
                    yield some

            content.replace_state(tx, passing())
        content.drop_unopenable(tx, {key.kid for key in self._vault.ring.keys})
        return content.forget_erased(tx, sorted(erased | listed))

    def _use_index_keys(self, tx: sa.Connection) -> None:
        """Have values looked for under each index key that the restored ones are claimed under:
        `keys rotate index` then goes on. A value whose key is destroyed is not known again."""
        ring, keyring = self._vault.follow_ring(), self._b.keyring
        at = (keyring.path, keyring.kek, keyring.tenant)
        known = {mark_of(k.kid, ring.first_index): k for k in ring.keys}
        for mark in claims.count_by_mark(tx):
            key = known.get(mark)
            if key is None:
                while claims.forget_under(tx, mark):
                    pass
            elif key.state not in IN_USE:
                for state in (KeyState.DRAINING, KeyState.DECRYPT_ONLY):
                    ring_changes.move(*at, key.kid, state)
        self._vault.follow_ring()

    def _learn(self, rows: Iterable[lines.Rows]) -> None:
        """Take over what a backup's copy of the ledger knows and the keys database does not."""
        self._vault.ledger.replay(content.ledger_in(rows))
        self._vault.subjects.forget_deleted()

    def _erased(self) -> set[str]:
        """Everybody who was erased, or whose erasure has begun, as the keys database knows."""
        done = sa.select(SUBJECT.c.subject_id).where(SUBJECT.c.state.in_((SHREDDED, SHREDDING)))
        with OurErrors(), self._vault.subjects.engine.connect() as database:
            found = set(database.execute(done).scalars())
            return found | set(database.execute(sa.select(ERASURE.c.subject_id)).scalars())

    # --- the keys ---------------------------------------------------------------------------------

    def _keys(self, path: Path, manifest: Manifest, counts: Mapping[str, int]) -> Restored:
        """Add what the keys database lacks. What it has stays: it may know of later erasures."""
        with self._store.read() as tx:
            self._nobody_at_work(self._store, tx)
        with self._b.opened(path) as (_, rows):
            ring = content.ring_in(rows)
            if ring is None:
                raise altered()
        self._same_ring(ring)
        with self._b.opened(path) as (_, rows):
            erased = self._erased() | content.erased_in(rows) | self._erased_by_newest()
        with self._b.opened(path) as (again, rows):
            if again != manifest:
                raise altered()
            with OurErrors(), self._vault.subjects.engine.begin() as database:
                content.add_keys(database, rows)
                content.shred_in(database, erased)
        self._vault.subjects.forget_deleted()
        self._vault.subjects.refresh()
        self._b.note_found()
        return Restored(manifest, counts, len(erased), None)

    def _erased_by_newest(self) -> set[str]:
        """Whom the newest backup of the state in the folder knows as erased: it may be younger."""
        made: dict[str, Path] = {}
        for path in self._b.folder.glob(f"*{ENDING}"):
            with suppress(ConnectorError), self._b.opened(path) as (manifest, _):
                if manifest.content == STATE:
                    made[manifest.made] = path
        for when in sorted(made, reverse=True):
            with suppress(ConnectorError), self._b.opened(made[when]) as (_, rows):
                return content.erased_in(rows)
        return set()

    def _same_ring(self, ring: bytes) -> None:
        """Raises: SealError if a key backup is of another ring than the one in place."""
        keyring = self._b.keyring
        ours = read_ring(keyring.path, keyring.tenant)
        if not related(parse_ring(ring, keyring.tenant, "in the backup"), ours):
            raise SealError(
                "The backup is of another key ring; nothing was replaced.",
                hint="To take that ring, move the present one away first.",
            )

    # --- a drill ----------------------------------------------------------------------------------

    def drill(self, path: Path) -> Drilled:
        """Restore a backup of the state into a place that is deleted afterwards, and look.

        Raises: as `restore`, but asks nothing of the present state.
        """
        manifest, counts = self._b.verify(path)
        if manifest.content != STATE:
            raise UsageError("A drill is of a backup of the state; `backup verify` reads any.")
        self._b.folder.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".drill-", dir=self._b.folder) as place:
            engine = open_engine(f"sqlite:///{Path(place) / 'state.db'}")
            with closing(Store(engine, tenant=manifest.tenant)) as store:
                with store.write(None, "drill") as tx:
                    self._fill(tx, path, manifest)
                self._same_counts(store, counts)
                opened, erased, failed = self._open_some(store)
        return Drilled(manifest, counts, opened, erased, failed)

    @staticmethod
    def _same_counts(store: Store, counts: Mapping[str, int]) -> None:
        with store.read() as tx:
            for name in ("link", "meta", "scope"):
                table = content.state_tables()[name]
                found = tx.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                if found != counts[name]:
                    raise altered()

    def _open_some(self, store: Store) -> tuple[int, int, int]:
        c = t.link.c
        query = sa.select(c.id, c.kind, c.subject, c.base).where(c.base.is_not(None))
        with store.read() as tx:
            rows = tx.execute(query.order_by(c.id).limit(SAMPLE)).all()
            gone = sa.select(sa.func.count()).select_from(t.link).where(c.state == "erased")
            erased = tx.execute(gone).scalar_one()
        opened = failed = 0
        self._vault.preload({row.subject for row in rows})
        for row in rows:
            try:
                self._vault.open("base", row.kind, row.subject, row.id, row.base)
                opened += 1
            except ConnectorError:
                failed += 1
        return opened, int(erased), failed


def related(one: Mapping[str, Any], two: Mapping[str, Any]) -> bool:
    """Whether two ring files are of one ring: they share keys, and none of one id differs."""
    known = {entry["kid"]: entry["kcv"] for entry in two["keys"] if entry["kcv"]}
    both = [e for e in one["keys"] if e["kcv"] and e["kid"] in known]
    return bool(both) and all(e["kcv"] == known[e["kid"]] for e in both)


def recover_ring(path: Path, keyring: Keyring) -> bool:
    """If this is a key backup and the ring in place is lost, broken or older: put its ring there.

    For before a vault is opened; asks the provider only. What was there is moved aside. Says
    whether it did. Raises: SealError, SettingsError, UsageError; then nothing has changed.
    """
    if manifest_at(path, keyring.tenant).content != KEYS:
        return False
    with opened(path, keyring, _no_ring) as (manifest, chunks):
        ring = content.ring_in(list(lines.load(chunks)))
    if ring is None:
        raise altered()
    theirs = parse_ring(ring, keyring.tenant, "in the backup")
    provider = provider_of(keyring.kek, keyring.path.parent)
    open_ring(theirs, open_root(theirs, provider, keyring.tenant), keyring.tenant)
    with locked(keyring.path):
        try:
            ours = read_ring(keyring.path, keyring.tenant)
            if not related(theirs, ours):
                return False  # another's: however ours is, this one is not it
            open_ring(ours, open_root(ours, provider, keyring.tenant), keyring.tenant)
            if ours["epoch"] >= theirs["epoch"]:
                return False
        except SealError:
            pass  # lost or broken
        if keyring.path.exists() or keyring.path.is_symlink():
            keyring.path.rename(keyring.path.with_name(f"{keyring.path.name}.before-{manifest.id}"))
        write_private(keyring.path, ring, replace=False)
    return True


def _no_ring() -> Ring:
    raise SealError("The key ring is not there.", hint=INIT_HINT)
