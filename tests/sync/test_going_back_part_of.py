"""A database put back from an older copy, where memberships live in their customers' rows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.copies import Copies
from tests.story import C, M, Story, Tell
from tests.sync.going_back import held_back
from tests.sync.test_part_of import a_story, card, cards, ok, quiet


@pytest.fixture
def story(tell: Tell) -> Story:
    """Three people, two of them members, and nothing under way."""
    story = a_story(tell, first_contact="fill_blank")
    story.client("Ada", mail="ada@example.test", level=2, card="K1", points=5)
    story.client("Bob", mail="bob@example.test", level=2, card="K2", points=7)
    story.client("Cyd", mail="cyd@example.test")
    for _ in range(2):
        ok(story.run())
        story.later(minutes=5)
    return story


def a_day_passes(story: Story) -> None:
    """A new member in the shop, one made at the vendor, one ended, one moved on."""
    story.client("Dee", mail="dee@example.test", level=3, card="K4", points=1)
    person = {"id": str(story.ref("Cyd"))}
    story.vendor.create(M, {"Name": "K3", "Points": 3, "Person": person})
    story.sql("UPDATE clients SET level = NULL, card = NULL, points = NULL WHERE full_name = 'Bob'")
    story.vendor.edit(M, card(story, "K1"), {"Points": 50})
    for _ in range(2):
        ok(story.run())
        story.later(minutes=5)
    assert cards(story) == {"K1": (50, "Ada"), "K3": (3, "Cyd"), "K4": (1, "Dee")}


def put_back(story: Story, copies: Copies, which: str, then: str | None = None) -> None:
    """Put a copy back, reconcile, which writes nothing, and let three runs pass. `then`: a
    statement of the shop's own, right after."""
    before = [story.vendor.dump(M), story.vendor.dump(C)]
    copies.put_back(which)
    if then is not None:
        story.sql(then)
    held_back(story.run())
    assert story.runner().run(only_reconcile=True).errors == []
    assert [story.vendor.dump(M), story.vendor.dump(C)] == before
    for _ in range(3):
        story.later(minutes=5)
        assert story.run().errors == []


def in_shop(story: Story) -> dict[Any, Any]:
    rows = story.sql("SELECT full_name, card, points FROM clients WHERE is_deleted = 0")
    found = {row["full_name"]: (row["card"], row["points"]) for row in rows}
    assert len(found) == len(rows)
    return found


@pytest.mark.parametrize("which", ["state", "keys"])
def test_members_and_their_customers_are_joined_again(story: Story, which: str) -> None:
    copies = Copies(story)
    a_day_passes(story)
    put_back(story, copies, which)
    assert cards(story) == {"K1": (50, "Ada"), "K3": (3, "Cyd"), "K4": (1, "Dee")}
    assert in_shop(story) == {
        "Ada": ("K1", 50),
        "Bob": (None, None),
        "Cyd": ("K3", 3),
        "Dee": ("K4", 1),
    }
    quiet(story)


EDIT = "UPDATE clients SET job = 'smith' WHERE full_name = 'Cyd'"


@pytest.mark.parametrize("then", [None, EDIT], ids=["untouched", "edited since"])
def test_a_membership_that_the_shops_copy_lacks_is_put_into_its_row_again(
    story: Story, then: str | None
) -> None:
    copies = Copies(story)
    a_day_passes(story)
    put_back(story, copies, "shop", then)
    assert cards(story) == {"K1": (50, "Ada"), "K3": (3, "Cyd"), "K4": (1, "Dee")}
    assert in_shop(story) == {
        "Ada": ("K1", 50),
        "Bob": ("K2", 7),  # ended before, brought back by the copy alone: it waits for a person
        "Cyd": ("K3", 3),
        "Dee": ("K4", 1),
    }
    assert [p.counts.written for p in story.run().passes] == [0, 0]
