"""Keys and backups of an opened connector: what `keys` and `backup` do, for libraries too."""

from __future__ import annotations

from pathlib import Path

from connector.app import Connector
from connector.backup.restore import Drilled, Restored, Restoring, recover_ring
from connector.keeping.rotation import Progress, Rotation, no_progress
from connector.keeping.status import KeysStatus, status_of_keys


def rotation(connector: Connector, progress: Progress = no_progress) -> Rotation:
    """Rotates, retires and destroys keys; see `docs/keys.md`."""
    parts = (connector.store, connector.vault, connector.clock)
    return Rotation(connector.keyring, *parts, progress=progress, beside=connector.beside)


def keys_status(connector: Connector) -> KeysStatus:
    """Each key of the ring, what lies under it, and what is due."""
    parts = (connector.store, connector.vault, connector.now())
    return status_of_keys(connector.keyring, *parts)


def restore_backup(connector: Connector, path: Path, progress: Progress = no_progress) -> Restored:
    """Put a backup back, its ring first if ours is lost; closes the connector.

    Stop all workers before. Raises: SealError, SettingsError, UsageError, LeaseHeldError; then
    nothing was replaced.
    """
    recover_ring(path, connector.keyring)
    try:
        return Restoring(connector.backups(progress)).restore(path)
    finally:
        connector.close()  # what is open is of the state before


def drill_backup(connector: Connector, path: Path, progress: Progress = no_progress) -> Drilled:
    """Restore a backup of the state into a place that is deleted afterwards, and look."""
    return Restoring(connector.backups(progress)).drill(path)
