"""Each write has one true result, whatever the vendor answers and whatever is lost."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from connector_zoho.client import BUDGET

from connector.errors import (
    LoginRefusedError,
    MappingError,
    SchemaDriftError,
    UsageError,
)
from connector.plugin import Op, Outcome, Ref, Result, Write
from connector.records import Kind
from tests.unit.rig import by_id, remove, update
from tests.unit.zoho_rig import C, Rig, create

APPLIED, REFUSED, RETRY = Outcome.APPLIED, Outcome.REFUSED, Outcome.RETRY
STALE, UNKNOWN = Outcome.STALE, Outcome.UNKNOWN


def outcomes(results: dict[str, Result]) -> set[Outcome]:
    return {one.outcome for one in results.values()}


def names(rig: Rig) -> dict[str, str]:
    return {row["id"]: row["Last_Name"] for row in rig.sandbox.records("Contacts")}


def write_all(rig: Rig, *writes: Write, **settings: Any) -> dict[str, Result]:
    found = by_id(rig.open(**settings).write(C, writes))
    assert set(found) == {one.id for one in writes}
    return found


# --- batches ---


def test_two_hundred_and_five_creates_are_three_calls_and_21_credits(rig: Rig) -> None:
    results = write_all(rig, *(create(str(n)) for n in range(205)))
    assert outcomes(results) == {APPLIED}
    assert rig.calls("insert") == {"insert": 3}
    assert sum(rig.host.spent) == 21
    assert names(rig) == {one.seen.ref: f"N{n}" for n, one in results.items() if one.seen}


def test_creates_carry_the_key_and_set_off_no_workflow(rig: Rig) -> None:
    write_all(rig, create("1", key="K1"))
    [call] = rig.sandbox.requests("insert")
    assert '"trigger":[]' in call["body"] and '"Connector_Key":"K1"' in call["body"]
    write_all(rig, create("2", key="K2"), workflows=True)
    assert "trigger" not in rig.sandbox.requests("insert")[-1]["body"]


def test_removals_set_off_no_workflow_either(rig: Rig) -> None:
    one, two = rig.contacts(2)
    write_all(rig, remove("1", one))
    write_all(rig, remove("2", two), workflows=True)
    first, second = rig.sandbox.requests("delete")
    assert first["query"]["wf_trigger"] == "false" and "wf_trigger" not in second["query"]


def test_an_update_with_a_key_writes_it_back(rig: Rig) -> None:
    [ref] = rig.contacts(1)
    one = Write(id="1", op=Op.UPDATE, ref=ref, fields={"First_Name": "A"}, external_key="K9")
    assert write_all(rig, one)["1"].outcome is APPLIED
    [row] = rig.sandbox.records("Contacts")
    assert (row["Connector_Key"], row["First_Name"]) == ("K9", "A")


def test_all_operations_in_one_call_have_their_results(rig: Rig) -> None:
    one, two = rig.contacts(2)
    results = write_all(rig, remove("r", two), update("u", one, First_Name="A"), create("c"))
    assert outcomes(results) == {APPLIED}
    assert sorted(names(rig).values()) == ["N0", "Nc"]


def test_two_writes_to_one_record_travel_apart_and_in_order(rig: Rig) -> None:
    [ref] = rig.contacts(1)
    results = write_all(rig, update("1", ref, First_Name="A"), update("2", ref, First_Name="B"))
    assert outcomes(results) == {APPLIED}
    assert rig.sandbox.records("Contacts")[0]["First_Name"] == "B"
    assert rig.calls("update") == {"update": 2}


def test_a_purge_takes_a_record_out_of_the_bin(rig: Rig) -> None:
    [ref] = rig.contacts(1)
    write_all(rig, remove("1", ref))
    purge = Write(id="p", op=Op.PURGE, ref=ref, fields={}, external_key="")
    assert write_all(rig, purge)["p"].outcome is APPLIED
    with pytest.raises(UsageError):
        rig.sandbox.restore("Contacts", ref)


# --- conditions ---


def test_one_call_for_each_time_and_only_the_changed_record_is_stale(rig: Rig) -> None:
    old, new = "2026-01-31T10:00:00+08:00", "2026-01-31T11:00:00+08:00"
    rows = [{"Last_Name": f"N{n}", "Modified_Time": t} for n, t in enumerate([old, old, new])]
    one, two, three = rig.sandbox.seed("Contacts", rows)
    at = datetime.fromisoformat(old)
    results = write_all(
        rig,
        update("1", one, at, First_Name="A"),
        update("2", two, at + timedelta(seconds=5), First_Name="A"),
        update("3", three, at, First_Name="A"),
    )
    assert [results[n].outcome for n in "123"] == [APPLIED, APPLIED, STALE]
    assert rig.calls("update") == {"update": 2}
    sent = {call["headers"]["if-unmodified-since"] for call in rig.sandbox.requests("update")}
    assert sent == {"2026-01-31T02:00:00+00:00", "2026-01-31T02:00:05+00:00"}


def test_a_batch_that_is_stale_as_a_whole_is_stale_for_each(rig: Rig) -> None:
    refs = rig.contacts(3)
    long_ago = datetime.fromisoformat("2020-01-01T00:00:00+00:00")
    results = write_all(rig, *(update(r, r, long_ago, First_Name="A") for r in refs))
    assert rig.sandbox.requests("update")[-1]["status"] == 412
    assert outcomes(results) == {STALE}


def test_a_conditional_removal_of_a_changed_record_is_stale(rig: Rig) -> None:
    one, two = rig.contacts(2)
    long_ago = datetime.fromisoformat("2020-01-01T00:00:00+00:00")
    later = datetime.fromisoformat("2099-01-01T00:00:00+00:00")
    results = write_all(rig, remove("1", one, long_ago), remove("2", two, later))
    assert (results["1"].outcome, results["2"].outcome) == (STALE, APPLIED)
    assert list(names(rig)) == [one]


# --- refusals ---


@pytest.mark.parametrize("status", ["400", "202", "200"])
@pytest.mark.parametrize("mixed", ["207", "200"])
def test_results_are_read_whatever_the_http_status(rig: Rig, status: str, mixed: str) -> None:
    rig.sandbox.switch(all_failed_status=status, mixed_status=mixed)
    good, bad = create("1"), create("2", Last_Name="x" * 81)
    assert write_all(rig, bad)["2"].outcome is REFUSED
    results = write_all(rig, good, bad)
    assert (results["1"].outcome, results["2"].outcome) == (APPLIED, REFUSED)


def test_a_duplicate_names_the_record_that_is_there(rig: Rig) -> None:
    first = write_all(rig, create("1", key="K"))["1"]
    again = write_all(rig, create("2", key="K"), create("3"))
    assert again["2"].outcome is REFUSED and again["3"].outcome is APPLIED
    assert again["2"].reason is not None and first.seen is not None
    assert again["2"].reason.code == "duplicate"
    assert again["2"].reason.field == "Connector_Key"
    assert again["2"].existing == first.seen.ref


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"Last_Name": None}, "required", "Last_Name"),
        ({"Last_Name": "CNRY" * 21}, "too_long", "Last_Name"),
        ({"Email": "CNRY-1 at home"}, "wrong_type", "Email"),
        ({"Email_Opt_Out": "CNRY-1"}, "wrong_type", "Email_Opt_Out"),
    ],
)
def test_a_refused_value_is_told_by_field_and_never_by_value(
    rig: Rig, fields: dict[str, Any], code: str, field: str
) -> None:
    result = write_all(rig, create("1", **fields))["1"]
    assert result.outcome is REFUSED and result.reason is not None
    assert (result.reason.code, result.reason.field) == (code, field)
    assert "CNRY" not in repr(result)


def test_of_several_errors_of_one_record_the_first_is_told(rig: Rig) -> None:
    rig.sandbox.switch(several_errors="all")
    bad = {"Last_Name": "x" * 81, "Email": "nobody"}
    result = write_all(rig, create("1", **bad))["1"]
    assert result.outcome is REFUSED and result.reason is not None
    assert (result.reason.code, result.reason.field) == ("too_long", "Last_Name")


def test_an_unknown_field_that_the_vendor_refuses_is_refused(rig: Rig) -> None:
    rig.sandbox.switch(unknown_field="refused")
    result = write_all(rig, create("1", No_Such_Field="x"))["1"]
    assert result.outcome is REFUSED and result.reason is not None
    assert result.reason.field == "No_Such_Field"


def test_a_locked_record_waits(rig: Rig) -> None:
    [ref] = rig.contacts(1)
    rig.sandbox.admin("lock", module="Contacts", id=ref)
    for one in (update("1", ref, First_Name="A"), remove("2", ref)):
        result = write_all(rig, one)[one.id]
        assert result.outcome is RETRY and result.reason is not None
        assert (result.reason.code, result.after) == ("locked", timedelta(hours=1))


def test_an_update_of_a_record_that_is_not_there_is_refused(rig: Rig) -> None:
    result = write_all(rig, update("1", Ref("4150000000009999999"), First_Name="A"))["1"]
    assert result.outcome is REFUSED and result.reason is not None
    assert result.reason.code == "not_found"


def test_deleting_what_is_gone_is_as_wanted_and_what_is_hidden_is_not(rig: Rig) -> None:
    gone, hidden, live = rig.contacts(3)
    rig.sandbox.remove("Contacts", gone)
    rig.sandbox.hide("Contacts", hidden)
    results = write_all(rig, remove("g", gone), remove("h", hidden), remove("l", live))
    assert results["g"].outcome is APPLIED
    assert results["l"].outcome is APPLIED
    assert results["h"].outcome is REFUSED
    assert write_all(rig, remove("g", gone))["g"].outcome is APPLIED


# --- the whole call is refused ---


@pytest.mark.parametrize("form", ["bare", "in_data"])
@pytest.mark.parametrize("count", [1, 3])
def test_a_login_without_the_right_stops_the_run_before_anything_happened(
    rig: Rig, form: str, count: int
) -> None:
    rig.sandbox.switch(write_errors=form)
    code = "OAUTH_SCOPE_MISMATCH"
    remote = rig.open()
    rig.sandbox.fault("error", operation="insert", code=code, status=401)
    with pytest.raises(LoginRefusedError, match=code):
        list(remote.write(C, [create(str(n)) for n in range(count)]))


def test_a_login_lost_after_the_first_batch_puts_the_rest_off(rig: Rig) -> None:
    remote = rig.open()
    rig.sandbox.fault("error", operation="insert", after=1, code="NO_PERMISSION", status=403)
    results = by_id(remote.write(C, [create(str(n)) for n in range(120)]))
    assert Counter(one.outcome for one in results.values()) == {APPLIED: 100, RETRY: 20}


def test_a_module_that_does_not_exist_is_drift(rig: Rig) -> None:
    remote = rig.open()
    rig.sandbox.fault("error", operation="insert", code="INVALID_MODULE", status=400)
    with pytest.raises(SchemaDriftError, match="INVALID_MODULE"):
        list(remote.write(C, [create("1")]))


def test_a_malformed_call_refuses_each_of_its_writes(rig: Rig) -> None:
    rig.sandbox.fault("error", operation="insert", code="INVALID_REQUEST", status=400)
    results = write_all(rig, create("1"), create("2"))
    assert outcomes(results) == {REFUSED}


@pytest.mark.parametrize("code", ["TOO_MANY_REQUESTS", "RATE_LIMIT_EXCEEDED", "NEVER_SEEN"])
def test_any_429_pauses_everybody_and_puts_the_writes_off(rig: Rig, code: str) -> None:
    rig.sandbox.fault("throttled", operation="insert", code=code, retry_after=77)
    results = write_all(rig, create("1"), create("2"))
    assert outcomes(results) == {RETRY}
    assert {one.after for one in results.values()} == {timedelta(seconds=77)}
    assert (rig.host.paused, rig.host.pauses) == ([BUDGET], [77.0])
    assert rig.sandbox.records("Contacts") == []


def test_pauses_grow_with_each_refusal_in_a_row(rig: Rig) -> None:
    remote = rig.open()
    rig.sandbox.fault("throttled", operation="insert", count=3)
    for _ in range(4):
        list(remote.write(C, [create("1")]))
    assert rig.host.pauses == [2.0, 4.0, 8.0]


# --- lost and unreadable answers ---


@pytest.mark.parametrize(
    ("fault", "how"),
    [
        ("lost_before", {}),
        ("lost_after", {}),
        ("truncated", {}),
        ("html", {}),
        ("html", {"status": 502}),
        ("html", {"status": 302}),
        ("empty", {}),
        ("half", {}),
        ("half", {"drop": True}),
        ("error", {}),
        ("error", {"status": 503, "code": "SERVICE_UNAVAILABLE"}),
        ("error", {"status": 500, "code": "INVALID_DATA"}),
        ("error_although_applied", {}),
        ("slow", {"seconds": 4.0}),
    ],
)
@pytest.mark.parametrize("operation", ["insert", "update", "delete"])
def test_a_write_without_a_readable_answer_is_unknown_and_sent_once(
    rig: Rig, fault: str, how: dict[str, Any], operation: str
) -> None:
    refs = rig.contacts(2)
    writes = {
        "insert": [create("1"), create("2")],
        "update": [update(ref, ref, First_Name="A") for ref in refs],
        "delete": [remove(ref, ref) for ref in refs],
    }[operation]
    before = rig.calls(operation).get(operation, 0)
    remote = rig.open(timeout_s=1, call_life_s=2)
    assert remote.account
    rig.sandbox.fault(fault, operation=operation, **how)
    results = by_id(remote.write(C, writes))
    assert outcomes(results) == {UNKNOWN}
    assert rig.calls(operation).get(operation, 0) - before <= 1


def test_a_batch_after_a_lost_one_is_still_sent(rig: Rig) -> None:
    rig.sandbox.fault("lost_after", operation="insert")
    results = write_all(rig, *(create(str(n)) for n in range(120)))
    assert Counter(one.outcome for one in results.values()) == {UNKNOWN: 100, APPLIED: 20}


def test_an_unreachable_vendor_puts_writes_off(rig: Rig) -> None:
    remote = rig.open(accounts_url="http://127.0.0.1:1")
    results = by_id(remote.write(C, [create("1"), update("2", Ref("1"), First_Name="A")]))
    assert outcomes(results) == {RETRY}


# --- answers that contradict themselves ---


@pytest.mark.parametrize("fault", ["reordered", "duplicated"])
def test_creates_are_matched_by_their_key_when_the_order_is_doubtful(rig: Rig, fault: str) -> None:
    rig.sandbox.fault(fault, operation="insert")
    results = write_all(rig, create("1"), create("2"), create("3"))
    assert outcomes(results) == {APPLIED}
    held = names(rig)
    for n, one in results.items():
        assert one.seen is not None and held[one.seen.ref] == f"N{n}"


def test_a_refusal_moved_to_another_place_is_given_to_its_own_record(rig: Rig) -> None:
    rig.sandbox.fault("reordered", operation="insert")
    results = write_all(rig, create("1", Last_Name="x" * 81), create("2"), create("3"))
    assert results["1"].outcome is REFUSED
    assert (results["2"].outcome, results["3"].outcome) == (APPLIED, APPLIED)


def test_a_success_moved_to_the_place_of_a_refusal_is_given_to_its_own_record(rig: Rig) -> None:
    rig.sandbox.fault("reordered", operation="insert")
    results = write_all(rig, create("1", Last_Name="x" * 81), create("2"))
    assert (results["1"].outcome, results["2"].outcome) == (REFUSED, APPLIED)
    assert results["2"].seen is not None
    assert names(rig) == {results["2"].seen.ref: "N2"}


@pytest.mark.parametrize("fault", ["reordered", "duplicated"])
def test_updates_are_matched_by_id_when_the_order_is_doubtful(rig: Rig, fault: str) -> None:
    refs = rig.contacts(3)
    rig.sandbox.fault(fault, operation="update")
    results = write_all(rig, *(update(ref, ref, First_Name=f"A{ref}") for ref in refs))
    assert outcomes(results) == {APPLIED}
    assert {one.seen.ref for n, one in results.items() if one.seen and one.seen.ref == n} == set(
        refs
    )


@pytest.mark.parametrize("operation", ["update", "delete"])
def test_results_about_other_records_leave_ours_unknown(rig: Rig, operation: str) -> None:
    refs = rig.contacts(2)
    rig.sandbox.fault("wrong_record", operation=operation)
    make = {"update": lambda r: update(r, r, First_Name="A"), "delete": lambda r: remove(r, r)}
    results = write_all(rig, *(make[operation](ref) for ref in refs))
    assert outcomes(results) == {UNKNOWN}


@pytest.mark.parametrize("fault", ["reordered", "duplicated"])
def test_removals_are_matched_by_id(rig: Rig, fault: str) -> None:
    one, two = rig.contacts(2)
    rig.sandbox.remove("Contacts", one)
    rig.sandbox.fault(fault, operation="delete")
    results = write_all(rig, remove("1", one), remove("2", two))
    assert outcomes(results) == {APPLIED}


# --- before anything is sent ---


def test_names_and_ids_of_another_form_are_refused_before_anything_is_sent(rig: Rig) -> None:
    remote = rig.open()
    with pytest.raises(MappingError):
        list(remote.write(C, [create("1"), create("2", **{"Last Name": "x"})]))
    with pytest.raises(UsageError, match="id"):
        list(remote.write(C, [create("1"), update("2", Ref("1 or 1=1"), First_Name="A")]))
    with pytest.raises(UsageError, match="no mapping"):
        list(remote.write(Kind.FEEDBACK, [create("1")]))
    assert rig.calls() == {}
