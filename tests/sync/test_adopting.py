"""An id map of an earlier integration: every pair is looked at, and what is linked meets as at
first contact."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from connector.errors import SafetyStopError, UsageError
from connector.local.idmap import IdMap
from connector.plugin import Ref
from connector.store import events, links
from connector.sync.adopt import Adoption
from connector.testing.world import PERFECT
from tests.story import C, Died, Story, Tell
from tests.sync.hub import COUNTING, one

HEAD = "local_id,remote_id\n"


@pytest.fixture
def story(tell: Tell) -> Story:
    return tell(kinds=(C,))


def taken(story: Story, pairs: Sequence[tuple[object, object]], *, text: str = "") -> Adoption:
    file = story.folder / "ids.csv"
    lines = "".join(f"{mine},{theirs}\n" for mine, theirs in pairs)
    file.write_text(HEAD + (text or lines), encoding="utf-8")
    with closing(IdMap(file)) as id_map:
        return story.runner().adopt(id_map)


def codes(done: Adoption) -> list[tuple[int, str]]:
    return [(one.line, one.code) for one in done.bad]


def two_of_each(story: Story) -> tuple[list[int], list[Ref]]:
    """Two clients and two people who share nothing that could be matched."""
    clients = [story.client("Ada", city="Rome"), story.client("Bo")]
    people = [story.vendor.create(C, {"Last": name}) for name in ("A.", "B.")]
    return clients, people


def linked(story: Story) -> set[tuple[str | None, str | None]]:
    with story.store().read() as tx:
        found = links.after(tx, "crm", C, "", 1000)
    return {(one.local_id, one.remote_id) for one in found}


# --- the way it goes ------------------------------------------------------------------------------


@pytest.mark.parametrize("synced_before", [False, True])
def test_pairs_become_links_and_nothing_is_made_twice(story: Story, synced_before: bool) -> None:
    if synced_before:
        story.run()
    clients, people = two_of_each(story)
    done = taken(story, list(zip(clients, people, strict=True)))
    assert (done.linked, done.already, done.bad) == (2, 0, [])
    assert len(story.vendor.dump(C)) == 2
    story.run()
    story.later(seconds=300)
    story.run()
    assert linked(story) == {(str(c), p) for c, p in zip(clients, people, strict=True)}
    assert len(story.vendor.dump(C)) == 2
    assert len(story.sql("SELECT no FROM clients")) == 2


@pytest.mark.parametrize(
    ("rule", "here", "there"),
    [("local", "Ada", "Ada"), ("remote", "A.", "A."), ("manual", "Ada", "A.")],
)
def test_what_differs_is_decided_as_at_first_contact(
    tell: Tell, rule: str, here: str, there: str
) -> None:
    story = tell(kinds=(C,), first_contact=rule)
    client = story.client("Ada")
    person = story.vendor.create(C, {"Last": "A."})
    taken(story, [(client, person)])
    for _ in range(2):
        story.run()
        story.later(seconds=300)
    assert [r["full_name"] for r in story.sql("SELECT full_name FROM clients")] == [here]
    assert list(story.people()) == [there]
    waiting = len(story.review().conflicts())
    assert waiting == (1 if rule == "manual" else 0)


def test_the_same_map_again_finds_all_linked_already(story: Story) -> None:
    clients, people = two_of_each(story)
    pairs = list(zip(clients, people, strict=True))
    taken(story, pairs)
    again = taken(story, pairs)
    assert (again.linked, again.already, again.bad) == (0, 2, [])
    story.run()
    again = taken(story, pairs)
    assert (again.linked, again.already, again.bad) == (0, 2, [])


def test_halves_that_a_sync_left_are_taken_along(tell: Tell) -> None:
    """Two candidates make letters; the map says which of them it is, and the letters end."""
    story = tell(kinds=(C,))
    people = [story.vendor.create(C, {"Last": n, "Mail": "a@example.test"}) for n in ("A.", "B.")]
    client = story.client("Ada", mail="a@example.test")
    for _ in range(3):  # until no feed shows them any more
        story.run()
        story.later(seconds=300)
    review = story.review()
    assert len(review.letters()) == 3
    done = taken(story, [(client, people[1])])
    assert (done.linked, done.bad) == (1, [])
    story.run()
    assert (str(client), people[1]) in linked(story)
    assert {one.record for one in review.letters()} == {people[0]}
    assert len(story.vendor.dump(C)) == 2


def test_explain_can_tell_where_a_link_came_from(story: Story) -> None:
    clients, people = two_of_each(story)
    taken(story, [(clients[0], people[0])])
    with story.store().read() as tx:
        link = links.by_side(tx, "crm", C, "local", [str(clients[0])])[str(clients[0])]
        assert [one.cause for one in events.of_link(tx, link.id)] == ["linked_by_file"]


# --- what is refused ------------------------------------------------------------------------------


def test_every_line_that_cannot_be_used_is_named(story: Story) -> None:
    clients, people = two_of_each(story)
    story.sql("UPDATE clients SET is_deleted = 1 WHERE no = :no", no=clients[1])
    text = (
        f"{clients[0]},{people[0]}\n"  # 2: sound
        f"99,{people[1]}\n"  # 3: no such row
        f"{clients[1]},{people[1]}x\n"  # 4: the row is deleted
        f",{people[1]}\n"  # 5: no id
        f"7\n"  # 6: no second field
    )
    done = taken(story, [], text=text)
    assert done.linked == 1
    assert codes(done) == [
        (3, "no_row"),
        (4, "row_deleted"),
        (5, "id_empty"),
        (6, "fields"),
    ]


def test_a_record_that_is_not_there_is_refused(story: Story) -> None:
    clients, people = two_of_each(story)
    story.vendor.remove(C, people[0])
    done = taken(story, [(clients[0], people[0]), (clients[1], "nobody")])
    assert done.linked == 0
    assert codes(done) == [(2, "record_deleted"), (3, "no_record")]
    assert linked(story) == set()


def test_of_lines_that_contradict_each_other_none_is_used(story: Story) -> None:
    clients, people = two_of_each(story)
    third = story.client("Cy")
    done = taken(
        story,
        [
            (clients[0], people[0]),
            (clients[0], people[1]),
            (third, people[1]),
            (clients[1], "x"),
            (clients[1], "x"),
        ],
    )
    assert codes(done) == [
        (2, "id_twice"),
        (3, "id_twice"),
        (4, "id_twice"),
        (5, "no_record"),
        (6, "id_twice"),
    ]
    assert done.linked == 0


def test_neither_side_of_a_link_is_taken_away_from_the_other(story: Story) -> None:
    clients, people = two_of_each(story)
    third, other = story.client("Cy"), story.vendor.create(C, {"Last": "C."})
    taken(story, list(zip(clients, people, strict=True)))
    done = taken(story, [(clients[0], other), (third, people[1])])
    assert codes(done) == [(2, "local_linked"), (3, "remote_linked")]
    assert linked(story) >= {(str(clients[0]), people[0]), (str(clients[1]), people[1])}


def test_a_link_that_has_ended_is_not_begun_again(story: Story) -> None:
    client = story.client("Ada")
    story.run()
    ref = story.ref("Ada")
    story.sql("DELETE FROM clients WHERE no = :no", no=client)
    story.later(seconds=300)
    story.run()
    new = story.client("Ada again")
    done = taken(story, [(new, ref)])
    assert codes(done) == [(2, "record_ended")]


def test_a_record_with_the_key_of_another_row_is_refused(tell: Tell) -> None:
    story = tell(kinds=(C,), capabilities=COUNTING)
    story.client("Ada")
    story.run()
    copied = story.vendor.create(C, {"Last": "A."}, key=one(story.vendor)["key"])
    done = taken(story, [(story.client("Bo"), copied)])
    assert codes(done) == [(2, "other_key")]


def test_no_map_is_taken_before_a_lost_state_is_reconciled(story: Story) -> None:
    story.client("Ada")
    other = story.client("Bo")
    story.run()
    ref = story.ref("Ada")
    story.lose_the_state()
    with pytest.raises(SafetyStopError, match="reconcile"):
        taken(story, [(other, ref)])


def test_a_map_without_its_columns_is_a_wrong_call(tmp_path: Path) -> None:
    file = tmp_path / "ids.csv"
    file.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"ids\.csv:1: there is no column local_id, remote_id"):
        IdMap(file)


# --- stops ----------------------------------------------------------------------------------------


def test_a_stop_at_any_point_loses_nothing_and_the_map_is_gone_through_again(tell: Tell) -> None:
    points: list[str] = []
    story = tell(kinds=(C,))
    clients, people = two_of_each(story)
    pairs = list(zip(clients, people, strict=True))
    story.hook = points.append
    taken(story, pairs)
    assert points
    for stop in range(len(points)):
        story = tell(kinds=(C,), capabilities=PERFECT)
        clients, people = two_of_each(story)
        pairs = list(zip(clients, people, strict=True))
        left = [stop]

        def die(point: str, left: list[int] = left) -> None:
            if left[0] == 0:
                raise Died
            left[0] -= 1

        story.hook, story.dead = die, False
        with pytest.raises(Died):
            taken(story, pairs)
        story.hook = lambda point: None
        story.later(seconds=300)
        done = taken(story, pairs)
        assert (done.linked + done.already, done.bad) == (2, [])
        story.run()
        assert linked(story) == {(str(c), p) for c, p in pairs}
        assert len(story.vendor.dump(C)) == 2
