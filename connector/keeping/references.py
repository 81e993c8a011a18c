"""What lies under which key of the ring, by counting; opens nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import sqlalchemy as sa

from connector.privacy.envelope import RING_BIT
from connector.privacy.keys import KeyState, Purpose
from connector.privacy.keys_database import BACKUP, OurErrors
from connector.privacy.subjects import Subjects
from connector.privacy.vault import Vault
from connector.store import claims
from connector.store.database import Store
from connector.store.tables import intent, link, scope, staged

Counts = dict[int, int]
"""Number of rows by the id of the key that they lie under."""


def secrets(store: Store) -> Counts:
    """Access tokens and places in a vendor's pages."""
    return _by_header(store, scope.c.resume)


def waiting(store: Store) -> Counts:
    """Staged records."""
    return _by_header(store, staged.c.payload)


def _by_header(store: Store, column: sa.Column[Any]) -> Counts:
    """Count sealed values by the key_ref in their headers; see `privacy/envelope.py`."""
    ref = sa.func.substr(column, 4, 4)
    query = sa.select(ref, sa.func.count()).where(column.is_not(None)).group_by(ref)
    with store.read() as tx:
        rows = tx.execute(query).all()
    return {int.from_bytes(bytes(ref), "big") & ~RING_BIT: count for ref, count in rows}


def carried(store: Store) -> int:
    """Links whose external key a vendor's record may carry, and intents with an id of that key."""
    with store.read() as tx:
        links = tx.execute(
            sa.select(sa.func.count()).select_from(link).where(link.c.external_key.is_not(None))
        ).scalar_one()
        intents = tx.execute(sa.select(sa.func.count()).select_from(intent)).scalar_one()
    return int(links + intents)


def digested(store: Store) -> int:
    """Links with a digest of either side."""
    known = sa.or_(link.c.local_digest.is_not(None), link.c.remote_digest.is_not(None))
    with store.read() as tx:
        query = sa.select(sa.func.count()).select_from(link).where(known)
        return int(tx.execute(query).scalar_one())


def claimed(store: Store, vault: Vault) -> Counts:
    """Identity values that some record holds."""
    with store.read() as tx:
        found = claims.count_by_mark(tx)
    first = vault.ring.first_index
    return {int.from_bytes(mark, "big") if mark else first: n for mark, n in found.items()}


def in_backups(subjects: Subjects, now_us: int, content: str | None = None) -> Mapping[int, int]:
    """How many backups (of one content) that may still be put back need each key."""
    query = sa.select(BACKUP.c.kids).where(BACKUP.c.until_us > now_us)
    if content is not None:
        query = query.where(BACKUP.c.content == content)
    counts: Counts = {}
    with OurErrors(), subjects.engine.connect() as database:
        for (kids,) in database.execute(query):
            for kid in json.loads(kids):
                counts[kid] = counts.get(kid, 0) + 1
    return counts


COUNTED: Final[Mapping[Purpose, Callable[[Store, Vault], Counts]]] = {
    Purpose.WRAP: lambda store, vault: vault.subjects.wrapped_under(),
    Purpose.SECRETS: lambda store, vault: secrets(store),
    Purpose.STAGING: lambda store, vault: waiting(store),
    Purpose.INDEX: claimed,
}
"""Purposes whose rows say which key they lie under."""


def spare(store: Store, vault: Vault) -> set[int]:
    """Old keys that no row and no backup of the state needs: a key backup leaves them out, or it
    would hold on to them itself."""
    with store.read() as tx:
        now_us = store.now_us(tx)
    needed = set(in_backups(vault.subjects, now_us, "state"))
    for count in COUNTED.values():
        needed |= count(store, vault).keys()
    old = {k.kid for k in vault.ring.keys if k.state in (KeyState.DRAINING, KeyState.RETIRED)}
    return old - needed
