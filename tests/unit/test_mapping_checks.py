"""What an account would not take is found before it is sent."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from connector.plugin import FieldInfo, Schema
from tests.unit.mapping_rig import pair, schema


@pytest.mark.parametrize(
    ("info", "values", "code", "mandatory"),
    [
        (
            FieldInfo(name="Job", type="text", max_length=3),
            {"occupation": "a😀b"},
            "too_long",
            False,
        ),
        (
            FieldInfo(name="Job", type="text", max_length=3, required=True),
            {"occupation": "abcd"},
            "too_long",
            True,
        ),
        (FieldInfo(name="Job", type="text", required=True), {"occupation": None}, "required", True),
        (
            FieldInfo(name="Sex", type="choice", options=("男",)),
            {"gender": "female"},
            "not_an_option",
            False,
        ),
        (
            FieldInfo(name="Tags", type="tags", options=("a",)),
            {"tags": frozenset("ab")},
            "not_an_option",
            False,
        ),
        (FieldInfo(name="Mail", type="email"), {"emails.primary": "n/a"}, "shape", False),
        (FieldInfo(name="Mail", type="email"), {"emails.primary": ".a@b.test"}, "shape", False),
        (FieldInfo(name="Mobile", type="phone"), {"phones.mobile": "n/a"}, "shape", False),
        (FieldInfo(name="Mobile", type="phone"), {"phones.mobile": "1" * 60 + "!"}, "shape", False),
        (FieldInfo(name="Job", type="text"), {"occupation": "a\x00"}, "nul", False),
        (FieldInfo(name="Born", type="date"), {"birth_date": dt.date(1800, 1, 1)}, "range", False),
        (FieldInfo(name="Born", type="date"), {"birth_date": "soon"}, "unparseable", False),
    ],
)
def test_a_value_that_the_vendor_would_not_take_is_left_out(
    tmp_path: Path, info: FieldInfo, values: dict[str, Any], code: str, mandatory: bool
) -> None:
    it = pair(tmp_path, schema=schema(info))
    written = it.write_remote({**values, "source": "shop"}, create=True)
    assert written.fields == {"Source": "shop", "Record_Kind": "会员"}
    [fault] = written.faults
    assert (fault.own, fault.code, fault.mandatory) == (info.name, code, mandatory)
    assert fault.canonical in values
    if code != "required":
        assert str(values[fault.canonical]) not in fault.text
        assert not it.write_remote(values).faults[0].mandatory


def test_phone_numbers_and_addresses_of_all_lands_pass(tmp_path: Path) -> None:
    it = pair(tmp_path, schema=schema())
    for number in ("+8613800138000", "010-5555 0101;12", "(212) 555 0142", "1-800-FLOWERS"):
        assert it.write_remote({"phones.mobile": number}).fields == {"Mobile": number}
    for address in (
        "a+b@example.test",
        "林@例え.test",
        "x@mail.example.test",
        "_a.b-c@example.test",
    ):
        assert it.write_remote({"emails.primary": address}).fields == {"Mail": address}


def test_a_number_must_fit_digits_and_decimals(tmp_path: Path) -> None:
    infos = (
        FieldInfo(name="Risk", type="decimal", decimals=2, max_length=3),
        FieldInfo(name="Days", type="integer", max_length=2),
    )
    lines = "  churn_risk: {KEY: Risk, lens: decimal}\n  rfm.recency: {KEY: Days, lens: integer}\n"
    local, vendor = (lines.replace("KEY", key) for key in ("column", "field"))
    it = pair(tmp_path, local, vendor, schema(*infos), match="[]")
    good = it.read_local({"Risk": "999.25", "Days": -99})
    assert it.write_remote(good).fields == {"Risk": 999.25, "Days": -99}
    bad = it.write_remote(it.read_local({"Risk": "0.125", "Days": 100}))
    assert [fault.code for fault in bad.faults] == ["precision", "range"]
    assert bad.fields == {}


def test_a_fault_in_a_group_holds_back_the_group_and_nothing_else(tmp_path: Path) -> None:
    it = pair(tmp_path, schema=schema(FieldInfo(name="Street", type="text", max_length=2)))
    written = it.write_remote({"address.city": "深圳", "address.street": "long", "source": "x"})
    assert written.fields == {"Source": "x"}
    assert [fault.canonical for fault in written.faults] == ["address.street"]
    joined = pair(tmp_path, schema=schema(FieldInfo(name="Last", type="text", max_length=2)))
    assert joined.write_remote({"names.full": "欧阳娜娜"}).fields == {}


def test_a_create_reports_each_mandatory_field_without_a_value(tmp_path: Path) -> None:
    infos = (
        FieldInfo(name="Last", type="text", required=True),
        FieldInfo(name="Layout", type="text", required=True),
        FieldInfo(name="Auto", type="text", required=True, writable=False),
        FieldInfo(name="Record_Kind", type="text", required=True),
    )
    it = pair(tmp_path, schema=schema(*infos))
    written = it.write_remote({"source": "x"}, create=True)
    assert [(f.own, f.canonical, f.code, f.mandatory) for f in written.faults] == [
        ("Last", "names.family", "missing", True),
        ("Layout", "", "missing", True),
    ]
    assert it.write_remote({"source": "x"}).faults == ()
    cleared = it.write_remote({"names.full": None})
    assert [(f.own, f.code, f.mandatory) for f in cleared.faults] == [("Last", "required", False)]
    assert cleared.fields == {}


def test_what_the_account_contradicts_is_reported_and_switches_only_itself_off(
    tmp_path: Path,
) -> None:
    account = schema(
        FieldInfo(name="Mobile", type="phone", readable=False),
        FieldInfo(name="Mail", type="email", writable=False),
        FieldInfo(name="Born", type="flag"),
        FieldInfo(name="Sex", type="choice", options=("男", "女")),
        FieldInfo(name="Seen", type="other"),
    )
    fields = {
        name: info for name, info in account.fields.items() if name not in ("City", "Born_At")
    }
    account = Schema(object="P", fields=fields)
    it = pair(tmp_path, schema=account)
    assert [(fault.own, fault.code) for fault in it.drift(account)] == [
        ("Mobile", "unreadable"),
        ("Mail", "read_only"),
        ("Sex", "option"),
        ("Born", "type"),
        ("City", "absent"),
    ]
    units = {unit.name: unit for unit in it.units}
    assert not {"phones.mobile", "birth_date"} & set(units)
    assert (units["emails.primary"].push, units["emails.primary"].pull) == (False, True)
    assert units["address"].fields == ("address.street",)
    assert not {"Mobile", "City", "Born", "Born_At"} & set(it.remote_fields)
    assert pair(tmp_path).drift(schema()) == []
