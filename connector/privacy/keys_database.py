"""The keys database: subject keys, the erasure ledger, what it suppresses, the mirrored number of
runs.

It is a database of its own, so that no backup of the state holds keys.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    inspect,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from connector.drivers import POSTGRES, keep_discreet, open_server, server_url
from connector.errors import SealError, SettingsError

_META = MetaData()

SUBJECT: Final = Table(
    "subject",
    _META,
    Column("subject_id", String(32), primary_key=True),
    Column("gen", Integer, primary_key=True, autoincrement=False),
    Column("wrap_kid", Integer, nullable=False),
    Column("nonce", LargeBinary(12), nullable=False),
    Column("ct", LargeBinary(64), nullable=False),
    Column("kcv", LargeBinary(16), nullable=False),
    Column("state", String(12), nullable=False),
    Column("alias_of", String(32)),
    Column("created_us", BigInteger, nullable=False),
)
"""Generations of wrapped subject keys. A shredded subject keeps its row with empty key columns.
`alias_of` is empty: nothing makes use of it."""

ERASURE: Final = Table(
    "erasure",
    _META,
    Column("id", String(32), primary_key=True),
    Column("subject_id", String(32), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("tokens", Text, nullable=False),
    Column("vendors", Text, nullable=False),
    Column("basis", Text, nullable=False),
    Column("subjects", Text, nullable=False, server_default="[]"),
    Column("state", String(12), nullable=False, server_default="open"),
    Column("step", Integer, nullable=False, server_default="0"),
    Column("work", LargeBinary),
    Column("done_us", BigInteger),
)
"""The erasure ledger: suppression tokens and each vendor's state, as JSON without values. `work`
(sealed) holds what an erasure under way still has to do; see `ledger.py`."""

SUPPRESSION: Final = Table(
    "suppression",
    _META,
    Column("token", LargeBinary(16), primary_key=True),
    Column("kid", Integer, primary_key=True, autoincrement=False, index=True),
    Column("erasure", String(32), primary_key=True, index=True),
    Column("label", String(120), nullable=False),
)
"""Keyed hashes of the erased's identifiers and ids; `kid` is the ring key that made them."""


MIRROR: Final = Table(
    "mirror",
    _META,
    Column("store_id", String(32), primary_key=True),
    Column("generation", BigInteger, nullable=False),
)
"""The number of the last run of each state store that these keys serve."""


BACKUP: Final = Table(
    "backup",
    _META,
    Column("id", String(32), primary_key=True),
    Column("content", String(12), nullable=False),
    Column("file", Text, nullable=False),
    Column("made_us", BigInteger, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    Column("kids", Text, nullable=False),
)
"""Backups that somebody may still put back: `content` is state or keys, `kids` the ids of the ring
keys that it needs, as JSON. A row goes when its backup is deleted, or when `until_us` is over."""


HEAD: Final = Table(
    "audit_head",
    _META,
    Column("store_id", String(32), primary_key=True),
    Column("mac", String(64), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),
)
"""The last entry of a state's log of events as a run's end found it: its number and hash. One that
no longer is in the log stays: the log was cut, or the state put back from an older copy."""


RESTORE: Final = Table(
    "audit_restore",
    _META,
    Column("id", String(32), primary_key=True),
    Column("store_id", String(32), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("made", String(40), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("mac", String(64), nullable=False),
    Column("lost", Text, nullable=False),
)
"""States that were put back from a backup: when, of when the backup is, the end of the log as it
was put back (number and hash), and the ends that it no longer leads to, as JSON."""


TABLES: Final = (SUBJECT, ERASURE, SUPPRESSION, MIRROR, BACKUP, HEAD, RESTORE)
"""All tables; all but `backup` are in a key backup."""


class OurErrors:
    """Turn a database error into ours: its text may show bound values, among them wrapped keys."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is not None and issubclass(kind, SQLAlchemyError):
            raise SealError(
                f"The keys database did not answer ({kind.__name__}).",
                hint="See `[keys] subjects` in the settings.",
            ) from None


def open_keys_database(url: str) -> Engine:
    """Open it, and make its tables if they are not there. Raises: SettingsError, SealError."""
    parsed = server_url(url, "[keys] subjects")
    sqlite = parsed.get_backend_name() == "sqlite"
    engine = _sqlite(parsed) if sqlite else open_server(parsed, POSTGRES)
    keep_discreet(engine)
    with OurErrors(), engine.begin() as database:
        if engine.dialect.name == "postgresql":
            # There IF NOT EXISTS is no promise to workers that begin at once.
            database.exec_driver_sql("SELECT pg_advisory_xact_lock(1668442467)")
        for table in TABLES:
            database.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                database.execute(CreateIndex(index, if_not_exists=True))
        _complete(database, ERASURE)
    return engine


def _complete(database: Connection, table: Table) -> None:
    """Give a table the columns that it lacks because an earlier release made it."""
    there = {column["name"] for column in inspect(database).get_columns(table.name)}
    for column in table.columns:
        if column.name not in there:
            made = CreateColumn(column).compile(dialect=database.dialect)
            database.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {made}")


def _sqlite(url: URL) -> Engine:
    path = url.database
    if path in (None, "", ":memory:"):
        # One connection for all threads: another one would see another, empty database.
        engine = create_engine(
            url,
            poolclass=StaticPool,
            connect_args={"check_same_thread": False},
        )
    else:
        try:
            # Made by us so that it is 0600 from its first moment; SQLite's side files follow it.
            os.close(os.open(Path(str(path)), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
        except OSError:
            raise SettingsError(
                f"[keys] subjects: the file {path} cannot be opened or made."
            ) from None
        engine = create_engine(url)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout = 15000")
        cursor.execute("PRAGMA journal_mode = WAL")
        # A key must be on the medium before anything it seals is: FULL, not SQLite's NORMAL.
        cursor.execute("PRAGMA synchronous = FULL")
        # The default differs between builds of SQLite; without it deleted keys stay in the file.
        cursor.execute("PRAGMA secure_delete = ON")
        cursor.close()

    return engine
