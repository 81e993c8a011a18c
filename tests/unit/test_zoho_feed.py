"""Nothing that changed is passed over, by queries and by lists, whatever moves meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.errors import (
    CursorExpiredError,
    LoginRefusedError,
    RetryableError,
)
from connector.plugin import Gone, version_key
from connector.records import Kind
from tests.unit.rig import all_seen, refs
from tests.unit.zoho_reading import BOTH, OLD, changed, seed, small
from tests.unit.zoho_rig import C, Rig

# --- changes ---


@BOTH
def test_a_quiet_pass_is_one_call_for_changes_and_one_for_removals(rig: Rig, coql: bool) -> None:
    seed(rig, [0, 1, 2])
    remote = rig.open(coql=coql)
    pages = list(remote.changes(C, OLD + timedelta(seconds=10), None))
    assert [len(page.seen) for page in pages] == [0, 0]
    assert pages[-1].resume is None
    assert rig.calls() == {"coql" if coql else "list": 1, "deleted": 1}
    assert rig.host.spent == [1, 2]


@BOTH
@pytest.mark.parametrize("form", ["304", "204"])
def test_nothing_new_may_be_said_in_two_ways(rig: Rig, coql: bool, form: str) -> None:
    rig.sandbox.switch(not_modified=form)
    assert changed(rig.open(coql=coql)) == []


@BOTH
def test_changes_come_in_the_order_of_their_time_and_only_from_since_on(
    rig: Rig, coql: bool
) -> None:
    made = seed(rig, [5, 3, 9, 3, 0, 7, 3, 8])
    assert changed(small(rig, coql), OLD + timedelta(seconds=3)) == [
        made[n] for n in (1, 3, 6, 0, 5, 7, 2)
    ]


@BOTH
def test_a_record_edited_while_pages_are_read_hides_no_other(rig: Rig, coql: bool) -> None:
    made = seed(rig, list(range(10)))
    met: list[str] = []
    for number, page in enumerate(small(rig, coql).changes(C, OLD, None)):
        met += refs(page.seen)
        if number < 3:
            rig.sandbox.edit("Contacts", made[number], {"First_Name": "moved"})
    assert set(met) == set(made)
    assert len(met) == 13


@BOTH
def test_more_records_in_one_second_than_a_page_holds_are_all_read(rig: Rig, coql: bool) -> None:
    made = seed(rig, [1] * 2 + [2] * 11 + [3] * 4)
    met = changed(small(rig, coql))
    assert sorted(met) == sorted(made)


def test_a_full_second_that_people_empty_while_it_is_listed_loses_nobody(rig: Rig) -> None:
    """Positions inside the second shift each time a record leaves it."""
    made = seed(rig, [2] * 12)
    remote = small(rig, False)
    client = remote._client
    read, count = client.read, 0

    def meddling(operation: str, *args: Any, **named: Any) -> Any:
        nonlocal count
        if operation == "list":
            count += 1
            if count in (3, 4, 5):
                rig.sandbox.edit("Contacts", made[count - 3], {"First_Name": "moved"})
        return read(operation, *args, **named)

    client.read = meddling  # type: ignore[method-assign]  # stands in for people at work
    assert set(changed(remote)) == set(made)


def test_a_vendor_that_pays_no_heed_to_the_time_is_not_listed_for_ever(rig: Rig) -> None:
    seed(rig, [0, 1, 2, 3, 4])
    remote = small(rig, False)
    read, asked = remote._client.read, iter(range(9))

    def heedless(operation: str, *args: Any, **named: Any) -> Any:
        next(asked)
        return read(operation, *args, **{**named, "headers": None})

    remote._client.read = heedless  # type: ignore[method-assign]  # the sandbox pays heed
    with pytest.raises(RetryableError, match="long before"):
        changed(remote, OLD + timedelta(hours=1))


@pytest.mark.parametrize(("spoiled", "since"), [("list", None), ("list", OLD), ("deleted", OLD)])
def test_a_row_without_a_readable_id_is_a_fault_of_the_vendor_and_not_ours(
    rig: Rig, spoiled: str, since: datetime | None
) -> None:
    seed(rig, [0, 1, 2, 3])
    rig.sandbox.remove("Contacts", seed(rig, [4])[0])
    remote = small(rig, False)
    read = remote._client.read

    def garbled(operation: str, *args: Any, **named: Any) -> Any:
        answer = read(operation, *args, **named)
        rows = [{**row, "id": "x"} for row in answer.rows]
        garbage = {**answer.body, "data": rows} if operation == spoiled else answer.body
        return type(answer)(answer.status, answer.read_at, garbage)

    remote._client.read = garbled  # type: ignore[method-assign]  # no vendor should, and one may
    with pytest.raises(RetryableError, match="readable id"):
        changed(remote, since)


@BOTH
def test_changes_go_on_behind_the_page_that_was_kept(rig: Rig, coql: bool) -> None:
    made = seed(rig, [1, 2, 2, 2, 3, 4, 4, 5])
    pages = list(small(rig, coql).changes(C, OLD, None))
    for cut in range(1, len(pages)):
        kept = pages[:cut]
        rest = list(rig.open(coql=coql, list_page=3, query_page=3).changes(C, OLD, kept[-1].resume))
        met = refs(all_seen(kept)) + refs(all_seen(rest))
        assert sorted(met) == sorted(made), cut


@pytest.mark.parametrize("resume", [b"", b"[]", b"not json", b"5"])
def test_a_place_that_is_none_starts_the_window_again(rig: Rig, resume: bytes) -> None:
    with pytest.raises(CursorExpiredError):
        list(rig.open().changes(C, OLD, resume))


@BOTH
def test_versions_are_utc_of_one_length_and_grow_with_the_time(rig: Rig, coql: bool) -> None:
    seed(rig, [0, 40_000, 86_400])
    seen = all_seen(rig.open(coql=coql).changes(C, OLD, None))
    versions = [one.version for one in seen]
    assert versions[0] == "2026-01-31T02:00:00+00:00"
    assert versions == sorted(versions, key=version_key)
    assert {len(one) for one in versions} == {25}
    assert seen[0].changed_at == OLD


@BOTH
def test_read_at_is_the_vendors_clock(rig: Rig, coql: bool) -> None:
    rig.sandbox.now(set="2030-05-05T05:05:05+00:00", freeze=True)
    [page, *_] = rig.open(coql=coql).changes(C, OLD, None)
    assert page.read_at == datetime(2030, 5, 5, 5, 5, 5, tzinfo=UTC)


@BOTH
def test_both_ways_of_reading_show_a_record_alike(rig: Rig, coql: bool) -> None:
    person = rig.sandbox.create("Contacts", {"Last_Name": "Lin"})
    fields = {"Name": "M-1", "Customer": {"id": person}, "Benefits": ["包邮"]}
    ref = rig.sandbox.create("Memberships", fields)
    remote = rig.open(coql=coql)
    [feed] = all_seen(remote.changes(Kind.MEMBERSHIP, OLD, None))
    [alone] = remote.fetch(Kind.MEMBERSHIP, [ref])
    assert feed == alone
    assert dict(feed.fields) == fields
    assert feed.external_key is None


# --- queries that are not allowed ---


@pytest.mark.parametrize("status", ["401", "403"])
def test_a_login_without_the_scope_for_queries_reads_by_lists_from_then_on(
    rig: Rig, status: str
) -> None:
    made = seed(rig, [0, 1])
    rig.sandbox.switch(scope_error_status=status)
    remote = rig.open()
    lags = [remote.capabilities.find_lag]
    rig.sandbox.fault("error", operation="coql", code="OAUTH_SCOPE_MISMATCH", status=int(status))
    assert changed(remote) == made
    assert [*lags, remote.capabilities.find_lag] == [timedelta(0), None]
    assert changed(remote) == made
    assert rig.calls("coql", "list") == {"coql": 1, "list": 2}


def test_queries_that_were_asked_for_are_not_given_up_silently(rig: Rig) -> None:
    rig.sandbox.fault("error", operation="coql", code="OAUTH_SCOPE_MISMATCH", status=401)
    with pytest.raises(LoginRefusedError):
        changed(rig.open(coql=True))


def test_another_fault_of_a_query_is_no_reason_to_list(rig: Rig) -> None:
    rig.sandbox.fault("error", operation="coql", code="INTERNAL_ERROR", status=500)
    with pytest.raises(RetryableError):
        changed(rig.open())
    assert rig.calls("list") == {}


# --- removals ---


@BOTH
def test_removals_of_every_kind_are_told_with_their_time(rig: Rig, coql: bool) -> None:
    binned, final, kept = rig.contacts(3)
    since = datetime.now(UTC) - timedelta(minutes=1)
    rig.sandbox.remove("Contacts", binned)
    rig.sandbox.admin("delete", module="Contacts", id=final, final=True)
    seen = all_seen(rig.open(coql=coql).changes(C, since, None))
    gone = {one.ref: one for one in seen if one.gone}
    assert set(gone) == {binned, final} and kept in refs(seen)
    for one in gone.values():
        assert one.gone is Gone.EXPLICIT and not one.fields
        assert one.changed_at is not None and one.changed_at >= since and len(one.version) == 25


def test_more_removals_than_a_page_are_read_to_the_end_and_the_first_page_again(rig: Rig) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    made = rig.contacts(450)
    for ref in made:
        rig.sandbox.remove("Contacts", ref)
    gone = [one.ref for one in all_seen(rig.open().changes(C, since, None)) if one.gone]
    assert sorted(gone) == sorted(made)
    assert rig.calls("deleted") == {"deleted": 4}


def test_a_feed_of_removals_that_ends_at_a_page_does_not_begin_again_for_ever(rig: Rig) -> None:
    rig.sandbox.switch(deleted_pages="2000")
    since = datetime.now(UTC) - timedelta(minutes=5)
    made = rig.contacts(2_001)
    for ref in made:
        rig.sandbox.remove("Contacts", ref)
    pages = list(rig.open().changes(C, since, None))
    gone = {one.ref for one in all_seen(pages) if one.gone}
    assert len(gone) == 2_000 and pages[-1].resume is None, "the listing of ids finds the last one"


def test_removals_that_go_on_while_they_are_read_are_read_again(rig: Rig) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    made = rig.contacts(205)
    for ref in made[:203]:
        rig.sandbox.remove("Contacts", ref)
    remote = rig.open()
    read, count = remote._client.read, 0

    def meddling(operation: str, *args: Any, **named: Any) -> Any:
        nonlocal count
        answer = read(operation, *args, **named)
        if operation == "deleted":
            count += 1
            if count == 1:
                rig.sandbox.remove("Contacts", made[203])
        return answer

    remote._client.read = meddling  # type: ignore[method-assign]  # stands in for people at work
    pages = list(remote.changes(C, since, None))
    gone = {one.ref for one in all_seen(pages) if one.gone}
    assert gone == set(made[:204])
    assert pages[-1].resume is None and all(page.resume for page in pages[:-1])


def test_removals_alone_are_read_when_the_changes_were_read_before(rig: Rig) -> None:
    [ref] = rig.contacts(1)
    since = datetime.now(UTC) - timedelta(minutes=1)
    remote = rig.open()
    [first, *_] = list(remote.changes(C, since, None))
    rig.sandbox.remove("Contacts", ref)
    before = rig.calls("coql")
    [page] = remote.changes(C, since, first.resume)
    assert [(one.ref, one.gone) for one in page.seen] == [(ref, Gone.EXPLICIT)]
    assert rig.calls("coql") == before


# --- everything there is ---


@BOTH
def test_everything_is_read_by_id_without_removals(rig: Rig, coql: bool) -> None:
    made = seed(rig, [9, 8, 7, 6, 5, 4, 3])
    rig.sandbox.remove("Contacts", made[3])
    remote = small(rig, coql)
    seen = all_seen(remote.changes(C, None, None))
    assert refs(seen) == [ref for ref in made if ref != made[3]]
    assert not any(one.gone for one in seen)


@BOTH
def test_a_removal_while_everything_is_read_hides_nobody(rig: Rig, coql: bool) -> None:
    """By position, a record removed in front pulls the next one over the page's edge."""
    made = rig.contacts(12)
    met: list[str] = []
    for number, page in enumerate(small(rig, coql).changes(C, None, None)):
        met += refs(page.seen)
        if number in (0, 1):
            rig.sandbox.remove("Contacts", made[number])
    assert set(made[2:]) <= set(met)
    assert len(met) == len(set(met))


def test_everything_by_query_goes_on_behind_the_last_id(rig: Rig) -> None:
    made = rig.contacts(8)
    remote = small(rig, True)
    [first, *_] = remote.changes(C, None, None)
    assert refs(first.seen) == made[:3]
    assert refs(all_seen(remote.changes(C, None, first.resume))) == made[3:]


def test_a_listing_by_position_that_a_removal_disturbed_is_not_believed(rig: Rig) -> None:
    made = rig.contacts(8)
    pages = rig.open(coql=False, list_page=3).listing(C, None)
    next(pages)
    rig.sandbox.remove("Contacts", made[0])
    with pytest.raises(CursorExpiredError, match="read again"):
        list(pages)


@BOTH
def test_the_listing_gives_ids_versions_and_keys_and_no_fields(rig: Rig, coql: bool) -> None:
    ref = rig.sandbox.create("Contacts", {"Last_Name": "Lin", "Connector_Key": "K1"})
    [seen] = all_seen(rig.open(coql=coql).listing(C, None))
    assert (seen.ref, seen.external_key, seen.fields) == (ref, "K1", {})
    assert len(seen.version) == 25
