"""README: Writing, Results, Conditional writes, External ids."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.client import Client

T = "2026-01-31T12:00:00+08:00"
LATER = "2026-01-31T12:00:01+08:00"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "INVALID_REQUEST"),
        ([], "INVALID_REQUEST"),
        ({}, "MANDATORY_NOT_FOUND"),
        ({"data": {}}, "INVALID_DATA"),
        ({"data": []}, "INVALID_DATA"),
        ({"data": [{"Last_Name": "Lin"}] * 101}, "LIMIT_EXCEEDED"),
        ({"data": [{"Last_Name": "Lin"}], "trigger": "workflow"}, "INVALID_DATA"),
        ({"data": [{"Last_Name": "Lin"}], "trigger": ["flows"]}, "INVALID_DATA"),
        ({"data": [{"Last_Name": "Lin"}], "duplicate_check_fields": ["Phone"]}, "INVALID_DATA"),
        ({"data": [{"Last_Name": "Lin"}], "duplicate_check_fields": "Email"}, "INVALID_DATA"),
    ],
)
@pytest.mark.parametrize(("form", "bare"), [("bare", True), ("in_data", False)])
def test_a_malformed_body_is_refused_whole(
    zoho: Client, body: Any, code: str, form: str, bare: bool
) -> None:
    zoho.admin("switch", write_errors=form)
    answer = zoho.call("POST", "Contacts", body)
    assert (answer.status, answer.code, "code" in answer.body) == (400, code, bare)
    assert zoho.admin("records", module="Contacts") == []


def test_an_insert_answers_201_with_the_new_record(zoho: Client) -> None:
    answer = zoho.insert("Contacts", {"Last_Name": "Lin"})
    assert (answer.status, answer.code) == (201, "SUCCESS")
    assert answer.details["Modified_Time"] == T
    assert answer.details["Modified_By"]["name"] == "Connector Integration"


def test_results_come_in_input_order_with_207(zoho: Client) -> None:
    answer = zoho.insert("Contacts", {"Last_Name": "a"}, {"First_Name": "b"}, {"Last_Name": "c"})
    assert answer.status == 207
    assert [row["code"] for row in answer.rows] == ["SUCCESS", "MANDATORY_NOT_FOUND", "SUCCESS"]
    assert answer.rows[1]["details"] == {
        "api_name": "Last_Name",
        "json_path": "$.data[1].Last_Name",
    }


def test_mixed_results_may_come_with_200(zoho: Client) -> None:
    zoho.admin("switch", mixed_status="200")
    assert zoho.insert("Contacts", {"Last_Name": "a"}, {}).status == 200


@pytest.mark.parametrize("status", [400, 202, 200])
def test_all_refused_has_three_forms(zoho: Client, status: int) -> None:
    zoho.admin("switch", all_failed_status=str(status))
    answer = zoho.insert("Contacts", {})
    assert (answer.status, answer.code) == (status, "MANDATORY_NOT_FOUND")


def test_an_update_leaves_what_is_left_out_and_null_clears(zoho: Client) -> None:
    ref = zoho.contact(Phone="1", Fax="2", Title="x")
    answer = zoho.update("Contacts", ref, {"Phone": None, "Title": ""})
    assert answer.status == 200
    row = zoho.get(f"Contacts/{ref}").rows[0]
    assert (row["Phone"], row["Fax"], row["Title"]) == (None, "2", None)


def test_a_batch_update_needs_an_id_in_each_record(zoho: Client) -> None:
    ref = zoho.contact()
    data = [{"id": ref, "Phone": "1"}, {"Phone": "2"}, {"id": "x"}, {"id": "7"}]
    answer = zoho.call("PUT", "Contacts", {"data": data})
    assert answer.status == 207
    codes = [row["code"] for row in answer.rows]
    assert codes == ["SUCCESS", "MANDATORY_NOT_FOUND", "INVALID_DATA", "INVALID_DATA"]
    assert answer.rows[3]["details"]["json_path"] == "$.data[3].id"


def test_a_mandatory_field_cannot_be_cleared(zoho: Client) -> None:
    ref = zoho.contact()
    assert zoho.update("Contacts", ref, {"Last_Name": None}).code == "MANDATORY_NOT_FOUND"


def test_read_only_and_dollar_names_are_passed_over(zoho: Client) -> None:
    ref = zoho.contact()
    answer = zoho.update("Contacts", ref, {"Created_Time": "x", "$state": "y", "Full_Name": "z"})
    assert answer.code == "SUCCESS"
    row = zoho.get(f"Contacts/{ref}").rows[0]
    assert (row["Created_Time"], row["Full_Name"]) == (T, "Lin")


def test_an_unknown_name_is_ignored_or_refused(zoho: Client) -> None:
    assert zoho.insert("Contacts", {"Last_Name": "Lin", "Shoe_Size": 42}).code == "SUCCESS"
    zoho.admin("switch", unknown_field="refused")
    answer = zoho.insert("Contacts", {"Last_Name": "Lin", "Shoe_Size": 42})
    assert (answer.code, answer.details["api_name"]) == ("INVALID_DATA", "Shoe_Size")


def test_several_faults_of_one_record_may_come_together(zoho: Client) -> None:
    record = {"Email": "x", "Phone": 7}
    assert zoho.insert("Contacts", record).details["api_name"] == "Email"
    zoho.admin("switch", several_errors="all")
    answer = zoho.insert("Contacts", record)
    assert answer.code == "MULTIPLE_OR_MULTI_ERRORS"
    names = [one["details"]["api_name"] for one in answer.details["errors"]]
    assert names == ["Email", "Phone", "Last_Name"]


def test_a_unique_value_belongs_to_one_record(zoho: Client) -> None:
    ref, other = zoho.contact(Connector_Key="k1"), zoho.contact(Connector_Key="k2")
    for answer in (
        zoho.insert("Contacts", {"Last_Name": "x", "Connector_Key": "k1"}),
        zoho.update("Contacts", other, {"Connector_Key": "k1"}),
    ):
        assert (answer.status, answer.code) == (400, "DUPLICATE_DATA")
        assert answer.details["duplicate_record"]["id"] == ref
        assert answer.details["duplicate_record"]["module"]["api_name"] == "Contacts"
        assert answer.details["json_path"] == "$.data[0].Connector_Key"


def test_a_unique_value_collides_within_one_batch(zoho: Client) -> None:
    record = {"Last_Name": "x", "Connector_Key": "k1"}
    answer = zoho.insert("Contacts", record, record)
    assert [row["code"] for row in answer.rows] == ["SUCCESS", "DUPLICATE_DATA"]


def test_a_unique_value_is_free_again_after_a_deletion_or_a_change(zoho: Client) -> None:
    ref = zoho.contact(Connector_Key="k1")
    zoho.update("Contacts", ref, {"Connector_Key": "k2"})
    other = zoho.contact(Connector_Key="k1")
    zoho.call("DELETE", f"Contacts/{other}")
    zoho.contact(Connector_Key="k1")


def test_a_restore_that_would_collide_is_refused(zoho: Client) -> None:
    ref = zoho.contact(Connector_Key="k1")
    zoho.call("DELETE", f"Contacts/{ref}")
    zoho.contact(Connector_Key="k1")
    answer = zoho.call("POST", f"settings/recycle_bin/{ref}/actions/restore")
    assert answer.body["recycle_bin"][0]["code"] == "DUPLICATE_DATA"


def test_a_locked_record_is_refused(zoho: Client) -> None:
    ref = zoho.contact()
    zoho.admin("lock", module="Contacts", id=ref)
    assert zoho.update("Contacts", ref, {"Phone": "1"}).code == "RECORD_LOCKED"
    assert zoho.call("DELETE", f"Contacts/{ref}").code == "RECORD_LOCKED"
    zoho.admin("lock", module="Contacts", id=ref, on=False)
    assert zoho.update("Contacts", ref, {"Phone": "1"}).code == "SUCCESS"


@pytest.mark.parametrize(
    ("more", "runs"),
    [
        ({}, True),
        ({"trigger": ["workflow"]}, True),
        ({"trigger": []}, False),
        ({"trigger": ["approval"]}, False),
    ],
)
def test_workflows_run_unless_the_trigger_says_no(
    zoho: Client, more: dict[str, Any], runs: bool
) -> None:
    rule = {"module": "Contacts", "set": {"Segment": "set by rule"}, "when": {"Last_Name": "Lin"}}
    zoho.admin("workflows", rules=[rule])
    ref = zoho.insert("Contacts", {"Last_Name": "Lin"}, **more).id
    row = zoho.get(f"Contacts/{ref}").rows[0]
    assert (row["Segment"] == "set by rule") is runs
    zoho.update("Contacts", ref, {"Segment": "ours"}, **more)
    row = zoho.get(f"Contacts/{ref}").rows[0]
    assert (row["Segment"] == "set by rule") is runs


def test_a_record_changed_since_is_412(zoho: Client) -> None:
    ref = zoho.contact()
    zoho.clock.at += 1
    zoho.update("Contacts", ref, {"Phone": "1"})
    body = {"data": [{"id": ref, "Last_Name": "Lin", "Phone": "2", "Connector_Key": "k"}]}
    zoho.update("Contacts", ref, {"Connector_Key": "k"})
    for method, path in (
        ("PUT", f"Contacts/{ref}"),
        ("PUT", "Contacts"),
        ("POST", "Contacts/upsert"),
    ):
        stale = zoho.call(method, path, body, {"If-Unmodified-Since": T})
        assert (stale.status, stale.code) == (412, "ALREADY_MODIFIED")
        assert stale.details["Modified_Time"] == LATER
        assert zoho.get(f"Contacts/{ref}").rows[0]["Phone"] == "1"
    fresh = zoho.call("PUT", f"Contacts/{ref}", body, {"If-Unmodified-Since": LATER})
    assert fresh.status == 200


def test_a_change_within_the_same_second_is_not_seen(zoho: Client) -> None:
    ref = zoho.contact()
    zoho.clock.at += 0.9
    zoho.update("Contacts", ref, {"Phone": "1"})
    body = {"data": [{"Phone": "2"}]}
    assert zoho.call("PUT", f"Contacts/{ref}", body, {"If-Unmodified-Since": T}).status == 200


def test_a_stale_record_among_others_is_207(zoho: Client) -> None:
    old = zoho.contact()
    zoho.clock.at += 1
    new = zoho.contact()
    body = {"data": [{"id": old, "Phone": "1"}, {"id": new, "Phone": "1"}]}
    answer = zoho.call("PUT", "Contacts", body, {"If-Unmodified-Since": T})
    assert answer.status == 207
    assert [row["code"] for row in answer.rows] == ["SUCCESS", "ALREADY_MODIFIED"]


def test_a_malformed_condition_is_refused(zoho: Client) -> None:
    body = {"data": [{"Phone": "1"}]}
    told = {"If-Unmodified-Since": "Sat, 31 Jan 2026 04:00:00 GMT"}
    assert zoho.call("PUT", f"Contacts/{zoho.contact()}", body, told).code == "INVALID_DATA"


EXTERNAL = {"X-EXTERNAL": "Contacts.Connector_Key"}


def test_an_external_id_stands_for_the_id_everywhere(zoho: Client) -> None:
    ref = zoho.contact(Connector_Key="c-1")
    assert zoho.get("Contacts/c-1", EXTERNAL).rows[0]["id"] == ref
    assert zoho.get("Contacts", EXTERNAL, ids="c-1,c-2", fields="Email").rows[0]["id"] == ref
    body = {"data": [{"Phone": "1"}]}
    assert zoho.call("PUT", "Contacts/c-1", body, EXTERNAL).id == ref
    batch = {"data": [{"Connector_Key": "c-1", "Phone": "2"}]}
    assert zoho.call("PUT", "Contacts", batch, EXTERNAL).id == ref
    assert zoho.call("DELETE", "Contacts/c-1", None, EXTERNAL).id == ref


def test_an_external_id_without_a_hit_is_204_or_invalid(zoho: Client) -> None:
    assert zoho.get("Contacts/c-9", EXTERNAL).status == 204
    answer = zoho.call("PUT", "Contacts/c-9", {"data": [{"Phone": "1"}]}, EXTERNAL)
    assert (answer.code, answer.details["api_name"]) == ("INVALID_DATA", "Connector_Key")
    assert zoho.call("DELETE", "Contacts/c-9", None, EXTERNAL).code == "INVALID_DATA"


def test_a_lookup_may_name_its_record_by_an_external_id(zoho: Client) -> None:
    ref = zoho.contact(Connector_Key="c-1")
    told = {"X-EXTERNAL": "Memberships.Customer.Connector_Key"}
    body = {"data": [{"Name": "会员", "Customer": {"id": "c-1"}}]}
    card = zoho.call("POST", "Memberships", body, told).id
    assert zoho.get(f"Memberships/{card}").rows[0]["Customer"]["id"] == ref


@pytest.mark.parametrize("told", ["Contacts.Email", "Contacts", "Nowhere.Connector_Key"])
def test_a_header_that_names_no_external_field_is_refused(zoho: Client, told: str) -> None:
    assert zoho.get("Contacts/1", {"X-EXTERNAL": told}).code == "INVALID_DATA"
