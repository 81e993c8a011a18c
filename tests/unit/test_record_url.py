"""Where a person finds a record at the vendor, and who saved it there last."""

from __future__ import annotations

import pytest
from connector_zoho.settings import ZohoSettings
from pydantic import ValidationError

from connector.plugin import Kind, LinksRecords, NamesEditors, Ref

FORM = "https://crm.example.test/tab/{object}/{ref}"
RIGS = pytest.mark.parametrize(
    ("account", "object_"), [("rig", "Contacts"), ("fx", "AccountObj")], ids=["zoho", "fxiaoke"]
)


@RIGS
def test_an_address_is_made_of_the_object_and_the_ref_without_a_call(
    request: pytest.FixtureRequest, account: str, object_: str
) -> None:
    vendor = request.getfixturevalue(account)
    remote = vendor.open(record_url=FORM)
    assert isinstance(remote, LinksRecords)
    url = remote.record_url(Kind.CUSTOMER, Ref("1/2 ?"))
    assert url == f"https://crm.example.test/tab/{object_}/1%2F2%20%3F"
    assert vendor.open().record_url(Kind.CUSTOMER, Ref("1")) is None
    assert vendor.sandbox.calls() == {}


@RIGS
def test_a_vendor_tells_by_an_id_who_saved_a_record_last(
    request: pytest.FixtureRequest, account: str, object_: str
) -> None:
    vendor = request.getfixturevalue(account)
    remote = vendor.open()
    assert isinstance(remote, NamesEditors)
    name = "Last_Name" if object_ == "Contacts" else "name"
    [ref] = vendor.sandbox.seed(object_, [{name: "Novak"}])
    editor = remote.edited_by(Kind.CUSTOMER, ref)
    assert editor is not None
    assert editor.isdigit()
    assert remote.edited_by(Kind.CUSTOMER, Ref("4150000000099999999")) is None


@pytest.mark.parametrize(
    "form",
    [
        "http://crm.example.test/{ref}",
        "https://crm.example.test/",
        "https://crm.example.test/{ref}/{name}",
        "https://crm.example.test/{ref.real}",
        "https://crm.example.test/{ref}{",
        "https://user@crm.example.test/{ref}",
        "javascript:{ref}",
    ],
)
def test_an_address_of_another_shape_is_refused(form: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ZohoSettings.model_validate({"record_url": form})
    assert "record_url" in {fault["loc"][0] for fault in caught.value.errors() if fault["loc"]}
