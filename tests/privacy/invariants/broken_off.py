"""Invariant 10: an erasure that is broken off at any point ends the same."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from connector.errors import RetryableError, VendorError
from connector.privacy.ledger import Entry
from connector.rights.erasing import STEPS
from connector.store import tables as t
from connector.testing.weather import Trouble
from tests.copies import World
from tests.privacy.persons import (
    Persons,
    ann_everywhere,
    deletions,
    is_gone,
)
from tests.story import C, Died, die_at

Tell = Callable[..., Any]


class Fuse:
    """Dies at the n-th point where a process may die."""

    def __init__(self, story: Persons, at: int) -> None:
        self.story, self.at, self.passed = story, at, list[str]()
        story.hook = self

    def __call__(self, point: str) -> None:
        self.passed.append(point)
        if len(self.passed) == self.at:
            self.story.dead = True
            raise Died(point)


def test_10_an_erasure_broken_off_anywhere_ends_the_same(tell: Tell) -> None:
    """At commits and calls, before and after them; and nothing is deleted twice unless the answer
    to its deletion was lost."""
    story = tell(others={})
    known = ann_everywhere(story)
    world, before = World(story), deletions(story)
    whole = Fuse(story, 0)
    story.erase(known.key)
    needed = deletions(story)["crm"] - before["crm"]
    points = list(whole.passed)
    assert {f"before step: {name}" for name in STEPS} <= set(points)
    assert needed > 3
    steps = {at for at, point in enumerate(points, 1) if " step: " in point}
    for at in sorted(steps | set(range(1, len(points) + 1, 3))):
        where = f"{at} of {len(points)}: {points[at - 1]}"
        world.put_back()
        Fuse(story, at)
        with pytest.raises(Died):
            story.erase(known.key)
        story.hook, story.dead = (lambda point: None), False
        story.later(seconds=200)
        assert story.run().errors == []  # whoever syncs in between
        story.later(seconds=200)
        done = story.go_on()
        if not done and not story.vault.ledger.entries():
            story.erase(known.key)  # it had not begun
        assert is_gone(story, known) == [], where
        assert [e.state for e in story.vault.ledger.entries()] == ["done"], where
        lost = points[at - 1] == "after call: erase"
        again = deletions(story)["crm"] - before["crm"]
        assert needed <= again <= needed + lost, where
    story.hook = lambda point: None


def test_10_what_a_run_learns_while_it_is_broken_off_is_erased_too(tell: Tell) -> None:
    """Her row was made by a process that died: only a later run notes that it is the row of her
    record at the vendor."""
    story = tell(kinds=(C,), others={})
    ref = story.vendor.create(C, {"Last": "Ann", "Mail": "ann@example.test"})
    story.later(seconds=400)
    die_at(story, "after call: local write")
    [row] = story.sql("SELECT no FROM clients")
    story.later(seconds=200)
    story.vendor.weather = lambda name, phase: Trouble.THROTTLED if name == "find" else None
    with pytest.raises(VendorError):
        story.erase(row["no"])
    assert [link["local_id"] for link in story.rows(t.link)] == [None]
    story.vendor.weather = lambda name, phase: None
    story.settle()
    assert [link["local_id"] for link in story.rows(t.link)] == [str(row["no"])]
    assert [entry.state for entry in story.go_on()] == ["done"]
    assert story.vendor.records[C][ref].now.state == "purged"
    assert list(story.sql("SELECT no FROM clients")) == []
    [link] = story.rows(t.link)
    assert (link["state"], link["base"]) == ("erased", None)


def test_10_the_key_of_a_link_that_only_the_vendor_leads_to_is_destroyed(tell: Tell) -> None:
    story = tell(kinds=(C,), others={})
    story.vendor.create(C, {"Last": "Ann", "Mail": "ann@example.test"})
    story.later(seconds=400)
    die_at(story, "after call: local write")
    [row] = story.sql("SELECT no FROM clients")
    [link] = story.rows(t.link)
    assert link["local_id"] is None and link["subject"]
    assert story.vault.subjects.state(link["subject"]) == "live"
    story.later(seconds=200)
    assert story.erase(row["no"]).state == "done"
    assert story.vault.subjects.state(link["subject"]) == "shredded"


def test_10_a_receipt_comes_only_after_the_vendors_were_read_back(tell: Tell) -> None:
    """A vendor that says yes and deletes nothing is asked again, and the erasure stays open."""
    story = tell(others={})
    known = ann_everywhere(story)

    class Liar(type(story.remote("crm"))):  # type: ignore[misc]  # its class is the story's
        def _commit(self, kind, write):  # type: ignore[no-untyped-def]  # as its base
            if write.op in ("remove", "purge"):
                return self.vendor.records[kind][write.ref].now
            return super()._commit(kind, write)

    story.remote_factory = lambda: Liar(story.vendor, story.targets("crm"))
    with pytest.raises(RetryableError, match="deletions"):
        story.erase(known.key)
    [entry] = story.vault.ledger.entries()
    assert (entry.state, entry.step) == ("open", 3)
    story.remote_factory = story._memory_remote
    story.later(seconds=200)
    [entry] = story.go_on()
    assert entry.state == "done" and is_gone(story, known) == []


def test_the_ledgers_entry_does_not_show_what_it_works_on() -> None:
    entry = Entry("x", 1, work=b"secret")
    assert "secret" not in repr(entry)
    assert pickle.loads(pickle.dumps(entry)) == entry
    assert Entry.unpack(entry.pack()) == entry
