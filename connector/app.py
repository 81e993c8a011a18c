"""What can be done with an installation: `open_connector`, and the calls of a `Connector`.

>>> # with open_connector("connector.toml") as connector:
>>> #     report = connector.sync()
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from connector import settings as settings_module
from connector import shop
from connector.assembly import parts
from connector.backup.backups import Backups
from connector.errors import (
    ConnectorError,
    LeaseHeldError,
    UsageError,
)
from connector.host import MachineClock
from connector.installation import Installation
from connector.keeping.rotation import Progress as KeysProgress
from connector.keeping.rotation import no_progress as no_keys_progress
from connector.local.contract import Local
from connector.local.idmap import IdMap
from connector.local.status import LocalStatus, status_of_local
from connector.migrating.facade import Migrations
from connector.plugin import Clock, Kind, LinksRecords, NamesEditors, Ref
from connector.rights.facade import Rights
from connector.settings import Settings
from connector.store.database import Hook, Store, no_hook
from connector.sync.adopt import Adoption
from connector.sync.beside import Beside
from connector.sync.letters import Letter
from connector.sync.ports import Progress, no_progress
from connector.sync.report import RunReport
from connector.sync.review import OpenConflict, Review, Where, nowhere
from connector.sync.run import Runner
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


class Connector(Installation):
    """What can be done with an installation, in any order, by one thread at a time."""

    def __enter__(self) -> Connector:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

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
        with self.copy_of_store() as copy, closing(self.open_local()) as local:
            runner = self._runner(
                copy, local, connections, kinds, max_delete, max_change, progress, []
            )
            return runner.run()

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
        dry: list[Any] | None = [] if dry_run else None
        with (
            self.copy_of_store() if dry_run else nullcontext(self.store) as store,
            closing(self.open_local()) as local,
        ):
            runner = self._runner(store, local, [connection], [kind], None, None, progress, dry)
            return runner.adopt(id_map)

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
