"""Whoever edits a record that is about to be removed keeps it, however the removal came about."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from connector.testing.world import PERFECT
from tests.story import C, Died, Tell

LATE = replace(PERFECT, feed_lag=timedelta(seconds=120))


class Slowest:
    """Chance that always has the vendor show things as late as it may."""

    def random(self) -> float:
        return 1.0


def test_an_edit_that_the_feed_does_not_show_yet_keeps_a_record_removed_at_another_vendor(
    tell: Tell,
) -> None:
    hub = tell(others={"far": LATE})
    hub.client("Ada", mail="ada@example.test")
    hub.run()
    hub.later(seconds=300)
    hub.run()
    far = hub.vendors["far"]
    far.rng = Slowest()  # type: ignore[assignment]  # all that it is asked for
    hub.vendor.remove(C, hub.ref("Ada"))
    [there] = far.dump(C)
    far.edit(C, there["ref"], {"Job": "smith"})
    hub.run()
    assert [d["fields"]["Job"] for d in far.dump(C)] == ["smith"]


def test_a_removal_that_a_stop_kept_back_is_not_sent_over_an_edit_made_since(tell: Tell) -> None:
    story = tell()
    number = story.client("Ada", mail="ada@example.test")
    story.run()
    story.later(seconds=300)
    story.sql("UPDATE clients SET is_deleted = 1 WHERE no = :n", n=number)

    def stop(point: str) -> None:
        if point == "before call: write":
            story.hook, story.dead = lambda point: None, True
            raise Died(point)

    story.hook = stop
    try:
        story.run()
    except Died:
        story.dead = False
    story.later(seconds=200)
    story.vendor.edit(C, story.ref("Ada"), {"Job": "smith"})
    story.run()
    story.later(seconds=300)
    story.run()
    assert story.people()["Ada"]["Job"] == "smith"
    assert [row["job"] for row in story.sql("SELECT job FROM clients WHERE is_deleted = 0")] == [
        "smith"
    ]
