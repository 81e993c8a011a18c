"""A membership that lives in its customer's row: made, changed and removed without the row."""

from __future__ import annotations

from typing import Any

import pytest

from connector.local.shapes import Condition, Inner, KindTable
from connector.plugin import Ref
from connector.sync.counts import Limits
from connector.sync.report import RunReport
from connector.sync.setup import Setup
from tests.scenery import Shape
from tests.stopping import unlike
from tests.story import C, Died, M, Story, Tell, die_at

SHOP = """
CREATE TABLE clients (
  no INTEGER PRIMARY KEY AUTOINCREMENT, full_name TEXT NOT NULL, mobile TEXT, mail TEXT,
  city TEXT, street TEXT, job TEXT, tags TEXT, no_mail INTEGER NOT NULL DEFAULT 0,
  is_deleted INTEGER NOT NULL DEFAULT 0, password TEXT,
  level INTEGER, card TEXT, points INTEGER, ends TEXT);
"""

CARD = """
kind: membership
fields:
  card_no: {column: card, lens: text}
  points: {column: points, lens: integer}
  valid_to: {column: ends, lens: date}
"""

IN_ROW = KindTable(
    "clients",
    "no",
    deleted=Condition("is_deleted", "equals", 1),
    defaults={"level": 1},
    inner=Inner(Condition("level", "is_null", False), None, ("card", "points", "ends")),
)

WIDE = Limits(100, 1000)


def a_story(tell: Tell, **more: Any) -> Story:
    return tell(
        kinds=(C, M),
        shop=SHOP,
        shapes={M: Shape(IN_ROW, CARD)},
        setup=Setup("Asia/Shanghai", "CN", WIDE, WIDE),
        **more,
    )


@pytest.fixture
def story(tell: Tell) -> Story:
    return a_story(tell)


def ok(report: RunReport) -> RunReport:
    assert (report.errors, report.letters, report.conflicts) == ([], 0, 0)
    return report


def cards(story: Story) -> dict[str, Any]:
    """The vendor's memberships by card number: points and the person's last name."""
    people = {d["ref"]: d["fields"]["Last"] for d in story.vendor.dump(C)}
    return {
        d["fields"]["Name"]: (d["fields"].get("Points"), people.get(d["fields"]["Person"]["id"]))
        for d in story.vendor.dump(M)
    }


def card(story: Story, name: str) -> Ref:
    (found,) = [d["ref"] for d in story.vendor.dump(M) if d["fields"]["Name"] == name]
    assert isinstance(found, str)
    return Ref(found)


def row(story: Story, no: int) -> dict[str, Any]:
    (found,) = story.sql("SELECT full_name, level, card, points FROM clients WHERE no = :n", n=no)
    return dict(found)


def written(report: RunReport) -> int:
    return sum(p.counts.written for p in report.passes)


def quiet(story: Story) -> None:
    story.later(minutes=5)
    assert written(ok(story.run())) == 0
    (left,) = story.sql(f"SELECT count(*) AS n FROM crm_connector_journal_{story.worker.store_id}")
    assert left["n"] == 0


def test_a_membership_in_the_row_arrives_as_a_record_of_its_own(story: Story) -> None:
    story.client("Ada", level=2, card="K1", points=5)
    story.client("Bob")
    ok(story.run())
    assert cards(story) == {"K1": (5, "Ada")}
    assert sorted(story.people()) == ["Ada", "Bob"]
    quiet(story)


def test_a_change_of_the_row_is_news_for_both_kinds_and_noted_once(story: Story) -> None:
    no = story.client("Ada", level=2, card="K1", points=5)
    ok(story.run())
    story.sql("UPDATE clients SET points = 6, job = 'smith' WHERE no = :n", n=no)
    ok(story.run())
    assert cards(story) == {"K1": (6, "Ada")}
    assert story.people()["Ada"]["Job"] == "smith"
    quiet(story)


def test_a_change_is_kept_for_the_kind_that_takes_no_part_in_a_run(story: Story) -> None:
    """The journal row is removed for both kinds: what the other must know is marked for it."""
    no = story.client("Ada", level=2, card="K1", points=5)
    ok(story.run())
    story.sql("UPDATE clients SET points = 6, job = 'smith' WHERE no = :n", n=no)
    story.kinds_of_run = (C,)
    ok(story.run())
    assert cards(story) == {"K1": (5, "Ada")}
    assert story.people()["Ada"]["Job"] == "smith"
    story.kinds_of_run = (C, M)
    ok(story.run())
    assert cards(story) == {"K1": (6, "Ada")}
    quiet(story)


def test_a_membership_made_at_the_vendor_fills_its_customers_row(story: Story) -> None:
    no = story.client("Ada")
    ok(story.run())
    story.vendor.create(M, {"Name": "K7", "Person": {"id": story.ref("Ada")}, "Points": 3})
    ok(story.run())
    assert row(story, no) == {"full_name": "Ada", "level": 1, "card": "K7", "points": 3}
    assert len(story.sql("SELECT no FROM clients")) == 1
    quiet(story)


def test_a_customer_and_a_membership_made_at_the_vendor_become_one_row(story: Story) -> None:
    person = story.vendor.create(C, {"Last": "Ada", "Mail": "ada@example.test"})
    story.vendor.create(M, {"Name": "K7", "Person": {"id": person}, "Points": 3})
    ok(story.run())
    assert row(story, 1) == {"full_name": "Ada", "level": 1, "card": "K7", "points": 3}
    quiet(story)


def test_a_membership_deleted_at_the_vendor_leaves_the_customer(story: Story) -> None:
    no = story.client("Ada", level=2, card="K1", points=5)
    ok(story.run())
    story.vendor.remove(M, card(story, "K1"))
    ok(story.run())
    assert row(story, no) == {"full_name": "Ada", "level": None, "card": None, "points": None}
    assert list(story.people()) == ["Ada"]
    quiet(story)


def test_a_membership_ended_in_the_row_is_removed_at_the_vendor_alone(story: Story) -> None:
    no = story.client("Ada", level=2, card="K1", points=5)
    ok(story.run())
    story.sql("UPDATE clients SET level = NULL WHERE no = :n", n=no)
    ok(story.run())
    assert cards(story) == {}
    assert list(story.people()) == ["Ada"]
    quiet(story)


def test_a_membership_that_comes_back_in_the_row_is_a_new_record(story: Story) -> None:
    no = story.client("Ada", level=2, card="K1", points=5)
    ok(story.run())
    story.sql("UPDATE clients SET level = NULL WHERE no = :n", n=no)
    ok(story.run())
    story.sql("UPDATE clients SET level = 3 WHERE no = :n", n=no)
    ok(story.run())
    assert cards(story) == {"K1": (5, "Ada")}
    quiet(story)


@pytest.mark.parametrize(
    "how",
    ["DELETE FROM clients WHERE no = :n", "UPDATE clients SET is_deleted = 1 WHERE no = :n"],
)
def test_a_customer_deleted_in_the_shop_takes_the_membership_along_first(
    story: Story, how: str
) -> None:
    no = story.client("Ada", level=2, card="K1", points=5)
    ok(story.run())
    story.sql(how, n=no)
    ok(story.run())
    assert cards(story) == {} and story.people() == {}
    with story.state_engine.connect() as tx:
        query = "SELECT kind FROM event WHERE cause = 'remove_remote' ORDER BY rowid"
        assert [kind for (kind,) in tx.exec_driver_sql(query)] == [M, C]
    quiet(story)


def test_a_second_membership_of_one_person_waits_for_a_person(story: Story) -> None:
    no = story.client("Ada", level=2, card="K1", points=5)
    ok(story.run())
    story.vendor.create(M, {"Name": "K2", "Person": {"id": story.ref("Ada")}, "Points": 3})
    report = story.run()
    assert (report.letters, report.errors) == (1, [])
    assert row(story, no)["card"] == "K1"


def test_a_membership_moved_to_another_person_at_the_vendor_stays_in_its_row(story: Story) -> None:
    no = story.client("Ada", level=2, card="K1", points=5)
    story.client("Bob")
    ok(story.run())
    story.vendor.edit(M, card(story, "K1"), {"Person": {"id": story.ref("Bob")}, "Points": 8})
    report = ok(story.run())
    assert sum(p.counts.against_direction for p in report.passes) == 1
    assert row(story, no) == {"full_name": "Ada", "level": 2, "card": "K1", "points": 8}


def test_both_kinds_of_one_row_edited_at_the_vendor_are_written_in_one_run(story: Story) -> None:
    no = story.client("Ada", level=2, card="K1", points=5)
    ok(story.run())
    story.vendor.edit(C, story.ref("Ada"), {"Job": "smith"})
    story.vendor.edit(M, card(story, "K1"), {"Points": 9})
    ok(story.run())
    assert row(story, no)["points"] == 9
    assert story.sql("SELECT job FROM clients")[0]["job"] == "smith"
    quiet(story)


def test_a_row_that_would_hold_no_membership_after_the_write_is_left_alone(tell: Tell) -> None:
    """Nothing of the mapping or `defaults` makes `exists` true: the row is as it was."""
    table = KindTable("clients", "no", inner=IN_ROW.inner)
    story = tell(kinds=(C, M), shop=SHOP, shapes={M: Shape(table, CARD)})
    no = story.client("Ada")
    ok(story.run())
    story.vendor.create(M, {"Name": "K7", "Person": {"id": story.ref("Ada")}, "Points": 3})
    report = story.run()
    assert report.letters == 1
    assert row(story, no) == {"full_name": "Ada", "level": None, "card": None, "points": None}


def test_a_membership_removed_and_made_anew_by_the_vendor_is_bound_after_a_stop(
    tell: Tell,
) -> None:
    """The row has been a membership of ours before: only the newest write made the present one."""
    story = a_story(tell)
    story.client("Ada")
    ok(story.run())
    person = {"id": story.ref("Ada")}
    story.vendor.create(M, {"Name": "K1", "Person": person, "Points": 1})
    ok(story.run())
    story.vendor.remove(M, card(story, "K1"))
    ok(story.run())
    story.vendor.create(M, {"Name": "K2", "Person": person, "Points": 2})
    story.later(minutes=5)
    die_at(story, "after commit: write membership")
    story.later(minutes=5)
    ok(story.run())
    assert cards(story) == {"K2": (2, "Ada")}
    quiet(story)


# --- a stop at every point ------------------------------------------------------------------------


def told(tell: Tell, stop_at: int) -> tuple[list[str], dict[str, Any]]:
    """One story of both kinds, its second run stopped at a point (0: never); points and the end."""
    story = a_story(tell)
    for name, more in (("Ada", {"level": 2, "card": "K1"}), ("Bob", {"level": 2, "card": "K2"})):
        story.client(name, points=5, **more)
    for name in ("Cleo", "Dan", "Eve"):
        story.client(name)
    story.sql("UPDATE clients SET level = 4, card = 'K5' WHERE full_name = 'Eve'")
    ok(story.run())
    story.vendor.remove(M, card(story, "K1"))
    story.sql("UPDATE clients SET points = 6, job = 'smith' WHERE full_name = 'Bob'")
    story.vendor.create(M, {"Name": "K3", "Person": {"id": story.ref("Cleo")}, "Points": 1})
    story.sql("UPDATE clients SET level = 1, card = 'K4' WHERE full_name = 'Dan'")
    story.sql("DELETE FROM clients WHERE full_name = 'Eve'")
    fay = story.vendor.create(C, {"Last": "Fay", "Mail": "fay@example.test"})
    story.vendor.create(M, {"Name": "K6", "Person": {"id": fay}, "Points": 2})
    points: list[str] = []

    def point(name: str) -> None:
        points.append(name)
        if len(points) == stop_at:
            story.dead = True
            raise Died(name)

    story.hook = point
    story.later(minutes=5)
    try:
        ok(story.run())
    except Died:
        story.dead = False
    story.hook = lambda point: None
    story.later(minutes=5)
    ok(story.run())
    quiet(story)
    rows = story.sql("SELECT full_name, level, card, points, job FROM clients ORDER BY full_name")
    end = {"cards": cards(story), "people": sorted(story.people()), "rows": list(map(dict, rows))}
    return points, end


def test_a_stop_at_every_second_point_ends_with_the_same_rows_and_records(tell: Tell) -> None:
    points, wanted = told(tell, 0)
    assert wanted["cards"] == {
        "K2": (6, "Bob"),
        "K3": (1, "Cleo"),
        "K4": (None, "Dan"),
        "K6": (2, "Fay"),
    }
    assert [r["full_name"] for r in wanted["rows"]] == ["Ada", "Bob", "Cleo", "Dan", "Fay"]
    # Every point of the engine is stopped at in test_cut_everywhere.py; of these every second one.
    for at in unlike(points)[::2]:
        assert told(tell, at + 1)[1] == wanted, f"stopped at {points[at]}"
    assert len(points) > 20
