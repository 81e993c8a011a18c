"""A vendor that goes on failing does not keep a run for ever."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from connector.local.contract import LocalResult, LocalWrite
from connector.local.sql import SqlLocal
from connector.plugin import Kind
from connector.testing.weather import Phase, Trouble
from tests.story import C, Died, Tell
from tests.sync.hub import clients


def test_creates_that_fail_again_and_again_end_the_run_as_partial_and_resume(tell: Tell) -> None:
    story = tell(kinds=(C,))
    story.client("王小明", mail="ming@example.test")

    def storm(operation: str, phase: Phase) -> Trouble | None:
        return Trouble.LOST_BEFORE if operation == "create" and phase == "before" else None

    story.vendor.weather = storm
    report = story.run()
    assert report.exit == 6
    assert report.passes[0].counts.unknown == 1
    assert story.vendor.calls["create"] <= 3
    story.vendor.weather = lambda operation, phase: None
    story.later(minutes=5)
    assert story.run().exit == 0
    assert list(story.people()) == ["王小明"]


def test_a_create_that_never_lands_becomes_a_letter_and_the_others_go_on(tell: Tell) -> None:
    story = tell(kinds=(C,))
    number = story.client("王小明", mail="ming@example.test")

    def poison(operation: str, phase: Phase) -> Trouble | None:
        return Trouble.LOST_BEFORE if operation == "create" and phase == "before" else None

    story.vendor.weather = poison
    exits = []
    for _ in range(6):
        exits.append(story.run().exit)
        story.later(minutes=5)
    assert exits[-1] == 5, "set aside, not partial for ever"
    assert story.vendor.calls["create"] == 4
    story.vendor.weather = lambda operation, phase: None
    story.client("李小红", mail="hong@example.test")
    story.run()
    assert list(story.people()) == ["李小红"]
    story.sql("UPDATE clients SET job = 'smith' WHERE no = :n", n=number)
    story.later(minutes=5)
    story.run()
    assert sorted(story.people()) == ["李小红", "王小明"], "an edit is a new try"


def test_a_create_in_the_shop_that_lands_after_recovery_looked_leaves_one_row(tell: Tell) -> None:
    """Its older values settle nothing: what the vendor shows by then arrives too."""
    story = tell(kinds=(C,), first_contact="remote")
    story.settle()
    ref = story.vendor.create(C, {"Last": "Bo", "Mail": "bo@example.test", "Job": "baker"})
    late: list[Sequence[LocalWrite]] = []

    class FrozenShop(SqlLocal):
        """A shop's database that commits a first create only when the second is on its way."""

        def write(self, kind: Kind, writes: Sequence[LocalWrite]) -> Sequence[LocalResult]:
            if not late:
                late.append(writes)
                raise Died("frozen before the commit")
            super().write(kind, late[0])
            return super().write(kind, writes)

    story.local_type = FrozenShop
    story.dead = True
    story.later(seconds=300)
    with pytest.raises(Died):
        story.run()
    story.dead = False
    story.vendor.edit(C, ref, {"Job": "smith"})
    story.settle()
    story.settle()
    story.local_type = SqlLocal
    story.settle()
    assert [(row["full_name"], row["job"]) for row in clients(story)] == [("Bo", "smith")]
    assert len(story.vendor.dump(C)) == 1
