"""The sandbox makes fields as strictly as the specification says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.client import Client

PATH = "settings/fields"
GOOD: dict[str, Any] = {"field_label": "Nick Name", "data_type": "text", "length": 40}


def make(zoho: Client, *fields: Any, module: str = "Contacts") -> tuple[int, Any]:
    answer = zoho.call("POST", PATH, {"fields": list(fields)}, module=module)
    return answer.status, answer.body


def test_a_field_is_made_and_listed_under_the_name_of_its_label(zoho: Client) -> None:
    status, body = make(zoho, GOOD)
    assert (status, body["fields"][0]["code"]) == (201, "SUCCESS")
    listed = zoho.get(PATH, module="Contacts").body["fields"]
    (mine,) = [one for one in listed if one["id"] == body["fields"][0]["details"]["id"]]
    assert (mine["api_name"], mine["length"], mine["custom_field"]) == ("Nick_Name", 40, True)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"field_label": None}, "MANDATORY_NOT_FOUND"),
        ({"data_type": None}, "MANDATORY_NOT_FOUND"),
        ({"api_name": "Nick"}, "INVALID_DATA"),
        ({"field_label": "x" * 26}, "INVALID_DATA"),
        ({"field_label": "last name"}, "DUPLICATE_DATA"),
        ({"data_type": "string"}, "INVALID_DATA"),
        ({"length": 256}, "INVALID_DATA"),
        ({"unique": {"casesensitive": "true"}}, "INVALID_DATA"),
        ({"external": {"type": "org"}}, "INVALID_DATA"),
        ({"data_type": "picklist", "pick_list_values": ["a"]}, "INVALID_DATA"),
        ({"data_type": "lookup", "lookup": {"module": {"api_name": "No"}}}, "INVALID_DATA"),
        ({"data_type": "flag", "unique": True}, "INVALID_DATA"),
    ],
)
def test_a_bad_field_is_refused_and_nothing_is_made(
    zoho: Client, bad: dict[str, Any], code: str
) -> None:
    field = {name: value for name, value in {**GOOD, **bad}.items() if value is not None}
    second = {**GOOD, "field_label": "Other"}
    status, body = make(zoho, second, field)
    assert (status, body["fields"][0]["code"]) == (400, code)
    listed = zoho.get(PATH, module="Contacts").body["fields"]
    assert "Other" not in {one["api_name"] for one in listed}


def test_more_than_five_at_once_and_an_unknown_module_are_refused(zoho: Client) -> None:
    many = [{**GOOD, "field_label": f"N{n}"} for n in range(6)]
    assert make(zoho, *many)[1]["code"] == "LIMIT_EXCEEDED"
    assert make(zoho, GOOD, module="Nowhere")[1]["code"] == "INVALID_MODULE"


def test_a_token_without_the_right_makes_nothing(zoho: Client) -> None:
    zoho.app.accounts.add_grant("1000.few", ["ZohoCRM.settings.fields.READ"])
    zoho.token = str(zoho.refresh(refresh_token="1000.few")["access_token"])
    assert make(zoho, GOOD)[1]["code"] == "OAUTH_SCOPE_MISMATCH"
