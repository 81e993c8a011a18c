"""Making backups, listing and reading them, and what an erasure does to backups of keys."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from connector.backup import content, lines
from connector.backup.manifest import (
    KEYS,
    STATE,
    Manifest,
    fresh_key,
    key_of,
    kids_of_state,
    manifest_of,
)
from connector.errors import ConnectorError, StoreError, UsageError
from connector.keeping import references
from connector.keeping.rotation import Keyring
from connector.plugin import Clock
from connector.privacy import container
from connector.privacy.keys_database import BACKUP, OurErrors
from connector.privacy.private_file import new_private, read_private
from connector.privacy.providers import provider_of
from connector.privacy.ring import WHAT, Ring
from connector.privacy.vault import Vault
from connector.store import tables as t
from connector.store.database import Hook, Store, no_hook

ENDING: Final = ".crmbak"

Progress = Callable[[str, int], None]
"""Told what is being done and how many MiB it has done."""


def no_progress(what: str, mib: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Noted:
    """A backup as the keys database knows it. `there`: whether its file still is."""

    id: str
    content: str
    file: str
    made: datetime
    until: datetime
    there: bool


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What became of the key backups after an erasure.

    `elsewhere`: noted ones whose file is not at its place, so that somebody may have it.
    `irrecoverable_from`: when the last copy that may hold an erased key ends.
    """

    deleted: int
    made: str
    elsewhere: int
    irrecoverable_from: datetime


class Backups:
    """The backups of one installation; each call reads and writes files in `folder`."""

    def __init__(
        self,
        folder: Path,
        keyring: Keyring,
        store: Store,
        vault: Vault,
        clock: Clock,
        *,
        keep: timedelta,
        keep_keys: timedelta,
        hook: Hook = no_hook,
        progress: Progress = no_progress,
    ) -> None:
        self.folder, self.keyring, self.store, self.vault = folder, keyring, store, vault
        self.clock, self.hook, self.progress = clock, hook, progress
        self._keep = {STATE: keep, KEYS: keep_keys}

    # --- making -----------------------------------------------------------------------------------

    def create(self, what: str = STATE) -> Path:
        """Make a backup of the state (`STATE`) or of the keys (`KEYS`), while others work.

        Raises: StoreError if the disk does not take it.
        """
        ring, now, id_ = self.vault.follow_ring(), self.clock.now(), os.urandom(16).hex()
        spare = references.spare(self.store, self.vault) if what == KEYS else set()
        key, kid, wrapped = fresh_key(ring, self._provider(), what, id_, self.store.store_id)
        kids = self._kids(ring, what, kid, spare)
        with self.store.read() as tx:
            generation = int(self.store.meta_in(tx, "generation") or 0)
            manifest = Manifest(
                id=id_,
                content=what,
                tenant=self.keyring.tenant,
                store_id=self.store.store_id,
                generation=generation,
                schema=t.SCHEMA_VERSION,
                made=now.isoformat(),
                until=(now + self._keep[what]).isoformat(),
                kids=kids,
                kid=kid,
                wrapped=wrapped,
            )
            path = self.folder / f"{what}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{id_[:8]}{ENDING}"
            # Noted before it is there: a key that it needs is not given up meanwhile.
            self._note(manifest, path)
            self.hook("after commit: backup noted")
            try:
                self._write(path, manifest, key, self._parts(what, tx, spare))
            except BaseException:
                self.forget(id_)
                raise
        self.hook("after commit: backup written")
        return path

    def _kids(self, ring: Ring, what: str, kid: int, spare: Iterable[int]) -> list[int]:
        if what == STATE:
            # An old index key too, while something is claimed under it.
            return kids_of_state(self.vault, {kid, *references.claimed(self.store, self.vault)})
        return sorted({key.kid for key in ring.keys} - set(spare))

    def _parts(self, what: str, tx: sa.Connection, spare: set[int]) -> Iterator[bytes]:
        keys = self.vault.subjects.engine
        if what == STATE:
            return self._told(content.dump_state(tx, keys))
        ring = content.ring_without(read_private(self.keyring.path, WHAT), spare)
        return self._told(content.dump_keys(ring, keys))

    def _write(self, path: Path, manifest: Manifest, key: bytes, parts: Iterable[bytes]) -> None:
        told = manifest.for_file()
        del told["nonce"]
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            with new_private(path) as file:
                container.write(file, told, key, parts)
        except OSError as error:
            raise StoreError(
                f"The backup cannot be written to {path.parent} ({type(error).__name__}).",
                hint="See [backup] folder, its rights and its disk.",
            ) from None

    def _told(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        size = 0
        for part in parts:
            size += len(part)
            self.progress("reading", size >> 20)
            yield part

    def _provider(self) -> Any:
        return provider_of(self.keyring.kek, self.keyring.path.parent)

    # --- reading ----------------------------------------------------------------------------------

    @contextmanager
    def opened(self, path: Path) -> Iterator[tuple[Manifest, Iterator[lines.Rows]]]:
        """A backup's manifest and rows, each proven before it is told; only the end proves that
        it is whole. Raises: SealError, SettingsError (another tenant's), UsageError."""
        with opened(path, self.keyring, self.vault.follow_ring) as (manifest, chunks):
            yield manifest, lines.load(self._told(chunks))

    def verify(self, path: Path) -> tuple[Manifest, Mapping[str, int]]:
        """Read all of it and write nothing; returns the rows of each table. Raises: as `opened`."""
        with self.opened(path) as (manifest, rows):
            return manifest, lines.counted(rows)

    # --- what is noted ----------------------------------------------------------------------------

    def list(self) -> list[Noted]:
        """Backups that may still be put back, oldest first."""
        c = BACKUP.c
        query = sa.select(c.id, c.content, c.file, c.made_us, c.until_us).order_by(c.made_us, c.id)
        with OurErrors(), self.vault.subjects.engine.connect() as database:
            rows = database.execute(query).all()
        return [
            Noted(r.id, r.content, r.file, _of_us(r.made_us), _of_us(r.until_us), _there(r.file))
            for r in rows
        ]

    def forget(self, id_: str) -> None:
        """Note that a backup is nowhere any more. Raises: UsageError if none has this id."""
        with OurErrors(), self.vault.subjects.engine.begin() as database:
            gone = database.execute(sa.delete(BACKUP).where(BACKUP.c.id == id_)).rowcount
        if not gone:
            raise UsageError("No backup has this id.", hint="See `crm-connector backup list`.")

    def prune(self) -> int:
        """Delete the backups whose time is over; returns how many."""
        now, count = self.clock.now(), 0
        for one in self.list():
            if one.until <= now:
                Path(one.file).unlink(missing_ok=True)
                self.forget(one.id)
                count += 1
        return count

    def note_found(self) -> int:
        """Note the backups in the folder that are not noted: the keys database was put back, and
        may be older than they are. Returns how many."""
        known, count = {one.id for one in self.list()}, 0
        for path in sorted(self.folder.glob(f"*{ENDING}")):
            with suppress(ConnectorError), self.opened(path) as (manifest, rows):
                next(rows, None)  # proves the manifest
                if manifest.id not in known:
                    self._note(manifest, path)
                    count += 1
        return count

    def _note(self, manifest: Manifest, path: Path) -> None:
        values = {
            "id": manifest.id,
            "content": manifest.content,
            "file": str(path.resolve()),
            "made_us": _as_us(datetime.fromisoformat(manifest.made)),
            "until_us": _as_us(manifest.ends),
            "kids": json.dumps(list(manifest.kids)),
        }
        with OurErrors(), self.vault.subjects.engine.begin() as database:
            database.execute(sa.insert(BACKUP).values(values))

    # --- after an erasure -------------------------------------------------------------------------

    def rewrite_key_backups(self) -> Rewritten | None:
        """Make one key backup without the keys just destroyed, and delete all earlier ones.

        For the end of an erasure; again changes nothing that matters. None if there were none.
        """
        before = [one for one in self.list() if one.content == KEYS]
        if not before:
            return None
        made, now = self.create(KEYS), self.clock.now()
        elsewhere = [one for one in before if not one.there and one.until > now]
        for one in before:
            if one.there:
                Path(one.file).unlink(missing_ok=True)
                self.forget(one.id)
        ends = max((one.until for one in elsewhere), default=now)
        return Rewritten(len(before) - len(elsewhere), str(made), len(elsewhere), ends)


@contextmanager
def opened(
    path: Path, keyring: Keyring, ring: Callable[[], Ring]
) -> Iterator[tuple[Manifest, Iterator[bytes]]]:
    """A backup's manifest and its content. `ring` is asked for backups of the state only."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise _unreadable(error) from None
    with file:
        told, aad = container.read_head(file)
        manifest = manifest_of(told, keyring.tenant)
        provider = provider_of(keyring.kek, keyring.path.parent)
        key = key_of(manifest, ring() if manifest.content == STATE else None, provider)
        yield manifest, container.read_chunks(file, told, aad, key)


def manifest_at(path: Path, tenant: str) -> Manifest:
    """What a file says of itself, not yet proven. Raises: as `opened`."""
    try:
        with path.open("rb") as file:
            return manifest_of(container.read_head(file)[0], tenant)
    except OSError as error:
        raise _unreadable(error) from None


def _unreadable(error: OSError) -> UsageError:
    return UsageError(f"The backup cannot be opened ({type(error).__name__}).")


def _there(file: str) -> bool:
    return Path(file).is_file()


def _as_us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _of_us(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
