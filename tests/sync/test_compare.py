"""The slow look at whole records: what no feed and no listing tells is found within a round."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from connector.store import links, tables
from connector.sync.documents import Base
from connector.sync.report import RunReport
from connector.testing.world import Commit
from tests.simulation.vendors import SkewedClock
from tests.story import C, Story, Tell, die_at
from tests.sync.hub import COUNTING


def day(story: Story) -> RunReport:
    return story.settle(hours=25)


def silent(report: RunReport) -> int:
    return sum(one.counts.silent for one in report.passes)


def change_silently(story: Story, name: str, **fields: Any) -> None:
    """As a formula or a bulk load does that leaves the time of change alone."""
    record = story.vendor.records[C][story.ref(name)]
    last: Commit = record.commits[-1]
    record.commits[-1] = replace(last, fields={**last.fields, **fields})


def shop(story: Story) -> dict[str, str | None]:
    return {r["full_name"]: r["job"] for r in story.sql("SELECT full_name, job FROM clients")}


def known(tell: Tell, *names: str, **how: Any) -> Story:
    story = tell(kinds=(C,), **how)
    for name in names:
        story.client(name, mail=f"{name.lower()}@example.test", job="baker")
    story.run()
    story.later(seconds=300)
    story.run()
    return story


@pytest.mark.parametrize("how", [{}, {"capabilities": COUNTING}], ids=["timed", "counting"])
def test_a_value_that_changed_without_a_new_version_is_found(
    tell: Tell, how: dict[str, Any]
) -> None:
    story = known(tell, "Ada", "Bea", **how)
    day(story)
    change_silently(story, "Ada", Job="cook")
    story.later(minutes=5)
    story.run()
    assert shop(story)["Ada"] == "baker", "neither feed nor listing tells"
    assert silent(day(story)) == 1
    assert shop(story) == {"Ada": "cook", "Bea": "baker"}
    assert silent(day(story)) == 0


def test_what_is_edited_while_the_vendors_clock_is_behind_is_found_and_reported(
    tell: Tell,
) -> None:
    story = known(tell, "Ada")
    day(story)
    story.vendor.edit(C, story.ref("Ada"), {"City": "Lund"})
    story.later(minutes=5)
    story.run()
    story.vendor.clock = SkewedClock(story.clock, dt.timedelta(hours=-3))
    story.vendor.edit(C, story.ref("Ada"), {"Job": "cook"})
    story.vendor.records[C][story.ref("Ada")].commits[-1] = back(story, hours=3)
    story.later(minutes=5)
    report = story.run()
    assert any(one.counts.clock_back_s > 10_000 for one in report.passes)
    assert shop(story)["Ada"] == "baker"
    story.vendor.clock = story.clock
    day(story)
    assert shop(story)["Ada"] == "cook"


def back(story: Story, **span: float) -> Commit:
    """The last commit as a vendor stamps it whose clock is behind."""
    last: Commit = story.vendor.records[C][story.ref("Ada")].commits[-1]
    stamp = last.stamp - dt.timedelta(**span)
    version = stamp.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return replace(last, stamp=stamp, version=version)


def test_a_row_that_changed_behind_the_journal_is_found(tell: Tell) -> None:
    story = known(tell, "Ada")
    day(story)
    triggers = story.sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    for trigger in triggers:
        story.sql(f"DROP TRIGGER {trigger['name']}")
    story.sql("UPDATE clients SET job = 'cook'")
    for trigger in triggers:
        with story.shop_engine.begin() as tx:
            tx.exec_driver_sql(trigger["sql"])
    story.run()
    assert story.people()["Ada"]["Job"] == "baker"
    day(story)
    assert story.people()["Ada"]["Job"] == "cook"


def test_sides_that_differ_in_silence_are_brought_before_a_person(tell: Tell) -> None:
    story = known(tell, "Ada")
    day(story)
    disagree(story, "cook")
    assert day(story).conflicts == 1
    assert (shop(story)["Ada"], story.people()["Ada"]["Job"]) == ("baker", "cook")


def test_sides_that_differ_in_silence_follow_the_rule_of_a_first_contact(tell: Tell) -> None:
    story = known(tell, "Ada", first_contact="remote")
    day(story)
    disagree(story, "cook")
    assert silent(day(story)) == 1
    assert shop(story)["Ada"] == "cook"
    assert silent(day(story)) == 0


def test_a_value_that_was_left_out_is_no_silent_difference(tell: Tell) -> None:
    story = known(tell, "Ada", first_contact="remote")
    story.vendor.edit(C, story.ref("Ada"), {"Street": "Long Lane"})
    day(story)
    story.sql("UPDATE clients SET street = :long", long="x" * 130)
    assert [silent(day(story)) for _ in range(3)] == [0, 0, 0]
    [row] = story.sql("SELECT street FROM clients")
    assert row["street"] == "x" * 130, "what the vendor does not take stays where it was"
    assert story.people()["Ada"]["Street"] == "Long Lane"


def disagree(story: Story, job: str) -> None:
    """Plant a state that believes both sides agree although they do not."""
    change_silently(story, "Ada", Job=job)
    beside = story.beside()
    lease = story.worker.acquire("crm", C)
    scope = beside.scope("crm", C, lease)
    with story.worker.write(lease, "plant") as tx:
        [link] = links.following(tx, "crm", C, "", 9)
        base = scope.open_base(link)
        assert base is not None
        scope.seal_base(link, Base(base.local, {**base.remote, "Job": job}))
        links.save(tx, [link])
    story.worker.release(lease)


def test_a_round_goes_through_all_links_a_slice_a_day(tell: Tell) -> None:
    names = [f"P{n}" for n in range(10)]
    story = known(tell, *names)
    day(story)
    for name in names:
        change_silently(story, name, Job="cook")
    found = []
    for _ in range(5):
        story.compare_daily = 4
        found.append(silent(day(story)))
    assert found[:3] == [4, 4, 2]
    assert set(shop(story).values()) == {"cook"}
    assert found[3:] == [0, 0]


def test_a_stop_within_the_look_leaves_nobody_out(tell: Tell) -> None:
    story = known(tell, "Ada", "Bea")
    day(story)
    change_silently(story, "Ada", Job="cook")
    story.later(hours=25)
    die_at(story, "before commit: compare")
    day(story)
    assert shop(story)["Ada"] == "cook"


def test_a_write_of_ours_that_no_feed_confirmed_is_confirmed_by_a_look(tell: Tell) -> None:
    story = known(tell, "Ada", capabilities=COUNTING)
    story.vendor.answers_version = story.vendor.answers_fields = False
    day(story)
    ref = story.ref("Ada")
    story.sql("UPDATE clients SET job = 'cook'")
    story.run()
    story.vendor.hide(C, ref)
    story.later(seconds=300)
    story.run()
    story.vendor.hide(C, ref, hidden=False)

    def unseen() -> list[int | None]:
        with story.state_engine.begin() as tx:
            return list(tx.execute(sa.select(tables.link.c.remote_observed_us)).scalars())

    assert unseen() == [0]
    calls = story.vendor.calls["fetch"]
    day(story)
    assert unseen() != [0]
    day(story)
    assert story.vendor.calls["fetch"] == calls + 2, "one look a day, no more"
