"""A shop's database on bad days: locks, deadlocks, an unread journal, bytes that are no text."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from connector.errors import LocalError
from connector.local.opening import open_local
from connector.sync.report import RunReport
from tests.databases.server_story import ServerStory
from tests.databases.test_faults import wait_for
from tests.servers import NAMES, database
from tests.story import C, Story


class Impatient(ServerStory):
    """It waits a second for a lock, not half a minute."""

    lock_s = 1


@pytest.fixture(params=NAMES)
def story(request: pytest.FixtureRequest) -> Iterator[Story]:
    with database(request.param) as place:
        story = Impatient(where=place, kinds=(C,))
        for name in ("Ada Berg", "Bo Dahl", "Cy Ek"):
            story.client(name, city="Brno")
        assert well(story.run()).passes[0].counts.created == 3
        story.later(minutes=5)
        yield story
        story.close()


def well(report: RunReport) -> RunReport:
    assert (report.errors, report.letters, report.conflicts) == ([], 0, 0)
    return report


@contextmanager
def host(story: Story) -> Iterator[sa.Connection]:
    """A transaction of the shop's own programs, held open."""
    with story.shop_engine.connect() as tx, tx.begin():
        yield tx


def how_it_ends(story: Story) -> Exception | None:
    """The error of one run, whether before its passes or in one."""
    try:
        report = story.run()
    except LocalError as error:
        return error
    return next(iter(report.errors), None)


def cities(story: Story) -> dict[str, str | None]:
    rows = story.sql("SELECT full_name, city FROM clients")
    return {row["full_name"]: row["city"] for row in rows}


LOCKED = {
    "postgresql": ["LOCK TABLE clients IN ACCESS EXCLUSIVE MODE"],
    "mariadb": ["LOCK TABLES clients WRITE"],
}


WAITING = {
    "postgresql": "SELECT 1 FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'",
    "mariadb": "SELECT 1 FROM information_schema.global_status"
    " WHERE variable_name = 'INNODB_ROW_LOCK_CURRENT_WAITS' AND variable_value > 0",
}
"""Rows while a transaction waits for another's lock."""


def test_a_table_that_is_locked_for_long_ends_the_run_and_loses_nothing(story: Story) -> None:
    story.vendor.edit(C, story.ref("Ada Berg"), {"City": "Oslo"})
    story.sql("UPDATE clients SET city = 'Lyon' WHERE no = 2")
    with host(story) as tx:
        for statement in LOCKED[story.shop_engine.dialect.name]:
            tx.exec_driver_sql(statement)
        assert type(how_it_ends(story)) is LocalError
        if story.shop_engine.dialect.name == "mariadb":
            tx.exec_driver_sql("UNLOCK TABLES")
    story.later(minutes=5)
    well(story.run())
    assert cities(story) == {"Ada Berg": "Oslo", "Bo Dahl": "Lyon", "Cy Ek": "Brno"}
    assert story.people()["Bo Dahl"]["City"] == "Lyon"


def test_a_deadlock_with_the_host_is_over_by_the_next_run(story: Story) -> None:
    """The host holds the second row and then wants the first, which our transaction holds."""
    for name in ("Ada Berg", "Bo Dahl"):
        story.vendor.edit(C, story.ref(name), {"City": "Oslo"})
    reports: list[RunReport] = []
    worker = threading.Thread(target=lambda: reports.append(story.run()))
    with host(story) as tx:
        if story.shop_engine.dialect.name == "postgresql":  # which gives up who looks first
            tx.exec_driver_sql("SET LOCAL deadlock_timeout = '1min'; SET LOCAL lock_timeout = 0")
        # More work than ours: MariaDB gives up the one that did less.
        tx.exec_driver_sql("UPDATE clients SET job = 'host' WHERE no >= 2")
        worker.start()
        waiting = WAITING[story.shop_engine.dialect.name]
        # ours has written the first row then
        wait_for(lambda: story.sql(waiting) or not worker.is_alive())
        tx.exec_driver_sql("UPDATE clients SET job = 'host' WHERE no = 1")
    worker.join(30)
    [report] = reports
    assert [type(error) for error in report.errors] in ([], [LocalError])
    for _ in range(2):
        story.later(minutes=5)
        well(story.run())
    assert cities(story) == {"Ada Berg": "Oslo", "Bo Dahl": "Oslo", "Cy Ek": "Brno"}
    assert {fields["Job"] for fields in story.people().values()} == {"host"}


def test_a_journal_that_nobody_read_for_a_month_is_read_in_pages(story: Story) -> None:
    with story.shop_engine.begin() as tx:
        for number in range(700):
            tx.exec_driver_sql(f"UPDATE clients SET city = 'City {number}'")
    story.sql("DELETE FROM clients WHERE no = 3")
    calls = story.vendor.calls["update"]
    story.later(days=31)
    well(story.run())
    assert {n: f["City"] for n, f in story.people().items()} == dict.fromkeys(
        ("Ada Berg", "Bo Dahl"), "City 699"
    )
    assert story.vendor.calls["update"] - calls == 1, "what changed often travels once"
    with story.shop_engine.connect() as tx:
        journal = f"crm_connector_journal_{story.store().store_id}"
        assert tx.exec_driver_sql(f"SELECT count(*) FROM {journal}").scalar_one() == 0


# --- bytes that are no text -----------------------------------------------------------------------

GB18030 = "张".encode("gb18030")


def broken(story: Story, raw: bytes) -> None:
    """One city holds these bytes."""
    with story.shop_engine.begin() as tx:
        if tx.dialect.name == "sqlite":
            text = f"CAST(x'{raw.hex()}' AS TEXT)"
        else:
            text = "E'" + "".join(f"\\x{byte:02x}" for byte in raw) + "'"
        tx.exec_driver_sql(f"UPDATE clients SET city = {text} WHERE no = 1")


def told_with_bytes(story: Story) -> None:
    """The value alone stays behind, is listed, and is healed by an edit at the vendor."""
    story.client("Ada Berg", city="Brno")
    story.client("Bo Dahl", city="Brno")
    well(story.run())
    broken(story, GB18030)
    story.sql("UPDATE clients SET job = 'smith' WHERE no = 1")
    story.sql("UPDATE clients SET city = 'Oslo' WHERE no = 2")
    story.later(minutes=5)
    report = story.run()
    assert (report.errors, report.passes[0].counts.left_out) == ([], 1)
    assert story.people()["Ada Berg"]["City"] == "Brno"
    assert story.people()["Ada Berg"]["Job"] == "smith"
    assert story.people()["Bo Dahl"]["City"] == "Oslo"
    story.later(minutes=5)
    assert story.run().passes[0].counts.written == 0
    story.vendor.edit(C, story.ref("Ada Berg"), {"City": "Turku"})
    for _ in range(2):
        story.later(minutes=5)
        assert story.run().errors == []
    assert cities(story) == {"Ada Berg": "Turku", "Bo Dahl": "Oslo"}


def test_bytes_that_are_no_text_in_sqlite_leave_out_their_value_alone() -> None:
    class Shop(Story):
        def open_shop(self) -> sa.Engine:
            (self.folder / "shop.db").touch()
            engine = open_local(f"sqlite:///{self.folder}/shop.db", "Asia/Shanghai")
            self.make_tables(engine)
            return engine

    story = Shop(kinds=(C,))
    told_with_bytes(story)
    story.close()


def test_bytes_that_are_no_text_in_a_postgresql_without_encoding_leave_out_theirs() -> None:
    how = "ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    with database("postgresql", how=how) as place:
        story = ServerStory(where=place, kinds=(C,))
        told_with_bytes(story)
        story.close()


def test_a_column_of_an_older_character_set_arrives_whole() -> None:
    with database("mariadb") as place:
        story = ServerStory(where=place, kinds=(C,))
        with story.shop_engine.begin() as tx:
            tx.exec_driver_sql("ALTER TABLE clients MODIFY city VARCHAR(60) CHARACTER SET gbk")
        story.client("Ada Berg", city="上海市")
        well(story.run())
        assert story.people()["Ada Berg"]["City"] == "上海市"
        story.close()
