"""One-way passes: what a migration writes, what it leaves to the next sync, and what stays out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector.testing.world import PERFECT
from tests.migrating import Moving
from tests.story import C, F, M, telling

Tell = Callable[..., Moving]


@pytest.fixture
def tell(tmp_path: Path) -> Iterator[Tell]:
    yield from telling(tmp_path, Moving)


def rows(story: Moving) -> int:
    return int(story.sql("SELECT count(*) AS n FROM clients WHERE is_deleted = 0")[0]["n"])


def written(story: Moving) -> list[int]:
    report = story.run()
    assert report.exit == 0, report
    return [one.counts.written for one in report.passes]


def test_from_the_shop_nothing_is_written_into_the_shop(tell: Tell) -> None:
    story = tell({"crm": "local"})
    story.client("王一", mail="a@example.test")
    story.vendor.create(C, {"Last": "Only", "Mail": "only@example.test"})
    report = story.run()
    assert [p.counts.created for p in report.passes] == [1, 0, 0]
    assert [p.counts.left_there for p in report.passes] == [1, 0, 0]
    assert rows(story) == 1
    story.sources = {}
    assert written(story) == [1, 0, 0]  # the sync after it takes what was left to it
    assert rows(story) == 2


def test_from_a_vendor_nothing_is_written_at_the_vendor(tell: Tell) -> None:
    story = tell({"crm": "remote"})
    mine = story.vendor.create(C, {"Last": "Their", "Mail": "t@example.test"})
    story.vendor.create(M, {"Name": "card-1", "Person": {"id": mine}, "Plan": "Year"})
    story.client("王一", mail="a@example.test")
    story.run()
    assert rows(story) == 2
    assert len(story.sql("SELECT * FROM cards")) == 1
    calls = story.vendor.calls
    assert calls["create"] == calls["update"] == calls["remove"] == 0
    story.sources = {}
    assert written(story) == [1, 0, 0]
    assert story.at_vendor() == Counter(["t@example.test", "a@example.test"])


def test_from_vendor_to_vendor_goes_through_the_shop_in_one_run(tell: Tell) -> None:
    story = tell({"crm": "remote", "new": "local"}, others={"new": PERFECT})
    for n in range(9):
        ref = story.vendor.create(C, {"Last": f"P{n}", "Mail": f"p{n}@example.test"})
        story.vendor.create(F, {"Name": f"v{n}", "Person": {"id": ref}, "Score": n})
    story.run()
    assert story.at_vendor("new") == story.at_vendor()
    assert len(story.vendors["new"].dump(F)) == 9
    assert story.vendor.calls["create"] == story.vendor.calls["update"] == 0
    story.sources = {}
    assert sum(written(story)) == 0


def test_a_migration_removes_nothing_and_the_sync_after_it_does(tell: Tell) -> None:
    story = tell({"crm": "local"}, kinds=(C,))
    number = story.client("王一", mail="a@example.test")
    story.run()
    story.sql("UPDATE clients SET is_deleted = 1 WHERE no = :no", no=number)
    assert written(story) == [0]
    assert story.at_vendor() == Counter(["a@example.test"])
    story.sources = {}
    assert written(story) == [1]
    assert story.at_vendor() == Counter()


def test_a_record_that_both_have_takes_the_sources_values_where_the_shop_has_the_say(
    tell: Tell,
) -> None:
    story = tell({"crm": "local"}, kinds=(C,), first_contact="local")
    story.client("王一", mail="a@example.test", city="Lyon")
    story.vendor.create(C, {"Last": "王一", "Mail": "a@example.test", "City": "Nice"})
    report = story.run()
    assert [(p.counts.created, p.counts.updated) for p in report.passes] == [(0, 1)]
    assert [d["fields"]["City"] for d in story.vendor.dump(C)] == ["Lyon"]
    story.sources = {}
    assert written(story) == [0]


def test_where_the_target_has_the_say_the_record_waits_for_the_sync(tell: Tell) -> None:
    story = tell({"crm": "local"}, kinds=(C,), first_contact="remote")
    story.client("王一", mail="a@example.test", city="Lyon")
    story.vendor.create(C, {"Last": "王一", "Mail": "a@example.test", "City": "Nice"})
    assert [p.counts.left_there for p in story.run().passes] == [1]
    assert story.sql("SELECT city FROM clients")[0]["city"] == "Lyon"
    story.sources = {}
    story.run()
    assert story.sql("SELECT city FROM clients")[0]["city"] == "Nice"
