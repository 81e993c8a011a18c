"""New records by the vendor's jobs: stopped anywhere, refused, late, and lost."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connector.errors import LoginRefusedError, RetryableError, UsageError
from connector.plugin import Outcome, Reason, Result, Write
from connector.store import intents, tally
from connector.sync.loads import PATIENCE
from connector.testing.memory_bulk import BulkMemoryRemote
from connector.testing.weather import Trouble
from tests.migrating import Moving
from tests.story import C, Died, telling

PEOPLE = 12
Tell = Callable[..., Moving]


@pytest.fixture
def tell(tmp_path: Path) -> Iterator[Tell]:
    yield from telling(tmp_path, partial(Moving, {"crm": "local"}, bulk=True, kinds=(C,)))


def each_once(people: int = PEOPLE) -> Counter[str]:
    return Counter({f"p{n}@example.test": 1 for n in range(people)})


def open_intents(story: Moving) -> list[intents.Intent]:
    with story.store().read() as tx:
        return intents.unresolved(tx, "crm", "customer")


def test_many_new_records_go_by_one_job(tell: Tell) -> None:
    story = tell()
    story.crowd(PEOPLE)
    assert story.run().exit == 0
    assert (story.vendor.calls["bulk_write"], story.vendor.calls["create"]) == (1, 0)
    assert story.at_vendor() == each_once()
    story.sources, story.bulk = {}, False
    quiet = story.run()
    assert [p.counts.written for p in quiet.passes] == [0]
    assert open_intents(story) == []


def test_few_new_records_go_by_calls(tell: Tell) -> None:
    story = tell()
    story.crowd(4)
    assert story.run().exit == 0
    assert (story.vendor.calls["bulk_write"], story.vendor.calls["create"]) == (0, 4)


def test_updates_keep_their_condition_and_go_by_calls(tell: Tell) -> None:
    story = tell()
    story.crowd(PEOPLE)
    story.run()
    story.later(seconds=60)
    story.sql("UPDATE clients SET job = 'smith'")
    assert story.run().exit == 0
    assert (story.vendor.calls["bulk_write"], story.vendor.calls["update"]) == (1, PEOPLE)


POINTS = (
    "before commit: store intents",
    "after commit: store intents",
    "before call: bulk write",
    "before commit: keep job",
    "after commit: keep job",
    "after call: bulk write",
    "before commit: settle remote",
    "after commit: settle remote",
)


@pytest.mark.parametrize(
    ("time", "point"),
    [*((1, point) for point in POINTS), *((2, point) for point in POINTS if "keep job" in point)],
)
def test_a_stop_at_any_point_of_a_load_makes_each_record_once(
    tell: Tell, point: str, time: int
) -> None:
    story = tell()
    story.crowd(PEOPLE)
    met = 0

    def hook(name: str) -> None:
        nonlocal met
        if name == point:
            met += 1
            if met == time:
                story.dead = True
                raise Died(name)

    story.hook = hook
    story.until_quiet()
    assert met >= time, "it died"
    assert story.at_vendor() == each_once()
    assert open_intents(story) == []
    with story.store().read() as tx:
        assert tally.letters(tx) == 0


def test_a_load_half_settled_is_gone_on_with_by_its_token(tell: Tell) -> None:
    story = tell()
    story.crowd(PEOPLE)
    asked: list[int] = []

    class Half(BulkMemoryRemote):
        def bulk_write(self, kind: Any, writes: Any, job: Any, keep: Any) -> Iterator[Result]:
            asked.append(len(writes))
            for number, one in enumerate(super().bulk_write(kind, writes, job, keep)):
                if len(asked) == 1 and number == 5:
                    raise LoginRefusedError("The login ended.")
                yield one

    story.remote_factory = lambda: Half(story.vendor, story.targets("crm"), story.house)
    assert story.run().exit == 4
    assert len(open_intents(story)) == PEOPLE - 5
    story.until_quiet()
    assert asked[:2] == [PEOPLE, PEOPLE - 5]
    assert len(story.house.writes) == 1
    assert story.at_vendor() == each_once()


def test_a_lost_answer_is_waited_for_and_nothing_is_made_twice(tell: Tell) -> None:
    story = tell()
    story.crowd(PEOPLE)
    lost = [Trouble.LOST_AFTER, Trouble.LOST_AFTER]
    story.vendor.weather = lambda operation, phase: (
        lost.pop() if operation == "bulk_write" and phase == "after" and lost else None
    )
    assert story.run().exit == 0
    assert story.at_vendor() == each_once()


def test_a_sync_between_leaves_a_job_under_way_alone(tell: Tell) -> None:
    story = tell()
    story.crowd(PEOPLE)
    bad = [True]
    story.vendor.weather = lambda operation, phase: (
        Trouble.LOST_BEFORE if operation == "bulk_write" and bad[0] else None
    )
    before = story.clock.now()
    assert story.run().exit == 6
    assert story.clock.now() - before >= PATIENCE
    story.bulk, story.sources = False, {}
    story.client("张新", mail="new@example.test")
    assert story.run().exit == 6  # the new one goes, the others are the job's
    assert story.at_vendor() == Counter(["new@example.test"])
    bad[0] = False
    story.until_quiet()
    assert story.at_vendor() == each_once() + Counter(["new@example.test"])


def test_what_a_job_refuses_becomes_a_letter_even_after_a_stop(tell: Tell) -> None:
    story = tell()
    story.crowd(PEOPLE)
    first, tries = [True], list[str]()

    class Fussy(BulkMemoryRemote):
        def _apply_all(self, kind: Any, writes: Any) -> Any:
            kept = [one for one in writes if one.fields["Mail"] != "p3@example.test"]
            yield from super()._apply_all(kind, kept)
            for one in writes:
                if one not in kept:
                    yield refused(one)

    def refused(one: Write) -> Result:
        tries.append(one.id)
        return Result(id=one.id, outcome=Outcome.REFUSED, reason=Reason(code="no", text="no"))

    def hook(name: str) -> None:
        if name == "after call: bulk write" and first:
            first.clear()
            story.dead = True
            raise Died(name)

    story.hook = hook
    story.remote_factory = lambda: Fussy(story.vendor, story.targets("crm"), story.house)
    with pytest.raises(Died):
        story.run()
    story.dead = False
    story.later(seconds=100)
    report = story.run()
    assert (report.exit, report.letters) == (5, 1)
    again = story.run()
    assert [p.counts.letters for p in again.passes] == [0]
    assert story.at_vendor() == each_once() - Counter(["p3@example.test"])
    assert len(tries) == 1


def test_a_vendor_that_refuses_jobs_gets_calls(tell: Tell) -> None:
    story = tell()
    story.crowd(PEOPLE)

    class NoScope(BulkMemoryRemote):
        def bulk_write(self, kind: Any, writes: Any, job: Any, keep: Any) -> Iterator[Result]:
            raise LoginRefusedError("A scope is missing.")

    story.remote_factory = lambda: NoScope(story.vendor, story.targets("crm"), story.house)
    assert story.run().exit == 0
    assert (story.vendor.calls["create"], story.at_vendor()) == (PEOPLE, each_once())


def test_what_surely_was_not_sent_is_put_off(tell: Tell) -> None:
    story = tell()
    story.crowd(PEOPLE)
    busy = [True]

    class Busy(BulkMemoryRemote):
        def bulk_write(self, kind: Any, writes: Any, job: Any, keep: Any) -> Iterator[Result]:
            if busy[0]:
                raise RetryableError("Too many jobs.")
            yield from super().bulk_write(kind, writes, job, keep)

    story.remote_factory = lambda: Busy(story.vendor, story.targets("crm"), story.house)
    assert story.run().exit == 6
    assert open_intents(story) == []
    busy[0] = False
    story.clock.move(dt.timedelta(seconds=70))
    assert story.run().exit == 0
    assert (story.vendor.calls["bulk_write"], story.at_vendor()) == (1, each_once())


def test_a_plan_of_loads_sends_none(tell: Tell) -> None:
    story = tell()
    story.crowd(PEOPLE)
    assert len(story.plan().writes) == PEOPLE
    assert story.vendor.calls["bulk_write"] == 0


# --- a very large first read ----------------------------------------------------------------------


class Reading(Moving):
    """A migration from a vendor with very many records."""

    def _parts(self, dry: Any, state: Any) -> Any:
        ports, setup, opened = super()._parts(dry, state)
        expected = {C: PEOPLE * self.vendor.page_size}
        return ports, setup, [dataclasses.replace(one, expected=expected) for one in opened]


@pytest.fixture
def reading(tmp_path: Path) -> Iterator[Reading]:
    story = Reading({"crm": "remote"}, bulk=True, kinds=(C,), folder=tmp_path)
    for n in range(PEOPLE):
        story.vendor.create(C, {"Last": f"P{n}", "Mail": f"p{n}@example.test"})
    yield story
    story.close()


def mails(story: Moving) -> Counter[str]:
    return Counter(row["mail"] for row in story.sql("SELECT mail FROM clients"))


def test_a_very_large_first_read_goes_by_a_job_and_later_ones_by_the_feed(reading: Reading) -> None:
    assert reading.run().exit == 0
    assert (reading.vendor.calls["bulk_read"], reading.vendor.calls["changes"]) == (1, 0)
    assert mails(reading) == each_once()
    reading.later(seconds=60)
    reading.vendor.create(C, {"Last": "New", "Mail": "new@example.test"})
    assert reading.run().exit == 0
    assert reading.vendor.calls["bulk_read"] == 1
    assert mails(reading) == each_once() + Counter(["new@example.test"])


@pytest.mark.parametrize("time", [1, 2])
def test_a_read_that_is_stopped_goes_on_in_the_same_job(reading: Reading, time: int) -> None:
    met = 0

    def hook(name: str) -> None:
        nonlocal met
        met += name == "after commit: stage page"
        if name == "after commit: stage page" and met == time:
            reading.dead = True
            raise Died(name)

    reading.hook = hook
    with pytest.raises(Died):
        reading.run()
    reading.dead = False
    reading.later(seconds=100)
    assert reading.run().exit == 0
    assert len(reading.house.reads) == 1
    assert mails(reading) == each_once()


def test_a_job_that_is_not_done_is_waited_for(reading: Reading) -> None:
    busy = [True, True]

    class Busy(BulkMemoryRemote):
        def bulk_read(self, kind: Any, resume: Any) -> Any:
            for page in super().bulk_read(kind, resume):
                yield page
                if busy:
                    busy.pop()
                    raise RetryableError("It is not done.")

    reading.remote_factory = lambda: Busy(reading.vendor, reading.targets("crm"), reading.house)
    assert reading.run().exit == 0
    assert (len(reading.house.reads), mails(reading)) == (1, each_once())


def test_where_no_job_can_begin_the_feed_is_read(reading: Reading) -> None:
    class Narrow(BulkMemoryRemote):
        def refuse(self) -> Any:
            raise UsageError("A field cannot travel so.")

        def bulk_read(self, kind: Any, resume: Any) -> Any:
            yield from [self.refuse() for _ in range(1)]

    reading.remote_factory = lambda: Narrow(reading.vendor, reading.targets("crm"), reading.house)
    assert reading.run().exit == 0
    assert mails(reading) == each_once()
