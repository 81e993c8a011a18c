"""A migration obeys the policy, passes over who was erased, and a proof of it tells no value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest

from connector.migrating.route import Leg
from connector.migrating.verifying import prove
from connector.plugin import Kind
from connector.store import tally
from connector.testing.memory_bulk import BulkMemoryRemote
from tests.migrating import Moving
from tests.privacy.persons import Persons
from tests.privacy.ruled import Ruled, Watched
from tests.story import C, Died


class WatchedInBulk(Watched, BulkMemoryRemote):
    """With a note of what is sent by jobs, too."""

    def bulk_write(self, kind: Kind, writes: Any, job: bytes | None, keep: Any) -> Any:
        self.note(kind, writes)
        return super().bulk_write(kind, writes, job, keep)


class RuledMoving(Moving, Ruled):
    """A migration under a policy."""

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        if self.bulk:
            self.remote_factory = self._in_bulk

    def _in_bulk(self) -> WatchedInBulk:
        remote = WatchedInBulk(self.vendor, self.targets("crm"), self.house)
        remote.sent = self.sent.setdefault("crm", [])
        return remote


class ErasingMoving(Moving, Persons):
    """A migration in which people are erased."""


@pytest.fixture(params=[False, True], ids=["by calls", "by jobs"])
def ruled(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RuledMoving]:
    story = RuledMoving({"crm": "local"}, bulk=request.param, folder=tmp_path)
    yield story
    story.close()


def test_who_may_not_go_is_refused_and_counted_and_the_others_go_masked(ruled: RuledMoving) -> None:
    for n in range(12):
        ruled.person(f"王{n}", mail=f"p{n}@example.test", mobile=f"1380000{n:04d}")
    ruled.person("李", mail="no@example.test", abroad=0)
    report = ruled.run()
    assert (report.exit, [p.counts.created for p in report.passes]) == (5, [12])
    assert ruled.at_vendor() == Counter(f"p{n}@example.test" for n in range(12))
    assert {one["Mobile"][:7] for one in ruled.people().values()} == {"138****"}
    with ruled.store().read() as tx:
        aside = tally.set_aside(tx, "crm", "customer", "local")
    assert aside == Counter({"policy_no_consent_abroad": 1})
    sent = repr(ruled.sent)
    assert "p0@example.test" in sent and "no@example.test" not in sent
    beside = ruled.beside()
    with ExitStack() as leases:
        held = beside.hold(leases)
        scope = beside.scope("crm", C, held["crm", "customer"])
        proof, differences = prove(scope, Leg("crm", "local"), 300, Random(1))
    assert (proof.records, proof.migrated, proof.set_aside, proof.unexplained) == (13, 12, 1, 0)
    assert (proof.sampled, proof.differing, differences) == (12, 0, [])
    assert proof.excepted >= 12  # the masked number is not compared


@pytest.mark.parametrize("bulk", [False, True])
def test_who_was_erased_stays_out_of_a_migration(tmp_path: Path, bulk: bool) -> None:
    story = ErasingMoving({}, bulk=bulk, kinds=(C,), folder=tmp_path)
    ann = story.client("Ann", mail="ann@example.test", mobile="13800000001")
    story.settle()
    story.erase(ann)
    story.sources = {"crm": "local"}
    for n in range(12):
        story.client(f"王{n}", mail=f"p{n}@example.test")
    story.client("Ann", mail="ann@example.test", mobile="13800000001")
    report = story.run()
    assert [p.counts.suppressed for p in report.passes] == [1]
    assert story.at_vendor() == Counter(f"p{n}@example.test" for n in range(12))
    story.close()


def test_after_a_stop_in_a_load_who_may_not_go_any_more_is_left_to_the_look_by_key(
    tmp_path: Path,
) -> None:
    story = RuledMoving({"crm": "local"}, bulk=True, folder=tmp_path)
    for n in range(12):
        story.person(f"王{n}", mail=f"p{n}@example.test")

    def stop_at_token(name: str) -> None:
        if name == "after commit: keep job":
            story.dead = True
            raise Died(name)

    story.hook = stop_at_token
    with pytest.raises(Died):
        story.run()
    story.dead, story.hook = False, lambda point: None
    story.sql("UPDATE clients SET abroad = 0 WHERE mail = 'p3@example.test'")
    story.later(seconds=100)
    story.run()
    story.later(seconds=100)
    report = story.run()
    assert report.exit == 5
    assert story.at_vendor() == Counter(f"p{n}@example.test" for n in range(12) if n != 3)
    story.close()
