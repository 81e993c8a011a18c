"""The ground of a seed's story: its vendors, its weather, and a process that may stop anywhere."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event as sa_event

from connector.errors import ConnectorError, LoginRefusedError
from connector.mapping.schema import VendorMapping
from connector.plugin import Kind, Op, Ref, Remote, Result, Write
from connector.sandbox.calls import Call
from connector.store import tables
from connector.store.database import open_engine
from connector.sync.counts import Limits
from connector.sync.report import RunReport
from connector.sync.setup import Setup
from connector.testing.weather import Phase, Trouble
from tests.scenery import SCHEMAS
from tests.simulation.casts import Plugins
from tests.simulation.fates import draw_fate, sort_of, stops_of
from tests.simulation.history import History
from tests.simulation.houses import House, MemoryHouse
from tests.simulation.network import Fate, Line
from tests.simulation.vendors import Rewriting, SkewedClock, draw_capabilities, draw_counting
from tests.story import C, Died, Story

MOST_PAGES = 1_073_741_823


@dataclass(slots=True)
class Trap:
    """What happens to the process after so many points, or at the first one of a name."""

    mode: str
    """die, freeze, race, lock or fill."""
    left: int = 0
    at: str | None = None


class Guarded:
    """A remote that notes who writes: O8 wants that to be whoever holds the scope."""

    def __init__(self, ground: Ground, name: str, inner: Remote) -> None:
        self._ground, self._name, self._inner = ground, name, inner
        self._worker = ground.worker.holder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def write(self, kind: Kind, writes: Sequence[Write]) -> Iterator[Result]:
        with self._ground.state_engine.connect() as tx:
            tx = tx.execution_options(reading=True)
            scope = tables.scope.c
            asked = sa.select(scope.holder).where(
                scope.connection == self._name, scope.kind == kind
            )
            if tx.execute(asked).scalar() != self._worker:
                self._ground.wrong.append(
                    f"O8 a write to {self._name} by a worker without the lease"
                )
        return self._inner.write(kind, writes)


class Ground(Story):
    """A story with a seed's own vendors and weather."""

    def __init__(self, seed: int, folder: Path) -> None:
        rng = Random(seed)
        self.seed = seed
        self.real = seed % 2 == 0
        """Whether the real plugins play; else two vendors drawn from what a vendor can be."""
        self.on_file = rng.random() < 0.3
        """Whether state and shop are on a disk, where another program may lock them."""
        super().__init__(
            seed=seed,
            capabilities=draw_capabilities(rng),
            page_size=rng.choice([2, 3, 7]),
            setup=Setup("Asia/Shanghai", "CN", Limits(100, 1000), Limits(100, 1000)),
            first_contact=rng.choice(["fill_blank", "manual", "local"]),
            folder=folder,
            others={"far": draw_counting(rng)},
        )
        self.fired: Counter[str] = Counter()
        self.dice = Random(seed * 7919 + 1)
        self.history = History()
        self.bad_weather = 0.0
        self.undisturbed = False
        """While it is so, nobody edits in the middle of a run."""
        self.wrong: list[str] = []
        """What was seen to be wrong while the story went on."""
        self.ever_hidden: set[tuple[str, Ref]] = set()
        """No feed tells of what happened to a record while it was hidden."""
        self.spans: list[tuple[dict[str, dt.datetime], dict[str, dt.datetime]]] = []
        """When each run began and ended, by each vendor's clock."""
        self.quota = rng.choice([None, None, 60])
        """Calls a day that `far` takes; then it refuses all until midnight."""
        self.today, self.calls_today, self.refused = self.clock.now().date(), 0, 0
        self.most_refused = 0
        """Calls of one run that were refused for the quota, at most."""
        self.hook = self._point
        self.trap: Trap | None = None
        self.standing = stops_of(seed)
        """The process dies where it passes one of these points first, once at each."""
        self._sending = False
        self._locker: sqlite3.Connection | None = None
        self.plugins = Plugins(rng, self.clock, self._shown_late) if self.real else None
        self.houses: dict[str, House] = self._real() if self.real else self._memory(rng)

    # --- the vendors ------------------------------------------------------------------------------

    def _memory(self, rng: Random) -> dict[str, House]:
        for name, vendor in list(self.vendors.items()):
            if rng.random() < 0.3:
                vendor = self.vendors[name] = Rewriting(
                    vendor.clock,
                    vendor.rng,
                    SCHEMAS,
                    vendor.capabilities,
                    page_size=vendor.page_size,
                )
                self.fired["fault workflow rewrites"] += 1
            wrong = dt.timedelta(seconds=rng.choice([0, 0, 40, -40, 5000, -5000]))
            self.fired["fault skewed clock"] += bool(wrong)
            self.fired["fault coarse clock"] += bool(vendor.capabilities.version_step)
            vendor.clock = SkewedClock(self.clock, wrong)
            vendor.weather = partial(self._weather, name)
            if rng.random() < 0.5:
                vendor.normalise = {"Street": _one_blank}
                self.fired["fault vendor normalises"] += 1
            if rng.random() < 0.3:
                fields = dict(SCHEMAS[C].fields)
                fields["Mail"] = replace(fields["Mail"], unique=True)
                vendor.schemas = {**SCHEMAS, C: replace(SCHEMAS[C], fields=fields)}
                self.fired["fault duplicate rule"] += 1
        self.vendor = self.vendors["crm"]
        far = self.vendors["far"]
        far.answers_version = far.answers_fields = False
        return {name: MemoryHouse(name, vendor) for name, vendor in self.vendors.items()}

    def _real(self) -> dict[str, House]:
        assert self.plugins is not None
        self.plugins.connect(self._line)
        self.fired.update(self.plugins.rules)
        return dict(self.plugins.houses.items())

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.houses)

    def remote(self, name: str) -> Remote:
        inner: Remote
        if self.plugins is None:
            inner = self._memory_remote(name)
        else:
            targets = self.targets(name)
            inner = self.plugins.open(name, targets, self.worker, self.vault, self.rng)
        remote: Any = Guarded(self, name, inner)
        return remote  # type: ignore[no-any-return]  # the rest of it is the inner one's

    def vendor_mappings(self, name: str) -> dict[Kind, VendorMapping]:
        if self.plugins is None:
            return self.mappings[1]
        return dict(self.plugins.mappings(name))

    def open_state(self) -> sa.Engine:
        return self._on_a_disk("state") if self.on_file else super().open_state()

    def open_shop(self) -> sa.Engine:
        if not self.on_file:
            return super().open_shop()
        engine = self._on_a_disk("shop")
        self.make_tables(engine)
        return engine

    def _on_a_disk(self, name: str) -> sa.Engine:
        engine = open_engine(f"sqlite:///{self.folder}/{name}.db")

        @sa_event.listens_for(engine, "connect")
        def hurried(dbapi: Any, record: Any) -> None:
            cursor = dbapi.cursor()
            cursor.execute("PRAGMA synchronous=OFF")  # no power fails here
            cursor.execute("PRAGMA busy_timeout=0")  # whoever holds the lock keeps it
            cursor.close()

        return engine

    # --- the weather ------------------------------------------------------------------------------

    def _weather(self, name: str, operation: str, phase: Phase) -> Trouble | None:
        sort = "write" if operation in set(Op) else "read"
        self._point(f"{phase} vendor call: {sort}")
        if phase == "before":
            self._bustle(name)
            house = self.houses[name]
            if isinstance(house, MemoryHouse) and house.locked_out:
                raise LoginRefusedError("This user has no rights any more.", operation=operation)
            if name == "far" and self._spent():
                return Trouble.THROTTLED
        if self.dice.random() >= self.bad_weather:
            return None
        if operation == "changes" and phase == "before" and self.dice.random() < 0.1:
            self.fired["fault memory cursors expire"] += 1
            self.vendors[name].expire_cursors()
        trouble = self.dice.choice(list(Trouble))
        self.fired[f"fault memory {trouble}"] += 1
        return trouble

    def _spent(self) -> bool:
        """Whether a counted day is over its quota; a refused call costs nothing."""
        today = self.clock.now().date()
        if today != self.today:
            self.today, self.calls_today = today, 0
        if self.quota is None or self.bad_weather == 0 or self.calls_today < self.quota:
            self.calls_today += 1
            return False
        self.fired["fault quota"] += 1
        self.refused += 1
        return True

    def _line(self, name: str) -> Line:
        assert self.plugins is not None
        life_s = self.plugins.settings[name].call_life_s

        def hook(when: str, call: Call) -> None:
            self._point(f"{when} vendor call: {sort_of(name, call)}")

        def draw(call: Call) -> Fate | None:
            self._bustle(name)
            sort = sort_of(name, call)
            # Most calls read, and what a write may meet is worse.
            share = 3 * self.bad_weather if sort == "write" else self.bad_weather
            if self.dice.random() >= share:
                return None
            fate = draw_fate(name, sort, life_s, self.dice)
            self.fired[f"fault {name} {fate.name}"] += 1
            return fate

        return Line(self.plugins.apps[name], draw, hook)

    def _shown_late(self, name: str) -> None:
        self.fired["fault shows late"] += 1

    def _bustle(self, name: str) -> None:
        """In the middle of a run somebody edits, so that pages drift and looks grow old."""
        if not self.undisturbed and self.dice.random() < self.bad_weather / 2:
            self.fired["fault people edit meanwhile"] += 1
            self.edit_meanwhile(name)

    def edit_meanwhile(self, name: str) -> None:
        """What a person does in the middle of a run."""

    # --- the process ------------------------------------------------------------------------------

    def _point(self, point: str) -> None:
        if point == "after commit: sending":
            self._sending = True
        elif point == "after call: write":
            self._sending = False
        if point in self.standing and self.trap is None:
            self.trap = Trap("die", at=point)
            self.standing.discard(point)
        trap = self.trap
        if trap is None or (trap.at is not None and trap.at != point):
            return
        trap.left -= 1
        if trap.left >= 0:
            return
        if trap.mode != "die" and point.startswith("before commit"):
            return  # an open transaction locks others out: it happens after it
        if trap.mode == "freeze" and self._sending:
            return  # between proving the lease and the first byte lies what nothing can close
        self.trap = None
        self.fired[f"stop {point}"] += 1
        self._spring(trap.mode, point)

    def _spring(self, mode: str, point: str) -> None:
        match mode:
            case "die":
                self.dead = True
                raise Died(point)
            case "freeze":
                # The worker sleeps past its lease; another does a whole run; then this one wakes.
                self.fired["fault frozen worker"] += 1
                self.later(seconds=200)
                self._meanwhile()
            case "race":
                self.fired["fault two workers"] += 1
                self._meanwhile()
            case "lock":
                self._lock(self.dice.choice(["state", "shop"]))
            case "fill":
                self.fired["fault state full"] += 1
                self._pages(None)

    def _lock(self, name: str) -> None:
        """Another program takes the lock; where a transaction of ours has it, at a later point."""
        locker = sqlite3.connect(
            self.folder / f"{name}.db", isolation_level=None, check_same_thread=False
        )
        try:
            locker.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            locker.close()
            self.trap = Trap("lock")
        else:
            self._locker = locker
            self.fired[f"fault {name} locked"] += 1

    def _meanwhile(self) -> None:
        """Another process does a whole run while this one stands still."""
        sending, self._sending = self._sending, False
        try:
            self.attempt()
        finally:
            self._sending = sending

    def _pages(self, most: int | None) -> None:
        """Let the state grow to so many pages; None: no further than it is."""
        with self.state_engine.connect() as tx:
            raw: Any = tx.connection.dbapi_connection
            cursor = raw.cursor()
            if most is None:
                [most] = cursor.execute("PRAGMA page_count").fetchone()
            cursor.execute(f"PRAGMA max_page_count={most}")
            cursor.close()

    def mended(self) -> None:
        """Whoever held a lock lets go; the disk has room again."""
        if self._locker is not None:
            self._locker.close()
            self._locker = None
        if self.on_file:
            self.state_engine.dispose()  # what a connection was told ends with it
        else:
            self._pages(MOST_PAGES)

    def attempt(self, *, only_reconcile: bool = False) -> RunReport | None:
        """One run, whatever becomes of it. None if the process died or gave up."""
        self.refused, began = 0, self._times()
        self._sending = False
        try:
            report = self.runner().run(only_reconcile=only_reconcile)
        except Died:
            self.trap, self.dead = None, False
            self.later(seconds=self.dice.choice([1, 100, 100]))
            return None
        except ConnectorError as error:
            self.fired[f"ended {type(error).__name__}"] += 1
            return None
        finally:
            self.dead = False
            self.spans.append((began, self._times()))
            self.most_refused = max(self.most_refused, self.refused)
        for stopped in report.errors:
            self.fired[f"ended {type(stopped).__name__}"] += 1
        return report

    def _times(self) -> dict[str, dt.datetime]:
        return {name: house.clock.now() for name, house in self.houses.items()}

    @contextmanager
    def fine(self) -> Iterator[None]:
        """A fine day: no fault, no stop, and nobody edits in the middle of a run."""
        was = self.bad_weather, self.undisturbed, self.standing
        self.bad_weather, self.undisturbed, self.standing = 0.0, True, set()
        try:
            yield
        finally:
            self.bad_weather, self.undisturbed, self.standing = was

    def close(self) -> None:
        self.mended()
        super().close()


def _one_blank(text: str) -> str:
    return " ".join(text.split())
