"""The vendor's fields change under us: only those concerned stand still, and nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connector.errors import SchemaDriftError
from connector.plugin import FieldInfo, Kind, Schema
from connector.sync.report import RunReport
from connector.sync.status import status_of
from connector.testing.world import PERFECT
from tests.scenery import SCHEMAS
from tests.story import C, M, Story, Tell
from tests.sync.hub import COUNTING, clients, one, written


@pytest.fixture(params=[PERFECT, COUNTING], ids=["timed", "counted"])
def story(tell: Tell, request: pytest.FixtureRequest) -> Story:
    story = tell(kinds=(C,), capabilities=request.param)
    story.client("Ada", mail="ada@example.test", job="baker", city="Harbour", tags="a")
    story.settle()
    story.settle()
    return story


def change(story: Story, name: str, info: FieldInfo | None, kind: Kind = C) -> None:
    """An administrator changes a field of the vendor's, or takes it away."""
    schema: Schema = story.vendor.schemas[kind]
    fields = {n: f for n, f in schema.fields.items() if n != name}
    if info is not None:
        fields[name] = info
    story.vendor.schemas = {**story.vendor.schemas, kind: replace(schema, fields=fields)}
    hidden = info is None or not info.readable
    (story.vendor.withheld.add if hidden else story.vendor.withheld.discard)((kind, name))


JOB = SCHEMAS[C].fields["Job"]
LOST: dict[str, FieldInfo | None] = {
    "vanished": None,
    "may not be read": replace(JOB, readable=False),
    "may not be written": replace(JOB, writable=False),
    "of another type": replace(JOB, type="integer"),
}


def a_day_later(story: Story) -> RunReport:
    story.later(hours=25)
    return story.settle()


def shop(story: Story) -> dict[str, Any]:
    [row] = clients(story)
    return row


@pytest.mark.parametrize("how", LOST)
def test_a_field_that_is_lost_stands_still_and_the_others_go_on(story: Story, how: str) -> None:
    change(story, "Job", LOST[how])
    story.sql("UPDATE clients SET job = 'smith', city = 'Hill'")
    report = a_day_later(story)
    story.settle()
    assert len(report.off) == 1
    assert "Job" in report.off[0]
    assert report.exit == 5
    assert [one for s in status_of(story.store()).scopes for one in s.off] == report.off
    person = story.people()["Ada"]
    assert (person["City"], person["Job"]) == ("Hill", "baker")
    assert shop(story)["job"] == "smith", "nothing is cleared"


@pytest.mark.parametrize("how", LOST)
def test_what_was_edited_meanwhile_travels_when_the_field_is_back(story: Story, how: str) -> None:
    change(story, "Job", LOST[how])
    story.sql("UPDATE clients SET job = 'smith'")
    a_day_later(story)
    change(story, "Job", JOB)
    report = a_day_later(story)
    story.settle()
    assert report.off == []
    assert story.people()["Ada"]["Job"] == "smith"
    before = written(story)
    story.settle()
    story.settle()
    assert written(story) == before


def test_what_the_vendor_edited_meanwhile_travels_too(story: Story) -> None:
    change(story, "Job", LOST["may not be read"])
    a_day_later(story)
    change(story, "Job", JOB)
    story.vendor.withheld.add((C, "Job"))
    story.vendor.edit(C, story.ref("Ada"), {"Job": "pilot"})
    change(story, "Job", LOST["may not be read"])
    story.settle()
    assert shop(story)["job"] == "baker"
    change(story, "Job", JOB)
    a_day_later(story)
    story.settle()
    assert shop(story)["job"] == "pilot"


def test_a_record_made_meanwhile_gets_the_field_when_it_is_back(story: Story) -> None:
    change(story, "Job", None)
    a_day_later(story)
    story.client("Bo", mail="bo@example.test", job="cook")
    story.settle()
    change(story, "Job", JOB)
    story.first_contact = "fill_blank"
    a_day_later(story)
    story.settle()
    assert story.people()["Bo"]["Job"] == "cook"


def test_a_field_that_vanishes_during_the_day_is_noticed_by_the_vendors_no(story: Story) -> None:
    """The metadata is young; the first refusal has it read again, once, and the run goes on."""
    story.settle()
    change(story, "Job", None)
    story.sql("UPDATE clients SET job = 'smith', city = 'Hill'")
    story.client("Bo", mail="bo@example.test", job="cook")
    before = story.vendor.calls["describe"]
    report = story.settle()
    assert story.vendor.calls["describe"] == before + 1
    assert (report.letters, len(report.off)) == (0, 1)
    assert story.people()["Ada"]["City"] == "Hill"
    change(story, "Job", JOB)
    story.first_contact = "fill_blank"
    a_day_later(story)
    story.settle()
    assert story.people()["Ada"]["Job"] == "smith"
    assert story.people()["Bo"]["Job"] == "cook"


def test_a_refusal_of_a_value_is_a_letter_as_ever(story: Story) -> None:
    story.settle()
    change(story, "Job", replace(JOB, max_length=3))
    story.sql("UPDATE clients SET job = 'astronomer', city = 'Hill'")
    report = story.settle()
    assert report.off == []
    [letter] = story.review().letters()
    assert (letter.code, letter.field) == ("too_long", "Job")
    assert story.people()["Ada"]["City"] == "Hill", "read anew, the length is known"


def test_a_lost_option_switches_the_field_off(tell: Tell) -> None:
    story = tell(kinds=(C, M))
    ada = story.client("Ada", mail="ada@example.test")
    story.sql("INSERT INTO cards (client, card, kind) VALUES (:c, 'K1', '月卡')", c=ada)
    story.settle()
    plan = SCHEMAS[M].fields["Plan"]
    change(story, "Plan", replace(plan, options=("Month", "None")), M)
    story.sql("UPDATE cards SET kind = '年卡'")
    [off] = a_day_later(story).off
    assert "Plan" in off
    assert one(story.vendor, M)["fields"]["Plan"] == "Month"
    change(story, "Plan", plan, M)
    a_day_later(story)
    assert one(story.vendor, M)["fields"]["Plan"] == "Year"


@pytest.mark.parametrize("name", ["Our_Key", "Mail"])
def test_without_our_key_or_an_identifying_field_the_connection_stands_still(
    story: Story, name: str
) -> None:
    info = SCHEMAS[C].fields[name]
    change(story, name, None)
    story.client("Bo", mail="bo@example.test")
    story.later(hours=25)
    before = written(story)
    report = story.run()
    assert [type(error) for error in report.errors] == [SchemaDriftError]
    assert report.exit == 3
    assert written(story) == before
    change(story, name, info)
    a_day_later(story)
    assert set(story.people()) == {"Ada", "Bo"}


def test_a_field_that_never_worked_is_no_news(tell: Tell) -> None:
    story = tell(kinds=(C,))
    change(story, "Job", None)
    story.client("Ada", mail="ada@example.test", job="baker")
    assert story.settle().off == []
    assert story.settle().exit == 0
