"""The dead are remembered for their time, and not for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.testing.weather import Trouble, fair
from connector.testing.world import PERFECT
from tests.story import C, Story, Tell
from tests.sync.hub import COUNTING, clients

LIFE = 401 * 24.0


@pytest.fixture(params=[PERFECT, replace(COUNTING, removal="recycle")], ids=["feed", "listing"])
def story(tell: Tell, request: pytest.FixtureRequest) -> Story:
    """Ada and Bo are in step; Bo came from the vendor."""
    story = tell(kinds=(C,), capabilities=request.param)
    story.client("Ada", mail="ada@example.test")
    story.vendor.create(C, {"Last": "Bo", "Mail": "bo@example.test"})
    story.settle()
    story.settle()
    return story


def delete(story: Story, name: str) -> str:
    ref = story.ref(name)
    story.sql("UPDATE clients SET is_deleted = 1 WHERE full_name = :n", n=name)
    story.settle()
    story.settle()
    return ref


def tombstones(story: Story) -> int:
    with story.store().read() as tx:
        found: int = tx.exec_driver_sql("SELECT count(*) FROM link WHERE live IS NULL").scalar_one()
    return found


def test_the_dead_are_forgotten_when_their_time_is_over_and_neither_side_has_them(
    story: Story,
) -> None:
    delete(story, "Ada")
    story.later(hours=LIFE - 48)
    story.settle()
    assert tombstones(story) == 1
    story.later(hours=72)
    story.settle()
    assert tombstones(story) == 0
    story.settle()
    assert [row["full_name"] for row in clients(story)] == ["Bo"]
    assert set(story.people()) == {"Bo"}


def test_a_record_that_a_side_still_has_keeps_its_tombstone(tell: Tell) -> None:
    story = tell(
        kinds=(C,), mapping={"push: archive, pull: propagate": "push: detach, pull: detach"}
    )
    story.client("Ada", mail="ada@example.test")
    story.settle()
    story.settle()
    delete(story, "Ada")
    assert set(story.people()) == {"Ada"}, "the vendor keeps hers"
    story.later(hours=LIFE)
    story.settle()
    assert tombstones(story) == 1
    calls = story.vendor.calls["fetch"]
    story.settle()
    assert story.vendor.calls["fetch"] == calls, "it is not asked about in every run"
    assert clients(story) == []


def test_a_record_restored_after_its_tombstone_went_lives_once_on_each_side(story: Story) -> None:
    """Its row was made by us: what the shop remembers of that must not stand for a row of today."""
    ref = story.ref("Bo")
    story.sql("DELETE FROM clients WHERE full_name = 'Bo'")
    story.settle()
    story.settle()
    story.later(hours=LIFE)
    story.settle()
    assert tombstones(story) == 0
    story.vendor.restore(C, ref)
    story.settle()
    story.settle()
    assert sorted(str(row["full_name"]) for row in clients(story)) == ["Ada", "Bo"]
    assert set(story.people()) == {"Ada", "Bo"}


def test_a_vendor_that_does_not_answer_keeps_no_others_dead(tell: Tell) -> None:
    story = tell(kinds=(C,), others={"far": replace(COUNTING, removal="recycle")})
    story.client("Ada", mail="ada@example.test")
    story.settle()
    delete(story, "Ada")
    assert tombstones(story) == 2
    story.later(hours=LIFE)
    story.vendor.weather = lambda operation, phase: (
        Trouble.LOST_BEFORE if operation == "fetch" and phase == "before" else None
    )
    assert story.run().exit == 6
    assert tombstones(story) == 1
    story.vendor.weather = fair
    story.settle()
    assert tombstones(story) == 0
