"""The state database: opening it, its clock, and fenced transactions."""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random, SystemRandom
from threading import Lock
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event as sa_event
from sqlalchemy import exc

from connector.drivers import POSTGRES, keep_discreet, open_server, server_url
from connector.errors import LeaseHeldError, LeaseLostError, SettingsError, StoreError
from connector.store import tables as t
from connector.store.events import CHAIN, Chained

Hook = Callable[[str], None]
"""Called with a name at each point where a process may die: before and after each commit."""


def no_hook(point: str) -> None:
    """Do nothing: the hook of every run outside the tests."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a scope, until `expires_us` unless renewed; `fence` only ever grows.

    `deaths`: how many holders in a row before this one never let go of it.
    """

    connection: str
    kind: str
    holder: str
    fence: int
    deaths: int = 0


def _make_private(file: str | None) -> None:
    """Make the file, if it is not there, readable by its owner alone: a host's umask is its own.

    One that is there stays as it is; one that cannot be made is told of when it is opened.
    """
    if file is not None:
        with suppress(OSError):
            os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))


def open_engine(url: str) -> sa.Engine:
    """Make an engine whose writing transactions come one after the other.

    On SQLite with WAL and `secure_delete`. Raises: SettingsError if the driver is missing.
    """
    if not url.startswith("sqlite"):
        return _open_postgres(server_url(url, "[state] url"))
    memory = url in ("sqlite://", "sqlite:///:memory:")
    if not memory:
        _make_private(sa.make_url(url).database)
    options: dict[str, Any] = {"poolclass": sa.StaticPool} if memory else {}
    engine = sa.create_engine(
        url, connect_args={"check_same_thread": False, "timeout": 30}, **options
    )
    keep_discreet(engine)

    @sa_event.listens_for(engine, "connect")
    def connect(dbapi: Any, record: Any) -> None:
        # The driver must not begin transactions on its own: we begin them as writers, so that
        # two processes queue up instead of failing in the middle.
        dbapi.isolation_level = None
        cursor = dbapi.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA secure_delete=ON")
        cursor.execute("PRAGMA busy_timeout=30000")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA cache_size=-16000")
        cursor.execute("PRAGMA wal_autocheckpoint=4000")
        cursor.close()

    @sa_event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        reading = connection.get_execution_options().get("reading")
        line: Any = connection.connection.driver_connection
        try:  # past SQLAlchemy, whose own way costs ten times as much, for each transaction
            line.execute("BEGIN" if reading else "BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise exc.OperationalError("BEGIN", None, error) from None

    return engine


_WRITERS = 0x63726D
"""The lock of a PostgreSQL database that a writing transaction of ours holds to its end."""


def _open_postgres(url: sa.URL) -> sa.Engine:
    engine = open_server(url, POSTGRES)

    @sa_event.listens_for(engine, "connect")
    def connect(dbapi: Any, record: Any) -> None:
        # A worker that freezes in a transaction must not hold the others up for long: the server
        # ends the transaction, and the worker finds its line broken.
        for name in ("idle_in_transaction_session_timeout", "lock_timeout"):
            dbapi.execute("SELECT set_config(%s, '30s', false)", (name,))
        dbapi.commit()

    @sa_event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # As on SQLite: what is read before a write is still true when it is written. A lock
        # before all reading costs a turn in a queue; a transaction that fails at its end would
        # have to be thought through again.
        if connection.get_execution_options().get("reading"):
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        else:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS})")

    return engine


def owner(rng: Random) -> str:
    """Name this execution: host, process and a random part, unique even in one process."""
    return f"{socket.gethostname()}:{os.getpid()}:{rng.getrandbits(64):016x}"


def owner_is_dead(holder: str) -> bool:
    """Say whether a lease's owner was a process of this host that no longer runs."""
    host, _, rest = holder.rpartition(":")[0].rpartition(":")
    if host != socket.gethostname() or not rest.isdigit():
        return False
    return not Path(f"/proc/{rest}").exists() if Path("/proc/self").exists() else False


class Store:
    """The state. All writing goes through `write`, which checks the lease and calls the hook."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        lease_s: float = 90,
        now_us: Callable[[], int] | None = None,
        hook: Hook = no_hook,
        tenant: str = "",
        rng: Random | None = None,
        chain: Chained | None = None,
    ) -> None:
        """`chain`, asked for when an event is first added, hashes the log of events."""
        self.engine = engine
        self._writer = engine.execution_options(**{CHAIN: chain})
        self._reader = engine.execution_options(reading=True)
        # Threads of one process queue up here: SQLite lets a waiting writer sleep ever longer
        # between its tries, through gaps in which it could have gone.
        alone = engine.dialect.name == "sqlite"
        self._turn: AbstractContextManager[object] = Lock() if alone else nullcontext()
        self.lease_us = int(lease_s * 1_000_000)
        self.rng = rng or SystemRandom()
        self._now_us = now_us
        self._hook = hook
        self.holder = owner(self.rng)
        self._id_prefix, self._ids = self.rng.getrandbits(64), 0
        self._create(tenant)

    def _create(self, tenant: str) -> None:
        with self._changing() as tx:
            t.metadata.create_all(tx)
            known = {row.key: row.value for row in tx.execute(sa.select(t.meta))}
            if not known:
                known = {
                    "schema": str(t.SCHEMA_VERSION),
                    "store_id": f"{self.rng.getrandbits(32):08x}",
                    "tenant": tenant,
                    "generation": "0",
                }
                tx.execute(sa.insert(t.meta), [{"key": k, "value": v} for k, v in known.items()])
            known["schema"] = self._upgraded(tx, int(known["schema"]))
        if int(known["schema"]) != t.SCHEMA_VERSION:
            raise SettingsError(
                f"The state store has schema {known['schema']}, this version works with"
                f" {t.SCHEMA_VERSION}.",
                hint="Install the version that wrote it, or a newer one.",
            )
        if known["tenant"] != tenant:
            raise SettingsError(
                "The state store belongs to another tenant than the settings name.",
                hint="Set `tenant` back, or point [state] url at that tenant's own state.",
            )
        self.store_id = known["store_id"]

    def _upgraded(self, tx: sa.Connection, version: int) -> str:
        """Bring an older schema up to date, in the transaction that holds everybody else out."""
        while version in t.UPGRADES:
            for statement in t.UPGRADES[version]:
                tx.exec_driver_sql(statement)
            version += 1
            self.set_meta(tx, "schema", str(version))
        return str(version)

    def close(self) -> None:
        """Let go of the database, and leave no deleted bytes in SQLite's side file."""
        if self.engine.dialect.name == "sqlite" and not isinstance(self.engine.pool, sa.StaticPool):
            raw = self.engine.raw_connection()
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
            raw.close()
        self.engine.dispose()

    # --- time and transactions ----------------------------------------------------------------

    def now_us(self, tx: sa.Connection) -> int:
        """The database's clock, in microseconds since 1970."""
        if self._now_us is not None:
            return self._now_us()
        if self.engine.dialect.name == "sqlite":
            # SQLite's clock is its host's clock: it lives in this process.
            return time.time_ns() // 1000
        us = sa.text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        return int(tx.execute(us).scalar_one())

    @contextmanager
    def _answered(self) -> Iterator[None]:
        """Turn the driver's errors into ours: its text may quote a statement's values."""
        try:
            yield
        except exc.IntegrityError:
            raise  # two of ours clashed: that is a bug, or a race the caller knows about
        except exc.DBAPIError as error:
            raise StoreError(
                f"The state database did not answer ({type(error.orig).__name__}).",
                hint="Nothing was lost: look at its disk and rights, then run again.",
            ) from None

    @contextmanager
    def _changing(self) -> Iterator[sa.Connection]:
        with self._answered(), self._turn, self.engine.begin() as tx:
            yield tx

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        with self._answered(), self._reader.begin() as tx:
            yield tx

    @contextmanager
    def write(self, lease: Lease | None, what: str) -> Iterator[sa.Connection]:
        """A transaction that commits only if `lease` still holds, and renews it.

        Raises: LeaseLostError, with nothing written.
        """
        with self._answered(), self._writer.connect() as tx:
            with self._turn, tx.begin():
                if lease is not None:
                    self._renew(tx, lease)
                yield tx
                self._hook(f"before commit: {what}")
            self._hook(f"after commit: {what}")

    def renew(self, lease: Lease) -> None:
        """Prove the lease and lengthen it, right before bytes leave."""
        with self._changing() as tx:
            self._renew(tx, lease)

    def _renew(self, tx: sa.Connection, lease: Lease) -> None:
        renewed = tx.execute(_RENEW, {**_of(lease), "until": self.now_us(tx) + self.lease_us})
        if renewed.rowcount != 1:
            raise LeaseLostError(
                f"Another run took over {lease.connection}/{lease.kind} while this one paused;"
                " this one stopped and wrote nothing more."
            )

    def acquire(self, connection: str, kind: str) -> Lease:
        """Take the lease of a scope. Raises: LeaseHeldError."""
        c = t.scope.c
        with self._changing() as tx:
            self.ensure_scope(tx, connection, kind)
            row = tx.execute(_LEASE_OF, {"connection": connection, "kind": kind}).one()
            deaths = row.deaths + (row.holder is not None)
            free = sa.or_(c.holder.is_(None), c.expires_us < self.now_us(tx))
            if row.holder is not None and owner_is_dead(row.holder):
                free = c.holder == row.holder
            taken = tx.execute(
                sa.update(t.scope)
                .where(c.connection == connection, c.kind == kind, c.fence == row.fence, free)
                .values(
                    holder=self.holder,
                    fence=row.fence + 1,
                    deaths=deaths,
                    expires_us=self.now_us(tx) + self.lease_us,
                )
            )
        if taken.rowcount != 1:
            raise LeaseHeldError(f"Another run is working on {connection}/{kind}.")
        return Lease(connection, kind, self.holder, row.fence + 1, deaths)

    def release(self, lease: Lease, *, died: bool = False) -> None:
        """Let go of a scope. `died`: by an error that nobody knows, which counts like a kill."""
        with self._changing() as tx:
            tx.execute(_RELEASE, {**_of(lease), "deaths": lease.deaths + 1 if died else 0})

    def ensure_scope(self, tx: sa.Connection, connection: str, kind: str) -> None:
        """Make the scope's row if it is not there."""
        if tx.execute(_LEASE_OF, {"connection": connection, "kind": kind}).first() is None:
            tx.execute(sa.insert(t.scope).values(connection=connection, kind=kind, mode="normal"))

    # --- meta -----------------------------------------------------------------------------------

    def meta(self, key: str) -> str | None:
        with self.read() as tx:
            return self.meta_in(tx, key)

    def meta_in(self, tx: sa.Connection, key: str) -> str | None:
        """What `meta` tells, inside a transaction."""
        return tx.execute(_META, {"key": key}).scalar()

    def set_meta(self, tx: sa.Connection, key: str, value: str) -> None:
        changed = tx.execute(sa.update(t.meta).where(t.meta.c.key == key).values(value=value))
        if changed.rowcount == 0:
            tx.execute(sa.insert(t.meta).values(key=key, value=value))

    def new_id(self) -> str:
        """An id of 32 hex digits: a random half for this store object, then a count.

        Ids of one run lie beside each other in the indexes, so that a batch touches few pages.
        """
        self._ids += 1
        return f"{self._id_prefix:016x}{self._ids:016x}"


_c, _bound = t.scope.c, sa.bindparam
_META = sa.select(t.meta.c.value).where(t.meta.c.key == _bound("key"))
_LEASE_OF = sa.select(_c.holder, _c.fence, _c.expires_us, _c.deaths).where(
    _c.connection == _bound("connection"), _c.kind == _bound("kind")
)
_HELD = sa.update(t.scope).where(
    _c.connection == _bound("its_connection"),
    _c.kind == _bound("its_kind"),
    _c.fence == _bound("its_fence"),
    _c.holder == _bound("its_holder"),
)
_RENEW = _HELD.values(expires_us=_bound("until"))
_RELEASE = _HELD.values(holder=None, expires_us=None, deaths=_bound("deaths"))
"""Changes of the scope's row that miss it once another run has taken the lease."""


def _of(lease: Lease) -> dict[str, Any]:
    return {
        "its_connection": lease.connection,
        "its_kind": lease.kind,
        "its_fence": lease.fence,
        "its_holder": lease.holder,
    }
