"""Faults on demand in the Fxiaoke sandbox."""

from __future__ import annotations

import json

import pytest
from connector_fxiaoke.sandbox.faults import FAULTS

from connector.sandbox.calls import Dropped
from tests.sandbox.fxiaoke_client import ACCOUNT, CARD, FxiaokeClient


def _count(fxiaoke: FxiaokeClient) -> int:
    return len(fxiaoke.admin("records", object=ACCOUNT))


@pytest.mark.parametrize(("name", "count"), [("lost_before", 0), ("lost_after", 1)])
def test_a_lost_answer_has_an_effect_or_not(fxiaoke: FxiaokeClient, name: str, count: int) -> None:
    fxiaoke.admin("fault", name=name, operation="insert")
    assert fxiaoke.query(ACCOUNT).code == 0
    with pytest.raises(Dropped):
        fxiaoke.create(ACCOUNT, name="林")
    assert _count(fxiaoke) == count
    assert fxiaoke.create(ACCOUNT, name="林").code == 0


@pytest.mark.parametrize(
    ("name", "code", "count"),
    [
        ("error", 50009, 0),
        ("error_although_applied", 50009, 1),
        ("throttled", 30004, 0),
        ("quota", 30002, 0),
        ("expired_token", 20016, 0),
    ],
)
def test_an_error_on_demand_has_an_effect_or_not(
    fxiaoke: FxiaokeClient, name: str, code: int, count: int
) -> None:
    fxiaoke.admin("fault", name=name, operation="insert")
    answer = fxiaoke.create(ACCOUNT, name="林")
    assert (answer.status, answer.code, _count(fxiaoke)) == (200, code, count)
    assert "dataId" not in answer.body
    assert fxiaoke.create(ACCOUNT, name="林").code == 0


def test_an_error_s_code_and_text_are_told(fxiaoke: FxiaokeClient) -> None:
    fxiaoke.admin("fault", name="error", code=-1, text="busy")
    fxiaoke.admin("fault", name="throttled", code=14001)
    answer = fxiaoke.create(ACCOUNT, name="林")
    assert (answer.code, answer.text) == (-1, "busy")
    assert fxiaoke.create(ACCOUNT, name="林").code == 14001


def test_a_truncated_answer_stops_in_the_middle(fxiaoke: FxiaokeClient) -> None:
    fxiaoke.admin("fault", name="truncated")
    with pytest.raises(Dropped) as dropped:
        fxiaoke.create(ACCOUNT, name="林")
    reply = dropped.value.reply
    assert reply.cut == len(reply.body) // 2
    assert _count(fxiaoke) == 1


@pytest.mark.parametrize(("name", "body", "count"), [("html", b"<!DOCTYPE", 0), ("empty", b"", 1)])
def test_a_page_or_nothing_comes_instead_of_json(
    fxiaoke: FxiaokeClient, name: str, body: bytes, count: int
) -> None:
    fxiaoke.admin("fault", name=name)
    data = {"object_data": {"dataObjectApiName": ACCOUNT, "name": "林", "owner": ["1000"]}}
    status, _, told = fxiaoke.app.handle(
        "POST",
        "/cgi/crm/v2/data/create",
        {},
        fxiaoke.headers,
        json.dumps({"data": data}).encode(),
    )
    assert (status, told[: len(body)]) == (200, body)
    assert bool(told) is bool(body)
    assert _count(fxiaoke) == count


def test_slow_answers_sleep_and_late_ones_act_after_it(fxiaoke: FxiaokeClient) -> None:
    for name, at in (("slow", 1769832000000), ("late", 1769832014000)):
        fxiaoke.admin("fault", name=name, seconds=7)
        ref = fxiaoke.create(ACCOUNT, name="林").id
        assert fxiaoke.get(ACCOUNT, ref).data["create_time"] == at
    assert fxiaoke.clock.slept == [7, 7]


def test_rows_come_twice_or_reversed_or_are_another_s(fxiaoke: FxiaokeClient) -> None:
    ref = fxiaoke.made(name="a")
    fxiaoke.made(name="b")
    for name, names in (("duplicated", "aba"), ("reordered", "ba"), ("wrong_record", "ab")):
        fxiaoke.admin("fault", name=name, operation="query")
        found = fxiaoke.query(ACCOUNT)
        assert "".join(found.names) == names
        assert (ref in [row["_id"] for row in found.rows]) is (name != "wrong_record")
    fxiaoke.admin("fault", name="wrong_record", operation="fetch")
    assert fxiaoke.get(ACCOUNT, ref).data["_id"] != ref
    fxiaoke.admin("fault", name="wrong_record", operation="insert")
    made = fxiaoke.create(ACCOUNT, name="c").id
    assert made not in [row["_id"] for row in fxiaoke.admin("records", object=ACCOUNT)]


def test_a_page_is_repeated(fxiaoke: FxiaokeClient) -> None:
    first = fxiaoke.made(name="a")
    fxiaoke.made(name="b")
    assert fxiaoke.query(ACCOUNT, limit=1).names == ["a"]
    fxiaoke.admin("fault", name="repeated", operation="query")
    assert fxiaoke.query(ACCOUNT, ("_id", "GT", [first]), limit=1).names == ["a"]
    assert fxiaoke.query(ACCOUNT, ("_id", "GT", [first]), limit=1).names == ["b"]
    fxiaoke.admin("fault", name="repeated", operation="query", object=CARD)
    assert fxiaoke.query(CARD).rows == []


def test_a_late_stamp_is_older_than_its_commit(fxiaoke: FxiaokeClient) -> None:
    fxiaoke.admin("fault", name="late_stamp", operation="update", seconds=90)
    ref = fxiaoke.made()
    assert fxiaoke.update(ACCOUNT, ref, name="王").code == 0
    row = fxiaoke.get(ACCOUNT, ref).data
    assert row["last_modified_time"] == row["create_time"] - 90_000
    assert fxiaoke.update(ACCOUNT, ref, name="李").code == 0
    assert fxiaoke.get(ACCOUNT, ref).data["last_modified_time"] == row["create_time"]


def test_faults_wait_for_their_calls_and_their_object(fxiaoke: FxiaokeClient) -> None:
    fxiaoke.admin("fault", name="error", operation="insert,update", object=CARD, after=1, count=2)
    codes = [fxiaoke.create(object, name="x").code for object in (ACCOUNT, CARD, CARD, CARD, CARD)]
    assert codes == [0, 0, 50009, 50009, 0]
    fxiaoke.admin("fault", name="error", operation="token")
    assert fxiaoke.admin("faults", clear=True) == []
    assert fxiaoke.token().code == 0


def test_a_fault_that_is_none_is_refused(fxiaoke: FxiaokeClient) -> None:
    assert "half" not in FAULTS
    assert fxiaoke.post("/admin/fault", {"name": "half"}).status == 400
