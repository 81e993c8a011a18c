"""Records that meet for the first time, children and their parents, writes of unknown outcome."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import pytest

from connector.plugin import Kind, Op, Schema
from connector.testing.memory import MemoryRemote
from connector.testing.weather import Phase, Trouble
from connector.testing.world import PERFECT
from tests.scenery import SCHEMAS
from tests.story import C, F, M, Story, Tell


def shop(story: Story) -> list[str]:
    rows = story.sql("SELECT full_name FROM clients WHERE is_deleted = 0 ORDER BY full_name")
    return [r["full_name"] for r in rows]


def names(story: Story) -> list[str]:
    return sorted(d["fields"]["Last"] for d in story.vendor.dump(C))


def codes(story: Story) -> list[str]:
    return sorted(one.code for one in story.review().letters())


# --- first contact --------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["mail", "mobile"])
def test_exactly_one_hit_is_the_same_person(story: Story, value: str) -> None:
    if value == "mail":
        story.client("Ada", mail="ada@example.test")
        story.vendor.create(C, {"Last": "Ada", "Mail": "Ada@EXAMPLE.test"})
    else:
        story.client("Ada", mobile="139 0000 0001")
        story.vendor.create(C, {"Last": "Ada", "Mobile": "+8613900000001"})
    story.settle()
    story.settle()
    assert (shop(story), names(story)) == (["Ada"], ["Ada"])
    story.sql("UPDATE clients SET job = 'smith'")
    story.settle()
    assert story.people()["Ada"]["Job"] == "smith"


@pytest.mark.parametrize("known", [1, 2])
def test_who_goes_on_both_sides_and_is_typed_in_on_both_anew_is_one_person(
    story: Story, known: int
) -> None:
    """What the dead held nobody holds first: both newcomers contended for it, unseen by each
    other."""
    for _ in range(known):
        story.client("Ada", mail="ada@example.test")
        story.settle()
        story.sql("UPDATE clients SET is_deleted = 1")
        story.vendor.remove(C, story.ref("Ada"))
        story.client("Ada", mail="ada@example.test")
        story.vendor.create(C, {"Last": "Ada", "Mail": "ada@example.test"})
        story.settle()
        story.settle()
        assert (shop(story), names(story), codes(story)) == (["Ada"], ["Ada"], [])
        story.sql("UPDATE clients SET is_deleted = 1")
        story.settle()


def test_two_candidates_never_lead_to_a_write(story: Story) -> None:
    for last in ("Bo", "Cy"):
        story.vendor.create(C, {"Last": last, "Mobile": "+8613900000001"})
    story.client("Ada", mobile="13900000001")
    before = story.vendor.calls["create"] + story.vendor.calls["update"]
    story.settle()
    story.settle()
    assert (shop(story), names(story)) == (["Ada"], ["Bo", "Cy"])
    assert story.vendor.calls["create"] + story.vendor.calls["update"] == before
    assert codes(story) == ["ambiguous"] * 3


def test_two_clients_with_one_phone_are_set_aside_until_a_person_says_so(story: Story) -> None:
    story.client("Ada", mobile="13900000001")
    story.client("Bo", mobile="13900000001")
    report = story.settle()
    assert report.exit == 5
    review = story.review()
    waiting = review.letters()
    assert {one.code for one in waiting} == {"ambiguous"}
    assert "139" not in "".join(one.reason for one in waiting)
    for one in waiting:
        review.retry(one.id, as_new=True)
    story.settle()
    assert names(story) == ["Ada", "Bo"]
    assert review.letters() == []


@pytest.mark.parametrize(
    ("rule", "here", "there"),
    [
        ("local", "baker", "baker"),
        ("remote", "smith", "smith"),
        ("manual", "baker", "smith"),
        ("fill_blank", "baker", "smith"),
    ],
)
def test_what_differs_at_first_contact_follows_the_kinds_rule(
    tell: Tell, rule: str, here: str, there: str
) -> None:
    story = tell(first_contact=rule)
    story.client("Ada", mail="ada@example.test", job="baker")
    story.vendor.create(C, {"Last": "Ada", "Mail": "ada@example.test", "Job": "smith"})
    story.settle()
    story.settle()
    assert story.sql("SELECT job FROM clients")[0]["job"] == here
    assert story.people()["Ada"]["Job"] == there


def test_fill_blank_fills_what_one_side_lacks(tell: Tell) -> None:
    story = tell(first_contact="fill_blank")
    story.client("Ada", mail="ada@example.test", job="baker")
    story.vendor.create(C, {"Last": "Ada", "Mail": "ada@example.test", "City": "Hill"})
    story.settle()
    story.settle()
    assert story.sql("SELECT city FROM clients")[0]["city"] == "Hill"
    assert story.people()["Ada"]["Job"] == "baker"


def test_a_changed_match_value_never_makes_a_second_link(story: Story) -> None:
    story.client("Ada", mail="ada@example.test")
    story.client("Bo", mail="bo@example.test")
    story.settle()
    story.vendor.edit(C, story.ref("Ada"), {"Mail": "bo@example.test"})
    story.settle()
    story.settle()
    assert (shop(story), names(story)) == (["Ada", "Bo"], ["Ada", "Bo"])


# --- parents and children -------------------------------------------------------------------------


def card(story: Story, client: int | None, name: str) -> None:
    story.sql("INSERT INTO cards (client, card, points) VALUES (:c, :k, 1)", c=client, k=name)


def holders(story: Story) -> dict[str, str | None]:
    people = {d["ref"]: d["fields"]["Last"] for d in story.vendor.dump(C)}
    return {
        d["fields"]["Name"]: people.get((d["fields"].get("Person") or {}).get("id"))
        for kind in (M, F)
        for d in story.vendor.dump(kind)
    }


def test_children_go_in_the_same_run_as_their_parent(story: Story) -> None:
    ada = story.client("Ada", mail="ada@example.test")
    card(story, ada, "K1")
    story.sql("INSERT INTO remarks (client, title) VALUES (:c, 'Praise')", c=ada)
    assert story.settle().exit == 0
    assert holders(story) == {"K1": "Ada", "Praise": "Ada"}


def test_children_from_the_vendor_come_in_the_same_run_as_their_parent(story: Story) -> None:
    ada = story.vendor.create(C, {"Last": "Ada", "Mail": "ada@example.test"})
    story.vendor.create(M, {"Name": "K1", "Person": {"id": ada}})
    assert story.settle().exit == 0
    [row] = story.sql("SELECT c.full_name, k.card FROM cards k JOIN clients c ON c.no = k.client")
    assert (row["full_name"], row["card"]) == ("Ada", "K1")


def test_a_card_whose_client_is_missing_is_a_letter_and_goes_once_the_client_is_there(
    story: Story,
) -> None:
    card(story, 77, "K1")
    assert story.settle().exit == 5
    assert codes(story) == ["parent_missing"]
    assert story.vendor.dump(M) == []
    story.sql("INSERT INTO clients (no, full_name, mail) VALUES (77, 'Ada', 'a@example.test')")
    story.settle()
    assert holders(story) == {"K1": "Ada"}
    assert codes(story) == []


def test_a_card_without_any_client_is_a_letter(story: Story) -> None:
    card(story, None, "K1")
    story.settle()
    assert codes(story) == ["no_parent"]
    assert story.vendor.dump(M) == []


def test_a_card_waits_while_its_client_is_set_aside(story: Story) -> None:
    story.client("Ada", mobile="13900000001")
    bo = story.client("Bo", mobile="13900000001")
    card(story, bo, "K1")
    story.settle()
    assert story.vendor.dump(M) == []
    review = story.review()
    for one in review.letters():
        if one.kind == C:
            review.retry(one.id, as_new=True)
    story.settle()
    assert holders(story) == {"K1": "Bo"}


def test_feedback_goes_without_its_client_and_is_linked_later(story: Story) -> None:
    story.sql("INSERT INTO remarks (client, title) VALUES (77, 'Praise')")
    story.settle()
    assert holders(story) == {"Praise": None}
    story.sql("INSERT INTO clients (no, full_name, mail) VALUES (77, 'Ada', 'a@example.test')")
    story.settle()
    story.sql("UPDATE remarks SET body = 'good'")
    story.settle()
    assert holders(story) == {"Praise": "Ada"}
    assert story.sql("SELECT client FROM remarks")[0]["client"] == 77


def test_a_deleted_client_takes_no_card_of_another_along(story: Story) -> None:
    ada, bo = (story.client(n, mail=f"{n.lower()}@example.test") for n in ("Ada", "Bo"))
    card(story, ada, "K1")
    card(story, bo, "K2")
    story.settle()
    story.sql("DELETE FROM cards WHERE client = :c", c=ada)
    story.sql("UPDATE clients SET is_deleted = 1 WHERE no = :n", n=ada)
    story.settle()
    assert (names(story), holders(story)) == (["Bo"], {"K2": "Bo"})


# --- unknown outcomes -----------------------------------------------------------------------------

TROUBLES = [
    Trouble.LOST_BEFORE,
    Trouble.LOST_AFTER,
    Trouble.ERROR_APPLIED,
    Trouble.HALF_DONE,
    Trouble.LATE,
    Trouble.THROTTLED,
    Trouble.REORDERED,
]


def troubled(story: Story, operation: str, trouble: Trouble) -> list[str]:
    """Let each phase of the next call of an operation meet the trouble, once."""
    met: list[str] = []

    def weather(asked: str, phase: Phase) -> Trouble | None:
        if asked == operation and len(met) < 2 and phase not in met:
            met.append(phase)
            return trouble
        return None

    story.vendor.weather = weather
    return met


@pytest.mark.parametrize("key", ["unique", "plain"])
@pytest.mark.parametrize("operation", ["create", "update", "remove"])
@pytest.mark.parametrize("trouble", TROUBLES)
def test_whatever_becomes_of_a_call_each_record_is_there_once(
    tell: Tell, trouble: Trouble, operation: str, key: Literal["unique", "plain"]
) -> None:
    story = tell(capabilities=replace(PERFECT, external_key=key), kinds=(C,))
    for name in ("Ada", "Bo", "Cy"):
        story.client(name, mail=f"{name.lower()}@example.test", job="baker")
    if operation != "create":
        story.settle()
    expected: Any = ["Ada", "Bo", "Cy"]
    if operation == "update":
        story.sql("UPDATE clients SET job = 'smith'")
    if operation == "remove":
        story.sql("UPDATE clients SET is_deleted = 1 WHERE no < 3")
        expected = ["Cy"]
    met = troubled(story, operation, trouble)
    for _ in range(4):
        story.later(seconds=300)
        story.run()
    assert met, "the call was made"
    assert (names(story), shop(story)) == (expected, expected)
    if operation == "update":
        assert {p["Job"] for p in story.people().values()} == {"smith"}
    created = [r for r in story.vendor.records[C].values() if r.commits[0].by_us]
    assert len(created) == 3, "none was made twice and put away again"
    assert story.run().exit == 0


def test_a_lost_answer_costs_no_more_than_a_look(story: Story) -> None:
    story.client("Ada", mail="ada@example.test")
    troubled(story, "create", Trouble.LOST_AFTER)
    story.run()
    story.later(seconds=300)
    story.run()
    assert (story.vendor.calls["create"], story.vendor.calls["find"]) == (1, 1)


# --- one bad record never stops the rest ----------------------------------------------------------


def test_of_a_hundred_records_three_bad_ones_stop_nothing(tell: Tell) -> None:
    caps = replace(PERFECT, batch={Op.CREATE: 100, Op.UPDATE: 100, Op.REMOVE: 100})
    calls: list[int] = []
    for bad in (False, True):
        story = tell(capabilities=caps, kinds=(C,))
        for n in range(100):
            spoiled = bad and n in (10, 50, 90)
            story.client("x" * 90 if spoiled else f"P{n}", mail=f"p{n}@example.test")
        report = story.settle()
        calls.append(sum(story.vendor.calls.values()))
        assert len(story.vendor.dump(C)) == (97 if bad else 100)
        assert report.letters == (3 if bad else 0)
        assert report.exit == (5 if bad else 0)
    assert calls[1] <= calls[0] + 2


def test_what_the_vendor_refuses_becomes_a_letter_and_the_rest_of_the_batch_goes_in(
    tell: Tell,
) -> None:
    story = tell(kinds=(C,))

    class Describing(MemoryRemote):
        """A vendor that has rules of its own, which its metadata does not tell."""

        def describe(self, kind: Kind) -> Schema:
            super().describe(kind)
            return SCHEMAS[kind]

    def make() -> MemoryRemote:
        plain = story._memory_remote()
        return Describing(plain.vendor, plain.targets)

    story.remote_factory = make
    story.client("Ada", mail="ada@example.test", tags="a")
    story.settle()
    info = story.vendor.schemas[C].fields["Job"]
    fields = {**story.vendor.schemas[C].fields, "Job": replace(info, max_length=3)}
    story.vendor.schemas = {
        **story.vendor.schemas,
        C: replace(story.vendor.schemas[C], fields=fields),
    }
    for name, job in (("Al", "vet"), ("Bo", "baker"), ("Cy", "chef"), ("Di", "vet")):
        story.client(name, mail=f"{name.lower()}@example.test", job=job)
    report = story.settle()
    assert names(story) == ["Ada", "Al", "Di"]
    assert (codes(story), report.exit) == (["too_long", "too_long"], 5)
    story.sql("UPDATE clients SET job = 'vet' WHERE full_name = 'Bo'")
    story.settle()
    assert names(story) == ["Ada", "Al", "Bo", "Di"]
    assert codes(story) == ["too_long"]
