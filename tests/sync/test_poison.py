"""A record that kills whoever works on it is found and set aside, and the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from connector.errors import UnreachableError
from connector.local.contract import LocalResult, LocalWrite, Row
from connector.local.sql import SqlLocal
from connector.plugin import Kind, Ref, Result, Seen, Write
from connector.store.starts import SUSPECT
from connector.testing.memory import MemoryRemote
from connector.testing.world import Commit
from tests.story import C, Died, Story, Tell, die_at
from tests.sync.hub import clients

MOST_STARTS = 12


class Deadly(MemoryRemote):
    """A plugin that dies at the records it is told of, when it writes or reads them."""

    names: frozenset[str] = frozenset()
    refs: frozenset[str] = frozenset()

    def write(self, kind: Kind, writes: Sequence[Write]) -> Iterator[Result]:
        if self.names & {str(w.fields.get("Last")) for w in writes}:
            raise Died("out of memory")
        return super().write(kind, writes)

    def fetch(self, kind: Kind, refs: Sequence[Ref]) -> Sequence[Seen]:
        if self.refs & set(refs):
            raise Died("out of memory")
        return super().fetch(kind, refs)


def deadly(story: Story, *, names: Sequence[str] = (), refs: Sequence[str] = ()) -> None:
    def make() -> Deadly:
        mild = story._memory_remote()
        remote = Deadly(mild.vendor, mild.targets)
        remote.names, remote.refs = frozenset(names), frozenset(refs)
        return remote

    story.remote_factory = make


def starts_until_it_ends(story: Story) -> int:
    """Start the program anew each time it is killed; how often it was started."""
    for number in range(1, MOST_STARTS):
        story.later(seconds=300)
        try:
            story.run()
        except Died:
            continue
        return number
    raise AssertionError("it dies for ever")


@pytest.fixture
def story(tell: Tell) -> Story:
    story = tell(kinds=(C,), first_contact="fill_blank")
    for number in range(20):
        story.client(f"n{number:02d}", mail=f"n{number}@example.test")
    return story


def letters(story: Story) -> list[str]:
    return [one.code for one in story.review().letters()]


def test_a_write_that_kills_is_set_aside_and_the_others_go(story: Story) -> None:
    deadly(story, names=["n07"])
    story.dead = True
    starts = starts_until_it_ends(story)
    assert starts <= 10
    story.later(seconds=300)
    story.run()
    assert set(letters(story)) == {"poison"}
    assert set(story.people()) == {f"n{n:02d}" for n in range(20) if n != 7}
    story.later(seconds=300)
    before = story.vendor.calls["create"]
    story.run()
    assert story.vendor.calls["create"] == before


def test_a_read_by_id_that_kills_is_set_aside_and_the_others_go(story: Story) -> None:
    story.settle()
    story.settle()
    story.dead = True
    for number in range(20):
        story.vendor.edit(C, story.ref(f"n{number:02d}"), {"Job": "smith"})
    deadly(story, refs=[story.ref("n07")])
    with story.store().write(None, "read all by id") as tx:
        tx.exec_driver_sql("UPDATE staged SET payload = NULL")
    story.sql("UPDATE clients SET is_deleted = 1 WHERE full_name = 'n07'")
    assert starts_until_it_ends(story) <= 6
    story.later(seconds=300)
    story.run()
    assert letters(story) == ["poison"]
    assert {str(row["job"]) for row in clients(story) if row["full_name"] != "n07"} == {"smith"}


class DeadlyShop(SqlLocal):
    """A shop's database in which one row ends the process that writes it."""

    def write(self, kind: Kind, writes: Sequence[LocalWrite]) -> Sequence[LocalResult]:
        if any(w.values.get("full_name") == "n07" for w in writes):
            raise Died("out of memory")
        return super().write(kind, writes)


def test_a_local_write_that_kills_is_set_aside_and_the_others_go(tell: Tell) -> None:
    story = tell(kinds=(C,), first_contact="fill_blank")
    story.settle()
    for number in range(20):
        story.vendor.create(C, {"Last": f"n{number:02d}", "Mail": f"n{number}@example.test"})
    story.local_type = DeadlyShop
    story.dead = True
    assert starts_until_it_ends(story) <= 6
    assert letters(story) == ["poison"]
    assert len(clients(story)) == 19
    story.local_type = SqlLocal
    review = story.review()
    review.retry(review.letters()[0].id)
    story.settle()
    assert len(clients(story)) == 20, "a person says when it is tried again"


def test_an_outage_makes_nobody_suspect(story: Story) -> None:
    def weather(operation: str, phase: str) -> Any:
        if operation == "create" and phase == "before":
            raise UnreachableError("down")
        return None

    story.vendor.weather = weather
    for _ in range(8):
        story.later(seconds=300)
        story.run()
    assert "poison" not in letters(story)
    story.vendor.weather = lambda operation, phase: None
    story.settle()
    story.settle()
    assert len(story.people()) == 20


def test_only_a_run_after_one_that_was_killed_counts_its_attempts(story: Story) -> None:
    deadly(story, names=["n07"])
    story.dead = True
    with pytest.raises(Died):
        story.run()
    deadly(story)
    story.dead = False
    points: list[str] = []
    story.hook = points.append
    story.settle()
    assert "before commit: count attempt" in points
    points.clear()
    story.sql("UPDATE clients SET job = 'smith'")
    story.settle()
    assert points
    assert not [point for point in points if "attempt" in point]


@pytest.mark.parametrize("then", ["it goes on", "the vendor is down"])
def test_after_deaths_a_new_row_still_meets_its_record_at_the_vendor(
    story: Story, then: str
) -> None:
    """What is noted then is not looked at before it is counted, and yet before any is decided,
    be that in a later run. (Once they are in step, the look for refusals has done it by then.)"""

    def at(where: str, error: BaseException) -> Callable[[str], None]:
        def hook(point: str) -> None:
            if point == where:
                raise error

        return hook

    story.dead = True
    story.client("Twin", mail="twin@example.test")
    story.vendor.create(C, {"Last": "Twin", "Mail": "twin@example.test"})
    story.hook = at("before commit: stage journal", Died("out of memory"))
    for _ in range(SUSPECT):
        story.later(seconds=300)
        with pytest.raises(Died):
            story.run()
    down = at("after commit: watermark", UnreachableError("down"))
    story.hook = down if then == "the vendor is down" else lambda point: None
    story.later(seconds=300)
    story.run()
    story.hook = lambda point: None
    story.later(seconds=300)
    story.run()
    assert [one["fields"]["Last"] for one in story.vendor.dump(C)].count("Twin") == 1
    assert [row["full_name"] for row in clients(story)].count("Twin") == 1


def test_after_deaths_a_vendors_record_still_meets_the_row_that_was_noted(story: Story) -> None:
    """The short way of a first read makes a row at once, where it can see that there is none."""

    def down(point: str) -> None:
        if point == "before commit: stage page":
            raise UnreachableError("down")

    story.vendor.create(C, {"Last": "n07", "Mail": "n7@example.test"})
    for _ in range(SUSPECT):
        die_at(story, "before commit: stage journal")
        story.later(seconds=300)
    story.hook = down
    story.run()
    story.hook = lambda point: None
    story.later(seconds=300)
    story.run()
    story.settle()
    assert sorted(row["full_name"] for row in clients(story)) == [f"n{n:02d}" for n in range(20)]


class Bomb:
    """A value at which a lens dies."""

    def __str__(self) -> str:
        raise Died("out of memory")


class BombedShop(SqlLocal):
    """A shop in which a column of one row cannot be looked at."""

    def read(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, Row]:
        return {key: bombed(row) for key, row in super().read(kind, keys).items()}


def bombed(row: Row) -> Row:
    values = dict(row.values)
    return Row(row.key, {**values, "job": Bomb()} if values["full_name"] == "n07" else values)


class BombedVendor(MemoryRemote):
    """A vendor one of whose records has a field that cannot be looked at."""

    def _seen(self, kind: Kind, commit: Commit, *, with_fields: bool = True) -> Seen:
        seen = super()._seen(kind, commit, with_fields=with_fields)
        bomb = seen.fields.get("Last") == "n07"
        return replace(seen, fields={**seen.fields, "Job": Bomb()}) if bomb else seen


def bomb_the_shop(story: Story) -> None:
    story.local_type = BombedShop
    story.sql("UPDATE clients SET job = 'smith'")


def bomb_the_vendor(story: Story) -> None:
    def make() -> MemoryRemote:
        mild = story._memory_remote()
        return BombedVendor(mild.vendor, mild.targets)

    story.remote_factory = make
    for number in range(20):
        story.vendor.edit(C, story.ref(f"n{number:02d}"), {"City": "Hill"})


@pytest.mark.parametrize("bomb", [bomb_the_shop, bomb_the_vendor])
@pytest.mark.parametrize("killed", [True, False], ids=["killed", "a bug of ours"])
def test_a_record_that_dies_already_when_it_is_looked_at_is_set_aside_too(
    story: Story, bomb: Callable[[Story], None], killed: bool
) -> None:
    story.settle()
    story.settle()
    bomb(story)
    story.dead = killed
    assert starts_until_it_ends(story) <= 10
    story.dead = False
    for city in ("A", "B", "C"):
        story.later(seconds=300)
        if bomb is bomb_the_shop:
            story.sql("UPDATE clients SET city = :c WHERE full_name = 'n07'", c=city)
        else:
            story.vendor.edit(C, story.ref("n07"), {"City": city})
        assert story.run().exit == 5, "it is not looked at again"
    assert set(letters(story)) == {"poison"}
    others = [row for row in clients(story) if row["full_name"] != "n07"]
    there = [person for name, person in story.people().items() if name != "n07"]
    if bomb is bomb_the_shop:
        assert {person["Job"] for person in there} == {"smith"}
    else:
        assert {str(row["city"]) for row in others} == {"Hill"}
