"""Stories of a migration: one side is only read, and very many new records may go by jobs."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import Any

from connector.plugin import Capabilities, Op
from connector.sync.counts import PlannedWrite
from connector.sync.decision import Side
from connector.sync.ports import Ports
from connector.sync.setup import Connection, Setup
from connector.testing.memory_bulk import BulkHouse, BulkMemoryRemote
from connector.testing.world import PERFECT
from tests.story import C, Died, Story

SMALL: Capabilities = dataclasses.replace(PERFECT, batch={op: 1 for op in Op})
"""One record a call: a job then pays above five."""


class Moving(Story):
    """A story whose runs are a migration's until `sources` is emptied; then they are syncs."""

    def __init__(self, sources: Mapping[str, Side], *, bulk: bool = False, **how: Any) -> None:
        self.sources = dict(sources)
        self.bulk = bulk
        self.house = BulkHouse()
        super().__init__(**{"capabilities": SMALL if bulk else PERFECT, **how})
        if bulk:
            self.remote_factory = lambda: BulkMemoryRemote(
                self.vendor, self.targets("crm"), self.house
            )

    def _parts(
        self, dry: list[PlannedWrite] | None, state: Any
    ) -> tuple[Ports, Setup, list[Connection]]:
        ports, setup, opened = super()._parts(dry, state)
        moved = [
            dataclasses.replace(one, source=self.sources.get(one.name), bulk=self.bulk)
            for one in opened
        ]
        return ports, setup, moved

    def crowd(self, number: int) -> None:
        """So many clients in the shop."""
        for n in range(number):
            self.client(f"王{n}", mail=f"p{n}@example.test")

    def at_vendor(self, name: str = "crm") -> Counter[str]:
        """The vendor's customers by their address."""
        return Counter(d["fields"].get("Mail", "") for d in self.vendors[name].dump(C))

    def until_quiet(self) -> None:
        """Run, and again after each death, until a run writes nothing."""
        for _ in range(9):
            before = sum(self.vendor.calls[op] for op in ("create", "update", "bulk_write"))
            try:
                report = self.run()
            except Died:
                self.dead = False
                self.later(seconds=100)
                continue
            assert not report.errors, report.errors
            self.later(seconds=100)
            after = sum(self.vendor.calls[op] for op in ("create", "update", "bulk_write"))
            if before == after and report.exit == 0:
                return
        raise AssertionError("it never came to rest")
