"""What an account lacks for a mapping, as an administrator needs to be told."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from connector_fxiaoke import console as fxiaoke_console
from connector_zoho import console as zoho_console
from connector_zoho import plugin as zoho

from connector.doctor.labels import CHOICES, FIELDS
from connector.doctor.missing import MissingField, missing_fields
from connector.doctor.vendors import findings
from connector.errors import RateLimitedError
from connector.mapping.lenses import BUILDERS
from connector.mapping.load import load_vendor, packaged
from connector.mapping.schema import VendorMapping
from connector.plugin import FieldInfo, FieldType, Finding, NamesFieldTypes, Schema
from connector.records import FIELDS as CANONICAL
from connector.records import Kind

CONSOLES = {"zoho": zoho_console.TYPES, "fxiaoke": fxiaoke_console.TYPES}
OBJECTS = {Kind.CUSTOMER: "AccountObj", Kind.MEMBERSHIP: "membership__c"}


def lacking(
    mapping: VendorMapping, local: Iterable[str] | None = None, *there: str, vendor: str = "fxiaoke"
) -> dict[str, MissingField]:
    """The missing fields of an account that has the fields `there`, by name."""
    shop = {rule.canonical for rule in mapping.rules} if local is None else set(local)
    fields = {name: FieldInfo(name=name, type="text") for name in there}
    schema = Schema(object=mapping.object, fields=fields)
    types = CONSOLES[vendor]
    found = missing_fields(
        "crm", mapping, shop, schema, types=lambda word: types.get(word, ()), objects=OBJECTS
    )
    return {one.name: one for one in found}


def packaged_one(vendor: str, kind: str) -> VendorMapping:
    return load_vendor(packaged(vendor) / f"{kind}.yaml")


def test_our_key_comes_first_and_is_unique() -> None:
    found = lacking(packaged_one("fxiaoke", "customer"))
    name, key = next(iter(found.items()))
    assert (name, key.unique, key.type_zh, key.max_length) == ("ext_key__c", True, "单行文本", 100)
    assert (key.connection, key.object, key.required_by) == ("crm", "AccountObj", ("external_key",))
    assert [one.name for one in found.values() if one.unique] == [name]


def test_a_choice_brings_its_values_and_what_people_call_them() -> None:
    plan = lacking(packaged_one("fxiaoke", "membership"))["plan__c"]
    assert (plan.type, plan.type_zh, plan.type_en) == ("choice", "单选", "Single Select")
    assert [(o.value, o.label_zh) for o in plan.options][:2] == [
        ("monthly", "月卡"),
        ("quarterly", "季卡"),
    ]
    theirs = lacking(packaged_one("zoho", "membership"), vendor="zoho")["Plan"]
    assert next((o.value, o.label_en) for o in theirs.options) == ("月卡", "Monthly")


def test_only_what_the_shop_maps_and_the_account_lacks_is_listed() -> None:
    mapping = packaged_one("fxiaoke", "customer")
    found = lacking(mapping, ["names.family", "occupation", "gender"], "ext_key__c", "gender__c")
    assert list(found) == ["name", "occupation__c"]
    assert lacking(mapping, ["occupation"], "ext_key__c", "occupation__c") == {}


def test_texts_numbers_and_references_bring_what_the_console_asks_for() -> None:
    feedback = lacking(packaged_one("fxiaoke", "feedback"))
    assert (feedback["body__c"].type_zh, feedback["body__c"].max_length) == ("多行文本", 2000)
    assert (feedback["channel__c"].type_zh, feedback["channel__c"].max_length) == ("单行文本", 100)
    assert (feedback["customer__c"].target, feedback["customer__c"].type_zh) == (
        "AccountObj",
        "查找关联",
    )
    assert feedback["score__c"].decimals == 0
    customer = lacking(packaged_one("fxiaoke", "customer"))
    assert (customer["churn_risk__c"].decimals, customer["rfm_monetary__c"].decimals) == (4, 2)
    assert customer["birth_date__c"].max_length is None


def test_a_check_box_that_holds_a_no_is_labelled_as_one() -> None:
    found = lacking(packaged_one("fxiaoke", "customer"))["marketing_email_opt_out__c"]
    assert (found.label_zh, found.label_en) == ("退订营销（邮件）", "No marketing by email")
    assert found.options == ()


def mapped(tmp_path: Path, *lines: str) -> VendorMapping:
    text = "kind: customer\nobject: P\nfields:\n" + "".join(f"  {line}\n" for line in lines)
    (tmp_path / "customer.yaml").write_text(text, encoding="utf-8")
    return load_vendor(tmp_path / "customer.yaml")


def test_a_type_that_is_not_stated_follows_from_the_lens(tmp_path: Path) -> None:
    found = lacking(
        mapped(
            tmp_path,
            "birth_date: {field: A, lens: date}",
            "tags: {field: B, lens: {tags: {as: text}}}",
            "gender: {field: C, lens: {choice: {male: 1, female: 2, unknown: 2}}}",
            "consent.marketing.sms: {field: D, lens: {flag: {J: granted, N: denied}},"
            " type: choice}",
            "constant.kind: {field: E, lens: {constant: 会员}}",
            "source: {field: F, lens: text, policy: newest, time: F_at}",
            "custom.hall: {field: G, lens: text}",
        ),
        ["birth_date", "tags", "gender", "consent.marketing.sms", "source", "custom.hall"],
    )
    assert {name: one.type for name, one in found.items()} == {
        "A": "date",
        "B": "text",
        "C": "choice",
        "D": "choice",
        "E": "text",
        "F": "text",
        "F_at": "datetime",
    }
    assert [(o.value, o.label_en) for o in found["C"].options] == [("1", "Male"), ("2", "Female")]
    assert [(o.value, o.label_zh) for o in found["D"].options] == [("J", "已同意"), ("N", "已拒绝")]
    assert found["F_at"].label_en == "Source: last edited"


def test_a_field_that_feeds_two_is_listed_once(tmp_path: Path) -> None:
    mapping = mapped(
        tmp_path,
        "names.full: {field: A, lens: text, direction: push, group: name}",
        "names.preferred: {field: A, lens: text, direction: pull}",
    )
    assert lacking(mapping)["A"].required_by == ("names.full", "names.preferred")


def test_a_vendor_that_names_no_types_still_gets_a_list(tmp_path: Path) -> None:
    mapping = mapped(tmp_path, "occupation: {field: A, lens: text}")
    schema = Schema(object="P", fields={})
    (one,) = missing_fields("crm", mapping, ["occupation"], schema, objects={})
    assert (one.type, one.type_en, one.max_length) == ("text", "", 100)


def test_the_roomiest_type_is_named_if_none_has_room_enough(tmp_path: Path) -> None:
    mapping = mapped(tmp_path, "occupation: {field: A, lens: text}")
    short = (FieldType(en="a", zh="a", max_length=10), FieldType(en="b", zh="b", max_length=20))
    (one,) = missing_fields(
        "crm",
        mapping,
        ["occupation"],
        Schema(object="P", fields={}),
        types=lambda word: short,
        objects={},
    )
    assert (one.type_en, one.max_length) == ("b", 20)


@pytest.mark.parametrize("kind", list(Kind))
def test_every_canonical_field_and_choice_has_names(kind: Kind) -> None:
    assert set(FIELDS[kind]) == set(CANONICAL[kind])
    words = {word for field in CANONICAL[kind].values() for word in field.choices}
    assert words <= set(CHOICES)


@pytest.mark.parametrize("vendor", list(CONSOLES))
def test_a_console_names_a_type_for_every_word(vendor: str) -> None:
    assert set(CONSOLES[vendor]) == set(BUILDERS) - {"constant"}
    for types in CONSOLES[vendor].values():
        lengths = [one.max_length or 0 for one in types]
        assert lengths == sorted(lengths)
        assert all(one.en.isascii() and not one.zh.isascii() for one in types)


def test_the_plugin_names_its_types() -> None:
    assert isinstance(zoho, NamesFieldTypes)
    assert zoho.field_types("choice")[0].en == "Pick List"
    assert zoho.field_types("nothing of theirs") == ()


# --- what a remote finds by looking ---


class Looking:
    """A remote that answers two questions, then runs out of calls."""

    def probe(self) -> Any:
        yield Finding(name="removed records", good=True, text="Lists show removed records.")
        yield Finding(
            name="clock", good=False, text="Its zone is another.", advice='zone = "Asia/Tokyo"'
        )
        raise RateLimitedError("Too many calls.")


def test_findings_become_checks_with_the_line_to_set() -> None:
    good, bad, stopped = findings("crm", Looking())
    assert (good.name, good.state, good.fix) == ("crm probe removed records", "ok", "")
    assert (bad.state, bad.fix) == ("warn", 'Set in [connections.crm]: zone = "Asia/Tokyo"')
    assert (stopped.state, stopped.exit_code) == ("fail", 6)


def test_a_remote_that_cannot_look_is_passed_over() -> None:
    assert list(findings("crm", object())) == []
