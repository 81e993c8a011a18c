"""What goes into a backup, read at one moment while others write, and how it is put back."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

import sqlalchemy as sa

from connector.backup.lines import Rows, dump, table_rows
from connector.privacy.keys import KeyState
from connector.privacy.keys_database import (
    BACKUP,
    ERASURE,
    SUBJECT,
    SUPPRESSION,
    TABLES,
    OurErrors,
)
from connector.privacy.ledger import LIFTED, Entry
from connector.privacy.subjects import SHREDDED
from connector.store import erasing
from connector.store import tables as t
from connector.store.database import Store

LEDGER: Final = "ledger"
"""The name under which a copy of the erasure ledger rides in a backup of the state."""
RING: Final = "ring"
IN_KEYS: Final = tuple(table for table in TABLES if table is not BACKUP)
_IN_LIMIT: Final = 500
_LEASE: Final = ("holder", "expires_us")


def state_tables() -> Mapping[str, sa.Table]:
    return {table.name: table for table in t.metadata.sorted_tables}


def dump_state(tx: sa.Connection, keys: sa.Engine) -> Iterator[bytes]:
    """All of the state in one read transaction, leases left out; then the erasure ledger.

    The ledger is read last: an erasure that ends meanwhile is in it rather than not.
    """

    def parts() -> Iterator[tuple[str, Any, Any]]:
        for name, table in state_tables().items():
            yield table_rows(tx, table, _LEASE if name == t.scope.name else ())
        with OurErrors(), keys.connect() as database:
            _, columns, rows = table_rows(database, ERASURE)
            yield LEDGER, columns, rows

    return dump(parts())


def dump_keys(ring: bytes, keys: sa.Engine) -> Iterator[bytes]:
    """The ring's file and the keys database; the ledger is read after the keys, as above."""

    def parts() -> Iterator[tuple[str, Any, Any]]:
        yield RING, ["file"], [(ring,)]
        with OurErrors(), keys.connect() as database:
            for table in IN_KEYS:
                yield table_rows(database, table)

    return dump(parts())


def ring_without(ring: bytes, spare: Collection[int]) -> bytes:
    """A ring's file in which some keys are as if destroyed."""
    document = json.loads(ring)
    for entry in document["keys"]:
        if entry["kid"] in spare:
            entry.update(state=KeyState.DESTROYED, wrapped=None, kcv=None)
    return json.dumps(document).encode()


# --- putting back ---------------------------------------------------------------------------------


def replace_state(tx: sa.Connection, rows: Iterable[Rows]) -> None:
    """Empty all tables of the state and fill them with these rows, in the caller's transaction."""
    known = state_tables()
    for table in reversed(list(known.values())):
        tx.execute(sa.delete(table))
    for some in rows:
        if some.table in known and some.rows:
            table = known[some.table]
            names = [name for name in some.columns if name in table.c]
            at = [some.columns.index(name) for name in names]
            values = [dict(zip(names, [row[i] for i in at], strict=True)) for row in some.rows]
            tx.execute(sa.insert(table), values)
    if tx.dialect.name == "postgresql":
        # Rows with their own numbers leave PostgreSQL's counter behind.
        tx.exec_driver_sql(
            "SELECT setval(pg_get_serial_sequence('event', 'seq'),"
            " (SELECT coalesce(max(seq), 0) + 1 FROM event), false)"
        )


def settle_meta(store: Store, tx: sa.Connection) -> None:
    """The rows have this version's columns now, whichever version wrote them."""
    store.set_meta(tx, "schema", str(t.SCHEMA_VERSION))


def drop_unopenable(tx: sa.Connection, kids: Collection[int]) -> None:
    """Forget staged content and secrets under ring keys that are gone: both are fetched again."""
    for column in (t.staged.c.payload, t.scope.c.resume):
        ref = sa.func.substr(column, 4, 4)
        found = tx.execute(sa.select(ref).where(column.is_not(None)).distinct()).scalars().all()
        for one in found:
            if int.from_bytes(bytes(one), "big") & 0x7FFF_FFFF not in kids:
                table = column.table
                assert isinstance(table, sa.Table)
                tx.execute(sa.update(table).where(ref == one).values({column.name: None}))


def forget_erased(tx: sa.Connection, subjects: Collection[str]) -> int:
    """Take erased people out of a state that was put back; returns the number of links."""
    gone, wanted = 0, iter(subjects)
    while some := list(islice(wanted, _IN_LIMIT)):
        found = [link.id for link in erasing.links_of_subjects(tx, some)]
        erasing.erase(tx, found)
        gone += len(found)
    return gone


def ledger_in(rows: Iterable[Rows]) -> list[Entry]:
    """The erasures that a backup knows of."""
    return [
        Entry.of(dict(zip(some.columns, row, strict=True)))
        for some in rows
        if some.table in (LEDGER, ERASURE.name) and "step" in some.columns
        for row in some.rows
    ]


def erased_in(rows: Iterable[Rows]) -> set[str]:
    """The subjects of a ledger."""
    return {subject for entry in ledger_in(rows) for subject in entry.subjects}


def add_keys(database: sa.Connection, rows: Iterable[Rows]) -> None:
    """Put back what the keys database lacks; what is there stays. Nothing is suppressed again for
    an erasure that was lifted since."""
    known = {table.name: _ids(database, table) for table in IN_KEYS}
    of_lifted = sa.select(ERASURE.c.id).where(ERASURE.c.state == LIFTED)
    lifted = set(database.execute(of_lifted).scalars())
    for some in rows:
        table = next((one for one in IN_KEYS if one.name == some.table), None)
        if table is None:
            continue
        keys = [column.name for column in table.primary_key.columns]
        fresh = [
            row
            for row in (dict(zip(some.columns, one, strict=True)) for one in some.rows)
            if tuple(row[key] for key in keys) not in known[table.name]
            and not (table is SUPPRESSION and row["erasure"] in lifted)
        ]
        if fresh:
            database.execute(sa.insert(table), fresh)


def _ids(database: sa.Connection, table: sa.Table) -> set[tuple[Any, ...]]:
    return {tuple(row) for row in database.execute(sa.select(*table.primary_key.columns))}


def shred_in(database: sa.Connection, erased: Collection[str]) -> None:
    """Destroy the keys of these people, should any be there."""
    for subject in erased:
        database.execute(
            sa.update(SUBJECT)
            .where(SUBJECT.c.subject_id == subject)
            .values(state=SHREDDED, nonce=b"", ct=b"", kcv=b"")
        )


def ring_in(rows: Iterable[Rows]) -> bytes | None:
    """The ring's file inside a key backup."""
    for some in rows:
        if some.table == RING and some.rows:
            content = some.rows[0][0]
            return content if isinstance(content, bytes) else base64.b64decode(content)
    return None
