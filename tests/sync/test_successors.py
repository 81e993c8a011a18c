"""Records that take another's place: the older of two twins, and what a vendor merges into what."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from connector.plugin import Capabilities, Ref
from connector.store import links
from connector.sync.counts import Limits
from connector.sync.setup import Setup
from connector.testing.weather import Phase, Trouble
from connector.testing.world import PERFECT
from tests.stopping import unlike
from tests.story import C, Died, M, Slow, Story, Tell

PLAIN = replace(
    PERFECT,
    external_key="plain",
    feed_lag=dt.timedelta(seconds=2),
    find_lag=dt.timedelta(seconds=2),
    call_life=dt.timedelta(seconds=10),
)
COUNTING = replace(PLAIN, counts_writes=True, conditional=False, version_step=dt.timedelta(0))
SILENT = replace(PERFECT, reports_merges=False)


def codes(story: Story) -> list[str]:
    return sorted(one.code for one in story.review().letters())


def records(story: Story) -> dict[Ref, dict[str, object]]:
    return {d["ref"]: d["fields"] for d in story.vendor.dump(C)}


def shop(story: Story) -> list[tuple[str, str | None]]:
    rows = story.sql("SELECT full_name, job FROM clients WHERE is_deleted = 0 ORDER BY no")
    return [(row["full_name"], row["job"]) for row in rows]


def at_rest(story: Story) -> bool:
    story.settle()
    before = (story.vendor.dump(C), shop(story))
    story.settle()
    return before == (story.vendor.dump(C), shop(story))


def twins(tell: Tell, caps: Capabilities) -> tuple[Story, Ref, Ref]:
    """A client whose create lost its answer and showed up far too late: the older and the younger
    of the two records that there are now."""
    story = tell(capabilities=caps)
    story.vendor.rng = Slow()  # type: ignore[assignment]  # all of chance that the vendor asks
    story.client("Ada", mail="ada@example.test", job="baker")
    much, broken = dt.timedelta(hours=2), iter([True])

    def weather(operation: str, phase: Phase) -> Trouble | None:
        """The first create shows far later than promised, and its answer is lost."""
        if operation != "create":
            return None
        if phase == "before":
            late = next(broken, False)
            story.vendor.capabilities = (
                replace(caps, feed_lag=much, find_lag=much) if late else caps
            )
            return None
        lost = story.vendor.capabilities is not caps
        story.vendor.capabilities = caps
        return Trouble.LOST_AFTER if lost else None

    story.vendor.weather = weather
    story.settle()
    story.settle()
    older, younger = sorted(records(story))
    return story, older, younger


@pytest.mark.parametrize("caps", [PLAIN, COUNTING], ids=["timed", "counting"])
def test_of_two_twins_the_older_is_kept_and_the_other_set_aside(
    tell: Tell, caps: Capabilities
) -> None:
    story, older, younger = twins(tell, caps)
    story.later(hours=25)
    assert story.run().errors == []
    assert set(records(story)) == {older, younger}, "nothing is deleted"
    assert codes(story) == ["twin"]
    [letter] = story.review().letters()
    assert younger in (letter.record or "")
    story.sql("UPDATE clients SET job = 'miller'")
    story.settle()
    assert records(story)[older]["Job"] == "miller", "the older one is the client's record"
    assert records(story)[younger]["Job"] == "baker", "nobody writes the other one"
    story.vendor.edit(C, older, {"Job": "cook"})
    story.settle()
    assert shop(story) == [("Ada", "cook")]
    assert at_rest(story)


def test_what_only_the_younger_twin_was_told_reaches_the_older_or_waits(tell: Tell) -> None:
    story, older, younger = twins(tell, PLAIN)
    story.sql("UPDATE clients SET job = 'miller'")
    story.settle()
    assert records(story)[younger]["Job"] == "miller"
    story.later(hours=25)
    report = story.run()
    # Nobody knows which of the two values is right for the older record: a person is asked.
    assert (report.conflicts, codes(story)) == (1, ["twin"])
    assert records(story)[older]["Job"] == "baker"
    assert shop(story) == [("Ada", "miller")]
    assert at_rest(story)


def test_a_younger_stranger_with_a_key_of_ours_changes_nothing(tell: Tell) -> None:
    story = tell(capabilities=PLAIN)
    story.client("Ada", mail="ada@example.test", job="baker")
    story.settle()
    [mine] = story.vendor.dump(C)
    story.later(seconds=5)
    story.vendor.create(C, {"Last": "Ada", "Job": "cook"}, key=mine["key"])
    story.settle()
    assert codes(story) == ["twin"]
    assert shop(story) == [("Ada", "baker")]
    story.sql("UPDATE clients SET job = 'miller'")
    story.settle()
    assert records(story)[mine["ref"]]["Job"] == "miller"


def test_a_stop_at_any_point_of_a_swap_changes_nothing_in_the_end(tell: Tell) -> None:
    points: list[str] = []
    story, _, _ = twins(tell, PLAIN)
    story.hook = points.append
    story.later(hours=25)
    story.run()
    assert len(points) > 5
    for number in unlike(points):
        story, older, _ = twins(tell, PLAIN)
        left = [number]

        def stop(point: str, left: list[int] = left, story: Story = story) -> None:
            left[0] -= 1
            if left[0] == -1:
                story.dead = True
                raise Died(point)

        story.hook = stop
        story.later(hours=25)
        with pytest.raises(Died):
            story.run()
        story.dead = False
        assert at_rest(story), points[number]
        story.sql("UPDATE clients SET job = 'miller'")
        story.settle()
        assert records(story)[older]["Job"] == "miller", points[number]
        assert codes(story) == ["twin"], points[number]


# --- merges at the vendor -------------------------------------------------------------------------


def client(story: Story, name: str, job: str | None = None) -> Ref:
    story.client(name, mail=f"{name.lower()}@example.test", job=job)
    story.settle()
    return story.ref(name)


def test_a_record_merged_into_an_unknown_one_keeps_its_row(tell: Tell) -> None:
    story = tell(mapping={"match: [emails.primary, phones.mobile]": "match: []"})
    loser = client(story, "Ada", "baker")
    winner = story.vendor.create(C, {"Last": "Ada", "Street": "Long Lane"})
    story.vendor.merge(C, loser, winner)
    story.settle()
    assert shop(story) == [("Ada", "baker")], "no second row, and none is lost"
    assert set(records(story)) == {winner}
    story.vendor.edit(C, winner, {"City": "Lund"})
    story.sql("UPDATE clients SET job = 'cook'")
    story.settle()
    [row] = story.sql("SELECT job, city, street FROM clients")
    assert dict(row) == {"job": "cook", "city": "Lund", "street": "Long Lane"}
    assert records(story)[winner]["Job"] == "cook"
    assert at_rest(story)


def test_a_record_merged_twice_between_two_syncs_is_followed_to_the_last(tell: Tell) -> None:
    story = tell(mapping={"match: [emails.primary, phones.mobile]": "match: []"})
    first = client(story, "Ada", "baker")
    second = story.vendor.create(C, {"Last": "Ada"})
    story.vendor.merge(C, first, second)
    last = story.vendor.create(C, {"Last": "Ada", "City": "Lund"})
    story.vendor.merge(C, second, last)
    story.settle()
    assert set(records(story)) == {last}
    [row] = story.sql("SELECT job, city FROM clients WHERE is_deleted = 0")
    assert dict(row) == {"job": "baker", "city": "Lund"}
    assert at_rest(story)


def test_a_merge_that_the_vendor_does_not_tell_is_known_by_our_key(tell: Tell) -> None:
    story = tell(
        capabilities=SILENT, mapping={"match: [emails.primary, phones.mobile]": "match: []"}
    )
    loser = client(story, "Ada", "baker")
    key = story.vendor.records[C][loser].now.key
    story.vendor.merge(C, loser, story.vendor.create(C, {"Last": "Other"}))
    winner = story.vendor.create(C, {"Last": "Ada", "Job": "baker"}, key=key)
    story.settle()
    assert ("Ada", "baker") in shop(story)
    assert sum(name == "Ada" for name, _ in shop(story)) == 1
    story.vendor.edit(C, winner, {"Job": "cook"})
    story.settle()
    assert ("Ada", "cook") in shop(story)
    assert codes(story) == []
    assert at_rest(story)


@pytest.mark.parametrize(
    ("policy", "left"),
    [("manual", ["Ada", "Bea"]), ("detach", ["Ada", "Bea"]), ("archive", ["Bea"])],
)
def test_two_rows_that_face_one_record_follow_the_mappings_rule(
    tell: Tell, policy: str, left: list[str]
) -> None:
    told = "on_gone: {push: archive, pull: propagate}"
    story = tell(mapping={told: told.replace("}", f", merged: {policy}}}")})
    loser, winner = client(story, "Ada"), client(story, "Bea")
    story.vendor.merge(C, loser, winner)
    report = story.settle()
    assert [name for name, _ in shop(story)] == left
    assert set(records(story)) == {winner}, "nothing is created again"
    assert report.conflicts == (policy == "manual")
    assert at_rest(story)
    story.sql("UPDATE clients SET job = 'cook' WHERE full_name = 'Bea'")
    story.settle()
    assert records(story)[winner]["Job"] == "cook"


def test_a_row_edited_meanwhile_is_neither_lost_nor_created_again_after_a_merge(
    tell: Tell,
) -> None:
    told = "on_gone: {push: archive, pull: propagate}"
    story = tell(mapping={told: told.replace("}", ", merged: archive}")})
    loser, winner = client(story, "Ada"), client(story, "Bea")
    story.sql("UPDATE clients SET job = 'cook' WHERE full_name = 'Ada'")
    story.vendor.merge(C, loser, winner)
    report = story.settle()
    assert (report.conflicts, len(records(story))) == (1, 1)
    assert ("Ada", "cook") in shop(story)


def test_no_late_copy_brings_a_merged_record_back(tell: Tell) -> None:
    story = tell(mapping={"match: [emails.primary, phones.mobile]": "match: []"})
    loser = client(story, "Ada", "baker")
    winner = story.vendor.create(C, {"Last": "Ada"})
    story.vendor.merge(C, loser, winner)
    stale = iter([Trouble.STALE_PAGE] * 9)
    story.vendor.weather = lambda operation, phase: (
        next(stale, None) if (operation, phase) == ("changes", "after") else None
    )
    story.settle()
    story.settle()
    assert shop(story) == [("Ada", "baker")]
    assert codes(story) == []


# --- merges in the shop ---------------------------------------------------------------------------


def test_children_change_hands_before_their_former_parent_is_removed(tell: Tell) -> None:
    story = tell(setup=Setup("Asia/Shanghai", "CN", Limits(100, 100), Limits(100, 100)))
    loser, winner = client(story, "Ada"), client(story, "Bea")
    rows = {r["full_name"]: r["no"] for r in story.sql("SELECT no, full_name FROM clients")}
    story.sql("INSERT INTO cards (client, card) VALUES (:c, 'K-1')", c=rows["Ada"])
    story.settle()
    [card] = story.vendor.dump(M)
    assert card["fields"]["Person"] == {"id": loser}
    done: list[str] = []
    story.vendor.weather = lambda operation, phase: done.append(operation)
    story.sql("UPDATE cards SET client = :c", c=rows["Bea"])
    story.sql("UPDATE clients SET is_deleted = 1 WHERE no = :n", n=rows["Ada"])
    story.settle()
    assert [one for one in done if one in ("update", "remove")] == ["update"] * 2 + ["remove"] * 2
    [card] = story.vendor.dump(M)
    assert card["fields"]["Person"] == {"id": winner}
    assert set(records(story)) == {winner}


def test_a_late_copy_of_a_record_that_another_took_the_place_of_is_known_for_old(
    tell: Tell,
) -> None:
    unsaid = replace(SILENT, reports_removals=False)
    story = tell(
        capabilities=unsaid, mapping={"match: [emails.primary, phones.mobile]": "match: []"}
    )
    loser = client(story, "Ada", "baker")
    story.settle()
    before = story.vendor.records[C][loser].now
    story.vendor.remove(C, loser)
    winner = story.vendor.create(C, {"Last": "Ada", "Job": "baker"}, key=before.key)
    story.settle()
    with story.store().read() as tx:
        known = links.by_side(tx, "crm", C, "remote", [loser, winner])
    assert known[winner].live
    assert (known[loser].live, known[loser].remote_version) == (None, before.version)
    assert at_rest(story)
