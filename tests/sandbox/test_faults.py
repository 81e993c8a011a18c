"""README: Sandbox, faults."""

from __future__ import annotations

import json

import orjson
import pytest
from connector_zoho.sandbox.faults import FAULTS

from connector.sandbox.calls import Dropped
from tests.sandbox.client import Client

LIN = {"Last_Name": "Lin"}


def _count(zoho: Client) -> int:
    return len(zoho.admin("records", module="Contacts"))


def test_an_error_has_no_effect(zoho: Client) -> None:
    zoho.admin("fault", name="error", status=503, code="SERVICE_UNAVAILABLE")
    answer = zoho.insert("Contacts", LIN)
    assert (answer.status, answer.code, _count(zoho)) == (503, "SERVICE_UNAVAILABLE", 0)
    assert zoho.insert("Contacts", LIN).status == 201


def test_an_error_although_applied_has_its_effect(zoho: Client) -> None:
    zoho.admin("fault", name="error_although_applied")
    answer = zoho.insert("Contacts", LIN)
    assert (answer.status, answer.code, _count(zoho)) == (500, "INTERNAL_ERROR", 1)


@pytest.mark.parametrize(("name", "count"), [("lost_before", 0), ("lost_after", 1)])
def test_a_lost_answer_has_an_effect_or_not(zoho: Client, name: str, count: int) -> None:
    zoho.admin("fault", name=name)
    with pytest.raises(Dropped):
        zoho.insert("Contacts", LIN)
    assert _count(zoho) == count


@pytest.mark.parametrize("drop", [False, True])
def test_half_of_a_batch_is_done(zoho: Client, drop: bool) -> None:
    zoho.admin("fault", name="half", drop=drop)
    records = [{"Last_Name": name} for name in "abcd"]
    if drop:
        with pytest.raises(Dropped):
            zoho.insert("Contacts", *records)
    else:
        assert zoho.insert("Contacts", *records).status == 500
    assert [row["Last_Name"] for row in zoho.admin("records", module="Contacts")] == ["a", "b"]


def test_half_of_a_deletion_is_done(zoho: Client) -> None:
    refs = [zoho.contact() for _ in range(4)]
    zoho.admin("fault", name="half", operation="delete")
    assert zoho.call("DELETE", "Contacts", ids=",".join(refs)).status == 500
    assert _count(zoho) == 2


def test_a_slow_answer_is_carried_out_at_once_and_a_late_one_afterwards(zoho: Client) -> None:
    zoho.admin("fault", name="slow", seconds=5)
    slow = zoho.insert("Contacts", LIN)
    zoho.admin("fault", name="late", seconds=5)
    late = zoho.insert("Contacts", LIN)
    assert slow.details["Created_Time"] == "2026-01-31T12:00:00+08:00"
    assert late.details["Created_Time"] == "2026-01-31T12:00:10+08:00"
    assert zoho.clock.slept == [5.0, 5.0]


def test_a_truncated_answer_breaks_off_in_the_body(zoho: Client) -> None:
    zoho.admin("fault", name="truncated")
    with pytest.raises(Dropped) as dropped:
        zoho.insert("Contacts", LIN)
    cut = dropped.value.reply.cut
    assert cut is not None
    with pytest.raises(json.JSONDecodeError):
        json.loads(dropped.value.reply.body[:cut])
    assert _count(zoho) == 1


def test_a_page_in_html_comes_with_200(zoho: Client) -> None:
    zoho.admin("fault", name="html", operation="list")
    headers = {"Authorization": f"Zoho-oauthtoken {zoho.token}"}
    status, told, body = zoho.app.handle("GET", "/crm/v8/Contacts", {"fields": "Email"}, headers)
    assert (status, told["content-type"].split(";")[0]) == (200, "text/html")
    assert body.startswith(b"<!DOCTYPE html>")


def test_an_empty_answer_keeps_its_status_and_effect(zoho: Client) -> None:
    zoho.admin("fault", name="empty")
    answer = zoho.insert("Contacts", LIN)
    assert (answer.status, answer.body, _count(zoho)) == (201, None, 1)


def test_wrong_reordered_and_duplicated_records(zoho: Client) -> None:
    refs = [zoho.contact() for _ in range(2)]
    query = {"fields": "Email", "sort_order": "asc"}
    for name, expected in (
        ("wrong_record", [str(int(ref) + 1_000_000) for ref in refs]),
        ("reordered", refs[::-1]),
        ("duplicated", [*refs, refs[0]]),
    ):
        zoho.admin("fault", name=name, operation="list")
        assert [row["id"] for row in zoho.get("Contacts", **query).rows] == expected
    zoho.admin("fault", name="wrong_record", operation="insert")
    answer = zoho.insert("Contacts", LIN)
    assert answer.id not in [row["id"] for row in zoho.admin("records", module="Contacts")]


def test_throttling_knows_both_codes_and_a_time_to_wait(zoho: Client) -> None:
    zoho.admin("fault", name="throttled")
    assert (zoho.get("org").status, zoho.get("org").status) == (429, 200)
    zoho.admin("fault", name="throttled", code="RATE_LIMIT_EXCEEDED", retry_after=7)
    answer = zoho.get("org")
    assert (answer.code, answer.headers["retry-after"]) == ("RATE_LIMIT_EXCEEDED", "7")


def test_an_expired_token_is_refused_once(zoho: Client) -> None:
    zoho.admin("fault", name="expired_token")
    assert [zoho.get("org").status for _ in range(2)] == [401, 200]


def test_a_fault_waits_for_its_call_and_strikes_as_often_as_told(zoho: Client) -> None:
    zoho.admin("fault", name="error", operation="insert,upsert", after=1, count=2)
    assert zoho.get("org").status == 200
    statuses = [zoho.insert("Contacts", LIN).status for _ in range(2)]
    statuses += [zoho.upsert("Contacts", LIN).status for _ in range(2)]
    assert statuses == [201, 500, 500, 200]
    assert zoho.admin("faults") == []


def test_a_fault_may_wait_for_a_module(zoho: Client) -> None:
    zoho.admin("fault", name="error", module="Memberships")
    assert zoho.get("Contacts", fields="Email").status == 204
    assert zoho.get("Memberships", fields="Name").status == 500


def test_armed_faults_can_be_cleared(zoho: Client) -> None:
    zoho.admin("fault", name="error")
    assert zoho.admin("faults", clear=True) == []
    assert zoho.get("org").status == 200


OF_JOBS = {"failed_job", "short_result"}  # test_bulk_jobs.py


@pytest.mark.parametrize("name", sorted(FAULTS - OF_JOBS))
def test_each_fault_strikes_and_is_over(zoho: Client, name: str) -> None:
    zoho.contact()
    zoho.contact()
    fine = zoho.get("Contacts", fields="Email")
    zoho.admin("fault", name=name, seconds=1)
    headers = {"Authorization": f"Zoho-oauthtoken {zoho.token}"}
    slept = len(zoho.clock.slept)
    try:
        struck = zoho.app.handle("GET", "/crm/v8/Contacts", {"fields": "Email"}, headers)
    except Dropped:
        struck = None
    same = struck is not None and struck[0] == 200 and struck[2] == orjson.dumps(fine.body)
    assert not same or len(zoho.clock.slept) > slept
    assert zoho.get("Contacts", fields="Email").body == fine.body
