"""A day's calls are spent: the run ends partly done (exit 6), and the next day goes on there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.errors import RateLimitedError
from connector.store import scopes
from connector.sync.report import RunReport
from connector.testing.weather import Phase, Trouble
from connector.testing.world import PERFECT, MemoryVendor
from tests.story import C, Story, Tell
from tests.sync.hub import COUNTING, clients, written


class Quota:
    """A vendor that takes so many calls on a day of its clock, and no more."""

    def __init__(self, vendor: MemoryVendor, calls: int) -> None:
        self.vendor, self.calls = vendor, calls
        self.days: dict[str, int] = {}
        vendor.weather = self.weather

    def weather(self, operation: str, phase: Phase) -> Trouble | None:
        if phase != "before":
            return None
        day = self.vendor.clock.now().date().isoformat()
        if self.days.get(day, 0) >= self.calls:
            return Trouble.THROTTLED
        self.days[day] = self.days.get(day, 0) + 1
        return None


def watermark(story: Story, name: str = "crm") -> int | None:
    with story.store().read() as tx:
        known = scopes.get(tx, name, C)
    return known.since_us if known is not None else None


def days_until_done(story: Story) -> list[RunReport]:
    """A run a day until one ends whole."""
    reports = []
    for _ in range(30):
        story.later(hours=25)
        before = watermark(story)
        reports.append(story.run())
        after = watermark(story)
        assert before is None or (after is not None and after >= before), "it never goes back"
        if not reports[-1].exit:
            return reports
        assert reports[-1].exit == 6
        assert all(isinstance(error, RateLimitedError) for error in reports[-1].errors)
    raise AssertionError("not done in 30 days")


@pytest.mark.parametrize("able", [PERFECT, COUNTING], ids=["unique key", "plain key"])
def test_writes_go_on_on_the_next_day_and_none_is_made_twice(tell: Tell, able: object) -> None:
    story = tell(kinds=(C,), capabilities=able)
    for number in range(60):
        story.client(f"n{number:02d}", mail=f"n{number}@example.test")
    quota = Quota(story.vendor, 5 if able is PERFECT else 30)
    reports = days_until_done(story)
    assert len(reports) > 1
    assert max(quota.days.values()) <= quota.calls
    story.vendor.weather = lambda operation, phase: None
    story.settle()
    assert len(story.vendor.dump(C)) == 60 == len(story.people())
    before = written(story)
    story.settle()
    assert written(story) == before


def test_a_first_read_goes_on_from_its_page_and_skips_no_edit(tell: Tell) -> None:
    story = tell(kinds=(C,))
    for number in range(60):
        story.vendor.create(C, {"Last": f"n{number:02d}", "Mail": f"n{number}@example.test"})
    quota = Quota(story.vendor, 5)  # of each day's calls, one is the account's, one the metadata's
    story.later(hours=25)
    assert story.run().exit == 6
    story.vendor.edit(C, story.ref("n00"), {"Job": "smith"})
    reports = days_until_done(story)
    pages = -(-61 // story.vendor.page_size)
    assert story.vendor.calls["changes"] <= pages + 2 * (len(reports) + 1), "no page is read anew"
    assert max(quota.days.values()) <= quota.calls
    story.vendor.weather = lambda operation, phase: None
    story.settle()
    story.settle()
    jobs = {str(row["full_name"]): row["job"] for row in clients(story)}
    assert len(jobs) == 60
    assert jobs["n00"] == "smith"


def test_one_vendors_spent_day_stops_no_other(tell: Tell) -> None:
    story = tell(kinds=(C,), others={"far": COUNTING})
    story.client("Ada", mail="ada@example.test")
    story.settle()
    story.settle()
    Quota(story.vendor, 0)
    story.sql("UPDATE clients SET job = 'smith'")
    story.later(seconds=300)
    assert story.run().exit == 6
    assert [d["fields"]["Job"] for d in story.vendors["far"].dump(C)] == ["smith"]
    story.vendor.weather = lambda operation, phase: None
    story.settle()
    assert story.people()["Ada"]["Job"] == "smith"


def test_a_day_that_ends_in_the_listing_goes_on_in_it(tell: Tell) -> None:
    story = tell(kinds=(C,), capabilities=replace(COUNTING, removal="final"), page_size=1)
    story.compare_daily = 0
    for name in ("Ada", "Bo", "Cy", "Di", "Eva"):
        story.client(name, mail=f"{name.lower()}@example.test")
    story.settle()
    story.settle()
    story.vendor.remove(C, story.ref("Eva"))
    Quota(story.vendor, 5)
    reports = days_until_done(story)
    assert len(reports) > 1
    assert {str(row["full_name"]) for row in clients(story)} == {"Ada", "Bo", "Cy", "Di"}
