"""Answers that come late, or with another call's error: what they tell is not lost, nor redone."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
import sqlalchemy as sa

from connector.store import tables
from connector.testing.weather import Phase, Trouble
from connector.testing.world import PERFECT
from tests.story import BATCH, C, Slow, Story, Tell, die_at


def edited(story: Story) -> int:
    """Somebody known on both sides, edited in the shop; the patch will land as late as it may."""
    number = story.client("Ada", mail="ada@example.test", job="baker")
    story.run()
    story.later(seconds=300)
    story.run()
    story.vendor.rng = Slow()  # type: ignore[assignment]  # it lands as late as it may
    late = iter([Trouble.LATE])

    def weather(operation: str, phase: Phase) -> Trouble | None:
        return next(late, None) if (operation, phase) == ("update", "before") else None

    story.vendor.weather = weather
    story.sql("UPDATE clients SET job = 'cook' WHERE no = :n", n=number)
    return number


def test_a_patch_that_lands_late_is_waited_for_before_the_next_edit_goes(tell: Tell) -> None:
    story = tell(kinds=(C,), capabilities=replace(PERFECT, conditional=False))
    number = edited(story)
    story.run()
    story.sql("UPDATE clients SET job = 'miller' WHERE no = :n", n=number)
    story.run()
    for _ in range(2):
        story.later(seconds=300)
        story.run()
    [row] = story.sql("SELECT job FROM clients")
    assert row["job"] == story.people()["Ada"]["Job"] == "miller"


def test_what_was_staged_before_a_patch_landed_late_does_not_undo_it(tell: Tell) -> None:
    """A page is read between the death of the run that sent the patch and the patch's landing."""
    life = dt.timedelta(seconds=300)
    story = tell(kinds=(C,), capabilities=replace(PERFECT, conditional=False, call_life=life))
    edited(story)
    die_at(story, "after call: write")
    story.vendor.edit(C, story.ref("Ada"), {"City": "Harbour"})
    story.later(seconds=100)  # the dead process's lease has ended
    die_at(story, "after commit: stage page")
    for _ in range(3):
        story.later(seconds=400)
        story.run()
    [row] = story.sql("SELECT job, city FROM clients")
    assert (row["job"], row["city"]) == ("cook", "Harbour")
    assert story.people()["Ada"]["Job"] == "cook"


def test_a_create_is_not_repeated_before_a_search_must_show_it(tell: Tell) -> None:
    story = tell(
        kinds=(C,),
        capabilities=replace(PERFECT, external_key="plain", find_lag=dt.timedelta(seconds=60)),
    )
    story.vendor.rng = Slow()  # type: ignore[assignment]  # it shows things as late as it may
    story.client("Ada", mail="ada@example.test", job="baker")
    lost = iter([Trouble.LOST_AFTER])

    def weather(operation: str, phase: Phase) -> Trouble | None:
        return next(lost, None) if (operation, phase) == ("create", "after") else None

    story.vendor.weather = weather
    for _ in range(3):
        story.run()
        story.later(seconds=300)
    assert len(story.vendor.dump(C)) == 1
    assert story.vendor.calls["create"] == 1


@pytest.mark.parametrize("second", [Trouble.THROTTLED, Trouble.LOST_BEFORE])
def test_a_create_that_lands_late_is_ours_whatever_became_of_its_second_sending(
    second: Trouble, tell: Tell
) -> None:
    """Else it is met as a stranger's record, and fills what was emptied meanwhile."""
    story = tell(kinds=(C,), capabilities=replace(PERFECT, call_life=dt.timedelta(seconds=120)))
    story.vendor.rng = Slow()  # type: ignore[assignment]  # it lands as late as it may
    number = story.client("Ada", mail="ada@example.test", city="Harbour")
    fates = iter([Trouble.LATE, second])

    def weather(operation: str, phase: Phase) -> Trouble | None:
        return next(fates, None) if (operation, phase) == ("create", "before") else None

    story.vendor.weather = weather
    story.run()
    assert (story.vendor.calls["create"], story.vendor.dump(C)) == (2, [])
    story.sql("UPDATE clients SET city = NULL WHERE no = :n", n=number)
    for _ in range(3):
        story.later(seconds=300)
        story.run()
    [row] = story.sql("SELECT city FROM clients")
    assert (row["city"], story.people()["Ada"].get("City")) == (None, None)
    assert len(story.vendor.dump(C)) == 1


def test_a_row_edited_before_its_create_was_settled_is_kept_when_the_record_goes(
    tell: Tell,
) -> None:
    """What a create left empty is known to be empty, whichever process learns that it landed."""
    story = tell()
    ref = story.vendor.create(C, {"Last": "Ada", "Mail": "ada@example.test"})

    die_at(story, "after call: local write")
    story.sql("UPDATE clients SET job = 'baker'")
    story.vendor.remove(C, ref)
    for _ in range(3):
        story.later(seconds=300)
        assert story.run().errors == []
    [row] = story.sql("SELECT job, is_deleted FROM clients")
    assert (row["job"], row["is_deleted"]) == ("baker", 0)
    assert story.people()["Ada"]["Job"] == "baker"


def test_the_answers_of_calls_before_a_failing_one_are_kept(tell: Tell) -> None:
    """At a vendor that cannot be asked for a create by our key, each lost answer is a letter."""
    single = dict.fromkeys(BATCH, 1)
    story = tell(kinds=(C,), capabilities=replace(PERFECT, external_key="none", batch=single))
    for n in range(5):
        story.client(f"P{n}", mail=f"p{n}@example.test")
    calls: list[str] = []

    def weather(operation: str, phase: Phase) -> Trouble | None:
        if (operation, phase) != ("create", "before"):
            return None
        calls.append(operation)
        return Trouble.THROTTLED if len(calls) == 3 else None

    story.vendor.weather = weather
    story.run()
    story.later(seconds=300)
    story.run()
    assert story.review().letters() == []
    assert sorted(story.people()) == [f"P{n}" for n in range(5)]
    assert len(story.vendor.dump(C)) == 5


@pytest.mark.parametrize("side", ["shop", "vendor"])
def test_a_removal_that_a_stop_kept_back_spares_what_was_edited_since(
    side: str, tell: Tell
) -> None:
    """Its link died when it was stored; what both agreed on must not die before it landed."""
    story = tell(kinds=(C,))
    number = story.client("Ada", mail="ada@example.test", job="baker")
    for _ in range(2):
        story.run()
        story.later(seconds=300)
    ref = story.ref("Ada")
    call = "before call: local write" if side == "shop" else "before call: write"

    if side == "shop":
        story.vendor.remove(C, ref)
    else:
        story.sql("UPDATE clients SET is_deleted = 1 WHERE no = :n", n=number)
    die_at(story, call)
    if side == "shop":
        story.sql("UPDATE clients SET job = 'cook'")
    else:
        story.vendor.edit(C, ref, {"Job": "cook"})
    for _ in range(4):
        story.later(seconds=300)
        assert story.run().errors == []
    [row] = story.sql("SELECT job FROM clients WHERE is_deleted = 0")
    assert row["job"] == story.people()["Ada"]["Job"] == "cook"
    with story.state_engine.connect() as tx:
        dead = sa.select(tables.link.c.base).where(tables.link.c.live.is_(None))
        bases = list(tx.execution_options(reading=True).execute(dead).scalars())
    assert bases == [None]
