"""Upkeep at a run's end: what waits moves under this week's staging key, the dead are forgotten."""

from __future__ import annotations

from collections.abc import Sequence

from connector.store import staged
from connector.sync.ports import Ports
from connector.sync.scope import Scope
from connector.sync.tombstones import forget_the_dead

_BATCH = 500


def keep_up(scopes: Sequence[Scope]) -> None:
    """Do what is due for one connection's scopes."""
    for scope in scopes:
        _renew_staging(scope)
        forget_the_dead(scope)


def _renew_staging(scope: Scope) -> None:
    """Seal this scope's staged records anew that lie under a key which no longer seals."""
    vault, after = scope.ports.vault, ""
    while True:
        with scope.store.read() as tx:
            rows = staged.held(tx, scope.connection, scope.kind, after=after, limit=_BATCH)
        if not rows:
            return
        after = rows[-1].record
        old = [row for row in rows if row.payload and not vault.is_staging_current(row.payload)]
        for row in old:
            assert row.payload is not None
            where = (scope.connection, scope.kind, row.side, row.record)
            row.payload = vault.seal_staged(*where, vault.open_staged(*where, row.payload))
        if old:
            with scope.store.write(scope.lease, "renew staging") as tx:
                staged.save(tx, old)


def drop_old_staging_keys(ports: Ports) -> None:
    """Destroy staging keys that stopped sealing a week ago and that nothing staged needs."""
    vault = ports.vault
    with ports.store.read() as tx:
        in_use = {vault.staging_key(payload) for payload in staged.payloads(tx)}
    vault.destroy_staging(in_use)
