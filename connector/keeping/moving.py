"""Sealing anew, under the key that is active now, what still lies under an older one.

Each page is one transaction, so a kill loses nothing and the next run goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import sqlalchemy as sa

from connector.errors import LeaseHeldError
from connector.plugin import Clock
from connector.privacy.keys import Purpose
from connector.privacy.vault import Vault
from connector.store import scopes, staged
from connector.store.database import Lease, Store
from connector.store.tables import scope
from connector.store.tables import staged as staged_table

PAGE: Final = 500
POLL_S: Final = 1.0

Moved = Callable[[int], None]
"""Told after each page how many rows moved."""


def move_subjects(store: Store, vault: Vault, clock: Clock, moved: Moved) -> None:
    """Wrap people's keys anew."""
    after: tuple[str, int] | None = ("", 0)
    while after is not None:
        count, after = vault.subjects.wrap_anew(after, PAGE)
        moved(count)
    vault.subjects.forget_deleted()


def move_secrets(store: Store, vault: Vault, clock: Clock, moved: Moved) -> None:
    """Seal tokens and places in a vendor's pages anew, each under its own lease."""
    c = scope.c
    with store.read() as tx:
        found = tx.execute(sa.select(c.connection, c.kind).where(c.resume.is_not(None))).all()
    for connection, kind in found:
        with _leased(store, clock, connection, kind) as lease:
            moved(_move_secret(store, vault, lease))


def _move_secret(store: Store, vault: Vault, lease: Lease) -> int:
    name = secret_name(lease.connection, lease.kind)
    with store.write(lease, "move secret") as tx:
        row = scopes.get(tx, lease.connection, lease.kind)
        sealed = row.resume if row is not None else None
        if sealed is None or vault.is_secret_current(sealed):
            return 0
        fresh = vault.seal_secret(name, vault.open_secret(name, sealed))
        scopes.update(tx, lease.connection, lease.kind, resume=fresh)
    return 1


def secret_name(connection: str, kind: str) -> str:
    """The name under which a scope's `resume` is sealed: a slot's own, or that of a place."""
    slot = kind.startswith("*/")
    return f"{connection}/{kind}" if slot else f"{connection}/{kind}/resume"


def move_staged(store: Store, vault: Vault, clock: Clock, moved: Moved) -> None:
    """Seal staged records anew, scope by scope, each under its lease."""
    c = staged_table.c
    with store.read() as tx:
        query = sa.select(c.connection, c.kind).where(c.payload.is_not(None)).distinct()
        found = tx.execute(query).all()
    for connection, kind in found:
        with _leased(store, clock, connection, kind) as lease:
            _move_scope(store, vault, lease, moved)


def _move_scope(store: Store, vault: Vault, lease: Lease, moved: Moved) -> None:
    after = ""
    while True:
        with store.write(lease, "move staged") as tx:
            rows = staged.held(tx, lease.connection, lease.kind, after=after, limit=PAGE)
            old = [row for row in rows if row.payload and not vault.is_staging_current(row.payload)]
            for row in old:
                assert row.payload is not None
                where = (row.connection, row.kind, row.side, row.record)
                row.payload = vault.seal_staged(*where, vault.open_staged(*where, row.payload))
            staged.save(tx, old)
        moved(len(old))
        if not rows:
            return
        after = rows[-1].record


@contextmanager
def _leased(store: Store, clock: Clock, connection: str, kind: str) -> Iterator[Lease]:
    """A scope's lease, waited for as long as a run holds it."""
    while True:
        try:
            lease = store.acquire(connection, kind)
            break
        except LeaseHeldError:
            clock.sleep(POLL_S)
    try:
        yield lease
    finally:
        store.release(lease)


MOVES: Final[Mapping[Purpose, Callable[[Store, Vault, Clock, Moved], None]]] = {
    Purpose.WRAP: move_subjects,
    Purpose.SECRETS: move_secrets,
    Purpose.STAGING: move_staged,
}
"""What moves at a rotation, by purpose."""
