"""Writing to Fxiaoke: one call and one result for each write, its form, its values, its count."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest
from connector_fxiaoke import facts

from connector.errors import (
    MappingError,
    RateLimitedError,
    RetryableError,
    UnreachableError,
    UsageError,
)
from connector.plugin import Gone, Op, Outcome, Ref, Target, Write
from tests.unit.fxiaoke_rig import OBJECT, C, M, Rig, act, create
from tests.unit.rig import all_seen, by_id, remove, update

FULL = Target(
    object=OBJECT,
    fields=(
        *("name", "tel", "owner", "tags__c", "stage__c", "birth_date__c", "registered_at__c"),
        *("rfm_monetary__c", "rfm_recency__c", "do_not_contact__c"),
    ),
    key_field="ext_key__c",
)


def bodies(fx: Rig, operation: str) -> list[dict[str, Any]]:
    return [orjson.loads(call["body"]) for call in fx.sandbox.requests(operation)]


# --- the form of a call ---------------------------------------------------------------------------


def test_a_create_carries_our_key_an_owner_and_no_workflow(fx: Rig) -> None:
    [result] = fx.open().write(C, [create("1", key="OURS", tel="13800000001")])
    assert result.seen is not None and result.seen.external_key == "OURS"
    [body] = bodies(fx, "insert")
    assert body["triggerWorkFlow"] is False and body["triggerApprovalFlow"] is False
    assert body["data"]["object_data"] == {
        "dataObjectApiName": OBJECT,
        "name": "N1",
        "tel": "13800000001",
        "ext_key__c": "OURS",
        "owner": ["1000"],
        "record_type": facts.DEFAULT_RECORD_TYPE,
    }
    held = fx.held(result.seen.ref)
    assert (held["ext_key__c"], held["owner"]) == ("OURS", ["1000"])


@pytest.mark.parametrize("wanted", [True, False])
def test_workflows_and_approvals_run_only_if_the_settings_say_so(fx: Rig, wanted: bool) -> None:
    fx.sandbox.switch(approval="on")
    remote = fx.open(workflows=wanted, approvals=wanted)
    [made] = remote.write(C, [create("1")])
    assert made.seen is not None
    status = fx.held(made.seen.ref)["life_status"]
    assert status == ("under_review" if wanted else "normal")
    assert {body["triggerWorkFlow"] for body in bodies(fx, "insert")} == {wanted}


def test_an_update_sends_the_changed_fields_alone(fx: Rig) -> None:
    [ref] = fx.accounts(1, tel="13800000001", remark="kept")
    [result] = fx.open().write(C, [update("1", ref, tel="13800000002")])
    assert (result.outcome, result.seen) == (Outcome.APPLIED, None)
    [body] = bodies(fx, "update")
    assert body["triggerWorkFlow"] is False and body["triggerApprovalFlow"] is False
    assert body["data"]["object_data"] == {
        "_id": ref,
        "dataObjectApiName": OBJECT,
        "tel": "13800000002",
    }
    held = fx.held(ref)
    assert (held["tel"], held["remark"]) == ("13800000002", "kept")


def test_an_update_writes_our_key_back_to_a_record_that_began_there(fx: Rig) -> None:
    [ref] = fx.accounts(1)
    write = Write(id="1", op=Op.UPDATE, ref=ref, fields={"remark": "x"}, external_key="OURS")
    assert [one.outcome for one in fx.open().write(C, [write])] == [Outcome.APPLIED]
    assert fx.held(ref)["ext_key__c"] == "OURS"


def test_a_custom_object_is_written_at_its_own_paths(fx: Rig) -> None:
    remote = fx.open()
    [made] = remote.write(M, [create("1")])
    assert made.seen is not None
    ref = made.seen.ref
    for write in (update("2", ref, name="x"), remove("3", ref), act("4", Op.RESTORE, ref)):
        assert [one.outcome for one in remote.write(M, [write])] == [Outcome.APPLIED]
    paths = {call["path"] for name in ("insert", "update", "delete", "restore")
             for call in fx.sandbox.requests(name)}  # fmt: skip
    actions = ("create", "update", "invalid", "recover")
    assert paths == {f"{facts.CUSTOM}/{action}" for action in actions}


@pytest.mark.parametrize("form", ["top", "data"])
def test_the_new_records_id_is_found_where_the_vendor_puts_it(fx: Rig, form: str) -> None:
    fx.sandbox.switch(create_answer=form)
    [result] = fx.open().write(C, [create("1")])
    assert result.seen is not None
    assert [row["_id"] for row in fx.sandbox.records(OBJECT)] == [result.seen.ref]


def test_a_custom_create_that_names_no_record_is_unknown_and_found_by_its_key(fx: Rig) -> None:
    fx.sandbox.switch(create_answer="none_for_custom")
    remote = fx.open()
    [result] = remote.write(M, [create("1", key="OURS")])
    assert result.outcome is Outcome.UNKNOWN
    [found] = remote.find(M, "ext_key__c", ["OURS"])
    assert found.external_key == "OURS"


# --- values ---------------------------------------------------------------------------------------


def test_values_are_written_by_their_type_and_read_back_as_they_were(fx: Rig) -> None:
    remote = fx.open({C: FULL})
    fields: dict[str, Any] = {
        "name": "林",
        "tel": "13800000001",
        "owner": "1001",
        "tags__c": ["VIP", "newsletter"],
        "stage__c": "loyal",
        "birth_date__c": "1988-02-29",
        "registered_at__c": "2026-01-31T10:00:00+08:00",
        "rfm_monetary__c": 100.5,
        "rfm_recency__c": 7,
        "do_not_contact__c": False,
    }
    [result] = remote.write(C, [create("1", **fields)])
    assert result.seen is not None
    [body] = bodies(fx, "insert")
    sent = body["data"]["object_data"]
    assert sent["birth_date__c"] % 86_400_000 == 16 * 3_600_000, "00:00 in China is 16:00 UTC"
    assert (sent["rfm_monetary__c"], sent["rfm_recency__c"]) == ("100.50", "7")
    assert (sent["owner"], sent["do_not_contact__c"]) == (["1001"], False)
    [seen] = remote.fetch(C, [result.seen.ref])
    back = dict(seen.fields)
    assert (float(back.pop("rfm_monetary__c")), int(back.pop("rfm_recency__c"))) == (100.5, 7)
    assert back == {name: value for name, value in fields.items() if not name.startswith("rfm")}


@pytest.mark.parametrize(("accepts", "setting"), [("null", "null"), ("empty", "empty")])
def test_none_clears_every_type_of_field_as_this_tenant_wants_it(
    fx: Rig, accepts: str, setting: str
) -> None:
    fx.sandbox.switch(clear_accepts=accepts)
    [ref] = fx.accounts(
        1, tel="13800000001", tags__c=["VIP"], stage__c="loyal", birth_date__c=1790784000000
    )
    remote = fx.open({C: FULL}, clear_with=setting)
    cleared = dict.fromkeys(("tel", "tags__c", "stage__c", "birth_date__c"))
    [result] = remote.write(C, [update("1", ref, **cleared)])
    assert result.outcome is Outcome.APPLIED
    [seen] = remote.fetch(C, [ref])
    assert {name: seen.fields[name] for name in cleared} == cleared


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("stage__c", "忠诚客户", "not_an_option"),
        ("tags__c", ["VIP", "none of these"], "not_an_option"),
        ("birth_date__c", "31.1.1988", "wrong_type"),
        ("registered_at__c", "2026-01-31T10:00:00", "wrong_type"),
        ("rfm_monetary__c", "much", "wrong_type"),
        ("rfm_monetary__c", 1.005, "precision"),
        ("rfm_monetary__c", True, "wrong_type"),
        ("do_not_contact__c", "maybe", "wrong_type"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_before_it_is_sent(
    fx: Rig, field: str, value: Any, code: str
) -> None:
    [ref] = fx.accounts(1)
    [result] = fx.open({C: FULL}).write(C, [update("1", ref, **{field: value})])
    assert result.outcome is Outcome.REFUSED
    assert result.reason is not None
    assert (result.reason.code, result.reason.field) == (code, field)
    assert str(value) not in result.reason.text
    assert fx.calls("update") == {}


# --- owners ---------------------------------------------------------------------------------------


def test_an_owner_is_changed_by_a_call_of_its_own(fx: Rig) -> None:
    [ref] = fx.accounts(1)
    [result] = fx.open({C: FULL}).write(C, [update("1", ref, owner="1000", tel="13800000002")])
    assert result.outcome is Outcome.APPLIED
    held = fx.held(ref)
    assert (held["owner"], held["tel"]) == (["1000"], "13800000002")
    assert fx.calls("update", "change_owner") == {"update": 1, "change_owner": 1}
    [body] = bodies(fx, "change_owner")
    assert body["data"]["Data"] == [{"objectDataId": ref, "ownerId": ["1000"]}]


def test_an_owner_alone_costs_no_update(fx: Rig) -> None:
    [ref] = fx.accounts(1)
    [result] = fx.open({C: FULL}).write(C, [update("1", ref, owner="1000")])
    assert result.outcome is Outcome.APPLIED
    assert fx.calls("update", "change_owner") == {"change_owner": 1}


@pytest.mark.parametrize("value", [None, ""])
def test_an_owner_is_never_taken_away(fx: Rig, value: str | None) -> None:
    [ref] = fx.accounts(1)
    [result] = fx.open({C: FULL}).write(C, [update("1", ref, owner=value, tel="13800000002")])
    assert result.outcome is Outcome.REFUSED
    assert fx.calls("update", "change_owner") == {}


def test_fields_that_went_in_without_their_owner_are_unknown_and_not_refused(fx: Rig) -> None:
    """Refused would mean that surely nothing was done."""
    [ref] = fx.accounts(1)
    fx.sandbox.fault("error", operation="change_owner", code=32000)
    [result] = fx.open({C: FULL}).write(C, [update("1", ref, owner="1000", tel="13800000002")])
    assert result.outcome is Outcome.UNKNOWN
    assert fx.held(ref)["tel"] == "13800000002"


def test_an_owner_change_that_landed_behind_an_error_is_applied(fx: Rig) -> None:
    [ref] = fx.accounts(1)
    fx.sandbox.fault("error_although_applied", operation="change_owner", code=50009)
    [result] = fx.open({C: FULL}).write(C, [update("1", ref, owner="1000")])
    assert result.outcome is Outcome.APPLIED


# --- removals -------------------------------------------------------------------------------------


def test_a_removal_invalidates_restoring_recovers_and_purging_deletes(fx: Rig) -> None:
    [ref] = fx.accounts(1)
    remote = fx.open(deleted_get="auto")

    def done(op: Op) -> Gone | None:
        [result] = remote.write(C, [act("1", op, ref)])
        assert result.outcome is Outcome.APPLIED
        [seen] = remote.fetch(C, [ref])
        return seen.gone

    assert done(Op.REMOVE) is Gone.EXPLICIT
    assert done(Op.RESTORE) is None
    assert done(Op.REMOVE) is Gone.EXPLICIT
    assert done(Op.PURGE) is Gone.NOT_FOUND


def test_a_live_record_is_not_purged(fx: Rig) -> None:
    [ref] = fx.accounts(1)
    [result] = fx.open().write(C, [act("1", Op.PURGE, ref)])
    assert result.outcome is Outcome.REFUSED
    assert fx.held(ref)


def test_a_second_removal_is_as_wanted(fx: Rig) -> None:
    [ref] = fx.accounts(1)
    fx.sandbox.remove(OBJECT, ref)
    assert [one.outcome for one in fx.open().write(C, [remove("1", ref)])] == [Outcome.APPLIED]


@pytest.mark.parametrize("code", ["50009", "32000"])
def test_a_record_we_may_not_see_is_not_taken_for_removed(fx: Rig, code: str) -> None:
    fx.sandbox.switch(business_code=code)
    [ref] = fx.accounts(1)
    fx.sandbox.hide(OBJECT, ref)
    [result] = fx.open().write(C, [remove("1", ref)])
    assert result.outcome is Outcome.REFUSED
    assert result.reason is not None and result.reason.code == "not_found"


@pytest.mark.parametrize("business_code", ["50009", "32000"])
@pytest.mark.parametrize(
    ("state", "code"), [("lock", "locked"), ("pool", "in_pool"), ("remove", "gone")]
)
def test_a_record_whose_state_forbids_it_is_refused_with_that_reason(
    fx: Rig, business_code: str, state: str, code: str
) -> None:
    fx.sandbox.switch(business_code=business_code)
    [ref] = fx.accounts(1)
    getattr(fx.sandbox, state)(OBJECT, ref)
    [result] = fx.open().write(C, [update("1", ref, remark="sent")])
    assert result.outcome is Outcome.REFUSED
    assert result.reason is not None and result.reason.code == code
    assert result.reason.trace
    assert fx.host.clock.slept == [], "nothing is waited for"


# --- batches --------------------------------------------------------------------------------------


def test_one_record_that_will_not_go_in_stops_no_other(fx: Rig) -> None:
    fx.sandbox.switch(business_code="32000")
    remote = fx.open()
    results = by_id(remote.write(C, [create("1"), create("2", name="x" * 200), create("3")]))
    assert {id_: one.outcome for id_, one in results.items()} == {
        "1": Outcome.APPLIED,
        "2": Outcome.REFUSED,
        "3": Outcome.APPLIED,
    }
    reason = results["2"].reason
    assert reason is not None and (reason.code, "xxx" in reason.text) == ("32000", False)


def test_a_spent_quota_leaves_the_rest_unsent_and_says_so(fx: Rig) -> None:
    remote = fx.open()
    remote.describe(C)
    fx.sandbox.limits(quota=3)
    results = by_id(remote.write(C, [create(str(n)) for n in range(6)]))
    told = [one.outcome for one in results.values()]
    assert told.count(Outcome.APPLIED) == len(fx.sandbox.records(OBJECT)) > 0
    assert told.count(Outcome.RETRY) == 6 - told.count(Outcome.APPLIED)
    assert fx.calls("insert")["insert"] == told.count(Outcome.APPLIED) + 1
    with pytest.raises(RateLimitedError):
        list(remote.write(C, [create("7"), create("8")]))


def test_an_unreachable_vendor_leaves_all_to_be_sent_later(fx: Rig) -> None:
    gone = fx.open(api_url="http://127.0.0.1:1")
    with pytest.raises(UnreachableError):
        list(gone.write(C, [create("1")]))


def test_two_writes_of_one_record_go_one_after_the_other(fx: Rig) -> None:
    [ref] = fx.accounts(1)
    writes = [update(str(n), ref, remark=f"{n}") for n in range(5)]
    assert len(by_id(fx.open().write(C, writes))) == 5
    assert fx.held(ref)["remark"] == "4"
    assert fx.calls("update") == {"update": 5}


def test_names_and_ids_are_checked_before_anything_is_sent(fx: Rig) -> None:
    remote = fx.open()
    with pytest.raises(MappingError):
        list(remote.write(C, [create("1", **{"a b": "x"})]))
    with pytest.raises(UsageError):
        list(remote.write(C, [create("1"), update("2", Ref("../x"), remark="x")]))
    assert fx.sandbox.calls() == {}


# --- creates that may have landed -----------------------------------------------------------------


def test_a_create_behind_an_ambiguous_error_is_found_by_its_key(fx: Rig) -> None:
    fx.sandbox.fault("error_although_applied", operation="insert", code=50009)
    [result] = fx.open().write(C, [create("1", key="OURS")])
    assert (result.outcome, len(fx.sandbox.records(OBJECT))) == (Outcome.REFUSED, 1)
    assert result.existing == fx.sandbox.records(OBJECT)[0]["_id"]


def test_a_create_that_the_index_does_not_show_yet_stays_unknown(fx: Rig) -> None:
    fx.sandbox.limits(index_lag_s=60)
    fx.sandbox.fault("error_although_applied", operation="insert", code=50009)
    [result] = fx.open().write(C, [create("1", key="OURS")])
    assert result.outcome is Outcome.UNKNOWN


def test_a_second_create_of_a_unique_key_names_the_first(fx: Rig) -> None:
    fx.sandbox.switch(business_code="32000")
    remote = fx.open(unique_key=True)
    [first] = remote.write(C, [create("1", key="OURS")])
    [second] = remote.write(C, [create("2", key="OURS")])
    assert first.seen is not None
    assert (second.outcome, second.existing) == (Outcome.REFUSED, first.seen.ref)


# --- no call outlives what `call_life` says -------------------------------------------------------


def test_a_write_that_could_not_leave_in_time_is_not_sent_at_all(fx: Rig) -> None:
    """After `call_life` others look whether it landed, and send it again if not."""
    remote = fx.open()
    remote.describe(C)
    spend = fx.host.spend

    def slowly(path: str, cost: int, rate: str) -> None:
        fx.host.clock.moved += timedelta(seconds=60)
        spend(path, cost, rate)

    fx.host.spend = slowly  # type: ignore[method-assign] # a budget that takes its time
    with pytest.raises(RetryableError, match="Too much time"):
        list(remote.write(C, [create("1")]))
    assert fx.calls("insert") == {}


def test_an_ambiguous_write_is_not_repeated_beyond_that_time(fx: Rig) -> None:
    [ref] = fx.accounts(1)
    remote, clock = fx.open(), fx.host.clock
    fx.sandbox.fault("error", operation="update", code=50009, count=9)

    def asleep(seconds: float) -> None:
        clock.moved += timedelta(seconds=10)

    clock.sleep = asleep  # type: ignore[method-assign] # a machine that oversleeps
    with pytest.raises(RetryableError, match="Too much time"):
        list(remote.write(C, [update("1", ref, remark="sent")]))
    assert fx.calls("update") == {"update": 1}


def test_an_ambiguous_write_is_put_off_where_a_pause_would_last_too_long(fx: Rig) -> None:
    [ref] = fx.accounts(1)
    remote, clock = fx.open(call_life_s=4.5), fx.host.clock
    fx.sandbox.fault("error", operation="update", code=50009, count=9)

    def asleep(seconds: float) -> None:
        clock.moved += timedelta(seconds=3)

    clock.sleep = asleep  # type: ignore[method-assign] # a machine that oversleeps a little
    [result] = remote.write(C, [update("1", ref, remark="sent")])
    assert result.outcome is Outcome.RETRY
    assert fx.calls("update") == {"update": 2}


# --- how many calls -------------------------------------------------------------------------------


def test_a_create_costs_one_call(fx: Rig) -> None:
    results = list(fx.open().write(C, [create(str(n)) for n in range(120)]))
    assert {one.outcome for one in results} == {Outcome.APPLIED}
    assert fx.sandbox.calls() == {"token": 1, "describe": 1, "insert": 120}


def test_an_update_costs_one_call(fx: Rig) -> None:
    made = fx.accounts(120)
    writes = [update(str(n), ref, remark=f"{n}") for n, ref in enumerate(made)]
    results = list(fx.open().write(C, writes))
    assert {one.outcome for one in results} == {Outcome.APPLIED}
    assert fx.sandbox.calls() == {"token": 1, "describe": 1, "update": 120}


def test_a_quiet_pass_costs_one_call_for_each_kind(fx: Rig) -> None:
    remote = fx.open()
    assert remote.account
    for kind in (C, M):
        assert all_seen(remote.changes(kind, None, None)) == []
    assert fx.sandbox.calls() == {"token": 1, "query": 2}
