"""The packaged mappings for Fxiaoke, held against a tenant as its describe would show it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.mapping.load import load_local, load_vendor, packaged
from connector.mapping.schema import VendorMapping
from connector.mapping.translate import Pair
from connector.plugin import FieldInfo, Op, Schema, Target, Write
from connector.records import Canonical, Kind, Value, may_leave
from tests.unit.fxiaoke_rig import Rig

FOLDER = packaged("fxiaoke")
VARIANTS = sorted((FOLDER / "variants").glob("*.yaml"))
FILES = sorted([*FOLDER.glob("*.yaml"), *VARIANTS])

KEY = FieldInfo(name="ext_key__c", type="text", max_length=100, unique=True)
NAME = FieldInfo(name="name", type="text", max_length=100, required=True)


def infos(type_: str, names: str, **more: Any) -> Iterator[FieldInfo]:
    for name in names.split():
        yield FieldInfo(name=name, type=type_, **more)


def choice(name: str, options: str, type_: str = "choice") -> FieldInfo:
    return FieldInfo(name=name, type=type_, options=tuple(options.split()))


def schema(object_: str, *fields: FieldInfo) -> Schema:
    return Schema(object=object_, fields={info.name: info for info in (NAME, KEY, *fields)})


CUSTOMS = (
    *infos("phone", "mobile__c home_phone__c tel mobile"),
    *infos("email", "email other_email__c"),
    *infos(
        "text",
        "wechat__c family_name__c given_name__c preferred_name__c company__c country__c"
        " province__c city__c district__c street__c postcode__c occupation__c segment__c"
        " value_tier__c source__c preferred_channel__c company job_title",
        max_length=100,
    ),
    choice("gender__c", "male female unknown"),
    *infos("date", "birth_date__c"),
    choice("stage__c", "prospect new loyal lost"),
    *infos("integer", "rfm_recency__c rfm_frequency__c", decimals=0),
    *infos("decimal", "rfm_monetary__c", decimals=2),
    *infos("decimal", "churn_risk__c", decimals=4),
    choice("tags__c", "VIP 老客户", "tags"),
    *infos("datetime", "registered_at__c last_contact_at__c"),
    *infos("flag", "do_not_contact__c marketing_email_opt_out__c"),
)
MEMBERSHIP = (
    *infos("reference", "customer__c"),
    *infos("text", "tier__c", max_length=100),
    choice("plan__c", "monthly quarterly yearly lifetime none"),
    choice("status__c", "active expired suspended cancelled"),
    *infos("integer", "points__c growth__c", decimals=0),
    *infos("date", "valid_from__c valid_to__c"),
    *infos("flag", "auto_renew__c"),
    *infos("text", "benefits__c", max_length=2000),
)
FEEDBACK = (
    *infos("reference", "customer__c"),
    *infos("text", "channel__c category__c assignee__c", max_length=100),
    choice("type__c", "survey nps complaint suggestion review question"),
    *infos("integer", "score__c scale__c", decimals=0),
    *infos("text", "body__c resolution__c", max_length=2000),
    choice("status__c", "collected classified assigned resolved answered"),
    *infos("datetime", "collected_at__c assigned_at__c resolved_at__c answered_at__c"),
)
TENANT = {Kind.CUSTOMER: CUSTOMS, Kind.MEMBERSHIP: MEMBERSHIP, Kind.FEEDBACK: FEEDBACK}

SPLIT = "  names.family: {column: xing, lens: text}\n  names.given: {column: ming, lens: text}\n"
WHOLE = "  names.full: {column: xingming, lens: text}\n"


def pair(tmp_path: Path, file: Path, local: str, described: Schema | None = None) -> Pair:
    """One packaged file against a shop's lines, checked by the tenant's schema."""
    mapping = load_vendor(file)
    (tmp_path / "local.yaml").write_text(f"kind: {mapping.kind}\nfields:\n{local}")
    return Pair(
        load_local(tmp_path / "local.yaml"),
        mapping,
        zone="Asia/Shanghai",
        phone_region="CN",
        schema=described or schema(mapping.object, *TENANT[mapping.kind]),
    )


def mirror(mapping: VendorMapping) -> str:
    """A shop that has a column for each field; a full name that is only shown has none."""
    lines = []
    for rule in mapping.rules:
        if rule.canonical == "names.full" and rule.direction == "push":
            continue
        options = dict(rule.lens.options)
        lens = rule.lens.name
        if rule.lens.name in ("choice", "flag") and options:
            body = ", ".join(f"{str(k).lower()}: {str(v).lower()}" for k, v in options.items())
            lens = f"{{{rule.lens.name}: {{{body}}}}}"
        elif rule.lens.name == "reference":
            lens = "{reference: {kind: customer}}"
        lines.append(f"  {rule.canonical}: {{column: {rule.own}, lens: {lens}}}\n")
    return "".join(lines)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_file_loads_and_fits_the_tenant(file: Path, tmp_path: Path) -> None:
    mapping = load_vendor(file)
    assert mapping.kind == file.stem.partition(".")[0]
    assert mapping.external_key == KEY.name
    assert all(may_leave(mapping.kind, rule.canonical) for rule in mapping.rules)
    it = pair(tmp_path, file, mirror(mapping))
    assert it.drift(schema(mapping.object, *TENANT[mapping.kind])) == []
    assert {name for unit in it.units for name in unit.fields} == {
        rule.canonical for rule in it.local.rules
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_field_of_the_tenants_own_names_its_type(file: Path) -> None:
    """`doctor` lists what a tenant lacks; without `type` it could not say of which type."""
    rules = load_vendor(file).rules
    assert [rule.own for rule in rules if rule.own.endswith("__c") and rule.type is None] == []


@pytest.mark.parametrize("kind", list(Kind))
def test_both_vendors_carry_the_same_fields(kind: Kind) -> None:
    """Else an edit at one vendor would reach the shop and never the other vendor."""
    names = {
        name: {r.canonical for r in load_vendor(packaged(name) / f"{kind}.yaml").rules}
        for name in ("zoho", "fxiaoke")
    }
    parts = {"names.family", "names.given"}
    assert names["zoho"] - parts == names["fxiaoke"] - {"names.full"}
    assert names["zoho"] & parts == (parts if kind is Kind.CUSTOMER else set())


def test_the_variants_map_the_same_fields_to_other_objects() -> None:
    for file in VARIANTS:
        mapping, plain = load_vendor(file), load_vendor(FOLDER / f"{file.stem.split('.')[0]}.yaml")
        if file.stem == "customer.parts":
            continue
        assert mapping.object != plain.object
        assert [r.canonical for r in mapping.rules] == [r.canonical for r in plain.rules]


def test_the_variant_with_parts_keeps_names_apart_and_fills_the_whole(tmp_path: Path) -> None:
    it = pair(tmp_path, FOLDER / "variants" / "customer.parts.yaml", SPLIT)
    written = it.write_remote(it.read_local({"xing": "欧阳", "ming": "娜娜"}), create=True)
    assert written.faults == ()
    assert written.fields == {
        "name": "欧阳娜娜",
        "family_name__c": "欧阳",
        "given_name__c": "娜娜",
    }
    there = it.read_remote({"name": "某人", "family_name__c": "司马", "given_name__c": "相如"})
    assert it.write_local(there).fields == {"xing": "司马", "ming": "相如"}


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"xing": "欧阳", "ming": "娜娜"}, "欧阳娜娜"),
        ({"xing": "Moreau", "ming": "Lise"}, "Lise Moreau"),
        ({"xing": "上官", "ming": None}, "上官"),
    ],
)
def test_a_shop_with_split_names_sends_them_put_together(
    row: dict[str, Any], name: str, tmp_path: Path
) -> None:
    it = pair(tmp_path, FOLDER / "customer.yaml", SPLIT)
    written = it.write_remote(it.read_local(row), create=True)
    assert (written.fields, written.faults) == ({"name": name}, ())
    assert it.same("names.full", it.read_remote({"name": name})["names.full"], name)


def test_a_name_edited_there_goes_whole_into_the_family_name(tmp_path: Path) -> None:
    it = pair(tmp_path, FOLDER / "customer.yaml", SPLIT)
    written = it.write_local(it.read_remote({"name": "司马相如"}))
    assert written.fields == {"xing": "司马相如", "ming": None}
    assert it.read_local({"xing": "司马", "ming": "相如"}) == {"names.full": "司马相如"}


def test_a_shop_with_full_names_keeps_them_whole(tmp_path: Path) -> None:
    it = pair(tmp_path, FOLDER / "customer.yaml", WHOLE)
    assert it.write_remote({"names.full": "欧阳娜娜"}, create=True).fields == {"name": "欧阳娜娜"}
    assert it.write_local(it.read_remote({"name": "欧阳娜娜"})).fields == {"xingming": "欧阳娜娜"}


def test_a_customer_without_a_name_is_told_before_it_is_sent(tmp_path: Path) -> None:
    it = pair(tmp_path, FOLDER / "customer.yaml", SPLIT)
    written = it.write_remote(it.read_local({"xing": " ", "ming": None}), create=True)
    assert [(fault.own, fault.mandatory) for fault in written.faults] == [("name", True)]


CUSTOMER_THERE: dict[str, Any] = {
    "name": "林墨",
    "mobile__c": "+8613800000001",
    "email": "lin@example.test",
    "city__c": "杭州",
    "gender__c": "female",
    "birth_date__c": "1990-02-03",
    "stage__c": "loyal",
    "rfm_frequency__c": 7,
    "rfm_monetary__c": 1280.5,
    "tags__c": ["VIP", "老客户"],
    "last_contact_at__c": "2026-11-22T09:00:00+08:00",
    "do_not_contact__c": False,
    "marketing_email_opt_out__c": True,
}
CUSTOMER: Canonical = {
    "names.full": "林墨",
    "phones.mobile": "+8613800000001",
    "emails.primary": "lin@example.test",
    "address.city": "杭州",
    "gender": "female",
    "birth_date": dt.date(1990, 2, 3),
    "lifecycle": "loyal",
    "rfm.frequency": 7,
    "rfm.monetary": Decimal("1280.5"),
    "tags": frozenset({"VIP", "老客户"}),
    "last_contact_at": dt.datetime(2026, 11, 22, 1, tzinfo=dt.UTC),
    "do_not_contact": False,
    "consent.marketing.email": "withdrawn",
}


def whole(tmp_path: Path, kind: str) -> Pair:
    file = FOLDER / f"{kind}.yaml"
    return pair(tmp_path, file, mirror(load_vendor(file)))


def test_a_customer_goes_there_and_comes_back_the_same(tmp_path: Path) -> None:
    it = whole(tmp_path, "customer")
    assert it.read_remote(CUSTOMER_THERE) == CUSTOMER
    # Numbers come as text from this vendor.
    texts = {**CUSTOMER_THERE, "rfm_frequency__c": "7", "rfm_monetary__c": "1280.50"}
    assert it.read_remote(texts) == CUSTOMER
    written = it.write_remote(CUSTOMER, create=True)
    assert written.faults == ()
    assert it.read_remote(written.fields) == CUSTOMER
    assert written.fields == CUSTOMER_THERE


def test_a_tag_that_is_no_option_there_is_left_out_and_told(tmp_path: Path) -> None:
    written = whole(tmp_path, "customer").write_remote({**CUSTOMER, "tags": frozenset({"常客"})})
    assert [(fault.canonical, fault.code) for fault in written.faults] == [
        ("tags", "not_an_option")
    ]
    assert "tags__c" not in written.fields
    assert written.fields["name"] == "林墨"


def test_a_membership_keeps_its_words_days_and_owner(tmp_path: Path) -> None:
    it = whole(tmp_path, "membership")
    there = {
        "name": "K000001",
        "customer__c": "65f0aa11bb22cc33dd44ee55",
        "plan__c": "monthly",
        "status__c": "active",
        "valid_to__c": "2026-12-31",
        "auto_renew__c": True,
        "benefits__c": "包邮、生日礼",
    }
    values = it.read_remote(there)
    assert (values["plan"], values["customer"]) == ("monthly", "65f0aa11bb22cc33dd44ee55")
    assert values["benefits"] == frozenset({"包邮", "生日礼"})
    assert it.write_remote(values, create=True).fields == there


def test_a_feedback_may_have_no_owner(tmp_path: Path) -> None:
    it = whole(tmp_path, "feedback")
    there = {"name": "留言", "customer__c": None, "type__c": "nps", "score__c": 9, "scale__c": 10}
    assert it.read_remote({**there, "customer__c": ""})["customer"] is None
    assert it.write_remote(it.read_remote(there), create=True).fields == there


# --- the same files, over real HTTP ---

ALL: dict[str, Value] = {
    **CUSTOMER,
    "names.family": "林",
    "names.given": "墨",
    "names.preferred": "小墨",
    "company": "示例公司",
    "phones.home": "+862112345678",
    "phones.work": "+862187654321",
    "emails.other": "mo@example.test",
    "handles.wechat": "lin_mo",
    "preferred_channel": "微信",
    "address.country": "中国",
    "address.province": "浙江",
    "address.district": "西湖区",
    "address.street": "示范路1号\n二楼",
    "address.postcode": "310000",
    "occupation": "教师",
    "source": "门店",
    "segment": "A",
    "value_tier": "金",
    "rfm.recency": 3,
    "churn_risk": Decimal("0.0125"),
    "created_at": dt.datetime(2020, 2, 29, 16, 30, tzinfo=dt.UTC),
    "card_no": "K000001",
    "tier": "金卡",
    "plan": "monthly",
    "points": 88,
    "growth": 0,
    "valid_from": dt.date(2026, 1, 1),
    "valid_to": dt.date(2026, 12, 31),
    "auto_renew": True,
    "benefits": frozenset({"包邮", "生日礼"}),
    "channel": "电话",
    "type": "complaint",
    "score": 2,
    "scale": 5,
    "title": "送货晚了",
    "text": "比说好的晚了两天。\n请改进。",
    "category": "物流",
    "assignee": "周",
    "resolution": "已补发",
    "collected_at": dt.datetime(2026, 11, 1, 2, tzinfo=dt.UTC),
    "assigned_at": dt.datetime(2026, 11, 1, 3, tzinfo=dt.UTC),
    "resolved_at": dt.datetime(2026, 11, 2, 4, tzinfo=dt.UTC),
    "answered_at": dt.datetime(2026, 11, 2, 5, tzinfo=dt.UTC),
}
STATUS = {Kind.MEMBERSHIP: "active", Kind.FEEDBACK: "resolved"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_whole_record_is_written_there_and_read_back_the_same(
    file: Path, tmp_path: Path, fx: Rig
) -> None:
    mapping = load_vendor(file)
    own = tuple(rule.own for rule in mapping.rules)
    target = Target(object=mapping.object, fields=own, key_field=mapping.external_key)
    remote = fx.open({mapping.kind: target})
    described = remote.describe(mapping.kind)
    it = pair(tmp_path, file, mirror(mapping), described)
    assert it.drift(described) == []
    account = fx.sandbox.create("AccountObj", {"name": "林墨"})
    more = {"customer": account, "status": STATUS.get(mapping.kind)}
    record = {rule.canonical: {**ALL, **more}[rule.canonical] for rule in it.local.rules}
    written = it.write_remote(record, create=True)
    assert written.faults == ()
    (made,) = remote.write(
        mapping.kind,
        [Write(id="1", op=Op.CREATE, ref=None, fields=written.fields, external_key="KEY1")],
    )
    assert made.seen is not None
    (seen,) = remote.fetch(mapping.kind, [made.seen.ref])
    assert it.read_remote(seen.fields) == record
    assert seen.external_key == "KEY1"
    held = fx.held(made.seen.ref, mapping.object)
    assert held["name"] == ALL[{r.own: r.canonical for r in mapping.rules}["name"]]
