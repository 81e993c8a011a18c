"""Records that go: what goes with them, what comes back, and what never does."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from connector.errors import SafetyStopError
from connector.store import tables
from connector.sync.counts import Limits
from connector.sync.setup import Setup
from connector.testing.weather import Phase, Trouble
from connector.testing.world import PERFECT
from tests.story import C, Slow, Story, Tell

ON_GONE = "on_gone: {push: archive, pull: propagate}"


def live(story: Story) -> list[str]:
    rows = story.sql("SELECT full_name FROM clients WHERE is_deleted = 0 ORDER BY no")
    return [r["full_name"] for r in rows]


def known(story: Story, name: str = "Ada") -> int:
    number = story.client(name, mail=f"{name.lower()}@example.test", job="baker")
    story.settle()
    assert name in story.people()
    return number


def delete(story: Story, number: int) -> None:
    story.sql("UPDATE clients SET is_deleted = 1 WHERE no = :n", n=number)


# --- which way it goes ----------------------------------------------------------------------------


def test_a_client_deleted_in_the_shop_goes_to_the_vendors_bin(story: Story) -> None:
    number = known(story)
    delete(story, number)
    story.settle()
    assert story.people() == {}
    [record] = story.vendor.records[C].values()
    assert (record.now.state, record.now.by_us) == ("removed", True)


def test_a_row_that_is_wholly_gone_counts_as_deleted(story: Story) -> None:
    number = known(story)
    story.sql("DELETE FROM clients WHERE no = :n", n=number)
    story.settle()
    assert story.people() == {}


def test_a_person_deleted_at_the_vendor_goes_from_the_shop(tell: Tell) -> None:
    story = tell()
    known(story)
    story.vendor.remove(C, story.ref("Ada"))
    story.settle()
    assert live(story) == []
    story.settle()
    assert story.sql("SELECT count(*) AS n FROM clients")[0]["n"] == 0, "propagate: for good"


def test_archive_marks_the_shops_row_and_keeps_it(tell: Tell) -> None:
    story = tell(mapping={ON_GONE: "on_gone: {push: archive, pull: archive}"})
    known(story)
    story.vendor.remove(C, story.ref("Ada"))
    story.settle()
    [row] = story.sql("SELECT full_name, is_deleted FROM clients")
    assert (row["full_name"], row["is_deleted"]) == ("Ada", 1)


@pytest.mark.parametrize(("choice", "left"), [("remote", []), ("local", ["Ada"])])
def test_manual_asks_a_person_what_becomes_of_the_shops_row(
    tell: Tell, choice: str, left: list[str]
) -> None:
    story = tell(mapping={ON_GONE: "on_gone: {push: archive, pull: manual}"})
    known(story)
    story.vendor.remove(C, story.ref("Ada"))
    story.settle()
    story.settle()
    assert live(story) == ["Ada"], "nothing is removed unasked"
    review = story.review()
    [one] = review.conflicts()
    assert (one.field, one.rule) == ("*", "remote_gone")
    review.resolve(one.id, choice)
    story.settle()
    assert live(story) == left
    assert sorted(story.people()) == left, "kept here: it is made anew at the vendor"
    assert review.conflicts() == []


@pytest.mark.parametrize("side", ["shop", "vendor"])
def test_detach_lets_both_records_go_their_own_way(tell: Tell, side: str) -> None:
    story = tell(mapping={ON_GONE: "on_gone: {push: detach, pull: detach}"})
    number = known(story)
    if side == "shop":
        delete(story, number)
        story.settle()
        story.vendor.edit(C, story.ref("Ada"), {"City": "Harbour"})
        story.settle()
        assert (live(story), list(story.people())) == ([], ["Ada"])
    else:
        story.vendor.remove(C, story.ref("Ada"))
        story.settle()
        story.sql("UPDATE clients SET city = 'Harbour'")
        story.settle()
        assert (live(story), list(story.people())) == (["Ada"], [])


def test_what_is_gone_on_both_sides_needs_no_write(story: Story) -> None:
    number = known(story)
    delete(story, number)
    story.vendor.remove(C, story.ref("Ada"))
    before = dict(story.vendor.calls)
    story.settle()
    assert story.vendor.calls["remove"] == before.get("remove", 0)
    assert live(story) == []


# --- against an edit ------------------------------------------------------------------------------


def test_an_edit_at_the_vendor_wins_against_a_deletion_in_the_shop(story: Story) -> None:
    number = known(story)
    delete(story, number)
    story.vendor.edit(C, story.ref("Ada"), {"Job": "smith"})
    story.settle()
    story.settle()
    assert live(story) == ["Ada"]
    assert [p["Job"] for p in story.people().values()] == ["smith"]
    assert len(story.vendor.dump(C)) == 1


def test_an_edit_in_the_shop_wins_against_a_deletion_at_the_vendor(story: Story) -> None:
    number = known(story)
    story.vendor.remove(C, story.ref("Ada"))
    story.sql("UPDATE clients SET job = 'smith' WHERE no = :n", n=number)
    story.settle()
    story.settle()
    [made] = story.vendor.dump(C)
    assert (live(story), made["fields"]["Job"]) == (["Ada"], "smith")


def test_an_open_conflict_counts_as_an_edit_against_a_deletion(story: Story) -> None:
    number = known(story)
    story.sql("UPDATE clients SET city = 'Hill' WHERE no = :n", n=number)
    story.vendor.edit(C, story.ref("Ada"), {"City": "Dale"})
    story.settle()
    delete(story, number)
    story.settle()
    story.settle()
    assert [p["City"] for p in story.people().values()] == ["Dale"]
    assert live(story) == ["Ada"]


# --- coming back ----------------------------------------------------------------------------------


def test_a_record_restored_at_the_vendor_comes_back_as_a_new_epoch(story: Story) -> None:
    number = known(story)
    ref = story.ref("Ada")
    delete(story, number)
    story.settle()
    story.vendor.restore(C, ref)
    story.settle()
    story.settle()
    assert live(story) == ["Ada"]
    assert len(story.vendor.dump(C)) == 1
    with story.store().read() as tx:
        links = tx.exec_driver_sql("SELECT epoch, live FROM link ORDER BY epoch").all()
    assert [tuple(x) for x in links] == [(1, None), (2, 1)]


def test_a_late_copy_of_a_removed_record_brings_nothing_back(tell: Tell) -> None:
    story = tell()
    number = known(story)
    story.vendor.edit(C, story.ref("Ada"), {"City": "Harbour"})
    story.settle()
    delete(story, number)
    story.settle()

    def repeating(operation: str, phase: Phase) -> Trouble | None:
        return Trouble.STALE_PAGE if (operation, phase) == ("changes", "after") else None

    story.vendor.weather = repeating
    for _ in range(3):
        story.run()
        story.later(seconds=1)
    assert (live(story), story.people()) == ([], {})
    with story.store().read() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM link WHERE live = 1").scalar_one() == 0


def test_a_copy_that_the_feed_shows_late_brings_nothing_back(tell: Tell) -> None:
    """The feed shows our last write for a minute after our removal, and then the removal."""
    story = tell(capabilities=replace(PERFECT, feed_lag=dt.timedelta(seconds=120)))
    story.vendor.create(C, {"Last": "Ada", "Mail": "ada@example.test"})
    story.settle()
    story.vendor.rng = Slow()  # type: ignore[assignment]  # it shows things as late as it may
    story.sql("UPDATE clients SET job = 'smith'")
    story.run()
    story.later(seconds=60)
    story.sql("UPDATE clients SET is_deleted = 1")
    read = []
    for _ in range(6):
        report = story.run()
        assert report.errors == []
        assert (live(story), story.people()) == ([], {})
        read.append(report.passes[0].counts.read)
        story.later(seconds=31)
    assert read == [0, 0, 1, 1, 1, 1]
    assert [link["live"] for link in story.rows(tables.link)] == [None], "no other life begins"


def test_a_hidden_record_is_not_deleted_and_goes_on_when_it_is_seen_again(story: Story) -> None:
    number = known(story)
    ref = story.ref("Ada")
    story.vendor.edit(C, ref, {"City": "Harbour"})
    story.vendor.hide(C, ref)
    story.settle()
    story.sql("UPDATE clients SET job = 'smith' WHERE no = :n", n=number)
    story.settle()
    assert live(story) == ["Ada"]
    story.vendor.hide(C, ref, hidden=False)
    story.vendor.edit(C, ref, {"City": "Hill"})
    story.settle()
    story.settle()
    [row] = story.sql("SELECT city, job FROM clients")
    assert (row["city"], row["job"], story.people()["Ada"]["Job"]) == ("Hill", "smith", "smith")


# --- the brakes -----------------------------------------------------------------------------------


def crowd(story: Story, count: int) -> None:
    for n in range(count):
        story.client(f"P{n}", mail=f"p{n}@example.test", job="baker")
    story.settle()
    assert len(story.people()) == count


def stopped(story: Story) -> Any:
    story.later(seconds=300)
    report = story.run()
    assert report.exit == 8
    [error] = report.errors
    assert isinstance(error, SafetyStopError)
    return report


def test_more_removals_than_allowed_are_all_held_back_and_the_rest_goes_on(tell: Tell) -> None:
    story = tell(setup=Setup("UTC", "CN", Limits(5, 5), Limits(50, 200)))
    crowd(story, 12)
    story.sql("UPDATE clients SET is_deleted = 1 WHERE no <= 6")
    story.sql("UPDATE clients SET job = 'smith' WHERE no = 12")
    report = stopped(story)
    assert "6 records would be removed" in str(report.errors[0])
    assert len(story.people()) == 12
    assert story.people()["P11"]["Job"] == "smith"
    stopped(story)
    story.setup = Setup("UTC", "CN", Limits(5, 6), Limits(50, 200))
    story.settle()
    assert len(story.people()) == 6


def test_exactly_as_many_removals_as_allowed_go_through(tell: Tell) -> None:
    story = tell(setup=Setup("UTC", "CN", Limits(5, 5), Limits(50, 200)))
    crowd(story, 12)
    story.sql("UPDATE clients SET is_deleted = 1 WHERE no <= 5")
    story.settle()
    assert len(story.people()) == 7


def test_more_changes_than_allowed_are_all_held_back(tell: Tell) -> None:
    story = tell(setup=Setup("UTC", "CN", Limits(5, 5), Limits(10, 3)))
    crowd(story, 8)
    story.sql("UPDATE clients SET job = 'smith' WHERE no <= 4")
    story.client("New", mail="new@example.test")
    report = stopped(story)
    assert "4 records would be changed" in str(report.errors[0])
    assert [p.get("Job") for p in story.people().values()].count("smith") == 0
    assert "New" in story.people(), "a new record is no change"
