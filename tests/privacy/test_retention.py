"""What is over its term goes from the shop and from every vendor, and does not come back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.errors import PolicyFileError
from connector.sync import retaining
from connector.sync.counts import Limits
from tests.copies import World
from tests.privacy.kept import FIELDS, RECORDS, Kept
from tests.story import Died, F


@pytest.fixture
def story(tmp_path: Path) -> Any:
    made = Kept(tmp_path)
    yield made
    made.close()


@pytest.fixture
def records(tmp_path: Path) -> Any:
    made = Kept(tmp_path, RECORDS)
    yield made
    made.close()


def in_step(story: Kept) -> tuple[int, int]:
    """Two remarks of one client, one of which is over its term in two weeks."""
    client = story.person("王伟")
    old = story.remark(client, "old words", "2024-02-10 09:00:00", score=3)
    new = story.remark(client, "new words", "2026-01-20 09:00:00")
    story.settle()
    assert story.bodies() == story.bodies("two") == ["new words", "old words"]
    return old, new


def test_a_field_over_its_term_is_emptied_in_the_shop_and_at_every_vendor(story: Kept) -> None:
    old, new = in_step(story)
    assert story.days(9).exit == 0 and story.row(old)["body"] == "old words"
    story.later(days=2)
    assert story.settle().exit == 0
    assert story.bodies() == story.bodies("two") == [None, "new words"]
    assert (story.row(old)["body"], story.row(old)["score"]) == (None, 3)
    assert story.row(new)["body"] == "new words"
    assert story.causes("retention") >= 2


def test_a_repeat_changes_nothing_and_a_quiet_day_writes_nothing(story: Kept) -> None:
    in_step(story)
    story.compare_daily = 0  # (this look reads by id each day)
    story.days(12)
    story.days(1)
    calls = [dict(vendor.calls) for vendor in story.vendors.values()]
    for _ in range(3):
        report = story.days(1)
        assert report.exit == 0 and not any(p.counts.written for p in report.passes)
    for vendor, before in zip(story.vendors.values(), calls, strict=True):
        assert vendor.calls["update"] == before["update"]
        assert vendor.calls["fetch"] == before["fetch"], "nothing is even looked at again"


def test_a_value_that_comes_again_is_erased_again_and_other_edits_travel(story: Kept) -> None:
    old, _ = in_step(story)
    story.days(12)
    [ref] = [d["ref"] for d in story.vendor.dump(F) if not d["fields"].get("Body")]
    story.vendor.edit(F, ref, {"Body": "typed again", "Score": 9})
    story.settle()
    assert "typed again" not in story.bodies()
    assert (story.row(old)["body"], story.row(old)["score"]) == (None, 9)
    story.sql("UPDATE remarks SET body = 'from the shop', score = 4 WHERE id = :n", n=old)
    story.settle()
    assert (story.row(old)["body"], story.row(old)["score"]) == (None, 4)
    assert "from the shop" not in [*story.bodies(), *story.bodies("two")]


def test_a_column_that_no_vendor_has_is_emptied_too(story: Kept) -> None:
    client = story.person("王伟")
    old = story.remark(client, "b", "2024-02-10 09:00:00", note="how it was solved")
    story.settle()
    story.days(12)
    assert (story.row(old)["body"], story.row(old)["note"]) == (None, None)


def test_no_start_and_a_start_in_the_future_are_kept_and_told(story: Kept) -> None:
    client = story.person("王伟")
    story.remark(client, "open", None)
    story.remark(client, "ahead", "2031-01-01 00:00:00")
    story.settle()
    story.days(800)
    assert story.bodies() == ["ahead", "open"]
    with story.store().read() as tx:
        looks = [one for one in retaining.last_looks(tx) if one.kind == "feedback"]
    assert [one.connection for one in looks] == ["crm", "two"]
    assert looks[0].counts["0"] == {"ahead": 1, "no_start": 1, "waits": 0, "restricted": 0}


def test_an_edit_of_today_keeps_nothing_and_a_later_start_does(story: Kept) -> None:
    old, new = in_step(story)
    story.later(days=12)
    story.sql("UPDATE remarks SET score = 7, body = 'edited today' WHERE id = :n", n=old)
    story.settle()
    assert (story.row(old)["body"], story.row(old)["score"]) == (None, 7)
    story.later(days=800)
    story.sql("UPDATE remarks SET closed = '2028-04-01 00:00:00' WHERE id = :n", n=new)
    story.settle()
    assert story.row(new)["body"] == "new words" and "new words" in story.bodies("two")


def test_what_is_over_its_term_already_is_told_to_nobody(story: Kept) -> None:
    client = story.person("王伟")
    story.remark(client, "ancient", "2019-02-10 09:00:00")
    story.run()
    assert all("ancient" not in told for sent in story.sent.values() for told in sent)
    assert story.bodies() == [None]


def test_a_restricted_persons_data_stays_as_it_is(story: Kept) -> None:
    old, _ = in_step(story)
    story.restrict()
    story.days(12)
    assert story.row(old)["body"] == "old words" and "old words" in story.bodies()
    with story.store().read() as tx:
        looks = [one for one in retaining.last_looks(tx) if one.kind == "feedback"]
    assert looks[0].counts["0"]["restricted"] == 1


def test_a_term_cut_short_stops_at_the_limit_and_says_how_to_go_on(tmp_path: Path) -> None:
    story = Kept(tmp_path, FIELDS)
    story.setup = replace(story.setup, max_change=Limits(5, 2), max_delete=Limits(5, 2))
    client = story.person("王伟")
    for n in range(4):
        story.remark(client, f"words {n}", "2025-12-01 09:00:00")
    story.settle()
    for shorter in (FIELDS, RECORDS):
        story.keep(shorter.replace("P24M", "P10D"))
        report = story.run()
        assert report.exit == 8 and len(story.bodies()) == 4 and None not in story.bodies()
        assert all(story.row(n + 1)["body"] == f"words {n}" for n in range(4))
    story.setup = replace(story.setup, max_change=Limits(100, 9), max_delete=Limits(100, 9))
    assert story.run().exit == 0
    assert story.bodies() == story.bodies("two") == []
    story.close()


# --- whole records --------------------------------------------------------------------------------


def test_a_record_over_its_term_goes_on_all_sides_and_stays_away(records: Kept) -> None:
    _, new = in_step(records)
    assert records.days(12).exit == 0
    assert records.bodies() == records.bodies("two") == ["new words"]
    assert records.sql("SELECT id FROM remarks") == [{"id": new}]
    assert records.causes("retention") == 2
    for _ in range(2):
        assert records.days(1).exit == 0
    assert records.bodies() == ["new words"] and len(records.sql("SELECT id FROM remarks")) == 1
    [ref] = [r for r, one in records.vendor.records[F].items() if one.now.state == "removed"]
    records.vendor.restore(F, ref)
    records.settle()
    assert records.bodies() == ["new words"], "what is taken out of the bin goes there again"
    assert len(records.sql("SELECT id FROM remarks")) == 1


def test_the_shops_row_goes_when_the_last_vendors_record_is_gone(records: Kept) -> None:
    old, _ = in_step(records)
    records.only = ("crm",)
    records.days(12)
    assert records.bodies() == ["new words"] and records.row(old)["body"] == "old words"
    records.only = None
    records.days(1)
    assert records.bodies("two") == ["new words"]
    assert len(records.sql("SELECT id FROM remarks")) == 1


@pytest.mark.parametrize("retention", [FIELDS, RECORDS], ids=["fields", "records"])
def test_killed_after_any_write_it_ends_the_same(tmp_path: Path, retention: str) -> None:
    """(Killed at every point there is, it ended the same too; that takes two minutes.)"""
    story = Kept(tmp_path, retention)
    in_step(story)
    story.later(days=12)
    before, reached, places = World(story), 0, iter(range(1, 40))
    for place in places:
        before.put_back()
        reached = 0

        def dies(point: str, place: int = place) -> None:
            nonlocal reached
            reached += point in ("after call: write", "after call: local write")
            if reached == place:
                story.dead = True
                raise Died

        story.hook, story.dead = dies, False
        try:
            story.run()
        except Died:
            pass
        else:
            break
        story.hook, story.dead = (lambda point: None), False
        for _ in range(2):
            story.later(hours=25)
            assert not story.run().errors
        left = [None, "new words"] if retention == FIELDS else ["new words"]
        assert story.bodies() == story.bodies("two") == left, place
        rows = [row["body"] for row in story.sql("SELECT body FROM remarks ORDER BY id")]
        assert rows == left, place
    assert place > 3, "the run came to its end at last"
    story.close()


def test_an_edit_at_the_vendor_does_not_keep_a_record_over_its_term(records: Kept) -> None:
    in_step(records)
    records.later(days=12)
    [ref] = [d["ref"] for d in records.vendor.dump(F) if d["fields"]["Body"] == "old words"]
    records.vendor.edit(F, ref, {"Body": "edited"})
    records.settle()
    assert records.bodies() == ["new words"] and len(records.sql("SELECT id FROM remarks")) == 1


@pytest.mark.parametrize("retention", [FIELDS, RECORDS], ids=["fields", "records"])
def test_a_plan_shows_what_goes_and_changes_nothing(tmp_path: Path, retention: str) -> None:
    story = Kept(tmp_path, retention)
    old, _ = in_step(story)
    story.later(days=12)
    planned = story.plan().writes
    told = {(one.connection, one.side, one.op) for one in planned}
    op = "update" if retention == FIELDS else "remove"
    assert {("crm", "remote", op), ("two", "remote", op)} <= told
    assert story.row(old)["body"] == "old words" and "old words" in story.bodies()
    story.close()


def test_what_the_policy_blocks_is_removed_all_the_same(records: Kept) -> None:
    in_step(records)
    records.sql("UPDATE clients SET abroad = 0")
    records.days(12)
    assert records.bodies() == records.bodies("two") == ["new words"]


def test_a_vendors_field_that_must_not_be_empty_is_a_fault_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    story = Kept(tmp_path, FIELDS.replace("[text.body]", "[text.*]"))
    story.remark(story.person("王伟"), "old words", "2019-02-10 09:00:00")
    with pytest.raises(PolicyFileError, match=r"Voices\.Name \(title\) must not be empty"):
        story.run()
    assert story.people() == {}
    story.close()
