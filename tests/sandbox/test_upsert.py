"""README: Upsert."""

from __future__ import annotations

import pytest

from tests.sandbox.client import Client


def test_the_systems_field_is_checked_without_being_asked(zoho: Client) -> None:
    ref = zoho.contact(Email="lin@example.test")
    row = zoho.upsert("Contacts", {"Last_Name": "Lin", "Email": "LIN@example.test"}).rows[0]
    assert (row["action"], row["duplicate_field"], row["details"]["id"]) == ("update", "Email", ref)


def test_a_named_unique_field_takes_the_systems_field_out_of_the_check(zoho: Client) -> None:
    zoho.contact(Email="lin@example.test", Connector_Key="k1")
    record = {"Last_Name": "Lin", "Email": "lin@example.test", "Connector_Key": "k2"}
    row = zoho.upsert("Contacts", record, duplicate_check_fields=["Connector_Key"]).rows[0]
    assert (row["action"], row["duplicate_field"]) == ("insert", None)


def test_unique_fields_are_checked_even_if_another_is_named(zoho: Client) -> None:
    ref = zoho.contact(Connector_Key="k1")
    record = {"Last_Name": "Lin", "Email": "x@example.test", "Connector_Key": "k1"}
    row = zoho.upsert("Contacts", record, duplicate_check_fields=["Email"]).rows[0]
    assert (row["details"]["id"], row["duplicate_field"]) == (ref, "Connector_Key")


def test_a_clash_on_another_unique_field_is_refused(zoho: Client) -> None:
    zoho.contact(Email="a@example.test", Connector_Key="k1")
    other = zoho.contact(Email="b@example.test", Connector_Key="k2")
    answer = zoho.upsert(
        "Contacts", {"Last_Name": "x", "Email": "a@example.test", "Connector_Key": "k2"}
    )
    assert (answer.code, answer.details["duplicate_record"]["id"]) == ("DUPLICATE_DATA", other)


def test_two_records_of_one_name_in_a_custom_module_become_one(zoho: Client) -> None:
    answer = zoho.upsert("Feedbacks", {"Name": "反馈", "Score": 1}, {"Name": "反馈", "Score": 2})
    assert [row["action"] for row in answer.rows] == ["insert", "update"]
    one, two = ({"Name": "反馈", "Connector_Key": key} for key in ("f1", "f2"))
    apart = zoho.upsert("Feedbacks", one, two, duplicate_check_fields=["Connector_Key"])
    assert [row["action"] for row in apart.rows] == ["insert", "insert"]


@pytest.mark.parametrize("status", [200, 201])
def test_an_upsert_that_only_inserted_has_two_statuses(zoho: Client, status: int) -> None:
    zoho.admin("switch", upsert_inserted_status=str(status))
    assert zoho.upsert("Contacts", {"Last_Name": "Lin"}).status == status
    ref = zoho.contact(Email="lin@example.test")
    again = zoho.upsert("Contacts", {"Last_Name": "Lin", "Email": "lin@example.test"})
    assert (again.status, again.id) == (200, ref)


def test_an_update_by_upsert_needs_only_what_changes(zoho: Client) -> None:
    zoho.contact(Connector_Key="k1", Fax="7")
    answer = zoho.upsert("Contacts", {"Connector_Key": "k1", "Phone": "1"})
    row = zoho.get(f"Contacts/{answer.id}").rows[0]
    assert (row["Last_Name"], row["Fax"], row["Phone"]) == ("Lin", "7", "1")


def test_a_record_not_yet_visible_in_lists_is_found_by_an_upsert(zoho: Client) -> None:
    zoho.admin("limits", feed_lag_s=60)
    ref = zoho.contact(Email="lin@example.test")
    assert zoho.upsert("Contacts", {"Last_Name": "Lin", "Email": "lin@example.test"}).id == ref
