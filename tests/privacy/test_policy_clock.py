"""Under a policy a clock that went back stops a run before anything is sent."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from connector.errors import PolicyError
from connector.local.idmap import IdMap
from connector.store import events
from connector.sync import clocks
from tests.privacy.ruled import POLICY, Ruled


@pytest.fixture
def story(tmp_path: Path) -> Any:
    made = Ruled(tmp_path, POLICY.replace("valid_until: 2027-12-31", "valid_until: 2026-02-10"))
    made.person("王伟", mail="w@example.test")
    assert made.run().exit == 0
    yield made
    made.close()


def test_a_clock_that_went_back_does_not_let_an_ended_transfer_live_again(story: Ruled) -> None:
    story.later(days=20)
    story.person("李娜", mail="l@example.test")
    assert story.run().exit == 5, "the transfer has ended, and she is told to nobody"
    story.later(days=-15)
    story.person("张三", mail="z@example.test")
    sent = len(story.sent["crm"])
    with pytest.raises(PolicyError, match="15 days and") as caught:
        story.run()
    assert caught.value.exit_code == 9 and "privacy clock --accept" in (caught.value.hint or "")
    assert len(story.sent["crm"]) == sent and set(story.people()) == {"王伟"}


def test_no_id_map_is_taken_by_a_clock_that_went_back(story: Ruled) -> None:
    story.later(days=-15)
    (story.folder / "ids.csv").write_text("local_id,remote_id\n1,2\n", encoding="utf-8")
    with closing(IdMap(story.folder / "ids.csv")) as id_map, pytest.raises(PolicyError):
        story.runner().adopt(id_map)


def test_a_clock_that_is_set_right_by_five_minutes_stops_nothing_and_by_more_a_run(
    story: Ruled,
) -> None:
    story.later(minutes=-5)
    assert story.run().errors == []
    story.later(seconds=-1)
    with pytest.raises(PolicyError):
        story.run()


def test_without_a_policy_no_clock_is_asked(story: Ruled) -> None:
    story.later(days=-15)
    story.rule(None)
    assert story.run().errors == []


def test_a_person_vouches_for_a_clock_that_was_ahead_and_is_right_now(story: Ruled) -> None:
    story.later(days=-1)
    store = story.store()
    assert clocks.clocks_of(store, story.clock.now()).went_back
    clocks.accept(store, "by hand", "it was a day ahead")
    assert story.run().errors == []
    with store.read() as tx:
        told = [e for e in events.entries(tx) if e["cause"] == "clock_accepted"]
    assert [one["note"] for one in told] == ["it was a day ahead"]
