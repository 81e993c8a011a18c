"""A small world for whole passes: a shop in SQLite, a vendor in memory, the real engine between.

Everything runs on one thread with a clock that moves only when told. `Story.hook` is called
at every point where a process may die.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa

from connector.local import capture
from connector.local.shapes import KindTable
from connector.local.sql import SqlLocal
from connector.mapping.schema import VendorMapping
from connector.plugin import Capabilities, Kind, Op, Ref, Remote, Target
from connector.privacy.ring import create_ring
from connector.privacy.vault import Vault, open_vault
from connector.store.copies import copy_of
from connector.store.database import Lease, Store, open_engine
from connector.sync.beside import Beside
from connector.sync.counts import PlannedWrite
from connector.sync.moments import as_us
from connector.sync.ports import Ports
from connector.sync.report import RunReport
from connector.sync.review import Review
from connector.sync.run import Runner
from connector.sync.setup import Connection, KindSetup, Setup
from connector.testing.clock import ManualClock
from connector.testing.memory import MemoryRemote, MemoryVendor
from connector.testing.world import PERFECT
from tests.scenery import SCHEMAS, SHOP, TABLES, Shape, load_mappings

C, M, F = Kind.CUSTOMER, Kind.MEMBERSHIP, Kind.FEEDBACK


_MAPPINGS = load_mappings()


class Story:
    """Shop, vendor and engine. `run()` is one `sync`; `shop` and `vendor` are people's hands."""

    def __init__(
        self,
        *,
        seed: int = 1,
        capabilities: Capabilities = PERFECT,
        kinds: tuple[Kind, ...] = (C, M, F),
        first_contact: str = "manual",
        setup: Setup | None = None,
        page_size: int = 7,
        folder: Path | None = None,
        mapping: Mapping[str, str] | None = None,
        others: Mapping[str, Capabilities] | None = None,
        local: Mapping[str, str] | None = None,
        shapes: Mapping[Kind, Shape] | None = None,
        shop: str = SHOP,
        tables: Mapping[Kind, KindTable] = TABLES,
    ) -> None:
        """`others`: more vendors beside `crm`, by the name of their connection, settings' order.

        `mapping` and `local` change the text of all vendors' and of the shop's mapping files,
        `shop` and `shapes` how the shop's tables look.
        """
        self.rng = Random(seed)
        other = mapping or local or shapes
        self.mappings = load_mappings(mapping, local, shapes) if other else _MAPPINGS
        shaped = {kind: shape.table for kind, shape in (shapes or {}).items()}
        self.tables = {kind: {**tables, **shaped}[kind] for kind in kinds}
        self.shop = shop
        self.clock = ManualClock()
        self.kinds = kinds
        self.first_contact = first_contact
        self.setup = setup or Setup(zone="Asia/Shanghai", phone_region="CN")
        self.vendor = MemoryVendor(
            self.clock,
            Random(seed + 1),
            SCHEMAS,
            capabilities,
            page_size=page_size,
        )
        self.vendors = {"crm": self.vendor}
        for number, (name, able) in enumerate((others or {}).items(), 2):
            self.vendors[name] = MemoryVendor(
                self.clock, Random(seed + number), SCHEMAS, able, page_size=page_size
            )
        self.hook: Callable[[str], None] = lambda point: None
        self.dead = False
        self.folder = folder or Path(tempfile.mkdtemp(prefix="story-"))
        self.shop_engine = self.open_shop()
        self.state_engine = self.open_state()
        ring = self.folder / "ring.json"
        if not ring.exists():
            create_ring(ring, "file:kek.bin", "story", self.clock.now())
        self.vault = self.open_vault()
        self.runs = 0
        self.remote_factory: Callable[[], Any] = self._memory_remote
        self.compare_daily = 200
        self.kinds_of_run = kinds
        self.local_type = SqlLocal
        self.only: tuple[str, ...] | None = None
        """The connections that a run takes; None: all."""
        self._install()

    def _install(self) -> None:
        store_id = self.store().store_id
        with self.shop_engine.begin() as tx:
            capture.install(tx, store_id, capture.watched(self.tables.values()), "shop-one")

    def open_shop(self) -> sa.Engine:
        """The shop's database, its tables empty."""
        engine = open_engine("sqlite://")
        self.make_tables(engine)
        return engine

    def make_tables(self, engine: sa.Engine) -> None:
        """The shop's own tables, in an empty database."""
        with engine.begin() as tx:
            for statement in self.shop.split(";"):
                if statement.strip():
                    tx.exec_driver_sql(statement)

    def open_state(self) -> sa.Engine:
        """The state's database, as long as the story goes on."""
        return open_engine("sqlite://")

    # --- the machinery --------------------------------------------------------------------------

    def store(self, state: sa.Engine | None = None) -> Store:
        story = self

        class Mortal(Store):
            """A dead process releases no lease."""

            def release(self, lease: Lease, *, died: bool = False) -> None:
                if not story.dead:
                    super().release(lease, died=died)

        return Mortal(
            state or self.state_engine,
            now_us=lambda: as_us(self.clock.now()),
            hook=lambda point: self.hook(point),
            tenant="story",
            rng=self.rng,
            chain=lambda: self.vault.audit,
        )

    def open_vault(self) -> Vault:
        """The keys as a new process opens them."""
        return open_vault(
            ring_path=self.folder / "ring.json",
            kek="file:kek.bin",
            subjects_url=f"sqlite:///{self.folder}/keys.db",
            tenant="story",
            clock_now=self.clock.now,
        )

    def lose_the_state(self) -> None:
        """The state is gone for good; a new one is begun and installed in the shop."""
        self.state_engine.dispose()
        self.state_engine = open_engine("sqlite://")
        self._install()

    def back_up_keys(self) -> Path:
        """A copy of the keys database as it is now."""
        copy = self.folder / f"keys-{len(list(self.folder.iterdir()))}.db"
        _copy_database(self.folder / "keys.db", copy)
        return copy

    def put_keys_back(self, copy: Path) -> None:
        """Restore the keys database from a copy, as a new process finds it."""
        self.vault.close()
        _copy_database(copy, self.folder / "keys.db")
        self.vault = self.open_vault()

    def _memory_remote(self, name: str = "crm") -> MemoryRemote:
        return MemoryRemote(self.vendors[name], self.targets(name))

    def targets(self, name: str) -> dict[Kind, Target]:
        """What the mapping files of a connection want of its objects."""
        remote = self.vendor_mappings(name)
        return {
            kind: Target(
                object=remote[kind].object,
                fields=tuple(n for r in remote[kind].rules for n in (r.own, r.time) if n),
                key_field=remote[kind].external_key,
                match_fields=(),
            )
            for kind in self.kinds
        }

    def plan(self) -> RunReport:
        """What a sync would do now, by the real engine on a copy of the state."""
        engine = copy_of(self.state_engine)
        try:
            return self.runner(dry=[], state=engine).run()
        finally:
            engine.dispose()

    def runner(
        self, *, dry: list[PlannedWrite] | None = None, state: sa.Engine | None = None
    ) -> Runner:
        """The engine as a new process would build it."""
        return Runner(*self._parts(dry, state))

    def beside(self) -> Beside:
        """What works on one person, as a new process would build it."""
        return Beside(*self._parts(None, None))

    def _parts(
        self, dry: list[PlannedWrite] | None, state: sa.Engine | None
    ) -> tuple[Ports, Setup, list[Connection]]:
        self.runs += 1
        store = self.worker = self.store(state)
        local = self.local_type(
            self.shop_engine,
            self.tables,
            store.store_id,
            hook=lambda point: self.hook(point),
        )
        ports = Ports(
            store,
            self.vault,
            local,
            self.clock,
            f"run-{self.runs}",
            hook=lambda point: self.hook(point),
            dry=dry,
        )
        connections = [
            Connection(name, self.remote(name), self._kinds(name), compare_daily=self.compare_daily)
            for name in self.names
            if self.only is None or name in self.only
        ]
        order = dict.fromkeys(self.kinds, self.names)
        return ports, replace(self.setup, order=order), connections

    @property
    def names(self) -> tuple[str, ...]:
        """The connections, in the settings' order."""
        return tuple(self.vendors)

    def remote(self, name: str) -> Remote:
        """A connection's account, opened by a new process."""
        remote: Remote = self.remote_factory() if name == "crm" else self._memory_remote(name)
        return remote

    def vendor_mappings(self, name: str) -> Mapping[Kind, VendorMapping]:
        """The mapping files of a connection."""
        return self.mappings[1]

    def _kinds(self, name: str) -> dict[Kind, KindSetup]:
        remotes = self.vendor_mappings(name)
        return {
            kind: KindSetup(
                remotes[kind],
                self.mappings[0][kind],
                first_contact=self.first_contact,
                archive_local=self.tables[kind].deleted is not None,
                in_row=self.tables[kind].inner is not None,
            )
            for kind in self.kinds_of_run
        }

    def run(self) -> RunReport:
        """One sync by a new process."""
        return self.runner().run()

    def rows(self, table: sa.Table) -> list[sa.RowMapping]:
        """A table of the state."""
        with self.state_engine.connect() as tx:
            tx = tx.execution_options(reading=True)
            return list(tx.execute(sa.select(table)).mappings())

    def settle(self, **span: float) -> RunReport:
        """A run, so much later (300 s) that nothing can look like news of the one before."""
        self.later(**(span or {"seconds": 300}))
        report = self.run()
        assert report.errors == []
        return report

    def review(self) -> Review:
        """The letters and conflicts, as an operator sees them."""
        return Review(self.store(), self.vault)

    def later(self, **span: float) -> None:
        self.clock.move(dt.timedelta(**span))

    # --- people -----------------------------------------------------------------------------------

    def sql(self, statement: str, **values: Any) -> Any:
        """A program of the shop's; returns the last row's id, or rows."""
        with self.shop_engine.begin() as tx:
            done = tx.execute(sa.text(statement), values)
            return done.mappings().all() if done.returns_rows else done.lastrowid

    def client(self, name: str, **columns: Any) -> int:
        columns = {"full_name": name, **columns}
        names = ", ".join(columns)
        bound = ", ".join(f":{n}" for n in columns)
        return int(self.sql(f"INSERT INTO clients ({names}) VALUES ({bound})", **columns))

    def people(self) -> dict[str, dict[str, Any]]:
        """The vendor's customers by last name."""
        return {d["fields"]["Last"]: d["fields"] for d in self.vendor.dump(C)}

    def ref(self, last: str) -> Ref:
        found: list[Ref] = [d["ref"] for d in self.vendor.dump(C) if d["fields"]["Last"] == last]
        assert len(found) == 1, f"{len(found)} records"
        return found[0]

    def close(self) -> None:
        self.vault.close()
        self.shop_engine.dispose()
        self.state_engine.dispose()


Tell = Callable[..., Story]
"""Makes stories; see `telling`."""
S = TypeVar("S", bound=Story)


def telling(folder: Path, make: Callable[..., S]) -> Iterator[Callable[..., S]]:
    """Make stories, each in a folder of its own, and close them when they have been told."""
    told: list[S] = []

    def tell(*what: Any, **how: Any) -> S:
        own = folder / str(len(told))
        own.mkdir()
        told.append(make(*what, **how, folder=own))
        return told[-1]

    yield tell
    for story in told:
        story.close()


class Slow:
    """Chance that always has the vendor show things as late as it may."""

    def random(self) -> float:
        return 1.0

    def shuffle(self, things: list[Any]) -> None:
        """Leave the order as it is."""


def _copy_database(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


class Died(BaseException):
    """The process dies here: nothing of ours may catch it."""


def die_at(story: Story, point: str) -> None:
    """A run whose process dies where it comes to a point first; it has let go of nothing."""

    def stop(passed: str) -> None:
        if passed == point:
            story.hook, story.dead = lambda passed: None, True
            raise Died(point)

    story.hook = stop
    with pytest.raises(Died):
        story.run()
    story.dead = False


BATCH = {Op.CREATE: 100, Op.UPDATE: 100, Op.REMOVE: 100}
