"""The kit bites in bulk too: a plugin that breaks one promise fails the test that is about it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from connector.bulk import Keep
from connector.plugin import Op, Page, Result, Write
from connector.records import Kind
from connector.testing.memory import MemoryRemote
from connector.testing.memory_bulk import BulkMemoryRemote
from tests.contract.test_kit import run


class StripsText(BulkMemoryRemote):
    def bulk_read(self, kind: Kind, resume: bytes | None) -> Iterator[Page]:
        for page in super().bulk_read(kind, resume):
            seen = [
                replace(
                    one,
                    fields={
                        k: v.strip() if isinstance(v, str) else v for k, v in one.fields.items()
                    },
                )
                for one in page.seen
            ]
            yield replace(page, seen=seen)


class ForgetsOne(BulkMemoryRemote):
    def bulk_read(self, kind: Kind, resume: bytes | None) -> Iterator[Page]:
        for page in super().bulk_read(kind, resume):
            yield page if page.resume is not None else replace(page, seen=page.seen[:-1])


class WaitsBeforeItTells(BulkMemoryRemote):
    def bulk_read(self, kind: Kind, resume: bytes | None) -> Iterator[Page]:
        seen = [one for page in super().bulk_read(kind, resume) for one in page.seen]
        yield Page(seen=seen, resume=None, read_at=self.vendor.clock.now())


class GivesTwice(BulkMemoryRemote):
    def bulk_read(self, kind: Kind, resume: bytes | None) -> Iterator[Page]:
        for page in super().bulk_read(kind, resume):
            place = None if page.resume is None else json.loads(page.resume)
            if place is not None:
                place["given"] = max(place["given"] - 1, 0)
            again = None if place is None else json.dumps(place).encode()
            yield replace(page, resume=again)


class ReadAtTheEnd(BulkMemoryRemote):
    def bulk_read(self, kind: Kind, resume: bytes | None) -> Iterator[Page]:
        for page in super().bulk_read(kind, resume):
            yield replace(page, read_at=page.read_at + timedelta(minutes=5))


class LosesOneResult(BulkMemoryRemote):
    def bulk_write(
        self, kind: Kind, writes: Sequence[Write], job: bytes | None, keep: Keep
    ) -> Iterator[Result]:
        yield from list(super().bulk_write(kind, writes, job, keep))[:-1]


class KeepsTooLate(BulkMemoryRemote):
    def bulk_write(
        self, kind: Kind, writes: Sequence[Write], job: bytes | None, keep: Keep
    ) -> Iterator[Result]:
        kept: list[bytes | None] = []
        results = list(super().bulk_write(kind, writes, job, kept.append))
        for token in kept:
            keep(token)
        yield from results


class BeginsAnew(BulkMemoryRemote):
    def bulk_write(
        self, kind: Kind, writes: Sequence[Write], job: bytes | None, keep: Keep
    ) -> Iterator[Result]:
        bare = [replace(one, external_key="") for one in writes if one.op is Op.CREATE]
        yield from super().bulk_write(kind, bare or writes, None, lambda token: None)
        if job is None:
            keep(b"a token of no use")


class EmptiesTheRest(BulkMemoryRemote):
    def bulk_write(
        self, kind: Kind, writes: Sequence[Write], job: bytes | None, keep: Keep
    ) -> Iterator[Result]:
        wide = [
            replace(one, fields={"Last": "gone", **one.fields}) if one.op is Op.UPDATE else one
            for one in writes
        ]
        yield from super().bulk_write(kind, wide, job, keep)


class TakesConditions(BulkMemoryRemote):
    def bulk_loads(self, kind: Kind, writes: Sequence[Write]) -> Iterator[Sequence[Write]]:
        yield writes


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (StripsText, "test_a_bulk_read_shows_what_changes_would_show"),
        (ForgetsOne, "test_a_bulk_read_shows_what_changes_would_show"),
        (WaitsBeforeItTells, "test_a_bulk_read_goes_on_behind_each_of_its_pages"),
        (GivesTwice, "test_a_bulk_read_goes_on_behind_each_of_its_pages"),
        (ReadAtTheEnd, "test_what_changes_after_a_bulk_read_began_is_in_the_changes"),
        (LosesOneResult, "test_a_bulk_write_creates_what_an_ordinary_one_would"),
        (KeepsTooLate, "test_a_bulk_write_makes_nothing_twice_wherever_it_is_stopped"),
        (BeginsAnew, "test_a_bulk_write_makes_nothing_twice_wherever_it_is_stopped"),
        (EmptiesTheRest, "test_a_bulk_write_changes_the_fields_given_and_no_other"),
        (TakesConditions, "test_what_a_job_cannot_keep_is_in_no_load"),
    ],
)
def test_a_broken_promise_fails_its_test(broken: type[MemoryRemote], test: str) -> None:
    run(BulkMemoryRemote, test)
    with pytest.raises(AssertionError):
        run(broken, test)


@pytest.mark.parametrize(
    ("test", "way"),
    [
        ("test_a_bulk_read_of_nothing_is_one_end", "read"),
        ("test_one_bad_record_does_not_stop_a_bulk_write", "write"),
    ],
)
def test_a_plugin_without_a_way_in_bulk_skips_by_name(test: str, way: str) -> None:
    with pytest.raises(pytest.skip.Exception, match=f"no way to {way} in bulk"):
        run(MemoryRemote, test)
