"""A conflict that was found before a stop can still be read after it."""

from __future__ import annotations

from tests.story import C, Tell, die_at


def test_a_conflict_found_just_before_a_stop_can_still_be_read(tell: Tell) -> None:
    """Conflict and write of one record are stored one after the other, sealed for one person."""
    story = tell(first_contact="fill_blank")
    story.client("Ada", mail="ada@example.test", street="shop 1", job="smith")
    story.vendor.create(C, {"Last": "Ada", "Mail": "ada@example.test", "Street": "crm 1"})
    die_at(story, "before commit: store intents")
    story.later(seconds=200)
    report = story.run()
    assert report.errors == []
    [conflict] = story.review().conflicts()
    assert (conflict.field, conflict.sealed) == ("address", False)
    assert set(conflict.remote) == {"address.city", "address.street"}
    assert report.conflicts == 1
    assert story.people()["Ada"]["Job"] == "smith"
