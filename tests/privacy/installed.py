"""An installation of keys and state on disk, with workers that seal and readers that open."""

from __future__ import annotations

import os
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from connector.errors import LeaseHeldError
from connector.keeping.rotation import Keyring, Rotation
from connector.privacy.providers import Kek
from connector.privacy.ring import create_ring
from connector.privacy.vault import Vault, open_vault
from connector.store import staged
from connector.store import tables as t
from connector.store.database import Hook, Lease, Store, no_hook, open_engine
from connector.store.scopes import update
from connector.store.tables import scope
from connector.store.tables import staged as staged_table
from connector.testing.clock import ManualClock

TENANT = "shop-a"
KEK = "file:kek.bin"


@dataclass
class Installed:
    """The files of one installation. Each call of `store`, `vault` or `rotation` is as of a new
    process."""

    folder: Path
    clock: ManualClock = field(
        default_factory=lambda: ManualClock(datetime(2026, 3, 2, tzinfo=UTC))
    )

    def make(self) -> Installed:
        create_ring(self.ring, KEK, TENANT, self.clock.now())
        return self

    @property
    def ring(self) -> Path:
        return self.folder / "ring.json"

    def store(self, hook: Hook = no_hook) -> Store:
        return Store(
            open_engine(f"sqlite:///{self.folder / 'state.db'}"),
            now_us=lambda: int(self.clock.now().timestamp() * 1e6),
            tenant=TENANT,
            hook=hook,
        )

    def vault(self, kek: Kek = KEK) -> Vault:
        return open_vault(
            ring_path=self.ring,
            kek=kek,
            subjects_url=f"sqlite:///{self.folder / 'keys.db'}",
            tenant=TENANT,
            clock_now=self.clock.now,
        )

    @contextmanager
    def rotation(self, hook: Hook = no_hook) -> Iterator[Rotation]:
        store, vault = self.store(), self.vault()
        try:
            keyring = Keyring(self.ring, KEK, TENANT)
            yield Rotation(keyring, store, vault, self.clock, hook=hook)
        finally:
            vault.close()
            store.close()

    def keys_sql(self, query: str) -> list[tuple[object, ...]]:
        database = sqlite3.connect(self.folder / "keys.db")
        try:
            return database.execute(query).fetchall()
        finally:
            database.close()


class Worker:
    """A process that seals people's documents, staged records and secrets under its leases."""

    def __init__(self, home: Installed, scope_name: str) -> None:
        self.home, self.scope = home, scope_name
        self.store, self.vault = home.store(), home.vault()
        self.documents: dict[tuple[str, str], bytes] = {}
        self.batches = 0
        self.lease: Lease | None = None

    def begin(self) -> None:
        self.lease = self.store.acquire(self.scope, "customer")
        self.vault.follow_ring()

    def end(self) -> None:
        if self.lease is not None:
            self.store.release(self.lease)
            self.lease = None

    def work(self) -> None:
        """One batch within a lease that is held: two people, a staged record, a place, a token."""
        self.batches += 1
        n, vault = self.batches, self.vault
        for subject in vault.new_subjects(2):
            place = ("base", "customer", subject, f"link-{n}")
            self.documents[subject, f"link-{n}"] = vault.seal(*place, f"person {n}".encode())
        row = staged.Staged(self.scope, "customer", "remote", f"r{n}")
        where = (self.scope, "customer", "remote", f"r{n}")
        row.payload = vault.seal_staged(*where, f"record {n}".encode())
        name = f"{self.scope}/customer/resume"
        with self.store.write(self.lease, "batch") as tx:
            tx.execute(
                sa.insert(staged_table).values(
                    {one.name: getattr(row, one.name) for one in staged_table.c}
                )
            )
            update(tx, self.scope, "customer", resume=vault.seal_secret(name, b"place"))
        try:
            token = self.store.acquire(self.scope, "*/secret/token")
        except LeaseHeldError:
            return  # another process has the slot open
        vault.follow_ring()
        with self.store.write(token, "token") as tx:
            name = f"{self.scope}/*/secret/token"
            update(tx, self.scope, "*/secret/token", resume=vault.seal_secret(name, b"token"))
        self.store.release(token)

    def try_a_batch(self) -> bool:
        """Take the lease, work, let go; False if somebody holds it."""
        if self.lease is not None:
            return False
        try:
            self.begin()
        except LeaseHeldError:
            return False
        self.work()
        self.end()
        return True

    def close(self) -> None:
        self.end()
        self.vault.close()
        self.store.close()

    def read_all(self, vault: Vault) -> int:
        """Open everything that was ever sealed and is there; returns how much that was."""
        opened = 0
        for (subject, link), sealed in self.documents.items():
            assert vault.open("base", "customer", subject, link, sealed).startswith(b"person ")
            opened += 1
        with self.store.read() as tx:
            c = staged_table.c
            rows = tx.execute(sa.select(c.record, c.payload).where(c.connection == self.scope))
            for record, payload in rows.all():
                plain = vault.open_staged(self.scope, "customer", "remote", record, payload)
                assert plain == b"record " + record[1:].encode()
                opened += 1
            query = sa.select(scope.c.kind, scope.c.resume).where(
                scope.c.connection == self.scope, scope.c.resume.is_not(None)
            )
            for kind, resume in tx.execute(query).all():
                slot = kind.startswith("*/")
                name = f"{self.scope}/{kind}" if slot else f"{self.scope}/{kind}/resume"
                assert vault.open_secret(name, resume) == (b"token" if slot else b"place")
                opened += 1
        return opened


def in_a_process(work: Callable[[], object]) -> int:
    """Run it in a child that shares nothing opened with us; returns its exit code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
        child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def fill(home: Installed, people: int = 6) -> Worker:
    """A state with something in each table: links with bases, claims, events, letters, secrets."""
    worker = Worker(home, "crm")
    for _ in range(people // 2):
        assert worker.try_a_batch()
    with worker.store.write(None, "fill") as tx:
        for n, ((subject, link), base) in enumerate(worker.documents.items()):
            id_ = f"{n:032x}"
            sealed = worker.vault.seal(
                "base", "customer", subject, id_, b"base of " + link.encode()
            )
            tx.execute(
                sa.insert(t.link).values(
                    id=id_,
                    connection="crm",
                    kind="customer",
                    local_id=f"local-{n}",
                    remote_id=f"remote-{n}",
                    live=1,
                    state="active",
                    subject=subject,
                    external_key=f"KEY{n}",
                    local_digest=bytes([n]) * 16,
                    base=sealed,
                )
            )
            about = {"connection": "crm", "kind": "customer", "link": id_}
            tx.execute(sa.insert(t.claim).values(**about, digest=bytes([n, 1]) * 8))
            event = {"at_us": 1, "run": "r", "cause": "created", "doc": sealed}
            tx.execute(sa.insert(t.event).values(**about, **event))
            intent = {"id": f"i{n}", "side": "remote", "op": "update", "state": "planned"}
            tx.execute(sa.insert(t.intent).values(**about, **intent, fence=1, doc=base, reason="x"))
            conflict = {"id": f"c{n}", "field": "phones.mobile", "rule": "manual", "state": "open"}
            tx.execute(sa.insert(t.conflict).values(**about, **conflict, open=1, doc=base))
        worker.store.set_meta(tx, "generation", "3")
    worker.vault.subjects.set_generation(worker.store.store_id, 3)
    return worker


def logical(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the state but who holds which lease."""
    with store.read() as tx:
        found = {}
        for table in t.metadata.sorted_tables:
            columns = [c for c in table.c if c.name not in ("holder", "expires_us")]
            rows = tx.execute(sa.select(*columns).order_by(*table.primary_key.columns))
            found[table.name] = [tuple(row) for row in rows]
    return found
