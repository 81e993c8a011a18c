"""A story whose databases are put back from an older copy."""

from __future__ import annotations

from connector.errors import SafetyStopError
from connector.plugin import Capabilities
from connector.sync.report import RunReport
from connector.testing.world import PERFECT
from tests.copies import Copies
from tests.story import Story, Tell
from tests.sync.hub import COUNTING

ABLE = {"unique key": PERFECT, "plain key": COUNTING}


def three_people(tell: Tell, able: Capabilities) -> Story:
    """A shop and a vendor that know three people, and nothing under way."""
    story = tell(capabilities=able, first_contact="fill_blank")
    for name in ("Ada", "Bo", "Cy"):
        story.client(name, mail=f"{name.lower()}@example.test", job="baker")
    story.settle()
    story.settle()
    return story


def copied_in_a_run(story: Story) -> Copies:
    """Copies from the middle of a run, where its writes are stored and none is sent yet."""
    copies: list[Copies] = []

    def copy(point: str) -> None:
        if point == "after commit: store intents" and not copies:
            copies.append(Copies(story))

    story.hook = copy
    story.settle()
    story.hook = lambda point: None
    return copies[0]


def held_back(report: RunReport) -> SafetyStopError:
    [error] = report.errors
    assert isinstance(error, SafetyStopError)
    assert report.exit == 8
    return error
