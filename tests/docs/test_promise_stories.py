"""One short story for each sentence of `docs/promise.md` that no larger proof tells.

A shop in SQLite, a vendor in memory and the real engine between them; see `tests/story.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector.plugin import Capabilities
from connector.store import tables as t
from connector.sync.counts import Limits
from connector.sync.setup import Setup
from connector.testing.memory import MemoryRemote
from connector.testing.weather import Phase, Trouble
from connector.testing.world import PERFECT
from tests.story import C, M, Story, Tell, telling


@pytest.fixture
def tell(tmp_path: Path) -> Iterator[Tell]:
    """Begin a story; it is closed at the end."""

    def begin(capabilities: Capabilities = PERFECT, **how: Any) -> Story:
        wide = Setup("Asia/Shanghai", "CN", Limits(100, 100), Limits(100, 100))
        return Story(capabilities=capabilities, **{"setup": wide, **how})

    yield from telling(tmp_path, begin)


def writes(story: Story) -> int:
    """Calls so far that changed something at the vendor."""
    return sum(story.vendor.calls[name] for name in ("create", "update", "remove"))


def row(story: Story, no: int) -> dict[str, Any]:
    (found,) = story.sql("SELECT * FROM clients WHERE no = :no", no=no)
    return dict(found)


def causes(story: Story) -> list[str]:
    return [row["cause"] for row in story.rows(t.event)]


def once(operation: str, phase: Phase, trouble: Trouble) -> Callable[[str, Phase], Trouble | None]:
    """Weather that strikes the first such call and then clears."""
    struck: list[str] = []

    def weather(name: str, now: Phase) -> Trouble | None:
        if name == operation and now == phase and not struck:
            struck.append(name)
            return trouble
        return None

    return weather


def at(story: Story, point: str, act: Callable[[], object]) -> None:
    """Let somebody act the first time that the engine passes a point."""
    done: list[str] = []

    def hook(name: str) -> None:
        if name == point and not done:
            done.append(name)
            act()

    story.hook = hook


def met(story: Story) -> None:
    """One customer, known on both sides."""
    story.client("Moreau", mail="anna@example.test", job="baker", city="Lyon")
    story.run()
    story.later(minutes=10)


def test_edits_of_different_fields_on_both_sides_all_arrive(tell: Tell) -> None:
    story = tell()
    met(story)
    story.sql("UPDATE clients SET job = 'smith' WHERE no = 1")
    story.vendor.edit(C, story.ref("Moreau"), {"Mail": "new@example.test"})
    story.run()
    assert story.people()["Moreau"]["Job"] == "smith"
    assert row(story, 1)["mail"] == "new@example.test"


def test_one_field_edited_on_both_sides_waits_and_keeps_both_values(tell: Tell) -> None:
    story = tell()
    met(story)
    story.sql("UPDATE clients SET city = 'Paris' WHERE no = 1")
    story.vendor.edit(C, story.ref("Moreau"), {"City": "Nantes"})
    assert story.run().conflicts == 1
    story.run()
    assert (row(story, 1)["city"], story.people()["Moreau"]["City"]) == ("Paris", "Nantes")


def test_a_value_that_a_policy_overwrites_is_kept_sealed(tell: Tell) -> None:
    story = tell()
    met(story)
    story.sql("UPDATE clients SET job = 'smith' WHERE no = 1")
    story.vendor.edit(C, story.ref("Moreau"), {"Job": "painter"})
    story.run()
    assert story.people()["Moreau"]["Job"] == "smith"
    with story.state_engine.connect() as tx:
        query = t.event.select().where(t.event.c.cause == "lost_remote")
        (lost,) = tx.execution_options(reading=True).execute(query)
    assert lost.field == "occupation"
    assert lost.doc
    assert b"painter" not in lost.doc


def test_an_answer_lost_after_a_create_leaves_one_record(tell: Tell) -> None:
    story = tell()
    story.vendor.weather = once("create", "after", Trouble.LOST_AFTER)
    met(story)
    story.run()
    assert len(story.vendor.dump(C)) == 1


def test_a_request_that_lands_late_leaves_one_record(tell: Tell) -> None:
    story = tell()
    story.vendor.weather = once("create", "before", Trouble.LATE)
    met(story)
    story.later(minutes=10)
    story.run()
    assert len(story.vendor.dump(C)) == 1


def test_when_nobody_edits_a_run_writes_nothing(tell: Tell) -> None:
    story = tell()
    met(story)
    before = writes(story), row(story, 1)
    story.run()
    story.later(hours=1)
    story.run()
    assert (writes(story), row(story, 1)) == before


def test_a_change_that_shows_within_the_feed_lag_is_found(tell: Tell) -> None:
    story = tell(replace(PERFECT, feed_lag=timedelta(minutes=2)))
    met(story)
    story.vendor.edit(C, story.ref("Moreau"), {"Job": "painter"})
    story.later(seconds=1)
    story.run()
    assert row(story, 1)["job"] == "baker"
    story.later(minutes=3)
    story.run()
    assert row(story, 1)["job"] == "painter"


def test_a_change_that_shows_later_than_promised_is_found_by_the_next_listing(tell: Tell) -> None:
    story = tell(replace(PERFECT, feed_lag=timedelta(hours=2)))

    class Hasty(MemoryRemote):
        @property
        def capabilities(self) -> Capabilities:
            return replace(super().capabilities, feed_lag=timedelta(0))

    targets = story._memory_remote().targets
    story.remote_factory = partial(Hasty, story.vendor, targets)
    met(story)
    story.later(hours=3)
    story.run()
    story.vendor.edit(C, story.ref("Moreau"), {"Job": "painter"})
    story.later(minutes=1)
    story.run()  # the feed does not show the edit yet, and our window is past it
    story.later(hours=3)
    story.run()
    assert row(story, 1)["job"] == "baker"
    story.later(hours=24)
    report = story.run()
    assert row(story, 1)["job"] == "painter"
    assert sum(one.counts.late for one in report.passes) == 1


def test_a_deletion_travels_and_a_late_copy_brings_nobody_back(tell: Tell) -> None:
    story = tell()
    met(story)
    story.sql("UPDATE clients SET is_deleted = 1 WHERE no = 1")
    story.run()
    assert story.vendor.dump(C) == []
    story.vendor.weather = once("changes", "after", Trouble.STALE_PAGE)
    assert story.run().passes[0].counts.read == 2  # the removal, and the copy from before it
    assert story.vendor.dump(C) == []
    assert row(story, 1)["is_deleted"] == 1


def test_an_edit_is_stronger_than_a_deletion_on_the_other_side(tell: Tell) -> None:
    story = tell()
    met(story)
    story.sql("UPDATE clients SET is_deleted = 1 WHERE no = 1")
    story.vendor.edit(C, story.ref("Moreau"), {"City": "Nantes"})
    story.run()
    assert story.people()["Moreau"]["City"] == "Nantes"


def test_a_record_that_we_may_not_see_any_more_is_not_deleted(tell: Tell) -> None:
    """The feed says removed; read by id it is hidden from us, and that is no deletion."""
    story = tell()
    met(story)
    ref = story.ref("Moreau")
    story.vendor.remove(C, ref)

    def clerk() -> None:
        story.vendor.restore(C, ref)
        story.vendor.hide(C, ref)

    at(story, "after commit: stage page", clerk)
    story.run()
    assert row(story, 1)["is_deleted"] == 0


def test_a_record_brought_back_lives_once_on_each_side(tell: Tell) -> None:
    story = tell()
    met(story)
    ref = story.ref("Moreau")
    story.vendor.remove(C, ref)
    story.run()
    assert story.sql("SELECT no FROM clients") == []
    story.later(minutes=10)
    story.vendor.restore(C, ref)
    story.run()
    story.run()
    live = story.sql("SELECT no FROM clients WHERE is_deleted = 0")
    assert (len(live), len(story.vendor.dump(C))) == (1, 1)


def test_one_bad_record_stops_nobody_else(tell: Tell) -> None:
    story = tell()
    for n in range(1, 21):
        story.client(f"Client{n}" if n != 7 else "x" * 90, mail=f"c{n}@example.test")
    report = story.run()
    assert (len(story.vendor.dump(C)), report.letters, report.exit) == (19, 1, 5)


def test_an_optional_value_that_does_not_fit_is_left_out_and_the_rest_goes(tell: Tell) -> None:
    story = tell()
    story.client("Moreau", mail="anna@example.test", job="x" * 90)
    story.run()
    assert story.people()["Moreau"]["Mail"] == "anna@example.test"
    assert story.people()["Moreau"].get("Job") is None
    assert row(story, 1)["job"] == "x" * 90


def test_two_rows_with_one_number_are_never_joined(tell: Tell) -> None:
    story = tell()
    story.client("Li Wei", mobile="13800000003")
    story.client("Li Min", mobile="13800000003")
    assert story.run().letters == 1
    assert len(story.vendor.dump(C)) == 1


def test_a_changed_address_never_makes_a_second_record_or_another_partner(tell: Tell) -> None:
    story = tell()
    story.client("Moreau", mail="anna@example.test")
    story.client("Rossi", mail="rossi@example.test")
    story.run()
    story.sql("UPDATE clients SET mail = 'other@example.test' WHERE no = 2")
    story.sql("UPDATE clients SET mail = 'rossi@example.test' WHERE no = 1")
    story.run()
    mails = {last: fields["Mail"] for last, fields in story.people().items()}
    assert mails == {"Moreau": "rossi@example.test", "Rossi": "other@example.test"}


def test_a_child_is_never_written_before_its_parent(tell: Tell) -> None:
    story = tell()
    story.sql("INSERT INTO cards (client, card, points) VALUES (1, 'K1', 5)")
    story.run()
    assert story.vendor.dump(M) == []
    story.client("Moreau", mail="anna@example.test")
    story.run()
    (card,) = story.vendor.dump(M)
    assert card["fields"]["Person"] == {"id": story.ref("Moreau")}


def test_a_field_that_is_not_delivered_clears_nothing(tell: Tell) -> None:
    story = tell()
    met(story)
    story.vendor.withheld.add((C, "Job"))
    story.vendor.edit(C, story.ref("Moreau"), {"City": "Paris"})
    story.run()
    assert (row(story, 1)["job"], row(story, 1)["city"]) == ("baker", "Paris")


def test_a_cleared_field_is_cleared_on_the_other_side(tell: Tell) -> None:
    story = tell()
    met(story)
    story.vendor.edit(C, story.ref("Moreau"), {"Job": None})
    story.run()
    assert row(story, 1)["job"] is None


def test_a_no_to_advertising_wins_on_both_sides(tell: Tell) -> None:
    story = tell()
    met(story)
    story.vendor.edit(C, story.ref("Moreau"), {"Opt_Out": True})
    story.run()
    assert row(story, 1)["no_mail"] == 1


def test_too_many_removals_are_held_back(tell: Tell) -> None:
    story = tell(setup=Setup("Asia/Shanghai", "CN", Limits(5, 5), Limits(50, 200)))
    for n in range(20):
        story.client(f"Client{n}", mail=f"c{n}@example.test")
    story.run()
    story.sql("UPDATE clients SET is_deleted = 1")
    report = story.run()
    assert (report.exit, len(story.vendor.dump(C))) == (8, 20)


def test_a_column_that_no_mapping_names_is_not_read(tell: Tell) -> None:
    story = tell()
    asked: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        asked.append(statement)

    sa.event.listen(story.shop_engine, "before_cursor_execute", note)
    story.client("Moreau", mail="anna@example.test")
    story.run()
    own = [s for s in asked if s.startswith("SELECT") and "clients" in s]
    assert own
    assert not [s for s in own if "password" in s or "*" in s]


def test_nobody_is_readable_in_the_state(tell: Tell) -> None:
    story = tell()
    met(story)
    story.sql("UPDATE clients SET city = 'Markerville' WHERE no = 1")
    story.vendor.edit(C, story.ref("Moreau"), {"City": "Otherplace"})
    assert story.run().conflicts == 1
    raw: Any = story.state_engine.raw_connection().driver_connection
    held = raw.serialize()
    for marker in ("Markerville", "Otherplace", "anna@example.test", "Moreau"):
        assert marker.encode() not in held
    assert b"customer" in held


def test_an_edit_after_our_last_look_is_not_overwritten_where_writes_are_conditional(
    tell: Tell,
) -> None:
    story = tell()
    met(story)
    story.sql("UPDATE clients SET city = 'Paris' WHERE no = 1")
    ref = story.ref("Moreau")

    def clerk() -> None:
        story.later(seconds=1)
        story.vendor.edit(C, ref, {"City": "Nantes"})

    at(story, "before call: write", clerk)
    story.run()
    assert story.people()["Moreau"]["City"] == "Nantes"
    assert story.run().conflicts == 1


def test_an_edit_after_our_last_look_is_overwritten_where_they_are_not(tell: Tell) -> None:
    """The window that cannot be closed, seen afterwards where the vendor counts writes."""
    story = tell(replace(PERFECT, conditional=False, counts_writes=True))
    met(story)
    story.sql("UPDATE clients SET city = 'Paris' WHERE no = 1")
    ref = story.ref("Moreau")
    at(story, "before call: write", lambda: story.vendor.edit(C, ref, {"City": "Nantes"}))
    story.run()
    assert story.people()["Moreau"]["City"] == "Paris"
    assert "possibly_overwritten" in causes(story)


def test_an_edit_in_the_shop_after_our_last_look_is_never_overwritten(tell: Tell) -> None:
    story = tell()
    met(story)
    story.vendor.edit(C, story.ref("Moreau"), {"City": "Nantes"})
    at(
        story,
        "before call: local write",
        lambda: story.sql("UPDATE clients SET city = 'Paris' WHERE no = 1"),
    )
    story.run()
    assert row(story, 1)["city"] == "Paris"
    assert story.run().conflicts == 1
