"""Changes of the shop's rows without triggers: by a time in the row, and by looking at all rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector.errors import SettingsError
from connector.local import notes
from connector.local.contract import Capture
from tests.scenery import TABLES
from tests.story import C, Died, Story, Tell


class Watched(Story):
    """A shop of customers whose changes are noticed in another way than by its journal."""

    def __init__(self, how: Capture, folder: Path) -> None:
        modified = "changed" if how is Capture.COLUMN else None
        tables = {C: replace(TABLES[C], capture=how, modified=modified)}
        super().__init__(kinds=(C,), tables=tables, folder=folder)
        self.compare_daily = 0

    def open_shop(self) -> sa.Engine:
        engine = super().open_shop()
        with engine.begin() as tx:
            tx.exec_driver_sql("ALTER TABLE clients ADD COLUMN changed TEXT")
        return engine

    def touch(self, statement: str, **values: object) -> None:
        """A program of the shop's that keeps the time of a row's change."""
        self.sql(statement.replace("SET ", "SET changed = :now, "), now=now(), **values)


def now() -> str:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None).isoformat(" ")


@pytest.fixture(params=[Capture.COLUMN, Capture.SCAN])
def story(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Watched]:
    story = Watched(request.param, tmp_path)
    yield story
    story.close()


def test_what_is_made_edited_and_deleted_without_triggers_travels(story: Watched) -> None:
    one, two = (story.client(name, changed=now()) for name in ("Anna Berg", "Boris Dahl"))
    story.run()
    assert set(story.people()) == {"Anna Berg", "Boris Dahl"}
    story.touch("UPDATE clients SET city = 'Lyon' WHERE no = :no", no=one)
    story.client("Clara Ek", changed=now())
    story.run()
    assert story.people()["Anna Berg"]["City"] == "Lyon"
    assert "Clara Ek" in story.people()
    story.sql("DELETE FROM clients WHERE no = :no", no=two)
    story.later(hours=25)
    story.run()
    assert set(story.people()) == {"Anna Berg", "Clara Ek"}
    assert story.run().passes[0].counts.written == 0


def test_a_soft_delete_is_seen_in_the_next_run(story: Watched) -> None:
    one = story.client("Anna Berg", changed=now())
    story.run()
    story.touch("UPDATE clients SET is_deleted = 1 WHERE no = :no", no=one)
    story.run()
    assert story.people() == {}


def test_an_edit_that_moves_no_time_is_found_by_the_daily_look(story: Watched) -> None:
    one = story.client("Anna Berg", changed="2020-01-01 00:00:00")
    story.run()
    story.sql("UPDATE clients SET city = 'Lyon' WHERE no = :no", no=one)
    story.later(hours=25)
    story.run()
    assert story.people()["Anna Berg"]["City"] == "Lyon"


def test_a_look_that_was_broken_off_goes_on_where_it_was(story: Watched) -> None:
    for number in range(1200):
        story.client(f"Person {number}", changed=now())
    looked: list[int] = []

    @sa.event.listens_for(story.shop_engine, "before_cursor_execute")
    def note(conn: object, cursor: object, statement: str, *more: object) -> None:
        if "ORDER BY clients.no" in statement and "changed" not in statement:
            looked.append(1)

    left = [2]

    def die(point: str) -> None:
        if point == "after commit: stage rows":
            left[0] -= 1
            if not left[0]:
                story.dead = True
                raise Died

    story.hook = die
    with pytest.raises(Died):
        story.run()
    story.hook, story.dead = lambda point: None, False
    before = len(looked)
    story.later(minutes=10)
    story.run()
    assert len(story.people()) == 1200
    assert len(looked) - before < before, "it reads on, and not from the beginning"


def test_a_shop_whose_rows_all_changed_unnoted_is_looked_at_whole(tell: Tell) -> None:
    """What PostgreSQL's TRUNCATE and triggers that were missing for a while leave behind."""
    story = tell(kinds=(C,))
    kept, lost = story.client("Anna Berg"), story.client("Boris Dahl")
    story.run()
    journal = notes.Tables.named(story.store().store_id).journal.name
    story.sql("UPDATE clients SET city = 'Lyon' WHERE no = :no", no=kept)
    story.sql("DELETE FROM clients WHERE no = :no", no=lost)
    story.sql(f"DELETE FROM {journal}")
    story.run()
    assert "City" not in story.people()["Anna Berg"]
    story.sql(f"INSERT INTO {journal} (tbl, key, op) VALUES ('clients', '', 'T')")
    story.run()
    assert story.people()["Anna Berg"]["City"] == "Lyon"
    assert "Boris Dahl" not in story.people()


def test_a_run_without_its_triggers_ends_before_it_reads_anything(tell: Tell) -> None:
    story = tell(kinds=(C,))
    [name] = story.sql(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_delete'"
    )
    story.sql(f"DROP TRIGGER {name['name']}")
    with pytest.raises(SettingsError, match="missing on clients"):
        story.run()
