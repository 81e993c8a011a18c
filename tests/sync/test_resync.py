"""Looking again finds what was missed, and rewrites nothing that is equal."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from connector.errors import LeaseHeldError
from connector.plugin import Capabilities, Kind
from connector.store import links, scopes
from connector.sync.moments import as_us
from connector.sync.resync import Marked, Rewound, mark, rewind
from connector.testing.world import PERFECT
from tests.story import C, F, M, Story, Tell

COUNTING = replace(PERFECT, counts_writes=True, conditional=False)


def in_step(tell: Tell, able: Capabilities = PERFECT) -> Story:
    story = tell(capabilities=able)
    for number in range(1, 6):
        client = story.client(f"Person {number}", mail=f"p{number}@example.test", city="Graz")
        story.sql("INSERT INTO cards (client, card) VALUES (:c, :n)", c=client, n=f"card-{number}")
    story.vendor.create(C, {"Last": "Theirs", "Mail": "theirs@example.test"})
    for _ in range(3):
        assert story.run().exit == 0
        story.later(minutes=10)
    return story


def since_the_beginning(story: Story, kind: Kind = C) -> Rewound:
    return rewind(story.store(), "crm", kind, 0)


def at(story: Story, *ids: str, kind: Kind = C) -> Marked:
    runner = story.runner()
    runner._ports.local.observe(kind, [])
    return mark(story.store(), runner._ports.local, "crm", kind, ids)


def written(story: Story) -> int:
    return sum(one.counts.written for one in story.run().passes)


def all_links(story: Story) -> list[links.Link]:
    with story.store().read() as tx:
        found = [
            link
            for kind in (C, M, F)
            for link in links.unlisted(tx, "crm", kind, 1 << 62, "", 1000)
        ]
    return [replace(link, remote_observed_us=None, listed_us=None) for link in found]


def missed(story: Story, city: str) -> None:
    """An edit at the vendor that its feed will never tell: the watermark stands behind it."""
    story.vendor.edit(C, story.ref("Person 1"), {"City": city})
    story.later(minutes=1)
    store = story.store()
    with store.write(None, "watermark put too far") as tx:
        scopes.update(tx, "crm", C, since_us=as_us(story.clock.now()))
    story.later(minutes=10)


@pytest.mark.parametrize("able", [PERFECT, COUNTING], ids=["by time", "by count"])
def test_looking_again_since_the_beginning_writes_nothing_that_is_equal(
    tell: Tell, able: Capabilities
) -> None:
    story = in_step(tell, able)
    before = all_links(story)
    assert before
    for kind in (C, M, F):
        since_the_beginning(story, kind)
    assert written(story) == 0
    assert all_links(story) == before


def test_looking_again_since_a_time_finds_what_the_feed_had_missed(tell: Tell) -> None:
    story = in_step(tell)
    missed(story, "Linz")
    assert written(story) == 0, "the planted fault: the feed does not tell"
    since_the_beginning(story)
    assert written(story) == 1
    assert story.sql("SELECT city FROM clients WHERE no = 1")[0]["city"] == "Linz"


def test_looking_again_compares_the_shops_rows_too(tell: Tell) -> None:
    story = in_step(tell)
    story.sql("UPDATE clients SET city = 'Linz' WHERE no = 2")
    story.sql(f"DELETE FROM crm_connector_journal_{story.store().store_id}")
    assert written(story) == 0, "the planted fault: the journal does not tell"
    since_the_beginning(story)
    assert written(story) == 1
    assert story.people()["Person 2"]["City"] == "Linz"


def test_a_time_after_the_watermark_moves_nothing_forward(tell: Tell) -> None:
    story = in_step(tell)
    future = as_us(story.clock.now() + dt.timedelta(days=9))
    moved = rewind(story.store(), "crm", C, future)
    assert moved.before == moved.after
    with story.store().read() as tx:
        known = scopes.get(tx, "crm", C)
    assert known is not None
    assert known.since_us == moved.before


def test_a_record_named_by_either_id_is_read_by_id(tell: Tell) -> None:
    for by in ("local", "remote"):
        story = in_step(tell)
        missed(story, "Linz")
        assert written(story) == 0
        one = "1" if by == "local" else story.ref("Person 1")
        assert at(story, one).linked == [one]
        assert written(story) == 1
        assert story.sql("SELECT city FROM clients WHERE no = 1")[0]["city"] == "Linz"


def test_records_read_by_id_that_are_equal_are_left_as_they_are(tell: Tell) -> None:
    story = in_step(tell)
    before = all_links(story)
    at(story, "1", "2", story.ref("Person 3"), story.ref("Theirs"))
    assert written(story) == 0
    assert all_links(story) == before


def test_an_id_that_nothing_knows_is_asked_for_and_forgotten(tell: Tell) -> None:
    story = in_step(tell)
    assert at(story, "no-such-record").new == ["no-such-record"]
    assert written(story) == 0
    with story.store().read() as tx:
        assert links.by_side(tx, "crm", C, "remote", ["no-such-record"]) == {}


def test_a_record_that_no_link_knows_is_found_by_its_id(tell: Tell) -> None:
    story = in_step(tell)
    ref = story.vendor.create(C, {"Last": "Late", "Mail": "late@example.test"})
    story.later(minutes=1)
    with story.store().write(None, "watermark put too far") as tx:
        scopes.update(tx, "crm", C, since_us=as_us(story.clock.now()))
    story.later(minutes=10)
    assert written(story) == 0
    at(story, ref)
    assert written(story) == 1
    assert story.sql("SELECT full_name FROM clients WHERE mail = 'late@example.test'")


def test_the_watermark_of_a_run_at_work_is_not_moved(tell: Tell) -> None:
    story = in_step(tell)
    store = story.store()
    lease = store.acquire("crm", C)
    with pytest.raises(LeaseHeldError):
        rewind(story.store(), "crm", C, 0)
    store.release(lease)
