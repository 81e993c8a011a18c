"""Every capture on every database: what is made, edited and deleted on either side travels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from connector.local.contract import Capture
from tests.databases.server_story import ServerStory
from tests.scenery import TABLES
from tests.servers import NAMES, database
from tests.story import C, Story

TIMES = {
    "sqlite": ("TEXT", "strftime('%Y-%m-%d %H:%M:%f', 'now', '+8 hours')"),
    "postgresql": ("TIMESTAMPTZ", "clock_timestamp()"),
    "mariadb": ("DATETIME(6)", "now(6)"),
}
"""The type of the column with a row's time, and how the shop's programs set it."""


class Shop:
    """A story on one database, and the shop's own program, which keeps each row's time."""

    def __init__(self, name: str, how: Capture, place: str | None) -> None:
        modified = "changed" if how is Capture.COLUMN else None
        tables = {C: replace(TABLES[C], capture=how, modified=modified)}
        kind: dict[str, Any] = {"kinds": (C,), "tables": tables}
        self.story = Story(**kind) if place is None else ServerStory(where=place, **kind)
        self.story.compare_daily = 0
        type_, self._now = TIMES[name]
        with self.story.shop_engine.begin() as tx:
            tx.exec_driver_sql(f"ALTER TABLE clients ADD COLUMN changed {type_}")

    def make(self, name: str) -> int:
        number = self.story.client(name)
        self.edit(number, city="Brno")
        return number

    def edit(self, number: int, **values: Any) -> None:
        named = ", ".join(f"{column} = :{column}" for column in values)
        statement = f"UPDATE clients SET {named}, changed = {self._now} WHERE no = :no"
        self.story.sql(statement, no=number, **values)

    def rows(self) -> dict[str, str | None]:
        rows = self.story.sql("SELECT full_name, city FROM clients WHERE is_deleted = 0")
        return {row["full_name"]: row["city"] for row in rows}

    def people(self) -> dict[str, str | None]:
        return {name: fields.get("City") for name, fields in self.story.people().items()}

    def run(self) -> int:
        self.story.later(minutes=5)
        report = self.story.run()
        assert (report.errors, report.letters, report.conflicts) == ([], 0, 0)
        return report.passes[0].counts.written


@pytest.fixture(params=list(Capture))
def how(request: pytest.FixtureRequest) -> Capture:
    capture: Capture = request.param
    return capture


@pytest.fixture(params=["sqlite", *NAMES])
def shop(request: pytest.FixtureRequest, how: Capture) -> Iterator[Shop]:
    with nullcontext() if request.param == "sqlite" else database(request.param) as place:
        shop = Shop(request.param, how, place)
        yield shop
        shop.story.close()


def test_what_is_made_edited_and_deleted_on_either_side_travels(shop: Shop, how: Capture) -> None:
    story, vendor = shop.story, shop.story.vendor
    ada, bo = shop.make("Ada Berg"), shop.make("Bo Dahl")
    vendor.create(C, {"Last": "Cy Ek", "City": "Lyon"})
    shop.run()
    everybody: dict[str, str | None] = {"Ada Berg": "Brno", "Bo Dahl": "Brno", "Cy Ek": "Lyon"}
    assert shop.rows() == shop.people() == everybody
    assert shop.run() == 0
    shop.edit(ada, city="Oslo")
    vendor.edit(C, story.ref("Bo Dahl"), {"City": "Turku"})
    shop.run()
    assert shop.rows() == shop.people() == everybody | {"Ada Berg": "Oslo", "Bo Dahl": "Turku"}
    assert shop.run() == 0
    story.sql("DELETE FROM clients WHERE no = :no", no=ada)
    vendor.remove(C, story.ref("Cy Ek"))
    if how is Capture.COLUMN:  # which sees no deletion: the daily look does
        story.later(hours=25)
    shop.run()
    assert "Ada Berg" not in shop.people()
    assert shop.rows().keys() == {"Bo Dahl"}
    shop.edit(bo, is_deleted=1)
    shop.run()
    assert shop.people() == {}
    assert shop.run() == 0
