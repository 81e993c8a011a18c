"""Reading Fxiaoke: windows by id, values by type, what leaves the client, how records are gone."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from connector_fxiaoke import facts

from connector.errors import (
    CursorExpiredError,
    InvalidError,
    MappingError,
    RetryableError,
    SchemaDriftError,
    UsageError,
)
from connector.plugin import Gone, Ref, Target
from tests.unit.fxiaoke_rig import OBJECT, TARGETS, C, M, Rig
from tests.unit.rig import all_seen, refs

FULL = ("name", "tel", "owner", "tags__c", "stage__c", "birth_date__c", "registered_at__c")


def searches(fx: Rig) -> list[dict[str, Any]]:
    calls = fx.sandbox.requests("query")
    return [orjson.loads(call["body"])["data"]["search_query_info"] for call in calls]


# --- pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 200])
def test_all_records_come_whatever_their_number(fx: Rig, count: int) -> None:
    made = fx.accounts(count)
    pages = list(fx.open().changes(C, None, None))
    assert refs(all_seen(pages)) == made
    assert pages[-1].resume is None
    assert fx.calls("query") == {"query": count // 100 + 1}


def test_a_page_is_asked_for_behind_the_last_id_and_never_by_offset(fx: Rig) -> None:
    fx.accounts(5)
    list(fx.open(page_size=2).changes(C, datetime(2026, 1, 1, tzinfo=UTC), None))
    asked = searches(fx)
    assert {one["offset"] for one in asked} == {0}
    assert {one["limit"] for one in asked} == {2}
    assert [len(one["filters"]) for one in asked] == [1, 2, 2]
    first = asked[0]["filters"][0]
    assert (first["field_name"], first["operator"]) == ("last_modified_time", "GTE")
    assert first["field_values"] == ["1767225600000"]
    assert all(one["orders"] == [{"fieldName": "_id", "isAsc": True}] for one in asked)
    bodies = [orjson.loads(call["body"]) for call in fx.sandbox.requests("query")]
    assert all(body["data"]["find_explicit_total_num"] is False for body in bodies)


def test_a_bound_is_cut_to_the_second_for_tenants_that_stamp_so(fx: Rig) -> None:
    [ref] = fx.accounts(1, last_modified_time=1767225600000)
    late = datetime(2026, 1, 1, 0, 0, 0, 900_000, tzinfo=UTC)
    assert refs(all_seen(fx.open().changes(C, late, None))) == [ref]


def test_records_that_change_while_they_are_read_are_not_passed_over(fx: Rig) -> None:
    made = fx.accounts(9)
    met: list[str] = []
    for page in fx.open(page_size=2).changes(C, datetime(2026, 1, 1, tzinfo=UTC), None):
        met += refs(page.seen)
        for ref in (made[0], made[-1]):
            fx.sandbox.edit(OBJECT, ref, {"remark": f"moved {len(met)}"})
    assert met == made


def test_a_window_goes_on_in_another_process_where_it_was_left_off(fx: Rig) -> None:
    made = fx.accounts(5)
    since = datetime(2026, 1, 1, tzinfo=UTC)
    first = next(iter(fx.open(page_size=2).changes(C, since, None)))
    rest = all_seen(fx.open(page_size=2).changes(C, since, first.resume))
    assert refs(first.seen) + refs(rest) == made
    assert len(searches(fx)[-1]["filters"]) == 2


def test_a_window_goes_on_under_the_bound_it_began_with(fx: Rig) -> None:
    """The settings may have changed between: an earlier bound must not become a later one."""
    made = fx.accounts(5, last_modified_time=1767225600000)
    since = datetime(2026, 1, 1, tzinfo=UTC)
    first = next(iter(fx.open(page_size=2).changes(C, since, None)))
    later = since + timedelta(days=30)
    rest = all_seen(fx.open(page_size=2).changes(C, later, first.resume))
    assert refs(first.seen) + refs(rest) == made


@pytest.mark.parametrize("resume", [b"", b"x", b"12:", b":a b", b"12:../x", b"{}"])
def test_a_place_that_is_none_of_ours_starts_the_window_again(fx: Rig, resume: bytes) -> None:
    with pytest.raises(CursorExpiredError):
        list(fx.open().changes(C, None, resume))


@pytest.mark.parametrize("fault", ["repeated", "reordered", "duplicated"])
def test_a_page_that_repeats_or_goes_backwards_is_an_error_and_no_loop(fx: Rig, fault: str) -> None:
    fx.accounts(6)
    fx.sandbox.fault(fault, operation="query", after=1)
    with pytest.raises(RetryableError, match="order of ids"):
        list(fx.open(page_size=2).changes(C, None, None))


def test_a_cap_below_what_we_ask_for_loses_nothing(fx: Rig) -> None:
    made = fx.accounts(5)
    fx.sandbox.limits(page=2)
    fx.sandbox.switch(over_limit="capped")
    assert refs(all_seen(fx.open().changes(C, None, None))) == made


def test_the_clock_of_a_page_is_the_vendors(fx: Rig) -> None:
    fx.sandbox.now(advance=86_400 * 30)
    [page] = fx.open().changes(C, None, None)
    assert page.read_at > datetime.now(UTC) + timedelta(days=29)


def test_a_field_this_tenant_lacks_is_left_out_and_the_rest_is_read(fx: Rig) -> None:
    [ref] = fx.accounts(1, tel="13800000001")
    target = Target(object=OBJECT, fields=("name", "shoe_size__c", "tel"), key_field=None)
    [seen] = all_seen(fx.open({C: target}).changes(C, None, None))
    assert (seen.ref, set(seen.fields)) == (ref, {"name", "tel"})


def test_a_field_that_goes_away_while_we_run_is_left_out_from_then_on(fx: Rig) -> None:
    fx.accounts(1, tel="13800000001")
    target = Target(object=OBJECT, fields=("name", "wechat__c", "tel"), key_field=None)
    remote = fx.open({C: target})
    remote.describe(C)
    fx.sandbox.admin("drop_field", object=OBJECT, field="wechat__c")
    fx.sandbox.fault("error", operation="query", code=32000)
    [seen] = all_seen(remote.changes(C, None, None))
    assert set(seen.fields) == {"name", "tel"}


def test_an_object_this_tenant_lacks_is_an_error(fx: Rig) -> None:
    target = Target(object="NoSuchObj", fields=("name",), key_field=None)
    with pytest.raises(SchemaDriftError, match="Check `object` in the mapping"):
        list(fx.open({C: target}).changes(C, None, None))


# --- what a record is -----------------------------------------------------------------------------


def test_values_are_read_by_their_type(fx: Rig) -> None:
    [ref] = fx.accounts(
        1,
        tel="13800000001",
        owner=["1000"],
        tags__c=["VIP"],
        stage__c="loyal",
        birth_date__c=1790784000000,
        registered_at__c=1790784000123,
    )
    target = Target(object=OBJECT, fields=FULL, key_field=None)
    [seen] = all_seen(fx.open({C: target}).changes(C, None, None))
    assert seen.ref == ref
    assert seen.fields == {
        "name": "N0",
        "tel": "13800000001",
        "owner": "1000",
        "tags__c": ["VIP"],
        "stage__c": "loyal",
        "birth_date__c": "2026-10-01",
        "registered_at__c": "2026-10-01T00:00:00.123+08:00",
    }


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "UTC", "America/New_York"])
def test_a_day_is_a_midnight_of_the_tenants_zone(fx: Rig, zone: str) -> None:
    fx.accounts(1, birth_date__c=1790784000000)
    day = "2026-10-01" if zone == "Asia/Shanghai" else "2026-09-30"
    [seen] = all_seen(fx.open(zone=zone).changes(C, None, None))
    assert seen.fields["birth_date__c"] == day


@pytest.mark.parametrize("form", ["string", "number"])
def test_numbers_are_delivered_as_they_come(fx: Rig, form: str) -> None:
    fx.sandbox.switch(numbers_as=form)
    fx.accounts(1, rfm_monetary__c="100.50")
    [seen] = all_seen(fx.open().changes(C, None, None))
    assert float(seen.fields["rfm_monetary__c"]) == 100.5


def test_a_field_that_is_there_and_empty_is_none(fx: Rig) -> None:
    fx.accounts(1)
    [seen] = all_seen(fx.open().changes(C, None, None))
    assert dict(seen.fields) == {**dict.fromkeys(TARGETS[C].fields), "name": "N0"}


@pytest.mark.parametrize("projection", ["strict", "with_companions", "ignored"])
def test_what_comes_beside_the_mapped_fields_goes_nowhere(
    fx: Rig, projection: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Companions carry employees' names and numbers, whether asked for or not."""
    caplog.set_level(logging.DEBUG)
    fx.sandbox.switch(projection=projection)
    [ref] = fx.accounts(1, owner=["1000"])
    target = Target(object=OBJECT, fields=("name", "owner"), key_field="ext_key__c")
    remote = fx.open({C: target})
    for seen in (*all_seen(remote.changes(C, None, None)), *remote.fetch(C, [ref])):
        assert dict(seen.fields) == {"name": "N0", "owner": "1000"}
    employees = {"13900000000", "searchAfterId", "relevant_team"}
    assert not any(word in caplog.text for word in employees)


def test_the_version_counts_and_the_time_is_the_vendors(fx: Rig) -> None:
    [ref] = fx.accounts(1)
    for number in range(3):
        fx.sandbox.edit(OBJECT, ref, {"remark": f"{number}"})
    [seen] = fx.open().fetch(C, [ref])
    assert seen.version == "4"
    assert seen.changed_at is not None and seen.changed_at.tzinfo is UTC


# --- by id ----------------------------------------------------------------------------------------


def test_fetch_sees_what_the_index_does_not_show_yet(fx: Rig) -> None:
    fx.sandbox.limits(index_lag_s=60)
    ref = fx.sandbox.create(OBJECT, {"name": "new"})
    remote = fx.open()
    assert all_seen(remote.changes(C, None, None)) == []
    [seen] = remote.fetch(C, [ref])
    assert seen.fields["name"] == "new"


GONE = [
    # the two forms of the vendor, the setting, what a deleted and a hidden record look like
    *(
        (deleted, hidden, "undecided", Gone.HIDDEN, Gone.HIDDEN)
        for deleted in ("empty_data", "no_data", "50009", "32000")
        for hidden in ("empty_data", "no_data", "50009", "32000")
    ),
    ("empty_data", "50009", "auto", Gone.NOT_FOUND, Gone.HIDDEN),
    ("no_data", "32000", "auto", Gone.NOT_FOUND, Gone.HIDDEN),
    ("50009", "32000", "auto", Gone.HIDDEN, Gone.HIDDEN),
    ("32000", "empty_data", "auto", Gone.HIDDEN, Gone.HIDDEN),
    ("32000", "empty_data", "error", Gone.NOT_FOUND, Gone.HIDDEN),
    ("50009", "no_data", "error", Gone.NOT_FOUND, Gone.HIDDEN),
    ("empty_data", "50009", "empty", Gone.NOT_FOUND, Gone.HIDDEN),
    # no read can tell these apart: whoever sets this says that our user sees all records
    ("empty_data", "empty_data", "auto", Gone.NOT_FOUND, Gone.NOT_FOUND),
    ("50009", "50009", "error", Gone.NOT_FOUND, Gone.NOT_FOUND),
]


@pytest.mark.parametrize(("deleted_get", "hidden_get", "setting", "deleted", "hidden"), GONE)
def test_what_may_not_be_seen_is_never_taken_for_deleted_unasked(
    fx: Rig, deleted_get: str, hidden_get: str, setting: str, deleted: Gone, hidden: Gone
) -> None:
    fx.sandbox.switch(deleted_get=deleted_get, hidden_get=hidden_get)
    alive, away, purged, unseen = fx.accounts(4)
    fx.sandbox.remove(OBJECT, away)
    fx.sandbox.purge(OBJECT, purged)
    fx.sandbox.hide(OBJECT, unseen)
    seen = fx.open(deleted_get=setting).fetch(C, [alive, away, purged, unseen])
    assert {one.ref: one.gone for one in seen} == {
        alive: None,
        away: Gone.EXPLICIT,
        purged: deleted,
        unseen: hidden,
    }


def test_a_record_in_the_list_is_not_gone_whatever_its_read_says(fx: Rig) -> None:
    [ref] = fx.accounts(1)
    fx.sandbox.fault("error", operation="fetch", code=32000, count=9)
    [seen] = fx.open(deleted_get="error").fetch(C, [ref])
    assert seen.gone is Gone.HIDDEN


def test_a_fault_of_the_moment_at_a_read_by_id_passes(fx: Rig) -> None:
    [ref] = fx.accounts(1)
    fx.sandbox.fault("error", operation="fetch", code=50009)
    [seen] = fx.open().fetch(C, [ref])
    assert seen.gone is None


def test_a_busy_vendor_is_asked_again_later_and_nothing_is_gone(fx: Rig) -> None:
    [ref] = fx.accounts(1)
    fx.sandbox.fault("error", operation="fetch", code=-1, count=2)
    with pytest.raises(RetryableError):
        fx.open().fetch(C, [ref])


def test_a_row_in_a_pool_is_there(fx: Rig) -> None:
    [ref] = fx.accounts(1)
    fx.sandbox.pool(OBJECT, ref)
    [seen] = fx.open().fetch(C, [ref])
    assert seen.gone is None


def test_an_answer_about_another_record_is_not_believed(fx: Rig) -> None:
    [ref] = fx.accounts(1)
    fx.sandbox.fault("wrong_record", operation="fetch")
    with pytest.raises(RetryableError, match="another record"):
        fx.open().fetch(C, [ref])


@pytest.mark.parametrize("ref", ["", "a b", "../x", "x" * 65, "é"])
def test_what_is_no_id_is_never_sent(fx: Rig, ref: str) -> None:
    with pytest.raises(UsageError):
        fx.open().fetch(C, [Ref(ref)])
    assert fx.sandbox.calls() == {}


def test_many_missing_records_cost_one_list_call_for_a_hundred(fx: Rig) -> None:
    made = fx.accounts(120)
    for ref in made:
        fx.sandbox.purge(OBJECT, ref)
    seen = fx.open(deleted_get="auto").fetch(C, made)
    assert {one.gone for one in seen} == {Gone.NOT_FOUND}
    assert fx.calls("fetch", "query") == {"fetch": 121, "query": 2}


def test_reads_by_id_are_spread_as_wide_as_the_settings_say(fx: Rig) -> None:
    made, widths = fx.accounts(3), list[int]()
    spread = fx.host.spread

    def noting(work: Any, items: Any, width: int) -> Any:
        widths.append(width)
        return spread(work, items, width)

    fx.host.spread = noting  # type: ignore[method-assign] # a note of what is asked for
    assert len(fx.open(concurrency=7).fetch(C, made)) == 3
    assert widths == [7]


# --- invalidated records --------------------------------------------------------------------------


@pytest.mark.parametrize("is_deleted", ["no", "yes"])
def test_an_invalidated_record_is_gone_in_changes_and_absent_elsewhere(
    fx: Rig, is_deleted: str
) -> None:
    fx.sandbox.switch(preset_shows_invalid="yes", invalid_is_deleted=is_deleted)
    alive, away = fx.accounts(2, email="same@example.test")
    fx.sandbox.remove(OBJECT, away)
    remote = fx.open()
    since = datetime(2026, 1, 1, tzinfo=UTC)
    changed = {one.ref: one for one in all_seen(remote.changes(C, since, None))}
    assert changed[away].gone is Gone.EXPLICIT
    assert changed[away].version == "2" and not changed[away].fields
    assert refs(all_seen(remote.changes(C, None, None))) == [alive]
    assert refs(all_seen(remote.listing(C, None))) == [alive]
    assert refs(remote.find(C, "email", ["same@example.test"])) == [alive]


# --- by value -------------------------------------------------------------------------------------


def test_find_asks_for_a_hundred_values_at_once(fx: Rig) -> None:
    rows = [{"name": f"N{n}", "email": f"n{n}@example.test"} for n in range(150)]
    made = fx.sandbox.seed(OBJECT, rows)
    values = [str(row["email"]) for row in rows]
    found = fx.open().find(C, "email", [*values, values[0], ""])
    assert sorted(refs(found)) == sorted(made)
    assert fx.calls("query") == {"query": 3}, "one page is full, so there is one behind it"


def test_find_goes_through_all_pages_of_a_shared_value(fx: Rig) -> None:
    made = fx.accounts(5, email="same@example.test")
    assert refs(fx.open(page_size=2).find(C, "email", ["same@example.test"])) == made


def test_find_compares_exactly_where_the_vendor_does_not(fx: Rig) -> None:
    fx.sandbox.switch(text_case="folded")
    fx.accounts(1, email="Ann@example.test")
    assert fx.open().find(C, "email", ["ann@example.test"]) == []


def test_find_wants_a_mapped_field(fx: Rig) -> None:
    with pytest.raises(UsageError):
        fx.open().find(C, "remark__x", ["x"])
    with pytest.raises(MappingError):
        fx.open().find(C, "a b", ["x"])


def test_the_listing_holds_ids_versions_and_keys_alone(fx: Rig) -> None:
    fx.accounts(3)
    [ref] = fx.sandbox.seed(OBJECT, [{"name": "x", "ext_key__c": "OURS"}])
    seen = all_seen(fx.open().listing(C, None))
    assert seen[-1].ref == ref and seen[-1].external_key == "OURS"
    assert all(one.version == "1" and not one.fields for one in seen)
    assert not {"name", "tel"} & set(searches(fx)[-1]["fieldProjection"])


def test_a_custom_object_is_read_at_its_own_paths(fx: Rig) -> None:
    fx.sandbox.seed("membership__c", [{"name": "card"}])
    remote = fx.open()
    [seen] = all_seen(remote.changes(M, None, None))
    remote.fetch(M, [seen.ref])
    paths = {call["path"] for call in fx.sandbox.requests("query")}
    paths |= {call["path"] for call in fx.sandbox.requests("fetch")}
    assert paths == {facts.CUSTOM + "/query", facts.CUSTOM + "/get"}


def test_a_refused_query_names_code_and_trace(fx: Rig) -> None:
    fx.sandbox.fault("error", operation="query", code=32000, text="13800000000", count=2)
    with pytest.raises(InvalidError, match=r"32000; trace E-O\.") as caught:
        list(fx.open().changes(C, None, None))
    assert "13800000000" not in str(caught.value)
