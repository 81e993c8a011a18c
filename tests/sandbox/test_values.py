"""README: Values."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.client import Client


@pytest.mark.parametrize(
    ("field", "value", "details"),
    [
        ("First_Name", "x" * 41, {"maximum_length": 40}),
        ("First_Name", "😀" * 21, {"maximum_length": 40}),
        ("First_Name", 7, {"expected_data_type": "text"}),
        ("Description", "x" * 32_001, {"maximum_length": 32_000}),
        ("Email", "lin", {"expected_data_type": "email"}),
        ("Email", "lin@example", {"expected_data_type": "email"}),
        ("Email", ".lin@example.test", {"expected_data_type": "email"}),
        ("Email", "lin@example.test ", {"expected_data_type": "email"}),
        ("Email", "l" * 88 + "@example.test", {"maximum_length": 100}),
        ("Phone", "n/a", {"expected_data_type": "phone"}),
        ("Phone", "1--2", {"expected_data_type": "phone"}),
        ("Phone", "1" * 31, {"maximum_length": 30}),
        ("Email_Opt_Out", "true", {"expected_data_type": "boolean"}),
        ("Email_Opt_Out", 1, {"expected_data_type": "boolean"}),
        ("RFM_Recency", "42", {"expected_data_type": "integer"}),
        ("RFM_Recency", 4.0, {"expected_data_type": "integer"}),
        ("RFM_Recency", True, {"expected_data_type": "integer"}),
        ("RFM_Recency", 1_234_567_890, {"maximum_length": 9}),
        ("RFM_Monetary", "1.5", {"expected_data_type": "double"}),
        ("RFM_Monetary", 1.234, {"decimal_place": 2}),
        ("RFM_Monetary", 10**16, {"maximum_length": 16}),
        ("Churn_Risk", 0.12345, {"decimal_place": 4}),
        ("Date_of_Birth", "1990-1-1", {"expected_data_type": "date"}),
        ("Date_of_Birth", "1990-02-30", {"expected_data_type": "date"}),
        ("Date_of_Birth", "1990-01-01T00:00:00+08:00", {"expected_data_type": "date"}),
        ("Last_Contact", "2026-01-31T10:00:00", {"expected_data_type": "datetime"}),
        ("Last_Contact", "2026-01-31T10:00:00Z", {"expected_data_type": "datetime"}),
        ("Last_Contact", "2026-01-31T10:00:00.000+08:00", {"expected_data_type": "datetime"}),
        ("Customer_Tags", "VIP", {"expected_data_type": "jsonarray"}),
        ("Customer_Tags", [7], {"expected_data_type": "text"}),
        ("Gender", ["男"], {"expected_data_type": "text"}),
        ("Account_Name", "4150000000002175001", {"expected_data_type": "jsonobject"}),
        ("Account_Name", {"id": 4150000000002175001}, {"expected_data_type": "bigint"}),
        ("Account_Name", {"id": "4150000000002175001"}, {"api_name": "id"}),
        ("Owner", {"id": "7"}, {"api_name": "id"}),
    ],
)
def test_a_wrong_value_is_refused_with_the_reason(
    zoho: Client, field: str, value: Any, details: dict[str, Any]
) -> None:
    answer = zoho.insert("Contacts", {"Last_Name": "Lin", field: value})
    assert (answer.status, answer.code) == (400, "INVALID_DATA")
    told = {"api_name": field, **details}
    assert {key: answer.details[key] for key in told} == told
    assert answer.details["json_path"].startswith(f"$.data[0].{field}")


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("First_Name", "😀" * 20, "😀" * 20),
        ("Description", "a\nb", "a\nb"),
        ("Email", "lin+shop@例子.example.test", "lin+shop@例子.example.test"),
        ("Email", "_lin@example.test", "_lin@example.test"),
        ("Phone", "+86 (10) 5555-0101", "+86 (10) 5555-0101"),
        ("Phone", "5550101;22", "5550101;22"),
        ("Email_Opt_Out", True, True),
        ("Email_Opt_Out", None, False),
        ("RFM_Recency", 999_999_999, 999_999_999),
        ("RFM_Monetary", 99.9, 99.9),
        ("RFM_Monetary", 100, 100),
        ("Date_of_Birth", "1990-01-01", "1990-01-01"),
        ("Last_Contact", "2026-01-31T02:00:00+00:00", "2026-01-31T10:00:00+08:00"),
        ("Customer_Tags", ["VIP", "VIP", "老客户"], ["VIP", "老客户"]),
        ("Customer_Tags", [], None),
        ("Gender", "女", "女"),
    ],
)
def test_a_right_value_comes_back(zoho: Client, field: str, value: Any, shown: Any) -> None:
    ref = zoho.contact(**{field: value})
    assert zoho.get(f"Contacts/{ref}").rows[0][field] == shown
    listed = zoho.get("Contacts", fields=field).rows[0]
    assert listed[field] == shown


def test_an_unknown_option_is_added_or_refused(zoho: Client) -> None:
    zoho.contact(Gender="其他", Customer_Tags=["新"])
    listed = zoho.get("settings/fields", module="Contacts").body["fields"]
    options = {
        field["api_name"]: [one["actual_value"] for one in field["pick_list_values"]]
        for field in listed
    }
    assert options["Gender"] == ["男", "女", "未知", "其他"]
    assert "新" in options["Customer_Tags"]
    zoho.admin("switch", unknown_option="refused")
    answer = zoho.insert("Contacts", {"Last_Name": "Lin", "Gender": "x"})
    assert answer.details["supported_values"] == options["Gender"]
    assert (
        zoho.insert("Contacts", {"Last_Name": "L", "Customer_Tags": ["x"]}).code == "INVALID_DATA"
    )


def test_a_multi_select_is_replaced_unless_appending_is_asked_for(zoho: Client) -> None:
    ref = zoho.contact(Customer_Tags=["VIP", "老客户"])
    zoho.update("Contacts", ref, {"Customer_Tags": ["newsletter"]})
    assert zoho.get(f"Contacts/{ref}").rows[0]["Customer_Tags"] == ["newsletter"]
    more = {"Customer_Tags": ["VIP", "newsletter"], "$append_values": {"Customer_Tags": True}}
    zoho.update("Contacts", ref, more)
    assert zoho.get(f"Contacts/{ref}").rows[0]["Customer_Tags"] == ["newsletter", "VIP"]


@pytest.mark.parametrize(
    ("switch", "form", "field", "value", "shown"),
    [
        ("decimals", "rounded", "RFM_Monetary", 1.234, 1.23),
        ("text", "trimmed", "First_Name", " a ", "a"),
        ("phone", "stripped", "Phone", "+86 (10) 5555-0101", "+861055550101"),
        (
            "zulu_times",
            "accepted",
            "Last_Contact",
            "2026-01-31T02:00:00Z",
            "2026-01-31T10:00:00+08:00",
        ),
    ],
)
def test_the_vendor_may_change_what_it_stores(
    zoho: Client, switch: str, form: str, field: str, value: Any, shown: Any
) -> None:
    zoho.admin("switch", **{switch: form})
    assert zoho.get(f"Contacts/{zoho.contact(**{field: value})}").rows[0][field] == shown


def test_times_carry_the_offset_of_the_users_zone_which_moves_over_the_year(zoho: Client) -> None:
    ref = zoho.contact(
        Last_Contact="2026-07-01T12:00:00+00:00", Customer_Created="2026-01-01T12:00:00+00:00"
    )
    zoho.admin("zone", zone="Europe/Berlin")
    row = zoho.get(f"Contacts/{ref}").rows[0]
    assert row["Last_Contact"] == "2026-07-01T14:00:00+02:00"
    assert row["Customer_Created"] == "2026-01-01T13:00:00+01:00"
    assert row["Modified_Time"] == "2026-01-31T05:00:00+01:00"


def test_a_case_needs_subject_status_and_origin(zoho: Client) -> None:
    for missing in ("Subject", "Status", "Case_Origin"):
        record = {"Subject": "s", "Status": "New", "Case_Origin": "Web"}
        del record[missing]
        answer = zoho.insert("Cases", record)
        assert (answer.code, answer.details["api_name"]) == ("MANDATORY_NOT_FOUND", missing)
