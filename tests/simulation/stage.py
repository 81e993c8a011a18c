"""One seed's story: people, weather, stops and frozen workers around the real engine."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import sqlalchemy as sa

from connector.errors import ConnectorError
from connector.plugin import Kind, Ref, Result, Write
from connector.store import tables
from connector.sync.run import RunReport, Setup
from connector.sync.scope import Limits
from connector.testing.memory import MemoryRemote
from connector.testing.weather import Phase, Trouble
from tests.simulation.history import History
from tests.simulation.vendors import SkewedClock, draw_capabilities, draw_counting
from tests.story import C, Died, Story

FIELDS = {"job": "Job", "street": "Street", "full_name": "Last"}
"""Columns of a customer that people edit, and the vendor's fields they meet."""


CAUSES = {f"{op}_{side}" for op in ("update", "remove", "purge") for side in ("local", "remote")}
"""The events that tell of a write to a record that was known before."""


class Watched(MemoryRemote):
    """A remote that notes who writes: O8 wants that to be whoever holds the scope."""

    def __init__(self, stage: Stage, name: str, inner: MemoryRemote) -> None:
        super().__init__(inner.vendor, inner.targets)
        self._stage, self._name, self._worker = stage, name, stage.worker.holder

    def write(self, kind: Kind, writes: Sequence[Write]) -> Iterator[Result]:
        with self._stage.state_engine.connect() as tx:
            tx = tx.execution_options(reading=True)
            scope = tables.scope.c
            asked = sa.select(scope.holder).where(
                scope.connection == self._name, scope.kind == kind
            )
            if tx.execute(asked).scalar() != self._worker:
                self._stage.wrong.append(
                    f"O8 a write to {self._name} by a worker without the lease"
                )
        return super().write(kind, writes)


class Stage(Story):
    """A story with a seed's own vendor, weather and people."""

    def __init__(self, seed: int, folder: Path) -> None:
        rng = Random(seed)
        super().__init__(
            seed=seed,
            capabilities=draw_capabilities(rng),
            page_size=rng.choice([2, 3, 7]),
            setup=Setup("Asia/Shanghai", "CN", Limits(100, 1000), Limits(100, 1000)),
            first_contact=rng.choice(["fill_blank", "manual", "local"]),
            folder=folder,
            others={"far": draw_counting(rng)},
        )
        self.seed = seed
        for name, vendor in self.vendors.items():
            wrong = dt.timedelta(seconds=rng.choice([0, 0, 40, -40, 5000, -5000]))
            vendor.clock = SkewedClock(self.clock, wrong)
            vendor.weather = partial(self._weather, name)
        far = self.vendors["far"]
        far.answers_version = far.answers_fields = False
        self.quota = rng.choice([None, None, 60])
        """Calls a day that `far` takes; then it refuses all until midnight."""
        self.today, self.calls_today, self.refused = self.clock.now().date(), 0, 0
        self.most_refused = 0
        """Calls of one run that were refused for the quota, at most."""
        self.steps = 0
        self.dice = Random(seed * 7919 + 1)
        self.history = History()
        self.fired: Counter[str] = Counter()
        self.bad_weather = 0.0
        self.fuse = -1
        self.frozen = False
        self.hook = self._point
        self.people_made = 0
        self.rows: dict[str, int] = {}
        self.last_error: str | None = None
        self.wrong: list[str] = []
        """What was seen to be wrong while the story went on."""
        self.households: list[set[str]] = []
        """People who share a phone."""
        self.ever_hidden: set[tuple[str, Ref]] = set()
        """No feed tells of what happened to a record while it was hidden."""

    def _memory_remote(self, name: str = "crm") -> MemoryRemote:
        return Watched(self, name, super()._memory_remote(name))

    # --- faults -----------------------------------------------------------------------------------

    def _weather(self, name: str, operation: str, phase: Phase) -> Trouble | None:
        if phase == "before" and name == "far" and self._spent():
            return Trouble.THROTTLED
        if self.dice.random() >= self.bad_weather:
            return None
        trouble = self.dice.choice(list(Trouble))
        self.fired[f"fault {trouble}"] += 1
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

    def _point(self, point: str) -> None:
        if self.fuse < 0:
            return
        self.fuse -= 1
        if self.fuse >= 0:
            return
        if self.frozen and (point.startswith("before commit") or point == "after commit: sending"):
            # An open transaction locks others out: it freezes after it. And between proving the
            # lease and the first byte lies the one moment that nothing can close.
            self.fuse = 0
            return
        self.fired[f"stop {point}"] += 1
        if self.frozen:
            self.frozen = False
            self.fired["frozen worker"] += 1
            # The worker sleeps past its lease; another does a whole run; then this one wakes.
            self.later(seconds=200)
            self.attempt()
            return
        self.dead = True
        raise Died(point)

    def attempt(self) -> RunReport | None:
        """One sync, whatever becomes of it. None if the process died or gave up."""
        self.refused = 0
        try:
            report = self.runner().run()
        except Died:
            self.fuse, self.dead = -1, False
            self.later(seconds=self.dice.choice([1, 100, 100]))
            return None
        except ConnectorError as error:
            self.last_error = f"{type(error).__name__}: {error}"
            self.fired[f"ended {type(error).__name__}"] += 1
            return None
        finally:
            self.dead = False
            self.most_refused = max(self.most_refused, self.refused)
        for stopped in report.errors:
            self.fired[f"ended {type(stopped).__name__}"] += 1
        return report

    # --- people -----------------------------------------------------------------------------------

    def operations(self) -> list[tuple[str, int]]:
        return [
            ("new_client", 4),
            ("new_person", 3),
            ("edit_shop", 8),
            ("edit_vendor", 8),
            ("edit_both", 4),
            ("edit_everywhere", 2),
            ("clear", 2),
            ("opt_out", 2),
            ("delete_shop", 1),
            ("delete_vendor", 1),
            ("restore_vendor", 1),
            ("hide", 1),
            ("withhold", 1),
            ("household", 1),
            ("wait", 5),
            ("sync", 8),
            ("sync_dying", 5),
            ("sync_frozen", 2),
            ("remark", 2),
            ("plan", 1),
        ]

    def step(self) -> str:
        names, weights = zip(*self.operations(), strict=True)
        name: str = self.dice.choices(names, weights)[0]
        getattr(self, f"do_{name}")()
        return name

    def do_new_client(self) -> None:
        person = self._person()
        name = f"{person}.n0"
        self.rows[person] = self.client(
            name, mail=f"{person}@example.test", mobile=self._mobile(), job=f"{person}.j0"
        )
        self.history.edit(person, "full_name", "shop", name, None)
        self.history.edit(person, "job", "shop", f"{person}.j0", None)

    def do_new_person(self, name: str | None = None) -> Ref:
        person = self._person()
        fields = {
            "Last": f"{person}.n0",
            "Mail": f"{person}@example.test",
            "Mobile": "+86" + self._mobile(),
            "Street": f"{person}.s0",
        }
        name = name or self._somewhere()
        self.history.edit(person, "full_name", name, f"{person}.n0", None)
        self.history.edit(person, "street", name, f"{person}.s0", None)
        return self.vendors[name].create(C, fields)

    def _somewhere(self) -> str:
        return self.dice.choice(sorted(self.vendors))

    def _person(self) -> str:
        self.people_made += 1
        return f"p{self.people_made}x{self.seed}"

    def _mobile(self) -> str:
        return f"139{self.people_made:08d}"

    def _shop_rows(self) -> dict[str, Any]:
        rows = self.sql("SELECT * FROM clients WHERE is_deleted = 0 ORDER BY no")
        return {row["mail"].partition("@")[0]: row for row in rows if row["mail"]}

    def _records(self, name: str) -> dict[str, dict[str, Any]]:
        return {
            d["fields"]["Mail"].partition("@")[0]: d
            for d in self.vendors[name].dump(C)
            if d["fields"].get("Mail")
        }

    def do_edit_shop(self, person: str | None = None, column: str | None = None) -> None:
        rows = self._shop_rows()
        if not rows:
            return
        person = person or self.dice.choice(sorted(rows))
        column = column or self.dice.choice(sorted(FIELDS))
        if person not in rows:
            return
        value = f"{person}.{len(self.history.edits)}"
        self.history.edit(person, column, "shop", value, rows[person][column])
        self.sql(f"UPDATE clients SET {column} = :v WHERE no = :n", v=value, n=rows[person]["no"])

    def do_edit_vendor(
        self, person: str | None = None, column: str | None = None, name: str | None = None
    ) -> None:
        name = name or self._somewhere()
        records = self._records(name)
        if not records:
            return
        person = person or self.dice.choice(sorted(records))
        column = column or self.dice.choice(sorted(FIELDS))
        if person not in records:
            return
        value = f"{person}.{len(self.history.edits)}"
        held = records[person]["fields"].get(FIELDS[column])
        self.history.edit(person, column, name, value, held)
        self.vendors[name].edit(C, records[person]["ref"], {FIELDS[column]: value})

    def do_edit_both(self) -> None:
        name = self._somewhere()
        both = sorted(self._shop_rows().keys() & self._records(name).keys())
        if both:
            person, column = self.dice.choice(both), self.dice.choice(sorted(FIELDS))
            self.do_edit_shop(person, column)
            self.do_edit_vendor(person, column, name)

    def do_edit_everywhere(self) -> None:
        """Both vendors' people edit one field of one person, each without seeing the other's."""
        known = sorted(set.intersection(*(set(self._records(name)) for name in self.vendors)))
        if known:
            person, column = self.dice.choice(known), self.dice.choice(sorted(FIELDS))
            for name in self.vendors:
                self.do_edit_vendor(person, column, name)

    def do_clear(self) -> None:
        rows = self._shop_rows()
        if rows:
            person = self.dice.choice(sorted(rows))
            value = f"cleared {len(self.history.edits)}"
            self.history.edit(person, "tags", "shop", value, None)
            self.sql("UPDATE clients SET tags = NULL WHERE no = :n", n=rows[person]["no"])

    def do_opt_out(self) -> None:
        rows = self._shop_rows()
        if rows:
            person = self.dice.choice(sorted(rows))
            self.sql("UPDATE clients SET no_mail = 1 WHERE no = :n", n=rows[person]["no"])

    def do_remark(self) -> None:
        rows = self._shop_rows()
        if rows:
            row = rows[self.dice.choice(sorted(rows))]
            title = f"{row['mail'].partition('@')[0]}.t{len(self.history.edits)}"
            self.sql(
                "INSERT INTO remarks (client, title, body) VALUES (:c, :t, 'text')",
                c=row["no"],
                t=title,
            )

    def do_delete_shop(self) -> None:
        rows = self._shop_rows()
        if rows:
            person = self.dice.choice(sorted(rows))
            self.history.delete(person, "shop", {c: rows[person][c] for c in FIELDS})
            self.sql("UPDATE clients SET is_deleted = 1 WHERE no = :n", n=rows[person]["no"])

    def do_delete_vendor(self) -> None:
        name = self._somewhere()
        records = self._records(name)
        if records:
            person = self.dice.choice(sorted(records))
            held = records[person]["fields"]
            self.history.delete(person, name, {c: held.get(f) for c, f in FIELDS.items()})
            self.vendors[name].remove(C, records[person]["ref"])

    def do_restore_vendor(self) -> None:
        vendor = self.vendors[self._somewhere()]
        if vendor.capabilities.removal == "final":
            return
        binned = [
            r
            for r in vendor.records[C].values()
            if r.now.state == "removed" and not r.now.by_us and r.now.merged_into is None
        ]
        if binned:
            record = self.dice.choice(binned)
            key = record.now.key
            if key is None or all(d["key"] != key for d in vendor.dump(C)):
                vendor.restore(C, record.ref)
                self.fired["restored"] += 1

    def do_hide(self) -> None:
        """An administrator hides a record for a while; a run meanwhile must not delete it."""
        name = self._somewhere()
        vendor, records = self.vendors[name], self._records(name)
        if records:
            record = records[self.dice.choice(sorted(records))]
            vendor.hide(C, record["ref"])
            self.ever_hidden.add((name, record["ref"]))
            self.attempt()
            vendor.hide(C, record["ref"], hidden=False)
            held = record["fields"].get("City")
            vendor.edit(C, record["ref"], {"City": held})
            self.fired["hidden"] += 1

    def _calmly(self) -> None:
        """One sync on a fine day."""
        weather, self.bad_weather = self.bad_weather, 0.0
        self.attempt()
        self.bad_weather = weather

    def do_withhold(self) -> None:
        """Our user loses the right to see a field for a while: it is missing, not empty."""
        field, name = self.dice.choice(["Job", "Street"]), self._somewhere()
        # An edit that nobody has seen yet would stay unseen, and a later one of the shop's would
        # rightly go over it: that is not what this is about.
        self.later(seconds=150)
        self._calmly()
        vendor = self.vendors[name]
        vendor.withheld.add((C, field))
        self._save_all(name)
        self.later(seconds=150)
        self.attempt()
        vendor.withheld.clear()
        self.later(milliseconds=7)
        # No feed tells of a right given back: somebody saves the records once more.
        self._save_all(name)
        self.fired["withheld"] += 1

    def _save_all(self, name: str) -> None:
        for record in self._records(name).values():
            held = record["fields"].get("City")
            self.vendors[name].edit(C, record["ref"], {"City": held})

    def do_plan(self) -> None:
        """O9: a plan shows the writes of the sync that follows, if nothing happens in between."""
        self.later(seconds=200)
        self._calmly()
        self.do_edit_shop()
        self.do_edit_vendor()
        self.later(seconds=200)
        before = {row["id"]: row for row in self._links() if row["local_id"] and row["remote_id"]}
        weather, self.bad_weather = self.bad_weather, 0.0
        told = self.plan()
        planned = {
            (w.connection, w.kind, f"{w.op}_{w.side}", w.local_id)
            for w in told.writes
            if w.local_id and w.remote_id
        }
        report = self.attempt()
        self.bad_weather = weather
        if report is None or report.errors or told.errors:
            return
        with self.state_engine.connect() as tx:
            event = tables.event.c
            rows = tx.execution_options(reading=True).execute(
                sa.select(event.link, event.cause).where(event.run == report.run)
            )
            done = {
                (row["connection"], row["kind"], cause, row["local_id"])
                for link, cause in rows
                if cause in CAUSES and (row := before.get(link)) is not None
            }
        self.fired["plan"] += 1
        self.wrong += [f"O9 planned and not done: {one}" for one in planned - done]
        self.wrong += [f"O9 done and not planned: {one}" for one in done - planned]

    def _links(self) -> list[sa.RowMapping]:
        with self.state_engine.connect() as tx:
            tx = tx.execution_options(reading=True)
            return list(tx.execute(sa.select(tables.link)).mappings())

    def do_household(self) -> None:
        """Three people with one phone, two of them at the vendor: nobody can say who is who."""
        mobile, name = "", self._somewhere()
        for _ in range(2):
            ref = self.do_new_person(name)
            mobile = mobile or self._mobile()
            self.vendors[name].edit(C, ref, {"Mobile": "+86" + mobile})
        # All three are seen in one run: with one of the two out of sight the other would be taken
        # for the third, rightly.
        self.later(seconds=150)
        self.do_new_client()
        person = f"p{self.people_made}x{self.seed}"
        self.sql("UPDATE clients SET mobile = :m WHERE no = :n", m=mobile, n=self.rows[person])
        numbers = range(self.people_made - 2, self.people_made + 1)
        self.households.append({f"p{number}x{self.seed}" for number in numbers})
        self._calmly()
        self.fired["household"] += 1

    def mixed_up(self) -> set[str]:
        """Households of which one was deleted: alone, another is rightly taken for the third."""
        gone = self.history.deleted.keys()
        return {person for house in self.households if house & gone for person in house}

    def do_wait(self) -> None:
        self.later(seconds=self.dice.choice([0.2, 0.5, 1, 5, 30, 200, 2000]))

    def do_sync(self) -> None:
        self.attempt()

    def do_sync_dying(self) -> None:
        self.fuse = self.dice.choice([self.dice.randrange(20), self.dice.randrange(120)])
        self.attempt()
        self.fuse = -1

    def do_sync_frozen(self) -> None:
        self.fuse, self.frozen = self.dice.randrange(60), True
        self.attempt()
        self.fuse, self.frozen = -1, False

    # --- the end ----------------------------------------------------------------------------------

    def play(self, steps: int, judge: Callable[[Stage], list[str]]) -> list[str]:
        """Edits and faults; then edits stop; then faults stop. Judged after every step."""
        self.bad_weather = self.dice.choice([0.02, 0.08, 0.15])
        for _ in range(steps):
            name = self.step()
            self.steps += 1
            violations = judge(self)
            if violations:
                return [*violations, f"(after step {self.steps}: {name})"]
            self.later(milliseconds=self.dice.randrange(1, 900))
        for _ in range(3):
            self.attempt()
            self.later(seconds=100)
        self.bad_weather = 0.0
        return []

    def drain(self) -> list[RunReport | None]:
        reports = []
        for turn in range(7):
            # Where no feed tells of removals, the next day's listing does.
            self.later(seconds=100_000 if turn == 1 else 700)
            reports.append(self.attempt())
        return reports
