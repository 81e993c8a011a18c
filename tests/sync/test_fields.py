"""Edits of fields: each travels once, comes to rest, and meets another by its own rule."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from connector.errors import UsageError
from connector.records import Kind
from connector.store import events
from connector.testing.world import PERFECT
from tests.story import C, M, Story, Tell
from tests.sync.hub import written


def row(story: Story, number: int) -> dict[str, Any]:
    found: dict[str, Any] = story.sql("SELECT * FROM clients WHERE no = :n", n=number)[0]
    return found


def known(story: Story, **columns: Any) -> int:
    """A client that both sides hold."""
    number = story.client("Ada", mail="ada@example.test", **columns)
    story.settle()
    assert story.people()["Ada"]["Mail"] == "ada@example.test"
    return number


def causes(story: Story) -> set[str]:
    with story.store().read() as tx:
        rows = tx.exec_driver_sql("SELECT DISTINCT link FROM event WHERE link IS NOT NULL")
        return {e.cause for (link,) in rows for e in events.of_link(tx, link)}


# --- create, update, clear ------------------------------------------------------------------------


def test_a_new_client_becomes_a_person_at_the_vendor_with_our_key(story: Story) -> None:
    story.client("Ada", mail="ada@example.test", mobile="13900000001", tags="a,b")
    report = story.run()
    assert (report.exit, report.passes[0].counts.created) == (0, 1)
    [made] = story.vendor.dump(C)
    assert len(made["key"]) == 26
    assert made["fields"] == {
        "Last": "Ada",
        "Mail": "ada@example.test",
        "Mobile": "+8613900000001",
        "Tags": ["a", "b"],
        "Opt_Out": False,
    }


def test_a_new_person_at_the_vendor_becomes_a_client(story: Story) -> None:
    story.vendor.create(C, {"Last": "Bo", "Mail": "bo@example.test", "Opt_Out": True})
    story.run()
    made = row(story, 1)
    assert (made["full_name"], made["mail"], made["no_mail"]) == ("Bo", "bo@example.test", 1)
    assert made["password"] is None


def test_an_edit_travels_to_the_vendor_and_nothing_else_does(tell: Tell) -> None:
    """Nothing of ours goes over what a person writes beside it at the last moment."""
    story = tell(capabilities=replace(PERFECT, conditional=False))
    number = known(story, job="baker", city="Harbour")
    edits = iter([{"City": "Hill"}])

    def hook(point: str) -> None:
        if point == "before call: write":
            for edit in edits:
                story.vendor.edit(C, story.ref("Ada"), edit)

    story.hook = hook
    story.sql("UPDATE clients SET job = 'smith' WHERE no = :n", n=number)
    story.settle()
    assert (story.people()["Ada"]["Job"], story.people()["Ada"]["City"]) == ("smith", "Hill")


def test_an_edit_travels_to_the_shop_and_leaves_unmapped_columns_alone(story: Story) -> None:
    number = known(story, job="baker", password="hash")
    story.vendor.edit(C, story.ref("Ada"), {"Job": "smith"})
    story.settle()
    assert (row(story, number)["job"], row(story, number)["password"]) == ("smith", "hash")


def test_a_cleared_field_is_cleared_on_the_other_side(story: Story) -> None:
    number = known(story, job="baker", tags="a")
    story.sql("UPDATE clients SET tags = NULL WHERE no = :n", n=number)
    story.settle()
    assert story.people()["Ada"].get("Tags") in (None, [])
    story.vendor.edit(C, story.ref("Ada"), {"Job": None})
    story.settle()
    assert row(story, number)["job"] is None


def test_a_field_that_is_not_delivered_is_not_taken_for_cleared(story: Story) -> None:
    number = known(story, job="baker", city="Harbour")
    story.vendor.withheld.add((C, "Job"))
    story.vendor.edit(C, story.ref("Ada"), {"City": "Hill"})
    story.settle()
    assert (row(story, number)["job"], row(story, number)["city"]) == ("baker", "Hill")
    story.vendor.withheld.clear()
    story.vendor.edit(C, story.ref("Ada"), {"City": "Hill"})
    story.settle()
    assert row(story, number)["job"] == "baker"
    assert story.people()["Ada"]["Job"] == "baker"


# --- rest -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("counts", [True, False], ids=["counted", "timed"])
def test_the_echo_of_our_own_writes_causes_no_write(tell: Tell, counts: bool) -> None:
    story = tell(
        capabilities=replace(
            PERFECT,
            counts_writes=counts,
            version_step=dt.timedelta(seconds=0 if counts else 1),
            feed_lag=dt.timedelta(seconds=2),
        )
    )
    known(story, job="baker", tags="b,a", mobile="13900000001")
    story.vendor.edit(C, story.ref("Ada"), {"City": "Harbour"})
    story.settle()
    before = written(story)
    for _ in range(2):
        story.run()
        story.later(seconds=300)
    assert written(story) == before


def test_an_edit_in_the_same_second_as_our_write_is_not_taken_for_its_echo(tell: Tell) -> None:
    story = tell(capabilities=replace(PERFECT, version_step=dt.timedelta(seconds=1)))
    number = known(story, job="baker")
    story.sql("UPDATE clients SET job = 'smith' WHERE no = :n", n=number)
    story.run()
    version = story.vendor.dump(C)[0]["version"]
    story.vendor.edit(C, story.ref("Ada"), {"City": "Harbour"})
    assert story.vendor.dump(C)[0]["version"] == version, "the two look alike"
    story.later(seconds=2)
    story.run()
    assert row(story, number)["city"] == "Harbour"


def test_an_edit_right_before_our_own_write_is_not_taken_for_its_echo(tell: Tell) -> None:
    """The vendor says truly that we wrote last; what came before that is news all the same, and its
    count of writes tells of it."""
    story = tell(kinds=(C,), capabilities=replace(PERFECT, conditional=False, counts_writes=True))
    story.vendor.answers_version = story.vendor.answers_fields = False
    number = known(story, job="baker")
    edits = iter([{"City": "Harbour"}])

    def hook(point: str) -> None:
        if point == "before call: write":
            for edit in edits:
                story.vendor.edit(C, story.ref("Ada"), edit)
                story.later(milliseconds=7)

    story.hook = hook
    story.sql("UPDATE clients SET job = 'smith' WHERE no = :n", n=number)
    for _ in range(3):
        story.settle()
    assert (row(story, number)["city"], row(story, number)["job"]) == ("Harbour", "smith")
    assert story.people()["Ada"]["Job"] == "smith"


def test_an_edit_in_the_same_second_as_our_look_is_found(tell: Tell) -> None:
    story = tell(capabilities=replace(PERFECT, version_step=dt.timedelta(seconds=1)))
    number = known(story, job="baker")
    story.vendor.edit(C, story.ref("Ada"), {"City": "Harbour"})
    story.run()
    story.vendor.edit(C, story.ref("Ada"), {"City": "Hill"})
    story.later(seconds=2)
    story.run()
    assert row(story, number)["city"] == "Hill"


def test_what_the_vendor_makes_of_a_value_stays_there_and_leaves_the_shops_alone(
    tell: Tell,
) -> None:
    story = tell(
        mapping={"field: Job, lens: text": "field: Job, lens: text, vendor_normalises: true"}
    )
    story.vendor.normalise = {"Job": lambda value: " ".join(value.split())}
    number = known(story, job="master  baker")
    assert story.people()["Ada"]["Job"] == "master baker"
    before = written(story)
    story.settle()
    story.settle()
    assert written(story) == before
    assert row(story, number)["job"] == "master  baker"


def test_what_a_vendor_says_it_made_of_a_value_needs_no_declaring(story: Story) -> None:
    story.vendor.normalise = {"Job": str.upper}
    number = known(story, job="baker")
    before = written(story)
    for _ in range(3):
        story.settle()
    assert written(story) == before
    story.vendor.edit(C, story.ref("Ada"), {"City": "Lund"})
    story.settle()
    assert story.people()["Ada"]["Job"] == "BAKER"
    assert (row(story, number)["job"], row(story, number)["city"]) == ("baker", "Lund")


# --- conflicts ------------------------------------------------------------------------------------


def both_edit_the_city(story: Story) -> int:
    number = known(story, city="Harbour", job="baker")
    story.sql("UPDATE clients SET city = 'Hill' WHERE no = :n", n=number)
    story.vendor.edit(C, story.ref("Ada"), {"City": "Dale"})
    story.settle()
    return number


def test_two_edits_of_one_field_wait_for_a_person_and_hold_back_only_that_field(
    story: Story,
) -> None:
    number = both_edit_the_city(story)
    assert (row(story, number)["city"], story.people()["Ada"]["City"]) == ("Hill", "Dale")
    story.sql("UPDATE clients SET job = 'smith' WHERE no = :n", n=number)
    story.vendor.edit(C, story.ref("Ada"), {"Tags": ["a"]})
    report = story.run()
    assert (report.conflicts, report.exit) == (1, 5)
    assert story.people()["Ada"]["Job"] == "smith"
    assert row(story, number)["tags"] == "a"
    assert (row(story, number)["city"], story.people()["Ada"]["City"]) == ("Hill", "Dale")


def test_a_conflict_stays_open_when_one_side_is_edited_again(story: Story) -> None:
    number = both_edit_the_city(story)
    story.sql("UPDATE clients SET city = 'Shore' WHERE no = :n", n=number)
    story.settle()
    assert story.people()["Ada"]["City"] == "Dale"
    assert len(story.review().conflicts()) == 1


def test_a_conflict_keeps_its_id_until_one_of_its_values_changes(story: Story) -> None:
    number = both_edit_the_city(story)
    [first] = story.review().conflicts()
    story.sql("UPDATE clients SET job = 'smith' WHERE no = :n", n=number)
    story.settle()
    [again] = story.review().conflicts()
    assert (again.id, again.since) == (first.id, first.since)
    story.sql("UPDATE clients SET city = 'Shore' WHERE no = :n", n=number)
    story.settle()
    [other] = story.review().conflicts()
    assert other.id != first.id, "nobody has been shown these values"


def test_a_conflict_does_not_end_when_a_side_goes_back_to_what_was_once_agreed(
    story: Story,
) -> None:
    number = both_edit_the_city(story)
    story.sql("UPDATE clients SET city = 'Harbour' WHERE no = :n", n=number)
    story.settle()
    story.sql("UPDATE clients SET job = 'cook' WHERE no = :n", n=number)
    story.settle()
    assert story.people()["Ada"]["Job"] == "cook", "the rest of the record goes on"
    assert len(story.review().conflicts()) == 1
    assert (row(story, number)["city"], story.people()["Ada"]["City"]) == ("Harbour", "Dale")


def test_a_conflict_ends_when_both_sides_come_to_the_same(story: Story) -> None:
    number = both_edit_the_city(story)
    story.sql("UPDATE clients SET city = 'Dale' WHERE no = :n", n=number)
    story.settle()
    assert story.review().conflicts() == []
    assert story.run().exit == 0


@pytest.mark.parametrize(("side", "city"), [("local", "Hill"), ("remote", "Dale")])
def test_a_conflict_ends_as_a_person_chose_and_keeps_the_other_value(
    story: Story, side: str, city: str
) -> None:
    number = both_edit_the_city(story)
    review = story.review()
    [one] = review.conflicts()
    assert "Hill" not in str(one.local), "values are masked"
    review.resolve(one.id, side)
    story.settle()
    assert (row(story, number)["city"], story.people()["Ada"]["City"]) == (city, city)
    assert review.conflicts() == []
    assert f"lost_{'remote' if side == 'local' else 'local'}" in causes(story)


def test_a_conflict_is_resolved_for_a_side_and_for_nothing_else(story: Story) -> None:
    both_edit_the_city(story)
    review = story.review()
    with pytest.raises(UsageError):
        review.resolve(review.conflicts()[0].id, "newest")
    with pytest.raises(UsageError):
        review.resolve("no-such-conflict", "local")


# --- policies -------------------------------------------------------------------------------------


def meet(story: Story, column: str, mine: str, field: str, theirs: Any) -> tuple[Any, Any]:
    """Both sides edit one field; what both hold in the end."""
    number = known(story, job="baker", tags="a,b")
    story.sql(f"UPDATE clients SET {column} = :v WHERE no = :n", v=mine, n=number)
    story.vendor.edit(C, story.ref("Ada"), {field: theirs})
    story.settle()
    before = written(story)
    story.settle()
    assert written(story) == before
    [made] = story.vendor.dump(C)
    return row(story, number)[column], made["fields"].get(field)


def test_local_keeps_the_shops_value(story: Story) -> None:
    assert meet(story, "job", "smith", "Job", "tailor") == ("smith", "smith")
    assert "lost_remote" in causes(story)


def test_remote_keeps_the_vendors_value(story: Story) -> None:
    found = meet(story, "mail", "ada@one.example.test", "Mail", "ada@two.example.test")
    assert found == ("ada@two.example.test", "ada@two.example.test")
    assert "lost_local" in causes(story)


def test_union_keeps_what_either_side_added_and_drops_what_either_removed(story: Story) -> None:
    here, there = meet(story, "tags", "a,b,c", "Tags", ["b", "d"])
    assert sorted(here.split(",")) == sorted(there) == ["b", "c", "d"]


def test_max_keeps_the_higher_count(story: Story) -> None:
    number = known(story)
    story.sql("INSERT INTO cards (client, card, points) VALUES (:c, 'K1', 5)", c=number)
    story.settle()
    [card] = story.vendor.dump(M)
    story.sql("UPDATE cards SET points = 8")
    story.vendor.edit(M, card["ref"], {"Points": 7})
    story.settle()
    assert story.vendor.dump(M)[0]["fields"]["Points"] == 8
    assert story.sql("SELECT points FROM cards")[0]["points"] == 8


@pytest.mark.parametrize("side", ["shop", "vendor"])
def test_an_opt_out_of_either_side_is_never_overruled(tell: Tell, side: str) -> None:
    story = tell()
    number = known(story, no_mail=1)
    story.sql("UPDATE clients SET no_mail = 0 WHERE no = :n", n=number)
    story.settle()
    assert story.people()["Ada"]["Opt_Out"] is False, "a lone edit travels"
    if side == "shop":
        story.sql("UPDATE clients SET no_mail = 1 WHERE no = :n", n=number)
    else:
        story.vendor.edit(C, story.ref("Ada"), {"Opt_Out": True})
    story.settle()
    assert row(story, number)["no_mail"] == 1
    assert story.people()["Ada"]["Opt_Out"] is True


@pytest.mark.parametrize("withdrawn_at", ["shop", "vendor"])
def test_an_opt_out_wins_when_two_records_first_meet(tell: Tell, withdrawn_at: str) -> None:
    story = tell(first_contact="remote" if withdrawn_at == "shop" else "local")
    number = story.client("Ada", mail="ada@example.test", no_mail=int(withdrawn_at == "shop"))
    story.vendor.create(
        C, {"Last": "Ada", "Mail": "ada@example.test", "Opt_Out": withdrawn_at == "vendor"}
    )
    story.settle()
    assert len(story.vendor.dump(C)) == 1
    assert (row(story, number)["no_mail"], story.people()["Ada"]["Opt_Out"]) == (1, True)


def test_a_lone_edit_against_the_direction_stays_where_it_is_and_is_counted(tell: Tell) -> None:
    story = tell(mapping={"field: Job, lens: text": "field: Job, lens: text, direction: push"})
    number = known(story, job="baker")
    story.vendor.edit(C, story.ref("Ada"), {"Job": "tailor"})
    story.later(seconds=300)
    report = story.run()
    counted = {p.kind: p.counts.against_direction for p in report.passes}
    assert counted[Kind.CUSTOMER] == 1
    assert (row(story, number)["job"], story.people()["Ada"]["Job"]) == ("baker", "tailor")
    story.settle()
    assert story.people()["Ada"]["Job"] == "tailor"
