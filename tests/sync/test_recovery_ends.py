"""A vendor that goes on failing does not keep a run for ever."""

from __future__ import annotations

from connector.testing.weather import Phase, Trouble
from tests.story import C, Story


def test_creates_that_fail_again_and_again_end_the_run_as_partial_and_resume() -> None:
    story = Story(kinds=(C,))
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
    story.close()
