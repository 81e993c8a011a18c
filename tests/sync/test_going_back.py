"""A database put back from an older copy is noticed, and nothing is written before a reconcile."""

from __future__ import annotations

import sqlite3

import pytest

from connector.testing.weather import Trouble
from connector.testing.world import PERFECT
from tests.copies import Copies
from tests.story import C, Story, Tell
from tests.sync.going_back import ABLE, copied_in_a_run, held_back, three_people
from tests.sync.hub import clients, written


@pytest.fixture(params=ABLE)
def story(tell: Tell, request: pytest.FixtureRequest) -> Story:
    return three_people(tell, ABLE[request.param])


NAMES = {"state": "state", "keys": "keys database", "shop": "shop's database"}


@pytest.mark.parametrize("which", ["state", "keys", "shop"])
def test_a_database_put_back_is_noticed_and_nothing_is_written(story: Story, which: str) -> None:
    copies = Copies(story)
    story.client("Di", mail="di@example.test")
    story.settle()
    story.settle()
    copies.put_back(which)
    story.client("Eve", mail="eve@example.test")
    story.vendor.edit(C, story.ref("Bo"), {"Job": "smith"})
    before = written(story)
    for _ in range(2):
        story.later(seconds=300)
        error = held_back(story.run())
        assert f"the {NAMES[which]} is an older copy than" in str(error)
        assert "reconcile" in str(error)
    assert written(story) == before


def test_a_copy_from_before_the_first_run_is_noticed(tell: Tell) -> None:
    story = tell(kinds=(C,))
    copies = Copies(story)
    story.client("Ada", mail="ada@example.test")
    for _ in range(3):
        story.settle()
    copies.put_back("state")
    before = written(story)
    story.later(seconds=300)
    held_back(story.run())
    assert written(story) == before


def test_copies_of_all_three_put_back_together_are_no_news(story: Story) -> None:
    copies = Copies(story)
    story.settle()
    for which in ("state", "keys", "shop"):
        copies.put_back(which)
    story.settle()
    assert len(clients(story)) == 3


def test_a_copy_of_the_state_taken_while_a_run_was_at_work_is_an_older_one(story: Story) -> None:
    story.client("Di", mail="di@example.test")
    copied_in_a_run(story).put_back("state")
    story.later(seconds=300)  # the copy holds the lease of the run that it was taken in
    held_back(story.run())


def test_a_state_that_never_heard_of_generations_goes_on(story: Story) -> None:
    """As an installation of an earlier version is found."""
    store = story.store()
    with store.write(None, "as it was") as tx:
        store.set_meta(tx, "generation", "0")
    story.sql(f"DELETE FROM crm_connector_applied_{store.store_id} WHERE intent = 'generation'")
    with sqlite3.connect(story.folder / "keys.db") as keys:
        keys.execute("DELETE FROM mirror")
    keys.close()
    story.settle()


def test_a_key_that_a_connection_lost_is_not_taken_by_another_one(tell: Tell) -> None:
    """It was not reconciled yet, and its link still names the key."""
    story = tell(others={"far": PERFECT}, kinds=(C,))
    crm, far = story.vendors["crm"], story.vendors["far"]
    keys = story.back_up_keys()

    def go_on(*, only_reconcile: bool = False) -> None:
        story.later(seconds=300)
        story.runner().run(only_reconcile=only_reconcile)

    crm.weather = lambda name, phase: Trouble.THROTTLED
    story.client("Ada", mail="ada@example.test")
    go_on()
    go_on()
    assert [len(one.dump(C)) for one in (crm, far)] == [0, 1]
    story.put_keys_back(keys)
    crm.weather, far.weather = (lambda name, phase: None), (lambda name, phase: Trouble.THROTTLED)
    go_on()
    assert crm.dump(C) == [], "nothing is written by keys that are an older copy"
    go_on(only_reconcile=True)
    go_on()
    assert [one["fields"]["Last"] for one in crm.dump(C)] == ["Ada"]
    far.weather = lambda name, phase: None
    go_on(only_reconcile=True)
    story.settle()
    assert [len(one.dump(C)) for one in (crm, far)] == [1, 1]
