"""Puts settings, keys, store and plugins together; the only place that may.

>>> # with open_connector("connector.toml") as connector:
>>> #     report = connector.sync()
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from connector import policies, registry, shop
from connector import settings as settings_module
from connector.assembly import parts
from connector.backup.backups import Backups
from connector.errors import (
    ConnectorError,
    LeaseHeldError,
    SealError,
    UnreachableError,
    UsageError,
)
from connector.host import MachineClock, StoreHost
from connector.keeping.provider import kek_of, officers_kek_of
from connector.keeping.rotation import Keyring
from connector.keeping.rotation import Progress as KeysProgress
from connector.keeping.rotation import no_progress as no_keys_progress
from connector.local.contract import Local
from connector.local.idmap import IdMap
from connector.local.status import LocalStatus, status_of_local
from connector.mapping.load import load_local, load_vendor, packaged
from connector.mapping.schema import LocalMapping, VendorMapping
from connector.migrating.facade import Migrations
from connector.plugin import Clock, Kind, LinksRecords, NamesEditors, Plugin, Ref, Remote, Target
from connector.policy.load import Policy
from connector.privacy.ring import create_ring
from connector.privacy.vault import Vault, open_vault
from connector.rights.facade import Rights
from connector.settings import Settings
from connector.settings.local import KINDS_IN_ORDER
from connector.store.copies import copy_of
from connector.store.database import Hook, Store, no_hook, open_engine
from connector.sync.adopt import Adoption
from connector.sync.beside import Beside
from connector.sync.review import Letter, OpenConflict, Review, Where, nowhere
from connector.sync.run import Runner, RunReport
from connector.sync.scope import Progress, no_progress
from connector.sync.status import Status, status_of


def open_connector(
    settings: Settings | Mapping[str, Any] | str | os.PathLike[str] | None = None,
    *,
    folder: str | os.PathLike[str] | None = None,
    local: shop.Given = None,
    clock: Clock | None = None,
) -> Connector:
    """Open the connector on a settings file, on a table of the same shape, or on loaded settings.

    A table has no file's folder for relative paths to count from: name one as `folder`. `local` is
    the host's SQLAlchemy engine, used as it is and never disposed of, or a callable that makes the
    host's own side of the state's id; see `docs/embedding.md`.

    Use it as a context manager. Nothing is opened before it is needed; no logging or signals are
    touched. Raises: SettingsError with all faults at once, UsageError.
    """
    if isinstance(settings, Mapping):
        if folder is None:
            raise UsageError("Settings that are a table need a `folder` to count paths from.")
        settings = settings_module.parse(settings, Path(folder).resolve())
    elif not isinstance(settings, Settings):
        settings = settings_module.load(settings)
    shop.check_side(settings, local)
    return Connector(settings, clock or MachineClock(), local)


def init_keys(settings: Settings, clock: Clock | None = None) -> Path:
    """Make the key ring, and its key-encrypting key. Raises: UsageError if the ring exists."""
    path = settings.path(settings.keys.path)
    clock = clock or MachineClock()
    officer = officers_kek_of(settings, clock)
    create_ring(path, kek_of(settings, clock), settings.tenant, clock.now(), officer=officer)
    return path


@dataclass(slots=True)
class _Open:
    """What has been opened so far."""

    store: Store | None = None
    vault: Vault | None = None
    local: Local | None = None
    remotes: dict[str, Remote] = field(default_factory=dict)
    hosts: dict[str, StoreHost] = field(default_factory=dict)


class Connector:
    """One installation. Methods may be called in any order, by one thread at a time."""

    def __init__(self, settings: Settings, clock: Clock, given: shop.Given = None) -> None:
        self.settings = settings
        self.clock = clock
        self._given = given
        self._open = _Open()

    def __enter__(self) -> Connector:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of everything; doing it again is harmless."""
        held, self._open = self._open, _Open()
        for remote in held.remotes.values():
            remote.close()
        for part in (held.local, held.vault, held.store):
            if part is not None:
                part.close()

    def now(self) -> dt.datetime:
        """The time by that clock."""
        return self.clock.now()

    # --- parts, opened when first needed ----------------------------------------------------------

    @property
    def store(self) -> Store:
        if self._open.store is None:
            self._open.store = Store(
                open_engine(self.settings.url(self.settings.state.url)),
                lease_s=self.settings.state.lease_s,
                tenant=self.settings.tenant,
                chain=lambda: self.vault.audit,
            )
        return self._open.store

    @property
    def vault(self) -> Vault:
        if self._open.vault is None:
            keys = self.settings.keys
            self._open.vault = open_vault(
                ring_path=self.settings.path(keys.path),
                kek=kek_of(self.settings, self.clock),
                subjects_url=self.settings.url(keys.subjects),
                tenant=self.settings.tenant,
                clock_now=self.clock.now,
                officer=officers_kek_of(self.settings, self.clock),
            )
        return self._open.vault

    @property
    def released(self) -> Vault | None:
        """The keys; None where this process is released none, which leaves lists without values."""
        try:
            return self.vault
        except (SealError, UnreachableError):
            return None

    @property
    def local(self) -> Local:
        if self._open.local is None:
            self._open.local = self._open_local(self.store)
        return self._open.local

    def _open_local(self, store: Store) -> Local:
        mappings = {kind: self.local_mapping(kind) for kind in self.settings.local.kinds()}
        return shop.open_side(self.settings, self._given, mappings, store.store_id)

    @property
    def reaches_local(self) -> bool:
        """Whether it is known where the shop's side is: by URL, in files, or handed in."""
        home = self.settings.local
        return self._given is not None or home.url is not None or home.in_files

    def make_keys(self) -> Path:
        """Make the key ring, once for an installation. Raises: UsageError if the ring exists."""
        return init_keys(self.settings, self.clock)

    def plugin(self, name: str) -> Plugin[Any]:
        """The plugin of a connection. Raises: UnknownPluginError."""
        return registry.load(self._connection(name).plugin)

    def remote(self, name: str) -> Remote:
        """The open account of a connection; logs in when first asked for something."""
        if name not in self._open.remotes:
            plugin = self.plugin(name)
            own = settings_module.plugin_settings(self.settings, name, plugin.settings)
            host = StoreHost(name, self.store, self.vault, self.clock)
            self._open.hosts[name] = host
            self._open.remotes[name] = plugin.open(own, self.targets(name), host)
        return self._open.remotes[name]

    def _connection(self, name: str) -> settings_module.ConnectionSettings:
        connection = self.settings.connections.get(name)
        if connection is None:
            raise UsageError(
                f"There is no connection {name!r} in the settings.",
                hint=f"There are: {', '.join(self.settings.connections) or 'none'}.",
            )
        return connection

    # --- mappings ---------------------------------------------------------------------------------

    def vendor_mapping(self, name: str, kind: Kind) -> VendorMapping:
        connection = self._connection(name)
        folder = (
            self.settings.path(connection.mappings)
            if connection.mappings is not None
            else packaged(connection.plugin)
        )
        return load_vendor(folder / f"{kind}.yaml")

    def local_mapping(self, kind: Kind) -> LocalMapping:
        one = self.settings.local.kinds()[kind]
        assert one.mapping is not None
        mapping = load_local(self.settings.path(one.mapping))
        return shop.in_row(mapping) if one.part_of is not None else mapping

    def people(self) -> LocalMapping | None:
        """How customers lie in the shop, if they do."""
        known = Kind.CUSTOMER in self.settings.local.kinds()
        return self.local_mapping(Kind.CUSTOMER) if known else None

    def targets(self, name: str) -> dict[Kind, Target]:
        """What the mappings want of a connection's objects."""
        return {k: self.vendor_mapping(name, k).target for k in self.kinds(name)}

    def policy(self) -> Policy | None:
        """The privacy policy, checked against settings and mappings; None if there is none.

        Raises: PolicyFileError with all faults.
        """
        if self.settings.privacy.policy is None:
            return None
        mappings = [
            (name, self.vendor_mapping(name, kind))
            for name in self.settings.connections
            for kind in self.kinds(name)
        ]
        local = {kind: self.local_mapping(kind) for kind in self.settings.local.kinds()}
        return policies.open_policy(self.settings, self.clock.now(), mappings, local)

    def kinds(self, name: str) -> list[Kind]:
        """The kinds of a connection, parents first."""
        wanted = self._connection(name).kinds
        return [kind for kind in KINDS_IN_ORDER if kind in wanted]

    # --- the main job -----------------------------------------------------------------------------

    def sync(
        self,
        *,
        connections: Iterable[str] | None = None,
        kinds: Iterable[Kind] | None = None,
        fail_if_locked: bool = False,
        max_delete: str | None = None,
        max_change: str | None = None,
        progress: Progress = no_progress,
    ) -> RunReport:
        """Bring the sides in step. Records set aside do not stop it; `report.exit` tells.

        Once a day people over the policy's term are erased after it, if it was about everything
        and went well. Raises: SettingsError, SealError, LeaseHeldError (only with
        `fail_if_locked`), LocalError.
        """
        runner = self._runner(
            self.store, self.local, connections, kinds, max_delete, max_change, progress, None
        )
        report = runner.run(fail_if_locked=fail_if_locked)
        whole = connections is None and kinds is None and not (report.errors or report.locked)
        if whole and self.settings.privacy.policy is not None:
            try:
                receipts = self._rights(max_delete).expire(progress=progress)
                report.people_erased = len(receipts)
            except LeaseHeldError as error:
                report.skipped.append(str(error))
            except ConnectorError as error:
                report.errors.append(error)
        return report

    def plan(
        self,
        *,
        connections: Iterable[str] | None = None,
        kinds: Iterable[Kind] | None = None,
        max_delete: str | None = None,
        max_change: str | None = None,
        progress: Progress = no_progress,
    ) -> RunReport:
        """What `sync` would do now, by the same code on a copy of the state; nothing is written.

        `report.writes` holds every write, field by field, with its values: for the caller's eyes.
        """
        copy = self._copy()
        local = self._open_local(self.store)
        try:
            runner = self._runner(
                copy, local, connections, kinds, max_delete, max_change, progress, []
            )
            return runner.run()
        finally:
            local.close()
            copy.engine.dispose()

    def reconcile(
        self,
        *,
        connections: Iterable[str] | None = None,
        kinds: Iterable[Kind] | None = None,
        fail_if_locked: bool = False,
        progress: Progress = no_progress,
    ) -> RunReport:
        """After a database was put back from an older copy: look at both sides from scratch and
        join what belongs together. Neither side is written; see `report.reconciled`.

        `plan` shows meanwhile what a reconcile and the sync after it would do. Raises: as `sync`.
        """
        runner = self._runner(
            self.store, self.local, connections, kinds, None, None, progress, None
        )
        return runner.run(fail_if_locked=fail_if_locked, only_reconcile=True)

    def import_links(
        self,
        id_map: IdMap,
        connection: str,
        kind: Kind,
        *,
        dry_run: bool = False,
        progress: Progress = no_progress,
    ) -> Adoption:
        """Link the rows and records that an earlier integration's id map names as one.

        Neither side is written: the next `sync` meets both as at first contact. Raises: UsageError,
        LeaseHeldError, and as `sync`.
        """
        if kind not in self.kinds(connection):
            raise UsageError(f"The connection {connection} has no kind {kind} in the settings.")
        store, local = (self._copy() if dry_run else self.store), self._open_local(self.store)
        try:
            dry: list[Any] | None = [] if dry_run else None
            runner = self._runner(store, local, [connection], [kind], None, None, progress, dry)
            return runner.adopt(id_map)
        finally:
            local.close()
            if dry_run:
                store.engine.dispose()

    def _copy(self) -> Store:
        """A throw-away copy of the state."""
        return Store(
            copy_of(self.store.engine),
            lease_s=self.settings.state.lease_s,
            tenant=self.settings.tenant,
        )

    def _runner(
        self,
        store: Store,
        local: Local,
        connections: Iterable[str] | None,
        kinds: Iterable[Kind] | None,
        max_delete: str | None,
        max_change: str | None,
        progress: Progress,
        dry: list[Any] | None,
    ) -> Runner:
        limits = max_delete, max_change
        return Runner(*parts(self, store, local, connections, kinds, limits, progress, dry=dry))

    # --- a person's rights ------------------------------------------------------------------------

    @property
    def rights(self) -> Rights:
        """Find one person, show, correct or freeze their data, and erase them."""
        return self._rights(None)

    def _rights(self, max_delete: str | None) -> Rights:
        def told(subjects: Sequence[str]) -> None:
            self.backups().rewrite_key_backups()

        made = partial(self.beside, max_delete=max_delete)
        return Rights(made, self.settings.privacy, after_shredding=[told])

    def beside(
        self,
        progress: Progress = no_progress,
        hook: Hook = no_hook,
        *,
        max_delete: str | None = None,
    ) -> Beside:
        """What a run works with, for what is done beside the runs."""
        limits = max_delete, None
        return Beside(*parts(self, self.store, self.local, None, None, limits, progress, hook=hook))

    @property
    def migrations(self) -> Migrations:
        """Plan a one-off migration from one side to another, run it, prove it."""
        return Migrations(self)

    def spent(self) -> dict[str, tuple[int, int]]:
        """By connection: the calls that its budgets were asked for so far, and their cost."""
        return {name: host.spent for name, host in self._open.hosts.items()}

    # --- keys and backups -------------------------------------------------------------------------

    @property
    def keyring(self) -> Keyring:
        """Where the ring is and what opens it."""
        settings = self.settings
        path, kek = settings.path(settings.keys.path), kek_of(settings, self.clock)
        return Keyring(path, kek, settings.tenant, officers_kek_of(settings, self.clock))

    def backups(self, progress: KeysProgress = no_keys_progress) -> Backups:
        """Makes, lists and verifies backups of the state and of the keys."""
        kept = self.settings.backup
        return Backups(
            self.settings.path(kept.folder),
            self.keyring,
            self.store,
            self.vault,
            self.clock,
            keep=dt.timedelta(days=kept.keep_days),
            keep_keys=dt.timedelta(days=kept.key_days),
            progress=progress,
        )

    # --- what waits for a person ----------------------------------------------------

    @property
    def _review(self) -> Review:
        vault = self.released
        # Without keys no account opens: each would ask the provider once more, in vain.
        address = self.record_url if vault is not None else nowhere
        limit = self.settings.privacy.people_an_hour
        return Review(self.store, vault, address, people_an_hour=limit)

    def record_url(self, name: str, kind: str, ref: str) -> str | None:
        """A record in the vendor's own pages; None if nobody knows, or the keys are not here."""
        try:
            remote = self.remote(name)
        except ConnectorError:
            return None
        if not isinstance(remote, LinksRecords) or kind not in self.kinds(name) or not ref:
            return None
        return remote.record_url(Kind(kind), Ref(ref))

    def edited_by(self, name: str, kind: str, ref: str) -> str | None:
        """The vendor's id of the user who saved a record last; None if it does not tell, or does
        not answer now. Asks the vendor once."""
        try:
            remote = self.remote(name)
            if not isinstance(remote, NamesEditors) or kind not in self.kinds(name) or not ref:
                return None
            return remote.edited_by(Kind(kind), Ref(ref))
        except ConnectorError:
            return None

    def letters(self, where: Where | None = None) -> list[Letter]:
        return self._review.letters(where)

    def letter(self, letter_id: str) -> Letter:
        return self._review.letter(letter_id)

    def retry_letter(self, letter_id: str, *, as_new: bool = False) -> Letter:
        return self._review.retry(letter_id, as_new=as_new)

    def retry_letters(self, letters: Sequence[Letter]) -> None:
        """Have the next `sync` try all these again."""
        self._review.retry_all(letters)

    def drop_letter(self, letter_id: str) -> Letter:
        return self._review.drop(letter_id)

    def conflicts(self, where: Where | None = None) -> list[OpenConflict]:
        return self._review.conflicts(where)

    def conflict(self, conflict_id: str, *, show: bool = False, reason: str = "") -> OpenConflict:
        """One of them; with `show` its values, for which a split ring asks the privacy officer's
        key and a reason."""
        return self._review.conflict(conflict_id, show=show, reason=reason)

    def resolve_conflict(self, conflict_id: str, take: str, *, who: str = "") -> OpenConflict:
        """Choose whose value stands, "local" or "remote"; the next `sync` writes it."""
        return self._review.resolve(conflict_id, take, who=who or "operator")

    def resolvable_conflicts(self, where: Where) -> list[OpenConflict]:
        """Those that a filter may resolve: whole records only if its field is `*`."""
        return self._review.resolvable(where)

    def resolve_conflicts(
        self, conflicts: Sequence[OpenConflict], take: str, *, who: str = ""
    ) -> None:
        """Choose one side for all these; one that has ended meanwhile is passed over."""
        self._review.resolve_all(conflicts, take, who=who or "operator")

    def status(self) -> Status:
        """Counts and times; opens no sealed value and asks no vendor."""
        return status_of(self.store)

    # --- the host's database --------------------------------------------------------

    def install_local(self) -> LocalStatus:
        """Make our two tables and the triggers in the host's database; again changes nothing."""
        self.local.install(self.store.new_id())
        return self.local_status()

    def remove_local(self) -> Sequence[str]:
        """Drop them; the host's own tables are as they were. Returns the names dropped."""
        return self.local.remove()

    def local_status(self) -> LocalStatus:
        """Whether changes of the host's rows are noticed, and how many wait to be read."""
        return status_of_local(self.local)
