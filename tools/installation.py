"""An installation to measure on: a shop, vendors' sandboxes, and the settings that join them."""

from __future__ import annotations

import datetime as dt
import sqlite3
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from connector import registry
from connector.app import open_connector
from connector.demo.desk import Desk
from connector.demo.scene import references, toml_table
from connector.demo.shop import LOCAL_SETTINGS, MAPPINGS, SCHEMA, Shop, person
from connector.host import MachineClock
from connector.mapping.load import packaged
from connector.sandbox.handle import SandboxProcess
from connector.sync.report import RunReport

LIMITS = '[safety]\nmax_change = "100% or 200"\n'
"""A measurement changes every record there is; nobody needs to be asked."""


class NotingClock(MachineClock):
    """The machine's clock, which remembers what the main thread slept between two steps of work."""

    def __init__(self) -> None:
        self.waited_s = 0.0
        """Slept for the fate of writes without an answer, altogether."""
        self._waiting = False

    def progress(self, connection: str, kind: str, phase: str, count: int) -> None:
        """A `connector.sync.ports.Progress`: a sleep right after "waiting" is such a one."""
        self._waiting = phase == "waiting"

    def sleep(self, seconds: float) -> None:
        if self._waiting and threading.current_thread() is threading.main_thread():
            self.waited_s += seconds
            self._waiting = False
        super().sleep(seconds)


@dataclass(frozen=True, slots=True)
class Ran:
    """One sync: its report, and the calls it cost each vendor, by operation."""

    report: RunReport
    calls: Mapping[str, Counter[str]]
    waited_s: float

    def all_calls(self, vendor: str) -> int:
        return self.calls[vendor].total()

    def count(self, name: str) -> int:
        """One of the passes' counts, summed up."""
        return sum(one.counts.as_dict()[name] for one in self.report.passes)


class Installation:
    """An invented shop in a folder beside the sandboxes of some vendors, with packaged mappings.

    `more` goes into every connection whose plugin knows the key. The shop begins empty.
    """

    def __init__(
        self,
        folder: Path,
        boxes: Mapping[str, SandboxProcess],
        kinds: Sequence[str] = ("customer",),
        **more: Any,
    ) -> None:
        self.folder, self.boxes = folder, boxes
        self.desks = {name: Desk(name, box, packaged(name)) for name, box in boxes.items()}
        self.shop = Shop(folder / "shop.db")
        with closing(sqlite3.connect(folder / "shop.db")) as database:
            database.executescript(SCHEMA)
        (folder / "mappings" / "local").mkdir(parents=True)
        for kind, text in MAPPINGS.items():
            file = folder / "mappings" / "local" / f"{kind}.yaml"
            file.write_text(text, encoding="utf-8")
        tables = [self._connection(name, kinds, more) for name in boxes]
        self.config = folder / "connector.toml"
        parts = ['tenant = "measured"\n', LOCAL_SETTINGS, LIMITS, *tables]
        self.config.write_text("\n".join(parts), encoding="utf-8")
        with open_connector(self.config) as connector:
            connector.make_keys()
            connector.install_local()

    def _connection(self, name: str, kinds: Sequence[str], more: Mapping[str, Any]) -> str:
        plugin = registry.load(name)

        def keep(key: str, value: str) -> str:
            file = self.folder / f"{name}.{key}"
            file.touch(mode=0o600)
            file.write_text(value, encoding="utf-8")
            return f"file:{file.name}"

        table = references(plugin.settings, self.boxes[name].settings, keep)
        known = {key: value for key, value in more.items() if key in plugin.settings.model_fields}
        return toml_table(f"connections.{name}", {**table, **known, "kinds": list(kinds)})

    def people(self, count: int) -> None:
        """Insert so many more invented customers into the shop."""
        rng, [held] = Random(7), self.shop.rows("SELECT count(*) AS n FROM clients")
        rows = [person(rng, held["n"] + n) for n in range(1, count + 1)]
        names, marks = ", ".join(rows[0]), ", ".join("?" for _ in rows[0])
        with closing(sqlite3.connect(self.folder / "shop.db")) as database, database:
            database.executemany(
                f"INSERT INTO clients ({names}) VALUES ({marks})", [[*r.values()] for r in rows]
            )

    def sync(self) -> Ran:
        """One sync, in this process."""
        before = {name: Counter(box.calls()) for name, box in self.boxes.items()}
        clock = NotingClock()
        with open_connector(self.config, clock=clock) as connector:
            report = connector.sync(progress=clock.progress)
        calls = {name: Counter(box.calls()) - before[name] for name, box in self.boxes.items()}
        return Ran(report, calls, clock.waited_s)

    def links(self) -> int:
        """Links of customers with both sides known, over all connections."""
        with open_connector(self.config) as connector:
            scopes = connector.status().scopes
        return sum(one.links for one in scopes if one.kind == "customer")

    def wait(self, seconds: float) -> None:
        """Let the vendors' clocks go on, so that what was is out of their windows' overlap."""
        for box in self.boxes.values():
            box.now(advance=seconds)


LATER_S = dt.timedelta(minutes=20).total_seconds()
"""Longer than any overlap of the windows."""
