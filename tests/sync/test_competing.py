"""Competing writers: two programs that each put their value back are stopped, field by field."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connector.store import conflicts
from connector.store.conflicts import Conflict
from connector.sync.competing import RULE
from connector.sync.report import RunReport
from tests.story import C, Story
from tests.sync.test_hub import clients, make_hub, one, silent

Tell = Callable[..., Story]


def settle(story: Story) -> RunReport:
    story.later(seconds=300)
    report = story.run()
    assert report.errors == []
    return report


def disputes(story: Story) -> list[Conflict]:
    with story.store().read() as tx:
        [link] = [row[0] for row in tx.exec_driver_sql("SELECT id FROM link WHERE live = 1")]
        return [c for c in conflicts.of_links(tx, [link]).get(link, {}).values() if c.rule == RULE]


def updates(story: Story) -> int:
    return story.vendor.calls["update"]


@pytest.mark.parametrize("policy", ["local", "remote", "manual"])
def test_a_workflow_and_a_program_that_fight_over_a_field_are_stopped(
    tell: Tell, policy: str
) -> None:
    line = "Job, lens: text, policy: local"
    story = tell(kinds=(C,), mapping={line: line.replace("local", policy)})
    number = story.client("Ada", mail="ada@example.test", job="baker")
    settle(story)
    ref = story.ref("Ada")
    for _ in range(6):
        story.sql("UPDATE clients SET job = 'cook' WHERE no = :n AND job <> 'cook'", n=number)
        settle(story)
        if story.people()["Ada"]["Job"] == "cook":
            story.vendor.edit(C, ref, {"Job": "baker"})  # a workflow of the vendor's, each time
        settle(story)
    assert len(disputes(story)) == 1
    written = updates(story)
    settle(story)
    assert updates(story) == written, "nobody writes it any more"
    story.sql("UPDATE clients SET city = 'Lund' WHERE no = :n", n=number)
    settle(story)
    assert story.people()["Ada"]["City"] == "Lund", "the other fields go on"


def test_the_dispute_ends_when_both_sides_agree(tell: Tell) -> None:
    story = tell(kinds=(C,))
    number = story.client("Ada", mail="ada@example.test", job="baker")
    settle(story)
    ref = story.ref("Ada")
    for _ in range(3):
        story.sql("UPDATE clients SET job = 'cook' WHERE no = :n", n=number)
        settle(story)
        if story.people()["Ada"]["Job"] == "cook":
            story.vendor.edit(C, ref, {"Job": "baker"})
        settle(story)
    assert len(disputes(story)) == 1
    story.sql("UPDATE clients SET job = 'smith' WHERE no = :n", n=number)
    story.vendor.edit(C, ref, {"Job": "smith"})
    assert settle(story).conflicts == 0
    story.vendor.edit(C, ref, {"Job": "miller"})
    settle(story)
    [row] = story.sql("SELECT job FROM clients")
    assert row["job"] == "miller"


def test_a_person_who_changes_their_mind_again_and_again_is_not_stopped(tell: Tell) -> None:
    story = tell(kinds=(C,))
    number = story.client("Ada", mail="ada@example.test", job="baker")
    settle(story)
    for job in ["cook", "baker"] * 4:
        story.sql("UPDATE clients SET job = :j WHERE no = :n", j=job, n=number)
        settle(story)
        assert story.people()["Ada"]["Job"] == job
    ref = story.ref("Ada")
    for job in ["cook", "baker"] * 4:
        story.vendor.edit(C, ref, {"Job": job})
        settle(story)
        [row] = story.sql("SELECT job FROM clients")
        assert row["job"] == job
    assert disputes(story) == []


@pytest.mark.parametrize("policy", ["local", "remote", "manual"])
def test_two_vendors_whose_ways_of_writing_nobody_declared_come_to_rest(
    tell: Tell, policy: str
) -> None:
    line = "Job, lens: text, policy: local"
    hub = make_hub(tell, mapping={line: line.replace("local", policy)})
    hub.vendor.normalise = {"Job": str.lower}
    hub.vendors["far"].normalise = {"Job": str.upper}
    hub.client("Ada", mail="ada@example.test", job="Smith")
    for _ in range(8):
        hub.later(seconds=300)
        hub.run()
    assert silent(hub)
    hub.sql("UPDATE clients SET city = 'Lund'")
    hub.later(seconds=300)
    hub.run()
    assert one(hub.vendor)["fields"]["City"] == one(hub.vendors["far"])["fields"]["City"] == "Lund"
    assert [row["full_name"] for row in clients(hub)] == ["Ada"]
