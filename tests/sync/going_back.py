"""A story whose databases are put back from an older copy."""

from __future__ import annotations

from connector.errors import SafetyStopError
from connector.plugin import Capabilities
from connector.sync.report import RunReport
from connector.testing.world import PERFECT
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


def held_back(report: RunReport) -> SafetyStopError:
    [error] = report.errors
    assert isinstance(error, SafetyStopError)
    assert report.exit == 8
    return error
