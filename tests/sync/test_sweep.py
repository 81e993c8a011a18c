"""The daily listing of ids: it finds what no feed tells, and nothing is deleted on its word."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from connector.errors import SafetyStopError
from connector.store import links
from connector.testing.weather import Trouble
from tests.story import C, Slow, Story, Tell
from tests.sync.hub import COUNTING, one


@pytest.fixture
def story(tell: Tell) -> Story:
    """A vendor that tells of no removals, with three customers that both sides know."""
    story = tell(capabilities=replace(COUNTING, removal="final"), page_size=2)
    story.compare_daily = 0
    for name in ("Ada", "Bo", "Cy"):
        story.client(name, mail=f"{name.lower()}@example.test")
    story.settle()
    story.settle()
    return story


def clients(story: Story) -> set[str]:
    rows = story.sql("SELECT full_name FROM clients WHERE is_deleted = 0")
    return {row["full_name"] for row in rows}


def states(story: Story) -> set[str]:
    with story.store().read() as tx:
        return {row[0] for row in tx.exec_driver_sql("SELECT state FROM link").all()}


def test_a_record_deleted_for_good_is_found_by_the_next_day_s_listing(story: Story) -> None:
    story.vendor.remove(C, story.ref("Bo"))
    story.settle()
    assert clients(story) == {"Ada", "Bo", "Cy"}, "no feed told of it"
    story.later(hours=24)
    report = story.settle()
    assert clients(story) == {"Ada", "Cy"}
    assert sum(p.counts.removed for p in report.passes) == 1


def test_it_is_listed_once_a_day_and_costs_a_call_for_each_page(story: Story) -> None:
    story.later(hours=24)
    before = story.vendor.calls["listing"]
    story.settle()
    story.settle()
    assert story.vendor.calls["listing"] - before == 2 + 1 + 1, "two pages, and two empty kinds"


def test_a_record_that_is_hidden_from_us_is_not_deleted(story: Story) -> None:
    story.vendor.hide(C, story.ref("Bo"))
    story.later(hours=24)
    story.settle()
    assert clients(story) == {"Ada", "Bo", "Cy"}
    assert links.OUT in states(story)


def test_a_hidden_record_that_is_back_is_kept_in_step_again(story: Story) -> None:
    ref = story.ref("Bo")
    story.vendor.hide(C, ref)
    story.later(hours=24)
    story.settle()
    story.vendor.hide(C, ref, hidden=False)
    story.sql("UPDATE clients SET job = 'smith' WHERE full_name = 'Bo'")
    story.later(hours=24)
    story.settle()
    assert story.people()["Bo"]["Job"] == "smith"
    assert links.OUT not in states(story)


def test_more_missing_than_the_cap_removes_nobody(tell: Tell) -> None:
    story = tell(capabilities=replace(COUNTING, removal="final"))
    for number in range(12):
        story.client(f"n{number}", mail=f"n{number}@example.test")
    story.settle()
    story.settle()
    for number in range(6):
        story.vendor.remove(C, story.ref(f"n{number}"))
    story.later(hours=24)
    report = story.run()
    assert any(isinstance(error, SafetyStopError) for error in report.errors)
    assert len(clients(story)) == 12


def test_a_listing_that_broke_off_goes_on_and_judges_only_at_its_end(story: Story) -> None:
    story.vendor.remove(C, story.ref("Cy"))
    story.vendor.page_size = 1
    story.later(hours=24)
    pages = 0

    def weather(operation: str, phase: str) -> Trouble | None:
        nonlocal pages
        pages += operation == "listing" and phase == "before"
        return Trouble.LOST_BEFORE if operation == "listing" and pages == 2 else None

    story.vendor.weather = weather
    assert story.run().errors
    assert clients(story) == {"Ada", "Bo", "Cy"}
    story.vendor.weather = lambda operation, phase: None
    before = story.vendor.calls["listing"]
    story.settle()
    assert clients(story) == {"Ada", "Bo"}
    assert story.vendor.calls["listing"] - before == 1 + 1 + 1


def test_a_change_that_came_too_late_for_its_window_is_found(story: Story) -> None:
    record = story.vendor.records[C][story.ref("Bo")]
    story.vendor.edit(C, story.ref("Bo"), {"Job": "smith"})
    # The feed shows it only after the window has passed for good.
    record.commits[-1].shown["feed"] = story.clock.now().replace(year=2100)  # type: ignore[index]  # a vendor that breaks its promise
    story.settle()
    assert one_job(story) is None
    story.later(hours=24)
    story.settle()
    assert one_job(story) == "smith"


def one_job(story: Story) -> str | None:
    [row] = story.sql("SELECT job FROM clients WHERE full_name = 'Bo'")
    job: str | None = row["job"]
    return job


def test_a_change_that_its_feed_showed_too_late_is_found_and_reported(tell: Tell) -> None:
    story = tell()
    story.client("Ada", mail="ada@example.test", job="baker")
    story.settle()
    honest = story.vendor.capabilities
    story.vendor.capabilities = replace(honest, feed_lag=dt.timedelta(hours=3))
    story.vendor.rng = Slow()  # type: ignore[assignment]  # it shows things as late as it may
    story.vendor.edit(C, one(story.vendor)["ref"], {"Job": "cook"})
    story.vendor.capabilities = honest
    story.later(hours=2)
    story.settle()
    story.later(hours=2)
    story.settle()
    [row] = story.sql("SELECT job FROM clients")
    assert row["job"] == "baker", "the window is past it"
    story.later(hours=24)
    report = story.settle()
    [row] = story.sql("SELECT job FROM clients")
    assert row["job"] == "cook"
    assert sum(one.counts.late for one in report.passes) == 1


def test_what_waits_or_is_set_aside_is_not_taken_up_again_by_a_listing(tell: Tell) -> None:
    story = tell()
    story.vendor.create(C, {"Last": "One", "Mobile": "+8613900000001"})
    story.vendor.create(C, {"Last": "Two", "Mobile": "+8613900000001"})
    story.settle()
    waiting = [(one.record, one.code) for one in story.review().letters()]
    assert waiting
    calls = story.vendor.calls["fetch"]
    story.later(hours=25)
    story.settle()
    assert [(one.record, one.code) for one in story.review().letters()] == (waiting)
    assert story.vendor.calls["fetch"] <= calls + 1, "one look at the linked ones, none at letters"
