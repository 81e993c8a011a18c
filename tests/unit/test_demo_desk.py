"""The demo's own eyes: one customer reads the same at every vendor, however each writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from connector.demo.desk import Desk
from connector.demo.lines import LINES, joined, shop_values
from connector.mapping.load import packaged
from connector.plugin import Fields, Ref

CLIENT = {
    "surname": "欧阳",
    "given_name": "娜娜",
    "mobile": "13800000001",
    "mail": "Client0001@Example.test",
    "province": "浙江",
    "city": "杭州",
    "street": "示范路1号",
    "job": "教师",
    "birthday": "1990-02-03",
    "stage": 2,
    "labels": "VIP,老客户",
    "no_mail": 1,
}
ZOHO = {
    "id": "4150000000000000001",
    "Last_Name": "欧阳",
    "First_Name": "娜娜",
    "Mobile": "+8613800000001",
    "Email": "client0001@example.test",
    "Mailing_State": "浙江",
    "Mailing_City": "杭州",
    "Mailing_Street": "示范路1号",
    "Occupation": "教师",
    "Date_of_Birth": "1990-02-03",
    "Customer_Stage": "忠诚客户",
    "Customer_Tags": ["老客户", "VIP"],
    "Email_Opt_Out": True,
}
FXIAOKE = {
    "_id": "65f0aa11bb22cc33dd44ee55",
    "name": "欧阳娜娜",
    "mobile__c": "+8613800000001",
    "email": "client0001@example.test",
    "province__c": "浙江",
    "city__c": "杭州",
    "street__c": "示范路1号",
    "occupation__c": "教师",
    "birth_date__c": 633974400000,  # midnight of that day in Shanghai
    "stage__c": "loyal",
    "tags__c": ["VIP", "老客户"],
    "marketing_email_opt_out__c": True,
}
RAW = {"zoho": ZOHO, "fxiaoke": FXIAOKE}


class Hands:
    """A vendor with one customer, that keeps what was written to it."""

    url = ""
    settings: Mapping[str, Any] = {}

    def __init__(self, record: dict[str, Any]) -> None:
        self.record = record
        self.written: dict[str, Any] = {}

    def records(self, object: str) -> list[dict[str, Any]]:
        return [self.record] if object in ("Contacts", "AccountObj") else []

    def create(self, object: str, fields: Fields) -> Ref:
        self.written = dict(fields)
        return Ref("1")

    def edit(self, object: str, ref: Ref, fields: Fields) -> None:
        self.written = {"ref": ref, **fields}

    def remove(self, object: str, ref: Ref) -> None:
        raise AssertionError("a desk does not do this when it reads or edits")

    def fault(self, name: str, **how: Any) -> None:
        raise AssertionError("a desk does not do this when it reads or edits")

    def calls(self) -> Mapping[str, int]:
        raise AssertionError("a desk does not do this when it reads or edits")

    def close(self) -> None:
        raise AssertionError("a desk does not do this when it reads or edits")


def desk(vendor: str) -> tuple[Desk, Hands]:
    hands = Hands(RAW[vendor])
    return Desk(vendor, hands, packaged(vendor)), hands


@pytest.mark.parametrize("vendor", list(RAW))
def test_a_customer_reads_as_the_shop_has_it(vendor: str) -> None:
    it, _ = desk(vendor)
    here = shop_values("customer", CLIENT)
    there = it.read("customer", RAW[vendor])
    assert there == {name: here[name] for name in it.carried("customer")}
    missing = set(LINES["customer"]) - set(it.carried("customer"))
    assert missing <= {"names.full", "names.family", "names.given"}


@pytest.mark.parametrize("kind", ["membership", "feedback"])
def test_every_vendor_carries_what_is_compared(kind: str) -> None:
    for vendor in RAW:
        assert desk(vendor)[0].carried(kind) == list(LINES[kind])


@pytest.mark.parametrize("vendor", list(RAW))
def test_a_record_is_found_in_the_words_of_the_shop(vendor: str) -> None:
    it, _ = desk(vendor)
    for name, value in (
        ("phones.mobile", "138 0000 0001"),
        ("emails.primary", "client0001@example.test"),
        ("birth_date", "1990-02-03"),
        ("lifecycle", "loyal"),
    ):
        assert it.find("customer", name, value) == [RAW[vendor]]
    assert it.find("customer", "birth_date", "1990-02-02") == []


def test_an_edit_is_written_in_each_vendors_words() -> None:
    edit = {"names.family": "上官", "names.given": "婉", "lifecycle": "lost"}
    zoho, theirs = desk("zoho")
    zoho.edit("customer", ZOHO, edit)
    assert theirs.written == {
        "ref": ZOHO["id"],
        "Last_Name": "上官",
        "First_Name": "婉",
        "Customer_Stage": "流失客户",
    }
    fxiaoke, theirs = desk("fxiaoke")
    fxiaoke.edit("customer", FXIAOKE, edit)
    assert theirs.written == {"ref": FXIAOKE["_id"], "name": "上官婉", "stage__c": "lost"}


def test_numbers_and_owners_read_the_same_in_any_form() -> None:
    zoho, fxiaoke = desk("zoho")[0], desk("fxiaoke")[0]
    theirs = zoho.read("membership", {"Points": 88, "Valid_To": "2026-12-31", "Plan": "月卡"})
    others = fxiaoke.read(
        "membership", {"points__c": "88.00", "valid_to__c": 1798646400000, "plan__c": "monthly"}
    )
    assert theirs == others
    assert (theirs["points"], theirs["valid_to"], theirs["plan"]) == (88, "2026-12-31", "monthly")
    assert zoho.owner("membership", {"Customer": {"id": "7"}}) == "7"
    assert fxiaoke.owner("membership", {"customer__c": "7"}) == "7"
    assert fxiaoke.owner("feedback", {"customer__c": ""}) == ""


def test_a_name_of_two_scripts_is_put_together_the_western_way() -> None:
    assert joined("慕容", "Anna") == "Anna 慕容"
