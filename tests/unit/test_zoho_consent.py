"""The consent object of Zoho's records: its parts are fields for a mapping, read and written."""

from __future__ import annotations

from typing import Any

import pytest
from connector_zoho.remote import ZohoRemote

from connector.errors import MappingError
from connector.plugin import Outcome, Target
from tests.unit.rig import all_seen, by_id, update
from tests.unit.zoho_rig import C, Rig, create

HEAD = "Data_Processing_Basis_Details"
PHONE, DAY = f"{HEAD}.Contact_Through_Phone", f"{HEAD}.Consent_Date"
WRITTEN: dict[str, Any] = {PHONE: True, DAY: "2026-03-02"}
NO: dict[str, Any] = {PHONE: False}
TARGETS = {
    C: Target(
        object="Contacts", fields=("Last_Name", "Email", PHONE, DAY), key_field="Connector_Key"
    )
}


@pytest.fixture
def consents(rig: Rig) -> Rig:
    """An organisation with its privacy settings on."""
    field = {"api_name": HEAD, "data_type": "consent_lookup"}
    rig.sandbox.admin("define", modules=[{"api_name": "Contacts", "fields": [field]}])
    return rig


@pytest.fixture(params=[True, False], ids=["queries", "lists"])
def remote(consents: Rig, request: pytest.FixtureRequest) -> ZohoRemote:
    return consents.open(TARGETS, coql=request.param)


def held(rig: Rig) -> dict[str, Any]:
    [row] = rig.sandbox.records("Contacts")
    found: dict[str, Any] = row[HEAD]
    return found


def test_its_parts_are_described_with_their_types(remote: ZohoRemote) -> None:
    fields = remote.describe(C).fields
    assert (fields[PHONE].type, fields[DAY].type) == ("flag", "date")
    assert fields[PHONE].writable


def test_parts_are_written_read_and_found_changed(consents: Rig, remote: ZohoRemote) -> None:
    told = by_id(remote.write(C, [create("1", "K1", **WRITTEN)]))
    assert told["1"].outcome is Outcome.APPLIED
    assert held(consents) == {"Contact_Through_Phone": True, "Consent_Date": "2026-03-02"}
    [made] = consents.sandbox.records("Contacts")
    for seen in (all_seen(remote.changes(C, None, None)), remote.fetch(C, [made["id"]])):
        [one] = seen
        assert (one.fields[PHONE], one.fields[DAY]) == (True, "2026-03-02")


def test_a_part_that_is_written_leaves_the_others_as_they_are(
    consents: Rig, remote: ZohoRemote
) -> None:
    [ref] = consents.sandbox.seed(
        "Contacts",
        [{"Last_Name": "Lin", HEAD: {"Contact_Through_Email": True, "Consent_Through": "Email"}}],
    )
    told = by_id(remote.write(C, [update("1", ref, None, **NO)]))
    assert told["1"].outcome is Outcome.APPLIED
    assert held(consents) == {
        "Contact_Through_Email": True,
        "Consent_Through": "Email",
        "Contact_Through_Phone": False,
    }


def test_a_record_without_a_consent_shows_empty_parts(consents: Rig, remote: ZohoRemote) -> None:
    consents.contacts(1)
    [one] = all_seen(remote.changes(C, None, None))
    assert (one.fields[PHONE], one.fields[DAY]) == (None, None)


def test_a_write_of_a_part_takes_no_job(remote: ZohoRemote) -> None:
    assert list(remote.bulk_loads(C, [create("1", "K1", **WRITTEN)])) == []


def test_what_is_no_part_is_refused_by_name(consents: Rig) -> None:
    wrong = Target(object="Contacts", fields=(f"{HEAD}.Contact_By_Pigeon",), key_field=None)
    with pytest.raises(MappingError, match="none of the vendor's"):
        consents.open({C: wrong}).describe(C)
