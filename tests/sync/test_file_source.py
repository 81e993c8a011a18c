"""A file as the source of whole passes: what vendors and people do to its records meanwhile."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.local.files import FileLocal, KindFile
from connector.plugin import Kind, Ref
from connector.sync.setup import KindSetup
from connector.testing.world import PERFECT
from tests.stopping import unlike
from tests.story import C, Died, Story, telling
from tests.sync.hub import written

COLUMNS = ("no", "full_name", "mobile", "mail", "city", "street", "job", "tags", "no_mail")


class FileStory(Story):
    """The clients are in a file; there is no database of theirs."""

    def __init__(self, **how: Any) -> None:
        super().__init__(kinds=(C,), **how)
        self.files: list[FileLocal] = []
        self.local_type = self._open_files  # type: ignore[assignment]  # another sort of shop
        self.lines: dict[int, dict[str, Any]] = {}

    def _open_files(self, *_: Any, **__: Any) -> FileLocal:
        path = self.folder / "clients.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            for no, values in self.lines.items():
                writer.writerow({"no": no, "no_mail": 0, **values})
        self.files.append(FileLocal({C: KindFile(path, "no")}))
        return self.files[-1]

    def _kinds(self, name: str) -> dict[Kind, KindSetup]:
        return {
            kind: dataclasses.replace(one, read_only=True, create_local=False)
            for kind, one in super()._kinds(name).items()
        }

    def close(self) -> None:
        for one in self.files:
            one.close()
        super().close()


Tell = Callable[..., FileStory]


@pytest.fixture
def tell(tmp_path: Path) -> Iterator[Tell]:
    yield from telling(tmp_path, FileStory)


def test_rows_that_vanished_cost_nothing_in_later_runs(tell: Tell) -> None:
    story = tell()
    story.lines = {n: {"full_name": f"N{n}"} for n in range(20)}
    story.settle()
    story.settle()
    story.lines = {0: {"full_name": "N0"}}
    before = dict(story.vendor.calls)
    story.settle()
    assert story.vendor.calls["fetch"] == before.get("fetch", 0)
    assert len(story.vendor.dump(C)) == 20


def test_what_stays_at_the_vendor_is_no_silent_difference_on_a_later_day(tell: Tell) -> None:
    story = tell()
    story.lines = {1: {"full_name": "Ada", "city": "Rome"}}
    story.settle()
    story.vendor.edit(C, story.ref("Ada"), {"City": "Oslo"})
    assert story.settle().passes[0].counts.against_direction == 1
    for _ in range(3):
        counts = story.settle(hours=25).passes[0].counts
        assert (counts.silent, counts.against_direction, counts.written) == (0, 0, 0)
    assert story.people()["Ada"]["City"] == "Oslo"


@pytest.mark.parametrize("vanished", [False, True])
def test_a_withdrawn_consent_is_never_overwritten_by_a_file(tell: Tell, vanished: bool) -> None:
    story = tell(first_contact="local")
    story.lines = {1: {"full_name": "Ada", "mail": "a@example.test", "no_mail": 0}}
    ref = story.vendor.create(C, {"Last": "Ada", "Mail": "a@example.test", "Opt_Out": True})
    story.settle()
    assert story.people()["Ada"]["Opt_Out"] is True
    story.vendor.edit(C, ref, {"Job": "smith"})
    story.lines = {} if vanished else {1: {**story.lines[1], "city": "Rome"}}
    story.settle()
    story.settle(hours=25)
    assert story.people()["Ada"]["Opt_Out"] is True


def test_a_conflict_that_a_person_gives_to_the_vendor_ends_without_a_write(tell: Tell) -> None:
    story = tell()
    story.lines = {1: {"full_name": "Ada", "mail": "a@example.test", "city": "Rome"}}
    story.vendor.create(C, {"Last": "Ada", "Mail": "a@example.test", "City": "Oslo"})
    story.settle()
    review = story.review()
    (one,) = review.conflicts()
    review.resolve(one.id, "remote", who="operator")
    story.settle()
    assert review.conflicts() == []
    assert review.letters() == []
    assert story.people()["Ada"]["City"] == "Oslo"
    story.settle(hours=25)
    assert (review.conflicts(), review.letters()) == ([], [])


@pytest.mark.parametrize("gone", ["propagate", "archive", "manual", "ignore"])
def test_a_record_that_is_gone_at_the_vendor_never_reaches_the_file(tell: Tell, gone: str) -> None:
    story = tell(mapping={"pull: propagate": f"pull: {gone}"})
    story.lines = {1: {"full_name": "Ada"}, 2: {"full_name": "Bo"}}
    story.settle()
    story.vendor.remove(C, story.ref("Ada"))
    story.settle()
    story.settle(hours=25)
    assert list(story.people()) == ["Bo"]
    review = story.review()
    assert (review.letters(), review.conflicts()) == ([], [])


def test_two_vendors_each_keep_their_own_edit(tell: Tell) -> None:
    story = tell(others={"second": PERFECT})
    story.lines = {1: {"full_name": "Ada", "city": "Rome"}}
    story.settle()
    there: list[Ref] = [d["ref"] for d in story.vendors["second"].dump(C)]
    story.vendors["second"].edit(C, there[0], {"City": "Oslo"})
    story.settle()
    story.settle()
    assert story.people()["Ada"]["City"] == "Rome"
    (second,) = story.vendors["second"].dump(C)
    assert second["fields"]["City"] == "Oslo"


def test_a_second_run_writes_nothing(tell: Tell) -> None:
    story = tell()
    story.lines = {n: {"full_name": f"N{n}", "tags": "a,b"} for n in range(12)}
    story.settle()
    before = written(story)
    story.settle()
    story.settle(hours=25)
    assert written(story) == before


def test_a_policy_that_combines_both_values_writes_the_vendor_alone(tell: Tell) -> None:
    story = tell()
    story.lines = {1: {"full_name": "Ada", "tags": "a"}}
    story.settle()
    story.lines = {1: {"full_name": "Ada", "tags": "a,b"}}
    story.vendor.edit(C, story.ref("Ada"), {"Tags": ["a", "c"]})
    story.settle()
    assert set(story.people()["Ada"]["Tags"]) == {"a", "b", "c"}
    before = written(story)
    story.settle()
    story.settle(hours=25)
    assert written(story) == before


def test_after_the_state_was_lost_records_made_from_a_file_find_their_rows(tell: Tell) -> None:
    story = tell()
    story.lines = {n: {"full_name": f"N{n}"} for n in range(12)}
    story.settle()
    story.lose_the_state()
    assert [error.exit_code for error in story.run().errors] == [8]
    (done,) = story.runner().run(only_reconcile=True).reconciled
    assert done.joined == 12
    story.settle()
    story.settle()
    assert len(story.vendor.dump(C)) == 12


def test_a_stop_at_any_point_leaves_each_row_one_record(tell: Tell) -> None:
    def told() -> FileStory:
        story = tell()
        story.lines = {n: {"full_name": f"N{n}"} for n in range(3)}
        return story

    points: list[str] = []
    whole = told()
    whole.hook = points.append
    whole.settle()
    assert len(points) > 10
    for stop in unlike(points):
        story, left = told(), [stop]

        def die(point: str, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Died

        story.hook = die
        with pytest.raises(Died):
            story.run()
        story.hook = lambda point: None
        story.lines[0] = {"full_name": "Changed meanwhile"}
        story.settle()
        story.settle()
        assert sorted(story.people()) == ["Changed meanwhile", "N1", "N2"], points[stop]
        assert len(story.vendor.dump(C)) == 3
