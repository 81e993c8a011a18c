"""Keys and backups of an opened connector: what `keys` and `backup` do, for libraries too."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from connector.app import Connector
from connector.backup.backups import Backups
from connector.backup.restore import Drilled, Restored, Restoring, recover_ring
from connector.keeping.provider import kek_of
from connector.keeping.rotation import Keyring, Progress, Rotation, no_progress
from connector.keeping.status import KeysStatus, status_of_keys


def keyring_of(connector: Connector) -> Keyring:
    """Where the ring is and what opens it."""
    settings = connector.settings
    kek = kek_of(settings, connector.clock)
    return Keyring(settings.path(settings.keys.path), kek, settings.tenant)


def rotation(connector: Connector, progress: Progress = no_progress) -> Rotation:
    """Rotates, retires and destroys keys; see `docs/keys.md`."""
    parts = (connector.store, connector.vault, connector.clock)
    return Rotation(keyring_of(connector), *parts, progress=progress)


def keys_status(connector: Connector) -> KeysStatus:
    """Each key of the ring, what lies under it, and what is due."""
    parts = (connector.store, connector.vault, connector.now())
    return status_of_keys(keyring_of(connector), *parts)


def backups(connector: Connector, progress: Progress = no_progress) -> Backups:
    """Makes, lists and verifies backups; an erasure calls its `rewrite_key_backups` at its end."""
    kept = connector.settings.backup
    return Backups(
        connector.settings.path(kept.folder),
        keyring_of(connector),
        connector.store,
        connector.vault,
        connector.clock,
        keep=timedelta(days=kept.keep_days),
        keep_keys=timedelta(days=kept.key_days),
        progress=progress,
    )


def restore_backup(connector: Connector, path: Path, progress: Progress = no_progress) -> Restored:
    """Put a backup back, its ring first if ours is lost; closes the connector.

    Stop all workers before. Raises: SealError, SettingsError, UsageError, LeaseHeldError; then
    nothing was replaced.
    """
    recover_ring(path, keyring_of(connector))
    try:
        return Restoring(backups(connector, progress)).restore(path)
    finally:
        connector.close()  # what is open is of the state before


def drill_backup(connector: Connector, path: Path, progress: Progress = no_progress) -> Drilled:
    """Restore a backup of the state into a place that is deleted afterwards, and look."""
    return Restoring(backups(connector, progress)).drill(path)
