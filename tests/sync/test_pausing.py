"""A paused scope takes no part in a run, and nothing of what changes meanwhile is lost."""

from __future__ import annotations

from connector.store import scopes
from connector.sync.report import RunReport
from connector.testing.world import PERFECT
from tests.story import C, F, M, Story, Tell


def pause(story: Story, kind: str = C, connection: str = "crm", *, paused: bool = True) -> bool:
    return scopes.set_paused(story.store(), connection, kind, paused=paused)


def in_step(tell: Tell, **more: object) -> Story:
    story = tell(**more)
    story.client("Ada", mail="ada@example.test", city="Graz")
    assert story.run().exit == 0
    return story


def written(report: RunReport) -> int:
    return sum(one.counts.written for one in report.passes)


def test_changes_of_both_sides_made_while_paused_arrive_after_resume(tell: Tell) -> None:
    story = in_step(tell)
    pause(story)
    story.sql("UPDATE clients SET city = 'Linz' WHERE no = 1")
    story.client("Bo", mail="bo@example.test")
    story.vendor.edit(C, story.ref("Ada"), {"Mobile": "+8613900000001"})
    story.later(minutes=5)
    report = story.run()
    assert written(report) == 0
    assert set(story.people()) == {"Ada"}
    assert pause(story, paused=False)
    story.later(minutes=5)
    assert story.run().exit == 0
    assert story.people()["Ada"]["City"] == "Linz"
    assert set(story.people()) == {"Ada", "Bo"}
    assert story.sql("SELECT mobile FROM clients WHERE no = 1")[0]["mobile"] == "+8613900000001"
    assert written(story.run()) == 0


def test_a_paused_scope_is_told_and_is_no_failure(tell: Tell) -> None:
    story = in_step(tell)
    pause(story)
    report = story.run()
    assert report.exit == 0
    assert report.skipped == [
        "crm/customer is paused: what changes waits until `crm-connector resume crm customer`."
    ]
    assert [one.kind for one in report.passes] == [M, F]


def test_a_plan_leaves_out_what_is_paused_and_says_so(tell: Tell) -> None:
    story = in_step(tell)
    pause(story)
    story.sql("UPDATE clients SET city = 'Linz' WHERE no = 1")
    report = story.plan()
    assert report.writes == []
    assert report.skipped


def test_the_shops_journal_is_read_although_every_connection_of_a_kind_is_paused(
    tell: Tell,
) -> None:
    story = in_step(tell)
    pause(story)
    story.sql("UPDATE clients SET city = 'Linz' WHERE no = 1")
    story.run()
    local = story.runner()._ports.local
    assert local.journal(C, 0, 10).entries == []


def test_a_connection_that_is_paused_whole_is_not_asked_anything(tell: Tell) -> None:
    story = in_step(tell)
    for kind in story.kinds:
        pause(story, kind)

    def no_login() -> object:
        class Shut:
            capabilities = PERFECT

            @property
            def account(self) -> str:
                raise AssertionError("a paused connection was logged in to")

        return Shut()

    story.remote_factory = no_login
    report = story.run()
    assert report.exit == 0
    assert len(report.skipped) == len(story.kinds)


def test_a_pause_of_one_connection_holds_up_no_other(tell: Tell) -> None:
    story = in_step(tell, others={"second": PERFECT})
    pause(story)
    story.sql("UPDATE clients SET city = 'Linz' WHERE no = 1")
    story.run()
    assert story.people()["Ada"]["City"] == "Graz"
    (there,) = story.vendors["second"].dump(C)
    assert there["fields"]["City"] == "Linz"
    pause(story, paused=False)
    story.run()
    assert story.people()["Ada"]["City"] == "Linz"


def test_pausing_again_changes_nothing_and_says_so(tell: Tell) -> None:
    story = in_step(tell)
    assert pause(story)
    assert not pause(story)
    assert pause(story, paused=False)
    assert not pause(story, paused=False)
