"""Making custom fields at Zoho: one call each, looked at before and after, whatever is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from connector_zoho import making
from connector_zoho.remote import ZohoRemote
from connector_zoho.sandbox.handle import ZohoSandbox

from connector.account import MissingField, Option
from connector.errors import LoginRefusedError, RejectedError, RetryableError
from connector.plugin import FieldInfo
from tests.unit.zoho_rig import Rig

TEXT = MissingField(
    object="Contacts",
    name="Nick_Name",
    label_en="Nick",
    label_zh="昵称",
    type="text",
    max_length=99,
)
KEY = replace(TEXT, object="Accounts", name="Own_Key", unique=True)
CHOICE = replace(
    TEXT,
    name="Grade",
    type="choice",
    max_length=None,
    options=tuple(Option(value=one, label_en=one, label_zh=one) for one in ("金", "银")),
)


@pytest.fixture
def sandbox(rig: Rig) -> ZohoSandbox:
    return rig.sandbox


@pytest.fixture
def remote(rig: Rig) -> ZohoRemote:
    return rig.open()


def field(remote: ZohoRemote, wanted: MissingField) -> FieldInfo:
    return remote.describe_object(wanted.object).fields[wanted.name]


def posts(sandbox: ZohoSandbox) -> int:
    return sandbox.calls().get("make_field", 0)


@pytest.mark.parametrize(
    ("wanted", "type_", "more"),
    [
        (TEXT, "text", {"max_length": 99}),
        (replace(TEXT, max_length=2000), "text", {"max_length": 2000}),
        (replace(TEXT, max_length=9000), "text", {"max_length": 32000}),
        (replace(TEXT, type="email", max_length=100), "email", {}),
        (replace(TEXT, type="phone", max_length=30), "phone", {}),
        (replace(TEXT, type="date"), "date", {}),
        (replace(TEXT, type="datetime"), "datetime", {}),
        (replace(TEXT, type="integer", decimals=0), "integer", {}),
        (replace(TEXT, type="decimal", decimals=4), "decimal", {"decimals": 4}),
        (replace(TEXT, type="flag"), "flag", {}),
        (CHOICE, "choice", {"options": ("金", "银")}),
        (replace(TEXT, type="reference", target="Accounts"), "reference", {"target": "Accounts"}),
        (KEY, "text", {"unique": True, "external": True}),
    ],
    ids=lambda one: str(getattr(one, "type", "")),
)
def test_a_field_of_each_type_is_made_as_it_is_wanted(
    remote: ZohoRemote, wanted: MissingField, type_: str, more: dict[str, Any]
) -> None:
    assert remote.by_hand(wanted) == ""
    assert remote.make_field(wanted).state == "made"
    info = field(remote, wanted)
    assert info.type == type_
    assert {name: getattr(info, name) for name in more} == more


def test_a_field_that_is_there_is_not_made_again(remote: ZohoRemote, sandbox: ZohoSandbox) -> None:
    remote.make_field(TEXT)
    assert remote.make_field(TEXT).state == "there"
    assert posts(sandbox) == 1


@pytest.mark.parametrize("fault", ["lost_after", "error_although_applied", "html"])
def test_a_lost_answer_makes_no_second_field(
    remote: ZohoRemote, sandbox: ZohoSandbox, fault: str
) -> None:
    sandbox.fault(fault, operation="make_field")
    try:
        made = remote.make_field(TEXT)
    except RetryableError:
        made = remote.make_field(TEXT)
    assert made.state in ("made", "there")
    labels = [one.label for one in remote.describe_object("Contacts").fields.values()]
    assert labels.count("Nick Name") == 1


def test_a_call_that_never_arrived_is_told_and_may_be_repeated(
    remote: ZohoRemote, sandbox: ZohoSandbox
) -> None:
    sandbox.fault("lost_before", operation="make_field")
    with pytest.raises(RetryableError):
        remote.make_field(TEXT)
    assert remote.make_field(TEXT).state == "made"


def test_another_api_name_than_asked_for_is_left_to_a_person_and_not_made_again(
    remote: ZohoRemote, sandbox: ZohoSandbox
) -> None:
    sandbox.admin("switch", field_names="numbered")
    made = remote.make_field(TEXT)
    assert (made.state, "Nick_Name1" in made.text) == ("by_hand", True)
    assert "rename it to Nick_Name" in made.click
    assert remote.make_field(TEXT).state == "by_hand"
    assert posts(sandbox) == 1


def test_a_key_that_came_out_without_its_marks_is_told(
    remote: ZohoRemote, sandbox: ZohoSandbox
) -> None:
    sandbox.admin("switch", field_keys="dropped")
    made = remote.make_field(KEY)
    assert made.state == "by_hand"
    assert "Do not allow duplicate values" in made.click
    assert "外部字段" in made.click
    assert remote.key_advice(field(remote, KEY))
    assert remote.key_advice(FieldInfo(name="K", type="text", unique=True, external=True)) == ""


def test_what_the_vendor_refuses_is_an_error_with_its_code(remote: ZohoRemote) -> None:
    with pytest.raises(RejectedError, match="INVALID_DATA"):
        remote.make_field(replace(TEXT, type="reference", target="Nowhere"))


def test_a_login_without_the_right_is_told(remote: ZohoRemote, sandbox: ZohoSandbox) -> None:
    sandbox.fault("error", operation="make_field", code="OAUTH_SCOPE_MISMATCH", status=401)
    with pytest.raises(LoginRefusedError):
        remote.make_field(TEXT)


@pytest.mark.parametrize(
    "wanted",
    [
        replace(TEXT, name="A_Name_That_Is_Longer_Than_Labels"),
        replace(TEXT, name="昵称"),
        replace(TEXT, type="tags"),
        replace(TEXT, type="other"),
        replace(TEXT, type="reference"),
        replace(CHOICE, options=CHOICE.options * 6),
        replace(CHOICE, options=(Option(value="x" * 26, label_en="", label_zh=""),)),
    ],
)
def test_what_the_api_cannot_make_is_said_before_anything_is_sent(
    remote: ZohoRemote, wanted: MissingField
) -> None:
    assert remote.by_hand(wanted)


def test_no_request_has_a_key_that_the_specification_does_not_name() -> None:
    known = {"field_label", "data_type", "length", "textarea", "decimal_place", "unique"}
    known |= {"external", "pick_list_values", "lookup"}
    for wanted in (TEXT, KEY, CHOICE, replace(TEXT, type="decimal"), replace(TEXT, max_length=999)):
        assert making.body_of(wanted).keys() <= known
