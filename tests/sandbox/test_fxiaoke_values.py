"""Which values Fxiaoke's fields take, and what they become, in the sandbox."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.sandbox.fxiaoke_client import ACCOUNT, CARD, FxiaokeClient

NAME = "林测试"


def _stored(fxiaoke: FxiaokeClient, field: str, value: Any) -> Any:
    """What is read after `value` was written; "refused" if it was."""
    answer = fxiaoke.create(ACCOUNT, **{"name": NAME, field: value})
    if answer.code:
        assert answer.code == 50009
        return "refused"
    return fxiaoke.get(ACCOUNT, answer.id).data.get(field)


@pytest.mark.parametrize(
    ("field", "value", "stored"),
    [
        ("address", "字" * 100, "字" * 100),
        ("address", "字" * 101, "refused"),
        ("address", "😀" * 51, "refused"),
        ("address", 5, "refused"),
        ("address", "", None),
        ("remark", "字" * 2000, "字" * 2000),
        ("remark", "字" * 2001, "refused"),
        ("email", "lin@example.test", "lin@example.test"),
        ("email", "v1:c2VhbGVk", "refused"),
        ("tel", "+86 138-0000-0000", "+86 138-0000-0000"),
        ("tel", "v1:c2VhbGVk", "refused"),
        ("stage__c", "loyal", "loyal"),
        ("stage__c", "忠诚客户", "refused"),
        ("stage__c", ["loyal"], "refused"),
        ("tags__c", ["VIP", "门店", "VIP"], ["VIP", "门店"]),
        ("tags__c", "VIP", "refused"),
        ("tags__c", ["x"], "refused"),
        ("tags__c", [], None),
        ("rfm_monetary__c", "100.01", "100.01"),
        ("rfm_monetary__c", "100.015", "100.02"),
        ("rfm_monetary__c", 100.01, "refused"),
        ("rfm_monetary__c", "1e3", "refused"),
        ("rfm_recency__c", "12", "12"),
        ("do_not_contact__c", True, True),
        ("do_not_contact__c", "true", "refused"),
        ("do_not_contact__c", False, False),
        ("last_contact_at__c", 1_769_832_000_123, 1_769_832_000_123),
        ("last_contact_at__c", "1769832000123", "refused"),
        ("birth_date__c", "1990-02-03", "refused"),
        ("owner", ["1001"], ["1001"]),
        ("owner", "1001", "refused"),
        ("owner", ["1000", "1001"], "refused"),
        ("owner", ["9999"], "refused"),
        ("record_type", "default__c", "default__c"),
        ("record_type", "other__c", "refused"),
        ("parent_account_id", "0" * 24, "refused"),
    ],
)
def test_a_value_is_stored_or_refused(
    fxiaoke: FxiaokeClient, field: str, value: Any, stored: Any
) -> None:
    assert _stored(fxiaoke, field, value) == stored


def test_a_date_is_the_midnight_of_its_day_in_china(fxiaoke: FxiaokeClient) -> None:
    china = ZoneInfo("Asia/Shanghai")
    midnight = int(dt.datetime(1990, 2, 3, tzinfo=china).timestamp() * 1000)
    for hours in (0, 8, 23.9):
        assert _stored(fxiaoke, "birth_date__c", midnight + int(hours * 3_600_000)) == midnight
    assert _stored(fxiaoke, "birth_date__c", midnight - 1) == midnight - 86_400_000
    summer = int(dt.datetime(1988, 6, 1, tzinfo=china).timestamp() * 1000)  # clocks were ahead
    assert _stored(fxiaoke, "birth_date__c", summer) == summer


def test_a_reference_names_a_record_and_tells_its_label(fxiaoke: FxiaokeClient) -> None:
    customer = fxiaoke.made(name=NAME)
    row = fxiaoke.get(CARD, fxiaoke.made(CARD, customer__c=customer)).data
    assert (row["customer__c"], row["customer__c__r"]) == (customer, NAME)
    assert fxiaoke.query(CARD, ("customer__c", "EQ", [customer])).rows[0]["_id"] == row["_id"]
    assert fxiaoke.create(CARD, name="x", customer__c="0" * 24).code == 50009
    fxiaoke.switch(dangling_reference="accepted")
    assert fxiaoke.create(CARD, name="x", customer__c="0" * 24).code == 0


@pytest.mark.parametrize(
    ("switch", "form", "field", "value", "stored"),
    [
        ("number_written", "either", "rfm_monetary__c", 100.01, "100.01"),
        ("number_written", "either", "rfm_monetary__c", True, "refused"),
        ("decimals", "refused", "rfm_monetary__c", "100.015", "refused"),
        ("decimals", "refused", "rfm_monetary__c", "100.01", "100.01"),
        ("phone_format", "free", "tel", "v1:c2VhbGVk", "v1:c2VhbGVk"),
        ("unknown_option", "accepted", "stage__c", "x", "x"),
        ("unknown_field", "ignored", "nothing__c", "x", None),
        ("unknown_field", "refused", "nothing__c", "x", "refused"),
        ("read_only", "ignored", "completion_rate", "x", None),
        ("read_only", "refused", "completion_rate", "x", "refused"),
    ],
)
def test_what_is_disputed_is_a_switch(
    fxiaoke: FxiaokeClient, switch: str, form: str, field: str, value: Any, stored: Any
) -> None:
    fxiaoke.switch(**{switch: form})
    assert _stored(fxiaoke, field, value) == stored


def test_what_was_read_can_be_written_back_without_effect(fxiaoke: FxiaokeClient) -> None:
    """Companions and system fields are ignored, as whoever sends a whole row back relies on."""
    ref = fxiaoke.made(tel="0571-5555")
    row = fxiaoke.get(ACCOUNT, ref).data
    assert fxiaoke.update(ACCOUNT, ref, **{k: v for k, v in row.items() if k != "_id"}).code == 0
    after = fxiaoke.get(ACCOUNT, ref).data
    assert {k for k in row if row[k] != after[k]} == {"version"}


@pytest.mark.parametrize(
    ("field", "value"),
    [("email", "marker-7f3a"), ("stage__c", "marker-7f3a"), ("rfm_recency__c", "marker-7f3a")],
)
def test_a_refusal_echoes_the_value(fxiaoke: FxiaokeClient, field: str, value: str) -> None:
    fields: dict[str, Any] = {"name": NAME, field: value}
    answer = fxiaoke.create(ACCOUNT, **fields)
    assert value in answer.text
    assert value in answer.body["errorDescription"]


def test_checks_are_the_same_for_a_person_in_the_crm(fxiaoke: FxiaokeClient) -> None:
    def refused(action: str, **asked: Any) -> str:
        answer = fxiaoke.post(f"/admin/{action}", {"object": ACCOUNT, **asked})
        assert answer.status == 400
        return str(answer.body["error"])

    assert "必填" in refused("create", fields={"tel": "0571-5555"})
    assert "有效的选项" in refused("create", fields={"name": NAME, "stage__c": "x"})
    assert "no field" in refused("create", fields={"name": NAME, "nothing__c": "x"})
    ref = fxiaoke.admin("create", object=ACCOUNT, fields={"name": NAME, "birth_date__c": 1})
    row = fxiaoke.get(ACCOUNT, ref).data
    assert (row["owner"], row["last_modified_by"]) == (["1001"], ["1001"])
    assert row["birth_date__c"] == -28_800_000
