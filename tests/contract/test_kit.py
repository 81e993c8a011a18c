"""The kit bites: a plugin that breaks one promise fails the test that is about it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from connector.plugin import (
    Capabilities,
    FieldInfo,
    Fields,
    Gone,
    Page,
    Ref,
    Result,
    Schema,
    Seen,
    Target,
    Write,
)
from connector.records import Kind
from connector.testing.clock import ManualClock
from connector.testing.contract import Lab, PluginContract
from connector.testing.hands import MemoryHands
from connector.testing.memory import PERFECT, MemoryRemote, MemoryVendor
from connector.testing.samples import sample_fields

TARGET = Target(object="People", fields=("Last", "Note"), key_field="Key")
SCHEMA = Schema(
    object="People",
    fields={
        "Last": FieldInfo(name="Last", type="text", required=True),
        "Note": FieldInfo(name="Note", type="text"),
    },
)


class LosesResult(MemoryRemote):
    def write(self, kind: Kind, writes: Sequence[Write]) -> Iterator[Result]:
        yield from list(super().write(kind, writes))[:10]


class MixesUpResults(MemoryRemote):
    def write(self, kind: Kind, writes: Sequence[Write]) -> Iterator[Result]:
        results = list(super().write(kind, writes))
        ids = [result.id for result in results]
        for result, id_ in zip(results, reversed(ids), strict=True):
            yield replace(result, id=id_)


class StopsAtBadRecord(MemoryRemote):
    def write(self, kind: Kind, writes: Sequence[Write]) -> Iterator[Result]:
        for write in writes:
            [result] = super().write(kind, [write])
            yield result
            if result.reason is not None:
                return


class SkipsNone(MemoryRemote):
    def write(self, kind: Kind, writes: Sequence[Write]) -> Iterator[Result]:
        kept = [
            replace(write, fields={k: v for k, v in write.fields.items() if v is not None})
            for write in writes
        ]
        yield from super().write(kind, kept)


class ClearsMissing(MemoryRemote):
    def write(self, kind: Kind, writes: Sequence[Write]) -> Iterator[Result]:
        whole = [
            replace(
                write, fields={"Note": None, **write.fields, "Last": write.fields.get("Last", "")}
            )
            for write in writes
        ]
        yield from super().write(kind, whole)


class IgnoresCondition(MemoryRemote):
    def write(self, kind: Kind, writes: Sequence[Write]) -> Iterator[Result]:
        yield from super().write(
            kind, [replace(write, unless_changed_since=None) for write in writes]
        )


class ForgetsKeys(MemoryRemote):
    def write(self, kind: Kind, writes: Sequence[Write]) -> Iterator[Result]:
        yield from super().write(kind, [replace(write, external_key="") for write in writes])


class OneVersion(MemoryRemote):
    def _seen(self, kind: Kind, commit: Any, *, with_fields: bool = True) -> Seen:
        seen = super()._seen(kind, commit, with_fields=with_fields)
        return replace(seen, version="1")


class DropsNone(MemoryRemote):
    def _seen(self, kind: Kind, commit: Any, *, with_fields: bool = True) -> Seen:
        seen = super()._seen(kind, commit, with_fields=with_fields)
        return replace(seen, fields={k: v for k, v in seen.fields.items() if v is not None})


class DeliversAll(MemoryRemote):
    def _seen(self, kind: Kind, commit: Any, *, with_fields: bool = True) -> Seen:
        seen = super()._seen(kind, commit, with_fields=with_fields)
        return replace(seen, fields={**seen.fields, "Password": "x"})


class SinceExclusive(MemoryRemote):
    def changes(self, kind: Kind, since: datetime | None, resume: bytes | None) -> Iterator[Page]:
        later = since + timedelta(microseconds=1) if since is not None else None
        return super().changes(kind, later, resume)


class NoPage(MemoryRemote):
    def changes(self, kind: Kind, since: datetime | None, resume: bytes | None) -> Iterator[Page]:
        for page in super().changes(kind, since, resume):
            if page.seen:
                yield page


class PagesByOffset(MemoryRemote):
    """Newest first, page by number: the oldest mistake."""

    def changes(self, kind: Kind, since: datetime | None, resume: bytes | None) -> Iterator[Page]:
        start, size = int(resume or b"0"), self.vendor.page_size
        while True:
            pages = list(super().changes(kind, since, None))
            seen = [each for page in pages for each in page.seen]
            more = len(seen) > start + size
            left = str(start + size).encode() if more else None
            yield replace(pages[-1], seen=seen[start : start + size], resume=left)
            if not more:
                return
            start += size


class ForgetsResume(MemoryRemote):
    def changes(self, kind: Kind, since: datetime | None, resume: bytes | None) -> Iterator[Page]:
        if resume is not None:
            yield Page(seen=[], resume=None, read_at=self.vendor.clock.now())
        else:
            yield from super().changes(kind, since, resume)


class HidesRemovals(MemoryRemote):
    def changes(self, kind: Kind, since: datetime | None, resume: bytes | None) -> Iterator[Page]:
        for page in super().changes(kind, since, resume):
            yield replace(page, seen=[seen for seen in page.seen if seen.gone is None])


class OurOwnClock(MemoryRemote):
    def changes(self, kind: Kind, since: datetime | None, resume: bytes | None) -> Iterator[Page]:
        for page in super().changes(kind, since, resume):
            yield replace(page, read_at=page.read_at - timedelta(days=1))


class FetchSkipsMissing(MemoryRemote):
    def fetch(self, kind: Kind, refs: Sequence[Ref]) -> Sequence[Seen]:
        return [seen for seen in super().fetch(kind, refs) if seen.gone is not Gone.NOT_FOUND]


class FetchIsOld(MemoryRemote):
    def fetch(self, kind: Kind, refs: Sequence[Ref]) -> Sequence[Seen]:
        records = self.vendor.records[kind]
        return [self._seen(kind, records[ref].commits[0]) for ref in refs]


class FindsByPrefix(MemoryRemote):
    def find(self, kind: Kind, field: str, values: Sequence[str]) -> Sequence[Seen]:
        found = [self._seen(kind, record.now) for record in self.vendor.records[kind].values()]
        return [
            seen
            for seen in found
            if any(str(seen.fields.get(field) or "").startswith(value) for value in values)
        ]


class ListsBackwards(MemoryRemote):
    def listing(self, kind: Kind, after: Ref | None) -> Iterator[Page]:
        for page in reversed(list(super().listing(kind, after))):
            yield replace(page, seen=list(reversed(page.seen)))


class ListsFromStart(MemoryRemote):
    def listing(self, kind: Kind, after: Ref | None) -> Iterator[Page]:
        return super().listing(kind, None)


class MovingAccount(MemoryRemote):
    @property
    def account(self) -> str:
        self.vendor.account += "x"
        return self.vendor.account


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (LosesResult, "test_each_write_has_exactly_one_result"),
        (MixesUpResults, "test_each_write_has_exactly_one_result"),
        (StopsAtBadRecord, "test_one_bad_write_does_not_stop_the_others"),
        (SkipsNone, "test_none_clears_a_field_and_a_missing_one_is_untouched"),
        (ClearsMissing, "test_none_clears_a_field_and_a_missing_one_is_untouched"),
        (DropsNone, "test_none_clears_a_field_and_a_missing_one_is_untouched"),
        (DeliversAll, "test_a_created_record_reads_back_with_its_fields"),
        (IgnoresCondition, "test_a_write_fails_when_the_record_changed_since"),
        (ForgetsKeys, "test_the_external_key_is_delivered_and_found"),
        (ForgetsKeys, "test_a_second_record_of_a_unique_key_is_refused"),
        (OneVersion, "test_versions_grow_in_the_order_of_the_writes"),
        (OneVersion, "test_a_person_moves_the_version_too"),
        (SinceExclusive, "test_since_is_inclusive"),
        (NoPage, "test_changes_give_at_least_one_page_with_the_vendors_time"),
        (OurOwnClock, "test_changes_give_at_least_one_page_with_the_vendors_time"),
        (PagesByOffset, "test_changes_are_complete_while_records_move"),
        (ForgetsResume, "test_changes_go_on_where_they_were_left_off"),
        (HidesRemovals, "test_a_removal_is_in_the_changes_with_its_evidence"),
        (HidesRemovals, "test_a_merge_names_the_record_that_was_kept"),
        (FetchSkipsMissing, "test_fetch_gives_one_answer_for_each_ref"),
        (FetchIsOld, "test_fetch_shows_our_last_write_at_once"),
        (FetchIsOld, "test_a_removed_record_is_gone_by_id"),
        (FindsByPrefix, "test_find_gives_exact_matches_only"),
        (ListsBackwards, "test_the_listing_is_in_id_order_whole_and_can_go_on"),
        (ListsFromStart, "test_the_listing_is_in_id_order_whole_and_can_go_on"),
        (MovingAccount, "test_the_account_has_one_name_that_stays"),
    ],
)
def test_a_broken_promise_fails_its_test(broken: type[MemoryRemote], test: str) -> None:
    run(MemoryRemote, test)
    with pytest.raises((AssertionError, KeyError)):
        run(broken, test)


@pytest.mark.parametrize(
    ("claimed", "true", "test"),
    [
        (
            replace(PERFECT, counts_writes=True),
            PERFECT,
            "test_a_counted_version_grows_by_one",
        ),
        (
            PERFECT,
            replace(PERFECT, conditional=False),
            "test_a_write_fails_when_the_record_changed_since",
        ),
        (
            PERFECT,
            replace(PERFECT, external_key="plain"),
            "test_a_second_record_of_a_unique_key_is_refused",
        ),
        (
            replace(PERFECT, external_key="plain"),
            PERFECT,
            "test_a_plain_key_makes_twins_that_both_can_be_found",
        ),
        (
            PERFECT,
            replace(PERFECT, reports_removals=False),
            "test_a_removal_is_in_the_changes_with_its_evidence",
        ),
        (
            PERFECT,
            replace(PERFECT, reports_removals=False, reports_merges=False),
            "test_a_merge_names_the_record_that_was_kept",
        ),
        (
            PERFECT,
            replace(PERFECT, removal="final"),
            "test_a_removed_record_comes_back_unless_removal_is_final",
        ),
        (
            replace(PERFECT, removal="final"),
            PERFECT,
            "test_a_removed_record_comes_back_unless_removal_is_final",
        ),
        (
            PERFECT,
            replace(PERFECT, version_step=timedelta(seconds=1)),
            "test_versions_grow_in_the_order_of_the_writes",
        ),
        (
            PERFECT,
            replace(PERFECT, feed_lag=timedelta(minutes=5)),
            "test_a_person_edit_is_in_the_changes_within_the_feed_lag",
        ),
        (
            PERFECT,
            replace(PERFECT, find_lag=timedelta(minutes=5)),
            "test_find_gives_exact_matches_only",
        ),
        (
            replace(PERFECT, feed_lag=timedelta(minutes=5)),
            replace(PERFECT, feed_lag=timedelta(minutes=5), reads_own_writes=False),
            "test_fetch_shows_our_last_write_at_once",
        ),
    ],
)
def test_a_capability_that_is_only_claimed_fails_its_test(
    claimed: Capabilities, true: Capabilities, test: str
) -> None:
    class Claims(MemoryRemote):
        @property
        def capabilities(self) -> Capabilities:
            return claimed

    with pytest.raises((AssertionError, KeyError, ValueError)):
        run(Claims, test, true)


def test_a_capability_that_is_off_skips_its_test() -> None:
    off = replace(PERFECT, counts_writes=False)
    with pytest.raises(pytest.skip.Exception, match="the capability is off: counts_writes"):
        run(MemoryRemote, "test_a_counted_version_grows_by_one", off)


def run(remote_type: type[MemoryRemote], test: str, can: Capabilities = PERFECT) -> None:
    clock = ManualClock()
    vendor = MemoryVendor(
        clock=clock, rng=Random(3), schemas={Kind.CUSTOMER: SCHEMA}, capabilities=can
    )
    remote = remote_type(vendor, {Kind.CUSTOMER: TARGET})
    lab = Lab(
        remote=remote,
        hands=MemoryHands(vendor, clock),
        kind=Kind.CUSTOMER,
        target=TARGET,
        schema=SCHEMA,
        sample=sample,
    )
    method = getattr(PluginContract(), test)
    many = (
        {"many": 7} if "many" in method.__code__.co_varnames[: method.__code__.co_argcount] else {}
    )
    method(lab, **many)


def sample(number: int) -> Fields:
    return sample_fields(SCHEMA, TARGET.fields, number)
