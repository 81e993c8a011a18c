"""Invariants 8 and 9: an erased person is gone everywhere and does not come back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector.errors import SealError, VendorError
from connector.local.contract import Capture
from connector.rights import erasing
from connector.store import tables as t
from connector.sync.documents import unpack
from connector.testing.weather import Trouble
from connector.testing.world import PERFECT
from tests.privacy.canary import Scanner
from tests.privacy.persons import (
    OnDisk,
    Persons,
    ann_everywhere,
    is_gone,
    ref_of,
)
from tests.scenery import TABLES
from tests.story import C, F

Tell = Callable[..., Any]


# --- 8 --------------------------------------------------------------------------------------------


def test_08_nothing_of_the_erased_is_left_anywhere(tell: Tell) -> None:
    story = tell(on_disk=True)
    known = ann_everywhere(story)
    scanner = Scanner(known.ann.values(), known.raw)
    assert story.rows(t.conflict) and any(r["doc"] for r in story.rows(t.event)), "there was much"
    assert scanner.files(story.folder), "her ids and indexes stand in the state before"
    state, keys = story.back_up_state(), story.back_up_keys()
    [subject] = {r["subject"] for r in story.rows(t.link) if r["local_id"] == str(known.key)}
    sealed = [r["base"] for r in story.rows(t.link) if r["subject"] == subject and r["base"]]

    entry = story.erase(known.key)

    assert (entry.state, entry.work) == ("done", None)
    assert {one.state for one in entry.vendors} == {"verified"}
    assert is_gone(story, known) == []
    assert scanner.files(story.folder, but=[keys.name]) == []
    assert story.vault.subject_state(subject) == "shredded"
    # The older copy of the state still holds what was sealed for her, and nothing opens it.
    assert sealed and sealed[0] in state
    link = next(r["id"] for r in story.rows(t.link) if r["subject"] == subject)
    with pytest.raises(SealError):
        story.vault.open("base", C, subject, link, sealed[0])
    story.settle()
    assert is_gone(story, known) == []
    assert scanner.files(story.folder, but=[keys.name]) == []


def test_08_a_record_too_new_for_the_vendors_search_is_waited_for(tell: Tell) -> None:
    """Somebody typed her in at the vendor a moment ago; no run has seen that record yet."""
    lagging = replace(PERFECT, find_lag=dt.timedelta(seconds=60))
    story = tell(others={}, capabilities=lagging, kinds=(C,))
    ann = story.client("Ann", mail="ann@example.test")
    story.vendor.create(C, {"Last": "Ann", "Mail": "ann@example.test"})
    entry = story.erase(ann)
    assert story.vendor.dump(C) == []
    assert [(one.place, one.state) for one in entry.vendors] == [
        ("crm", "verified"),
        ("local", "verified"),
    ]


@pytest.mark.parametrize("key_lost", [False, True])
def test_08_a_record_that_was_merged_into_hers_goes_too(tell: Tell, key_lost: bool) -> None:
    """It lies in the vendor's bin with all it holds, and a tombstone remembers its id."""
    story = tell(kinds=(C,))
    keys = story.back_up_keys()
    ann = story.client("Ann", mail="ann@example.test")
    story.settle()
    loser = ref_of(story, "crm", "ann@example.test")
    winner = story.vendor.create(C, {"Last": "Ann", "Mail": "ann@example.test"})
    story.vendor.merge(C, loser, winner)
    story.settle()
    assert loser in {r["remote_id"] for r in story.rows(t.link) if r["state"] == "merged"}
    if key_lost:
        story.put_keys_back(keys)
        story.runner().run(only_reconcile=True)
    story.erase(ann)
    lives = story.vendor.records[C]
    assert {lives[ref].now.state for ref in (loser, winner)} == {"purged"}
    ids = {r["remote_id"] for r in story.rows(t.link) if r["connection"] == "crm"}
    assert not {loser, winner} & ids


def test_08_a_record_that_hers_is_merged_into_meanwhile_goes_too(tell: Tell) -> None:
    """The vendor found her and deleted nobody; before it does, somebody merges her record."""
    story = tell(kinds=(C,))
    ann = story.client("Ann", mail="ann@example.test")
    bob = story.client("Bob", mail="bob@example.test")
    story.settle()
    mine = [ref_of(story, "crm", f"{name}@example.test") for name in ("ann", "bob")]
    story.vendor.weather = lambda name, phase: Trouble.THROTTLED if name == "remove" else None
    for key in (ann, bob):
        with pytest.raises(VendorError):
            story.erase(key)
    story.vendor.weather = lambda name, phase: None
    heir = story.vendor.create(C, {"Last": "Ann", "Mail": "ann@example.test"})
    other = story.vendor.create(C, {"Last": "Cy", "Mail": "cy@example.test"})
    story.vendor.merge(C, mine[0], heir)
    story.vendor.merge(C, mine[1], other)
    assert [entry.state for entry in story.go_on()] == ["done", "done"]
    states = {ref: record.now.state for ref, record in story.vendor.records[C].items()}
    assert [states[ref] for ref in (*mine, heir)] == ["purged"] * 3
    assert states[other] == "live", "what a living person's record took in is left to a person"


def spoil_a_gap(file: Path, text: bytes) -> None:
    """Write into the room between the cells of a table's page, where no row of it is."""
    held = bytearray(file.read_bytes())
    size = int.from_bytes(held[16:18])
    for page in range(size, len(held), size):
        first = page + 8 + 2 * int.from_bytes(held[page + 3 : page + 5])
        room = page + int.from_bytes(held[page + 5 : page + 7]) - first
        if held[page] == 13 and room > len(text):  # a leaf of a table
            held[first : first + len(text)] = text
            file.write_bytes(held)
            return
    raise AssertionError("no page has any room")


def test_08_what_a_database_kept_between_its_rows_goes_too(tell: Tell) -> None:
    """A page that was taken apart may keep bytes that nothing deletes any more."""
    story = tell(on_disk=True, kinds=(C,))
    known = ann_everywhere(story)

    def hook(point: str) -> None:
        if point == "before step: verify":
            story.state_engine.dispose()
            spoil_a_gap(story.folder / "state.db", known.ann.email.encode())

    story.hook = hook
    assert story.erase(known.key).state == "done"
    assert known.ann.email.encode() not in (story.folder / "state.db").read_bytes()


def test_08_a_restored_state_is_told_of_the_erasure_before_it_reads_anything(tell: Tell) -> None:
    story = tell(on_disk=True)
    known = ann_everywhere(story)
    copy = story.back_up_state()
    story.erase(known.key)
    story.put_state_back(copy)
    scanner = Scanner(known.ann.values(), known.raw)
    assert scanner.files(story.folder, but=_copies(story)), "the copy knows her"
    story.runner().run(only_reconcile=True)
    story.settle()
    story.state_engine.dispose()
    assert is_gone(story, known) == []
    assert scanner.files(story.folder, but=_copies(story)) == []


def test_08_restored_keys_are_destroyed_again(tell: Tell) -> None:
    story = tell(on_disk=True)
    known = ann_everywhere(story)
    [subject] = {r["subject"] for r in story.rows(t.link) if r["local_id"] == str(known.key)}
    keys = story.back_up_keys()
    story.erase(known.key)
    story.put_keys_back(keys)
    assert story.vault.subject_state(subject) == "live", "the copy opens her"
    story.runner().run(only_reconcile=True)
    assert story.vault.subject_state(subject) == "shredded"
    story.client("Ann again", mail=known.ann.email)
    story.settle()
    assert [d for d in story.vendor.dump(C) if d["fields"]["Mail"] == known.ann.email] == []


def test_08_no_place_in_the_shops_rows_keeps_their_key(tell: Tell) -> None:
    """Where all rows are looked at, the state remembers at which keys its pages end."""
    scanned = {**TABLES, C: replace(TABLES[C], capture=Capture.SCAN)}
    story = tell(others={}, tables=scanned, kinds=(C,))
    story.client("Bob", mail="bob@example.test")
    last = story.client("Ann", mail="ann@example.test")
    story.settle()

    def ends() -> set[str]:
        looks = [r["listing"] for r in story.rows(t.scope) if r["kind"] == "*/rows/customer"]
        return {key for one in looks if one for key in unpack(one)["pages"]}

    assert str(last) in ends()
    story.erase(last)
    assert str(last) not in ends()
    story.settle()
    assert str(last) not in ends()


def _copies(story: OnDisk) -> list[str]:
    return [path.name for path in story.folder.glob("keys-*.db")]


# --- 9 --------------------------------------------------------------------------------------------

SPELLINGS = {
    "as it was": ("cnry-0001-mail@canary.test", "13900017310"),
    "capitals": ("CNRY-0001-Mail@Canary.TEST", "+86 139 0001 7310"),
    "full width": ("ｃｎｒｙ-0001-ｍａｉｌ@canary.test", "１３９-０００１-７３１０"),
    "blanks": ("  cnry-0001-mail@canary.test ", "(+86)139 0001 7310"),
    "only the mail": ("cnry-0001-mail@CANARY.test", None),
    "only the phone": (None, "+8613900017310"),
}


def typed_in_at_a_vendor(story: Persons, mail: str | None, mobile: str | None) -> None:
    story.vendor.create(C, {"Last": "Someone", "Mail": mail, "Mobile": mobile})


def typed_in_at_the_shop(story: Persons, mail: str | None, mobile: str | None) -> None:
    story.client("Someone", mail=mail, mobile=mobile)


def retried_as_a_letter(story: Persons, mail: str | None, mobile: str | None) -> None:
    """Somebody who waits as one of a household has her values by now, and is retried."""
    review = story.review()
    letter = next(one for one in review.letters() if one.code == "ambiguous")
    story.sql(
        "UPDATE clients SET mail = :m, mobile = :p, full_name = 'Someone' WHERE no = :n",
        m=mail,
        p=mobile,
        n=int(letter.record),
    )
    for one in review.letters():
        if one.record == letter.record:
            review.retry(one.id, as_new=True)


def merged_at_the_vendor(story: Persons, mail: str | None, mobile: str | None) -> None:
    """Someone is typed in and merged into a record that is typed in too."""
    loser = story.vendor.create(C, {"Last": "Someone", "Mail": mail, "Mobile": mobile})
    winner = story.vendor.create(C, {"Last": "Someone"})
    story.vendor.merge(C, loser, winner)


WAYS = {
    "pull": typed_in_at_a_vendor,
    "push": typed_in_at_the_shop,
    "retry": retried_as_a_letter,
    "merge": merged_at_the_vendor,
}


@pytest.mark.parametrize("rotated", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_09_the_erased_do_not_come_back(tell: Tell, way: str, rotated: bool) -> None:
    """By each way in, in each spelling, before and after the suppression key was changed."""
    story = tell()
    known = ann_everywhere(story)
    if way == "retry":
        for n in range(len(SPELLINGS) + 1):
            story.client(f"Cleo{n}", mail=f"cleo{n}@example.test", mobile="13800000001")
        story.settle()
    story.erase(known.key)
    if rotated:
        story.rotate_suppress()
    for mail, mobile in SPELLINGS.values():
        WAYS[way](story, mail, mobile)
    before = everybody(story)
    assert len([one for one in before if one[1] == "Someone"]) >= len(SPELLINGS), "they came"
    story.settle()
    assert everybody(story) == before, "nobody was made on another side"
    assert _someone(story) == 0, "and none of them is linked or waits"


def watch(story: Persons, mine: Callable[[sa.RowMapping], bool]) -> None:
    """From here on nothing that is `mine` may be staged at any commit."""

    def look(point: str) -> None:
        if point.startswith("after commit: "):
            held = [row for row in story.rows(t.staged) if mine(row)]
            assert held == [], f"{point}: staged"

    story.hook = look


@pytest.mark.parametrize("way", ["pull", "push", "merge"])
def test_09_they_are_turned_away_before_anything_is_staged(tell: Tell, way: str) -> None:
    story = tell()
    known = ann_everywhere(story)
    story.erase(known.key)
    for mail, mobile in SPELLINGS.values():
        WAYS[way](story, mail, mobile)
    watch(story, lambda row: row["kind"] == C and _is_someones(story, row))
    story.settle()
    if way == "pull":
        story.later(days=2)
        story.settle()  # by the listing of all ids, too


def _is_someones(story: Persons, row: sa.RowMapping) -> bool:
    records = [*story.vendors[row["connection"]].records[C].values()]
    refs = {
        r.ref for r in records if r.now.fields.get("Last") == "Someone" and r.now.fields.get("Mail")
    }
    rows = {str(r["no"]) for r in story.sql("SELECT no FROM clients WHERE full_name = 'Someone'")}
    return row["record"] in (rows if row["side"] == "local" else refs) and row["gone"] is None


@pytest.mark.parametrize("rotated", [False, True])
def test_09_nor_by_a_connection_that_was_out(tell: Tell, rotated: bool) -> None:
    story = tell()
    known = ann_everywhere(story)
    story.erase(known.key)
    if rotated:
        story.rotate_suppress()
    story.only = ("fx",)
    for mail, mobile in SPELLINGS.values():
        typed_in_at_the_shop(story, mail, mobile)
    story.settle()
    story.only = None
    before = everybody(story)
    story.settle()
    assert everybody(story) == before
    assert _someone(story) == 0


def everybody(story: Persons) -> list[tuple[str, str]]:
    """Where somebody of what name is, on all sides."""
    found = [("shop", r["full_name"]) for r in story.sql("SELECT full_name FROM clients")]
    for name, vendor in story.vendors.items():
        found += [(name, d["fields"]["Last"]) for d in vendor.dump(C)]
    return sorted(found)


def _someone(story: Persons) -> int:
    """Live links and staged records of whoever is called so."""
    rows = {str(r["no"]) for r in story.sql("SELECT no FROM clients WHERE full_name = 'Someone'")}
    refs = {
        d["ref"]
        for v in story.vendors.values()
        for d in v.dump(C)
        if d["fields"]["Last"] == "Someone"
    }
    links = [
        r
        for r in story.rows(t.link)
        if r["kind"] == C and r["live"] and (r["local_id"] in rows or r["remote_id"] in refs)
    ]
    held = [r for r in story.rows(t.staged) if r["kind"] == C and r["record"] in rows | refs]
    return len(links) + len(held)


def test_09_a_record_of_hers_that_is_restored_stays_out(tell: Tell) -> None:
    """By its id and by our key alone: no value of hers is left in it."""
    story = tell()
    known = ann_everywhere(story)
    ref = ref_of(story, "crm", known.ann.email)
    key = story.vendor.records[C][ref].now.key
    story.erase(known.key)
    story.vendor.create(C, {"Last": "Someone"}, key=key)
    story.settle()
    assert [r for r in story.rows(t.scope) if r["doubt"]] == [], "it is no sign of an older copy"
    assert story.sql("SELECT * FROM clients WHERE full_name = 'Someone'") == []
    assert _someone(story) == 0


def test_09_her_children_stay_out_too(tell: Tell) -> None:
    story = tell()
    known = ann_everywhere(story)
    ref = ref_of(story, "crm", known.ann.email)
    story.erase(known.key)
    story.sql("INSERT INTO remarks (client, title) VALUES (:c, 'late')", c=known.key)
    story.vendor.create(F, {"Name": "late too", "Person": {"id": ref}})
    watch(story, lambda row: row["kind"] == F)
    story.settle()
    assert [r["title"] for r in story.sql("SELECT title FROM remarks")] == ["late"]
    assert [d["fields"]["Name"] for d in story.vendor.dump(F)] == ["late too"]
    assert story.vendors["fx"].dump(F) == []
    assert [r for r in story.rows(t.staged) if r["reason"]] == [], "no letter names her row"


def test_09_a_living_person_who_comes_to_share_a_value_stays_linked(tell: Tell) -> None:
    story = tell()
    known = ann_everywhere(story)
    story.erase(known.key)
    story.sql("UPDATE clients SET mobile = :m, job = 'smith'", m=known.ann.mobile)
    story.settle()
    [bob] = story.vendor.dump(C)
    assert bob["fields"]["Job"] == "smith", "Bob goes on as before"


def test_09_two_of_a_household_are_told_apart(tell: Tell) -> None:
    """What another person's row has too is not suppressed, and the other goes on."""
    story = tell()
    ann = story.client("Ann", mail="ann@example.test", mobile="13900000001")
    story.client("Ben", mail="ben@example.test", mobile="13900000001")
    story.settle()
    story.erase(ann)
    review = story.review()
    for one in review.letters():
        review.retry(one.id)
    story.settle()
    assert [d["fields"]["Last"] for d in story.vendor.dump(C)] == ["Ben"]
    story.client("Ann", mail="ann@example.test")
    story.settle()
    assert [d["fields"]["Last"] for d in story.vendor.dump(C)] == ["Ben"]


def test_09_lifting_lets_them_come_back_as_somebody_new(tell: Tell) -> None:
    story = tell()
    known = ann_everywhere(story)
    entry = story.erase(known.key)
    typed_in_at_the_shop(story, known.ann.email, None)
    story.settle()
    assert _someone(story) == 0
    erasing.lift(story.beside(), entry)
    story.settle()
    assert _someone(story) > 0
    assert known.ann.email in {d["fields"]["Mail"] for d in story.vendor.dump(C)}
