"""Capture by a time in the row, whatever type the column is of; and looking at a view."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from connector.local.contract import Capture
from connector.local.opening import open_local
from connector.local.shapes import KindTable
from connector.local.sql import SqlLocal
from connector.records import Kind
from tests.servers import database

C = Kind.CUSTOMER
ZONE = "Asia/Shanghai"
NOON = dt.datetime.fromisoformat("2026-03-01T12:00:00+00:00")
WALL = NOON.astimezone(ZoneInfo(ZONE)).replace(tzinfo=None)
"""Noon as the shop's own clocks on the wall show it."""

FORMS: dict[tuple[str, str], str | int] = {
    ("postgresql", "TIMESTAMP"): WALL.isoformat(" "),
    ("postgresql", "TIMESTAMPTZ"): NOON.isoformat(" "),
    ("postgresql", "BIGINT"): int(NOON.timestamp()),
    ("postgresql", "NUMERIC(16)"): int(NOON.timestamp()) * 1000,
    ("postgresql", "TEXT"): WALL.isoformat(" "),
    ("mariadb", "DATETIME"): WALL.isoformat(" "),
    ("mariadb", "DATETIME(6)"): WALL.isoformat(" "),
    ("mariadb", "TIMESTAMP NULL"): WALL.isoformat(" "),
    ("mariadb", "INT"): int(NOON.timestamp()),
    ("mariadb", "BIGINT UNSIGNED"): int(NOON.timestamp()) * 1000,
    ("mariadb", "VARCHAR(30)"): WALL.isoformat(" "),
}
"""Server and type of the column, to noon as that column holds it."""


def shifted(held: str | int, seconds: int) -> str | int:
    """The same so many seconds later, in the same form."""
    if isinstance(held, int):
        return held + seconds * (1000 if held > 10**11 else 1)
    return (dt.datetime.fromisoformat(held) + dt.timedelta(seconds=seconds)).isoformat(" ")


@contextmanager
def shop(server: str, *statements: str) -> Iterator[sa.Engine]:
    """An empty database of its own, after these statements."""
    with database(server) as url:
        engine = open_local(url, ZONE)
        try:
            with engine.begin() as tx:
                for statement in statements:
                    tx.exec_driver_sql(statement)
            yield engine
        finally:
            engine.dispose()


@pytest.mark.parametrize(("server", "type_"), FORMS)
def test_rows_from_a_moment_on_are_found_and_each_once(server: str, type_: str) -> None:
    with shop(
        server, f"CREATE TABLE people (id INT PRIMARY KEY, at_ {type_}, name TEXT)"
    ) as engine:
        with engine.begin() as tx:
            # As the shop's own programs do: what they write is the time on the shop's wall.
            zone = "SET time_zone = '+08:00'" if server == "mariadb" else f"SET TIME ZONE '{ZONE}'"
            tx.exec_driver_sql(zone)
            held = FORMS[server, type_]
            for key, seconds in ((1, -3600), (2, -1), (3, 0), (4, 0), (5, 0), (6, 1), (7, 3600)):
                tx.exec_driver_sql(
                    "INSERT INTO people VALUES (%(key)s, %(at)s, 'Ada')",
                    {"key": key, "at": shifted(held, seconds)},
                )
            tx.exec_driver_sql("INSERT INTO people VALUES (8, NULL, 'Bo')")
        table = KindTable("people", "id", capture=Capture.COLUMN, modified="at_")
        local = SqlLocal(engine, {C: table}, "1a2b3c4d")
        local.observe(C, ["name"])
        found: list[str] = []
        place = None
        while True:
            page = local.changed(C, NOON, place, 2)
            found += page.keys
            place = page.place
            if place is None:
                break
        assert found == ["3", "4", "5", "6", "7"]


VIEWED = (
    "CREATE TABLE everybody (id INT PRIMARY KEY, name TEXT, staff INT)",
    "INSERT INTO everybody VALUES (1, 'Ada', 0), (2, 'Bo', 1), (3, 'Cy', 0), (4, 'Di', 0)",
    "CREATE VIEW buyers AS SELECT id, name FROM everybody WHERE staff = 0",
)


@pytest.mark.parametrize("server", ["postgresql", "mariadb"])
def test_a_view_is_looked_at_in_pages(server: str) -> None:
    with shop(server, *VIEWED) as engine:
        local = SqlLocal(engine, {C: KindTable("buyers", "id", capture=Capture.SCAN)}, "1a2b3c4d")
        local.observe(C, ["name"])
        assert [row.key for row in local.scan(C, None, 2)] == ["1", "3"]
        assert [row.key for row in local.scan(C, "3", 2)] == ["4"]
        assert local.present(C, ["1", "2", "4"]) == {"1", "4"}
