"""README: Metadata, Organisation, Sandbox (admin)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from connector_zoho import facts
from connector_zoho.sandbox.admin import ACTIONS
from connector_zoho.sandbox.app import SandboxApp
from connector_zoho.sandbox.config import SWITCHES
from connector_zoho.sandbox.faults import FAULTS
from connector_zoho.sandbox.organisation import load_modules

from tests.sandbox.client import Client, Ticker

README = Path(__file__).parents[2] / "plugins" / "zoho" / "README.md"


def test_a_lookup_names_its_module_with_the_modules_id(zoho: Client) -> None:
    """Of modules too that are not there: the vendor's own clients read a number in each."""
    modules = zoho.get("settings/modules").body["modules"]
    ids = {one["api_name"]: one["id"] for one in modules}
    aimed = [
        field["lookup"]["module"]
        for module in ids
        for field in zoho.get("settings/fields", module=module).body["fields"]
        if field["lookup"]
    ]
    assert {"Accounts", "Contacts"} <= {one["api_name"] for one in aimed}
    assert all(one["id"].isdigit() for one in aimed)
    assert all(one["id"] == ids.get(one["api_name"], one["id"]) for one in aimed)
    assert len({one["id"] for one in aimed} | set(ids.values())) == len(
        {one["api_name"] for one in aimed} | ids.keys()
    )


def _fields(zoho: Client, module: str) -> dict[str, Any]:
    listed = zoho.get("settings/fields", module=module).body["fields"]
    return {field["api_name"]: field for field in listed}


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (
            "Contacts",
            "Connector_Key Customer_Stage Gender WeChat Preferred_Channel Value_Tier Segment"
            " Occupation District Do_Not_Contact Customer_Created Last_Contact RFM_Recency"
            " RFM_Frequency RFM_Monetary Churn_Risk Customer_Tags Preferred_Name Customer_Company",
        ),
        (
            "Memberships",
            "Name Connector_Key Card_No Customer Plan Tier Points Growth Membership_Status"
            " Valid_From Valid_To Auto_Renew Benefits",
        ),
        (
            "Feedbacks",
            "Name Connector_Key Customer Channel Feedback_Type Score Scale Body Feedback_Status"
            " Category Assignee Resolution Collected_At Assigned_At Resolved_At Answered_At",
        ),
        ("Cases", "Subject Status Case_Origin Related_To Connector_Key"),
    ],
)
def test_the_default_modules_have_the_fields_of_the_mappings(
    zoho: Client, module: str, names: str
) -> None:
    assert not set(names.split()) - set(_fields(zoho, module))
    key = _fields(zoho, module)["Connector_Key"]
    assert key["unique"] and key["external"]["type"] == "org"


def test_metadata_tells_types_lengths_and_rights(zoho: Client) -> None:
    fields = _fields(zoho, "Contacts")
    assert fields["Last_Name"]["system_mandatory"] is True
    assert fields["Last_Name"]["length"] == 80
    assert fields["Created_Time"]["operation_type"]["api_update"] is False
    assert fields["Description"]["textarea"] == {"type": "large"}
    assert fields["Email"]["unique"] == {} and fields["Email"]["external"] is None
    assert _fields(zoho, "Memberships")["Customer"]["lookup"]["module"]["api_name"] == "Contacts"


def test_modules_are_listed_and_read_singly(zoho: Client) -> None:
    listed = zoho.get("settings/modules").body["modules"]
    kinds = {module["api_name"]: module["generated_type"] for module in listed}
    assert (kinds["Contacts"], kinds["Feedbacks"]) == ("default", "custom")
    assert zoho.get("settings/modules/Cases").body["modules"][0]["api_name"] == "Cases"
    assert zoho.get("settings/modules/Nowhere").code == "INVALID_MODULE"


@pytest.mark.parametrize("part", ["fields", "layouts"])
def test_metadata_needs_a_module(zoho: Client, part: str) -> None:
    answer = zoho.get(f"settings/{part}")
    assert (answer.code, answer.details["param_name"]) == ("REQUIRED_PARAM_MISSING", "module")
    assert zoho.get(f"settings/{part}", module="Nowhere").code == "INVALID_MODULE"


def test_the_layout_says_what_is_required(zoho: Client) -> None:
    layout = zoho.get("settings/layouts", module="Cases").body["layouts"][0]
    fields = [field for section in layout["sections"] for field in section["fields"]]
    required = {field["api_name"] for field in fields if field["required"]}
    assert required == {"Subject", "Status", "Case_Origin"}


def test_the_organisation_and_the_user_are_named(zoho: Client) -> None:
    assert zoho.get("org").body["org"][0]["zgid"] == "808126590"
    users = zoho.get("users", type="CurrentUser").body["users"]
    ref = zoho.contact()
    author = zoho.get(f"Contacts/{ref}").rows[0]["Modified_By"]
    assert [user["id"] for user in users] == [author["id"]]


def test_a_module_and_fields_can_be_defined_and_taken_away(zoho: Client) -> None:
    size = {"api_name": "Size", "data_type": "text", "unique": True, "length": 5}
    zoho.admin("define", modules=[{"api_name": "Shoes", "fields": [size]}])
    assert zoho.insert("Shoes", {"Size": "123456"}).details["maximum_length"] == 5
    assert zoho.insert("Shoes", {"Size": "42"}).status == 201
    assert zoho.insert("Shoes", {"Size": "42"}).code == "DUPLICATE_DATA"
    zoho.admin("drop_field", module="Shoes", field="Size")
    assert "Size" not in _fields(zoho, "Shoes")
    assert zoho.insert("Shoes", {"Size": "42"}).status == 201


def test_a_field_that_becomes_unique_knows_the_values_there_are(zoho: Client) -> None:
    ref = zoho.contact(WeChat="wx1")
    field = {"api_name": "WeChat", "data_type": "text", "unique": True}
    zoho.admin("define", modules=[{"api_name": "Contacts", "fields": [field]}])
    answer = zoho.insert("Contacts", {"Last_Name": "Lin", "WeChat": "WX1"})
    assert answer.details["duplicate_record"]["id"] == ref


def test_an_external_field_is_unique_even_if_that_is_not_said(zoho: Client) -> None:
    field = {"api_name": "Code", "data_type": "text", "external": {"type": "org", "show": True}}
    zoho.admin("define", modules=[{"api_name": "Shoes", "fields": [field]}])
    assert zoho.insert("Shoes", {"Code": "a"}, {"Code": "a"}).status == 207


def test_an_organisation_can_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "modules.json"
    field = {"api_name": "Name", "data_type": "text", "system_mandatory": True}
    path.write_text(json.dumps({"modules": [{"api_name": "Shoes", "fields": [field]}]}))
    app = SandboxApp(now=Ticker().now, definitions=load_modules(path))
    assert list(app.org.modules) == ["Shoes"]
    assert app.org.modules["Shoes"].fields["Name"].mandatory


def test_the_clerk_is_another_user_than_ours(zoho: Client) -> None:
    ref = zoho.admin("create", module="Contacts", fields={"Last_Name": "Lin"})
    ours = zoho.contact()
    authors = {
        row["id"]: row["Modified_By"]["id"]
        for row in zoho.get("Contacts", fields="Modified_By").rows
    }
    assert authors[ref] != authors[ours]
    zoho.admin("edit", module="Contacts", id=ours, fields={"Phone": "1"})
    row = zoho.get(f"Contacts/{ours}").rows[0]
    assert (row["Modified_By"]["id"], row["Phone"]) == (authors[ref], "1")
    zoho.admin("delete", module="Contacts", id=ours)
    assert zoho.get("Contacts/deleted").rows[0]["deleted_by"]["id"] == authors[ref]


def test_the_clerk_is_held_to_the_types_too(zoho: Client) -> None:
    asked = {"module": "Contacts", "fields": {"Last_Name": "Lin", "Email": "x"}}
    status, _, body = zoho.app.handle("POST", "/admin/create", body=json.dumps(asked).encode())
    assert (status, json.loads(body)["error"]) == (400, "INVALID_DATA")


def test_seeded_records_keep_their_id_and_time(zoho: Client) -> None:
    ref, told = "4150000000002999999", "2020-01-01T00:00:00+00:00"
    row = {"id": ref, "Last_Name": "Lin", "Modified_Time": told, "Connector_Key": "k"}
    assert zoho.admin("seed", module="Contacts", records=[row]) == [ref]
    assert zoho.get(f"Contacts/{ref}").rows[0]["Modified_Time"] == "2020-01-01T08:00:00+08:00"
    assert zoho.contact() > ref
    assert (
        zoho.insert("Contacts", {"Last_Name": "x", "Connector_Key": "k"}).code == "DUPLICATE_DATA"
    )


def test_the_clock_can_be_set_moved_and_stopped_and_the_date_follows(zoho: Client) -> None:
    assert zoho.admin("clock", set="2026-02-01T00:00:00+00:00") == 1_769_904_000
    zoho.clock.at += 1
    assert zoho.get("org").headers["date"] == "Sun, 01 Feb 2026 00:00:01 GMT"
    zoho.admin("clock", freeze=True)
    zoho.clock.at += 100
    assert zoho.admin("clock", advance=9) == 1_769_904_010
    zoho.admin("clock", freeze=False)
    zoho.clock.at += 1
    assert zoho.admin("clock") == 1_769_904_011


def test_calls_are_counted_by_operation_and_kept_with_their_bodies(zoho: Client) -> None:
    zoho.contact(First_Name="小")
    zoho.get("Contacts", fields="Email")
    zoho.get("Contacts", fields="Email", ids="1")
    zoho.get("Contacts/1")
    assert zoho.admin("calls") == {"token": 1, "insert": 1, "list": 1, "fetch": 2}
    kept = zoho.admin("requests", operation="insert")[0]
    assert json.loads(kept["body"])["data"] == [{"Last_Name": "Lin", "First_Name": "小"}]
    assert "authorization" not in kept["headers"]
    assert "sandbox-client-secret" not in json.dumps(zoho.admin("requests"))


def test_a_reset_forgets_everything_but_the_address(zoho: Client) -> None:
    zoho.contact()
    zoho.admin("switch", unknown_id="400")
    zoho.app.set_base_url("http://127.0.0.1:1")
    zoho.admin("reset")
    assert zoho.admin("records", module="Contacts") == []
    told = zoho.refresh()
    assert told["api_domain"] == "http://127.0.0.1:1"
    zoho.token = told["access_token"]
    assert zoho.get("Contacts/1").status == 204


@pytest.mark.parametrize(
    ("action", "asked"),
    [
        ("nothing", {}),
        ("records", {"module": "Nowhere"}),
        ("edit", {"module": "Contacts", "id": "7", "fields": {}}),
        ("create", {"module": "Contacts", "fields": {"Nowhere": 1}}),
        ("switch", {"unknown_id": "500"}),
        ("switch", {"nothing": "1"}),
        ("limits", {"nothing": 1}),
        ("fault", {"name": "nothing"}),
    ],
)
def test_the_administrator_is_told_what_is_wrong(
    zoho: Client, action: str, asked: dict[str, Any]
) -> None:
    status, _, body = zoho.app.handle("POST", f"/admin/{action}", body=json.dumps(asked).encode())
    assert status in (400, 404)
    assert json.loads(body)["error"]


def test_the_page_names_every_switch_fault_and_action() -> None:
    page = README.read_text(encoding="utf-8")
    missing = [name for name in [*SWITCHES, *FAULTS, *ACTIONS] if f"`{name}`" not in page]
    assert missing == []


def test_unknown_codes_are_judged_by_place_and_status() -> None:
    assert facts.classify("NEVER_SEEN", 429, item=False) is facts.Class.RETRY
    assert facts.classify("NEVER_SEEN", 400, item=False) is facts.Class.PERMANENT
    assert facts.classify("NEVER_SEEN", 400, item=True) is facts.Class.ITEM
