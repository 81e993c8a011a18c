"""A local mapping meets a vendor's: units, directions, names, checks and comparisons."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import MappingError
from connector.mapping.load import load_local, load_vendor
from connector.mapping.translate import Pair
from connector.plugin import FieldInfo, Schema

LOCAL = """\
  names.full: {column: name, lens: text}
  phones.mobile: {column: mobile, lens: phone}
  emails.primary: {column: email, lens: email}
  gender: {column: sex, lens: {choice: {male: 1, female: 2, unknown: 0}}}
  birth_date: {column: birthday, lens: date}
  last_contact_at: {column: seen, lens: {datetime: {zone: America/New_York}}}
  tags: {column: labels, lens: tags}
  address.city: {column: city, lens: text}
  address.street: {column: street, lens: text}
  source: {column: origin, lens: text, direction: push}
  segment: {column: segment, lens: text}
  occupation: {column: job, lens: text, policy: local}
  custom.shoe: {column: shoe, lens: text}
  consent.marketing.email: {column: news, lens: {flag: {true: granted, false: denied}}}
"""
VENDOR = """\
  names.family: {field: Last, lens: text, policy: local, vendor_normalises: true}
  names.given: {field: First, lens: text, policy: local, vendor_normalises: true}
  phones.mobile: {field: Mobile, lens: phone, vendor_normalises: true}
  emails.primary: {field: Mail, lens: email, vendor_normalises: true}
  gender: {field: Sex, lens: {choice: {male: 男, female: 女, else: 未知}}}
  birth_date: {field: Born, lens: date, policy: newest, time: Born_At}
  last_contact_at: {field: Seen, lens: datetime, policy: max}
  tags: {field: Tags, lens: tags, policy: union}
  address.city: {field: City, lens: text, vendor_normalises: true}
  address.street: {field: Street, lens: text, vendor_normalises: true}
  source: {field: Source, lens: text}
  segment: {field: Segment, lens: text, direction: pull}
  occupation: {field: Job, lens: text}
  custom.shoe: {field: Shoe, lens: text}
  company: {field: Company, lens: text}
  consent.marketing.email: {field: Opt_Out, lens: {flag: {true: withdrawn, false: unknown}}}
  constant.kind: {field: Record_Kind, lens: {constant: 会员}}
"""
LOCAL_TIMED = LOCAL.replace("birthday, lens: date", "birthday, lens: date, time: born_at")
ROW: dict[str, Any] = {
    "name": "欧阳娜娜",
    "mobile": "１３８００１３８０００",
    "email": "Lin@Example.test",
    "sex": 2,
    "birthday": "1990-02-03",
    "seen": "2024-11-03 01:30:00",
    "labels": "b, a",
    "city": " ",
    "street": "南山路 1 号\r\n二楼 ",
    "origin": "门店",
    "segment": None,
    "job": "教师",
    "shoe": "38",
    "news": 1,
}


def pair(
    folder: Path,
    local: str = LOCAL_TIMED,
    vendor: str = VENDOR,
    schema: Schema | None = None,
    kind: str = "customer",
    match: str = "[emails.primary, phones.mobile]",
) -> Pair:
    (folder / "l.yaml").write_text(f"kind: {kind}\nfields:\n{local}")
    (folder / "v.yaml").write_text(f"kind: {kind}\nobject: P\nmatch: {match}\nfields:\n{vendor}")
    return Pair(
        load_local(folder / "l.yaml"),
        load_vendor(folder / "v.yaml"),
        zone="Asia/Shanghai",
        phone_region="CN",
        schema=schema,
    )


def schema(*infos: FieldInfo) -> Schema:
    """An account where all fields of VENDOR are there, `infos` as given."""
    types = {
        "Mobile": "phone",
        "Mail": "email",
        "Sex": "choice",
        "Born": "date",
        "Seen": "datetime",
    }
    types |= {"Born_At": "datetime", "Tags": "tags", "Opt_Out": "flag"}
    texts = "Last First City Street Source Segment Job Shoe Company Record_Kind"
    types |= dict.fromkeys(texts.split(), "text")
    fields = {name: FieldInfo(name=name, type=type_) for name, type_ in types.items()}
    return Schema(object="P", fields=fields | {info.name: info for info in infos})


def test_units_are_what_both_sides_have_and_may_leave(tmp_path: Path) -> None:
    units = {unit.name: unit for unit in pair(tmp_path).units}
    assert "custom.shoe" not in units  # no privacy class
    assert "company" not in units  # the shop has none
    assert not [name for name in units if name.startswith("constant.")]
    assert units["name"].fields == ("names.full",)
    assert units["address"].fields == ("address.city", "address.street")
    assert (units["source"].push, units["source"].pull) == (True, False)
    assert (units["segment"].push, units["segment"].pull) == (False, True)
    assert (units["tags"].policy, units["name"].policy) == ("union", "local")
    assert units["occupation"].policy == "local"  # only the local file says one
    assert units["phones.mobile"].policy == "manual"


def test_only_what_units_need_is_ever_read(tmp_path: Path) -> None:
    it = pair(tmp_path)
    assert set(it.columns) == (set(ROW) - {"shoe"}) | {"born_at"}
    assert set(it.remote_fields) == {
        *("Last", "First", "Mobile", "Mail", "Sex", "Born", "Born_At", "Seen", "Tags"),
        *("City", "Street", "Source", "Segment", "Job", "Opt_Out"),
    }
    [name] = [unit for unit in it.units if unit.name == "name"]
    assert it.columns_of(name) == ("name",)
    assert it.remote_fields_of(name) == ("Last", "First")


def test_a_row_goes_out_and_comes_back_the_same(tmp_path: Path) -> None:
    it = pair(tmp_path)
    here = it.read_local(ROW)
    sent = it.write_remote(here, create=True)
    assert sent.faults == ()
    assert sent.fields == {
        "Last": "欧阳娜娜",
        "First": None,
        "Mobile": "+8613800138000",
        "Mail": "Lin@example.test",
        "Sex": "女",
        "Born": "1990-02-03",
        "Seen": "2024-11-03T13:30:00+08:00",
        "Tags": ["a", "b"],
        "City": None,
        "Street": "南山路 1 号\r\n二楼 ",
        "Source": "门店",
        "Job": "教师",
        "Opt_Out": False,
        "Record_Kind": "会员",
    }
    there = it.read_remote(sent.fields)
    assert all(it.same(name, here[name], there[name]) for name in there)
    assert "segment" not in there


def test_a_missing_field_stays_missing_and_an_empty_one_is_none(tmp_path: Path) -> None:
    it = pair(tmp_path)
    assert it.read_remote({}) == {}
    assert it.read_remote({"City": "", "Born": None}) == {"address.city": None, "birth_date": None}
    assert it.read_local({"city": "\u3000", "unmapped": 1}) == {"address.city": None}
    assert it.write_local({"address.city": None}).fields == {"city": None}
    assert it.write_local({}).fields == {}


def test_a_full_name_needs_both_parts_and_is_never_taken_apart(tmp_path: Path) -> None:
    it = pair(tmp_path)
    assert it.read_remote({"Last": "诸葛", "First": "亮"}) == {"names.full": "诸葛亮"}
    assert it.read_remote({"Last": "O'Neill", "First": "Ana"}) == {"names.full": "Ana O'Neill"}
    assert it.read_remote({"Last": "李", "First": "Anna"}) == {"names.full": "Anna 李"}
    assert it.read_remote({"Last": "欧阳", "First": None}) == {"names.full": "欧阳"}
    assert it.read_remote({"Last": "欧阳"}) == {}
    assert it.write_local({"names.full": "诸葛亮"}).fields == {"name": "诸葛亮"}


def test_a_full_name_from_the_vendor_goes_whole_into_the_family_name(tmp_path: Path) -> None:
    it = pair(
        tmp_path,
        local="  names.family: {column: family, lens: text}\n"
        "  names.given: {column: given, lens: text}\n",
        vendor="  names.full: {field: Name, lens: text}\n",
        match="[]",
    )
    assert it.write_local({"names.full": "司马相如"}).fields == {
        "family": "司马相如",
        "given": None,
    }
    assert it.read_local({"family": "司马", "given": "相如"}) == {"names.full": "司马相如"}
    assert it.write_remote({"names.full": "司马相如"}).fields == {"Name": "司马相如"}
    assert it.columns == ("family", "given")


def test_a_correction_reaches_what_the_shop_has_a_column_for(tmp_path: Path) -> None:
    ledger = "  rfm.monetary: {sum: {table: bills, column: paid, key: client}, lens: decimal}\n"
    found = pair(
        tmp_path, LOCAL_TIMED + ledger, VENDOR + "  rfm.monetary: {field: Sum, lens: decimal}\n"
    )
    asked = ["names.full", "names.family", "rfm.monetary", "company", "source"]
    assert found.correctable(asked) == {"names.full", "source"}
    assert found.correct_local({"source": "网店"}).fields == {"origin": "网店"}
    assert found.blank_local(asked).fields == {"name": None, "origin": None}


def test_parts_on_both_sides_stay_parts(tmp_path: Path) -> None:
    parts = "  names.family: {KEY: f, lens: text}\n  names.given: {KEY: g, lens: text}\n"
    full = "  names.full: {column: n, lens: text, direction: push}\n"
    it = pair(
        tmp_path,
        local=parts.replace("KEY", "column") + full,
        vendor=parts.replace("KEY", "field"),
        match="[]",
    )
    [unit] = it.units
    assert unit.fields == ("names.family", "names.given")
    assert it.read_local({"f": "欧阳", "g": "娜娜", "n": "x"}) == {
        "names.family": "欧阳",
        "names.given": "娜娜",
    }


def shown(tmp_path: Path, *, length: int = 100) -> Pair:
    """A vendor with a mandatory full name that is only shown beside its parts."""
    parts = "  names.family: {KEY: f, lens: text}\n  names.given: {KEY: g, lens: text}\n"
    infos = [FieldInfo(name=name, type="text") for name in ("f", "g")]
    whole = FieldInfo(name="n", type="text", required=True, max_length=length)
    return pair(
        tmp_path,
        local=parts.replace("KEY", "column"),
        vendor="  names.full: {field: n, lens: text, direction: push}\n"
        + parts.replace("KEY", "field"),
        schema=schema(*infos, whole),
        match="[]",
    )


def test_a_full_name_that_is_only_shown_is_written_from_its_parts(tmp_path: Path) -> None:
    it = shown(tmp_path)
    [unit] = it.units
    assert unit.fields == ("names.family", "names.given")
    written = it.write_remote({"names.family": "欧阳", "names.given": "娜娜"}, create=True)
    assert (written.fields, written.faults) == ({"f": "欧阳", "g": "娜娜", "n": "欧阳娜娜"}, ())
    written = it.write_remote({"names.family": "上官", "names.given": None})
    assert written.fields == {"f": "上官", "g": None, "n": "上官"}
    assert it.read_remote({"f": "欧阳", "g": "娜娜", "n": "某人"}) == {
        "names.family": "欧阳",
        "names.given": "娜娜",
    }
    assert it.remote_fields == ("f", "g")


def test_a_shown_name_that_does_not_fit_holds_back_its_parts(tmp_path: Path) -> None:
    it = shown(tmp_path, length=3)
    written = it.write_remote({"names.family": "欧阳", "names.given": "娜娜"})
    assert written.fields == {}
    assert [(f.canonical, f.own, f.code) for f in written.faults] == [
        ("names.family", "n", "too_long")
    ]
    written = it.write_remote({"names.family": None, "names.given": None}, create=True)
    assert [(f.own, f.code, f.mandatory) for f in written.faults] == [("n", "required", True)]


def test_a_part_alone_says_nothing_of_the_shown_name(tmp_path: Path) -> None:
    assert shown(tmp_path).write_remote({"names.given": "娜娜"}).fields == {"g": "娜娜"}


def test_a_field_that_only_travels_one_way_is_not_written_the_other(tmp_path: Path) -> None:
    it = pair(tmp_path)
    values = {"source": "a", "segment": "b", "custom.shoe": "38", "company": "c"}
    assert it.write_remote(values).fields == {"Source": "a"}
    assert it.write_local(values).fields == {"segment": "b"}


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


def test_newest_needs_a_time_on_both_sides_and_reads_it(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="needs `time`, the name"):
        pair(tmp_path, local=LOCAL)
    with pytest.raises(MappingError, match=r"v\.yaml: `source` is judged by `newest`"):
        pair(tmp_path, local=LOCAL_TIMED.replace("direction: push", "policy: newest, time: t"))
    it = pair(tmp_path)
    [unit] = [unit for unit in it.units if unit.policy == "newest"]
    moment = dt.datetime(2026, 1, 31, 2, tzinfo=dt.UTC)
    assert it.edited_local(unit, {"born_at": "2026-01-31 10:00:00"}) == moment
    assert it.edited_remote(unit, {"Born_At": "2026-01-31T10:00:00+08:00"}) == moment
    assert it.edited_remote(unit, {}) is None
    assert it.edited_local(unit, {"born_at": "never"}) is None


def test_values_are_the_same_when_either_side_would_hold_the_same(tmp_path: Path) -> None:
    it = pair(tmp_path)
    assert it.same("consent.marketing.email", "unknown", "granted")
    assert it.same("consent.marketing.email", "denied", "withdrawn")
    assert not it.same("consent.marketing.email", "granted", "withdrawn")
    assert it.same("address.street", "a\r\nb", "a\nb \n")
    assert not it.same("address.street", "a b", "ab")
    assert it.same("emails.primary", "Lin@example.test", "lin@example.test")
    assert not it.same("occupation", "a ", "a")  # this vendor field does not tidy up
    assert not it.same("gender", "male", "female")
    assert it.same("gender", "unknown", "未知")
    first, second = (dt.datetime(2024, 11, 3, hour, 30, tzinfo=dt.UTC) for hour in (5, 6))
    # New York's clock shows both as 01:30, and the column refuses the second.
    assert not it.same("last_contact_at", first, second)
    assert not it.same("phones.mobile", "+8613800138000", None)
    assert it.far_form("consent.marketing.email", "granted") == "unknown"
    assert it.near_form("consent.marketing.email", "withdrawn") == "denied"
    assert it.far_form("occupation", "nul\x00") == "nul\x00"


def test_an_unknown_written_as_a_no_out_of_care_is_not_the_same_as_a_persons_no(
    tmp_path: Path,
) -> None:
    it = pair(tmp_path)
    name = "consent.marketing.email"
    assert it.near_form(name, "unknown") == "denied", "the shop's column has no third value"
    for no in ("withdrawn", "denied"):
        assert not it.same(name, "unknown", no)
        assert not it.same(name, no, None)
    assert it.same(name, "granted", "unknown"), "the vendor's box holds the same for both"


def test_the_stricter_answer_has_the_higher_number(tmp_path: Path) -> None:
    it = pair(tmp_path)
    order = ["granted", "unknown", "denied"]
    numbers = [it.strictness("consent.marketing.email", state) for state in order]
    assert numbers == sorted(set(numbers))
    assert it.strictness("consent.marketing.email", "withdrawn") == numbers[-1]
    assert it.strictness("consent.marketing.email", None) == numbers[1]
    assert it.strictness("do_not_contact", True) > it.strictness("do_not_contact", None)
    assert it.strictness("do_not_contact", None) > it.strictness("do_not_contact", False)


def test_identities_are_normalised_and_unparseable_ones_give_nothing(tmp_path: Path) -> None:
    it = pair(tmp_path)
    assert it.match_values(it.read_local(ROW)) == [
        ("email/1", "lin@example.test"),
        ("phone/1", "+8613800138000"),
    ]
    assert it.match_values({"emails.primary": "n/a", "phones.mobile": "ask her"}) == []
    assert it.match_values({"emails.primary": None}) == []
    card = "  card_no: {KEY: c, lens: text}\n"
    member = pair(
        tmp_path,
        card.replace("KEY", "column"),
        card.replace("KEY", "field"),
        kind="membership",
        match="[card_no]",
    )
    assert member.match_values({"card_no": " Ａb  1 "}) == [("text/1", "ab 1")]
    assert member.match_values({"card_no": "\u200a"}) == []


def test_references_are_named_and_keep_each_sides_shape(tmp_path: Path) -> None:
    line = "  customer: {KEY: c, lens: {reference: {kind: customer, none: 0}}}\n"
    it = pair(
        tmp_path,
        line.replace("KEY", "column"),
        line.replace("KEY", "field").replace(", none: 0", ""),
        kind="membership",
        match="[]",
    )
    assert it.reference_fields == ("customer",)
    assert it.read_local({"c": 0}) == {"customer": None}
    assert it.read_remote({"c": {"id": "44", "name": "Lin"}}) == {"customer": "44"}
    assert it.write_remote({"customer": "44"}).fields == {"c": {"id": "44"}}
    assert it.write_local({"customer": "17"}).fields == {"c": 17}


def test_files_of_two_kinds_or_a_zone_that_is_none_are_refused(tmp_path: Path) -> None:
    local, vendor = tmp_path / "l.yaml", tmp_path / "v.yaml"
    local.write_text("kind: customer\nfields:\n  source: {column: s, lens: text}\n")
    vendor.write_text("kind: feedback\nobject: P\nfields:\n  text: {field: s, lens: text}\n")
    with pytest.raises(MappingError, match="about a customer"):
        Pair(load_local(local), load_vendor(vendor), zone="UTC", phone_region=None)
    vendor.write_text("kind: customer\nobject: P\nfields:\n  source: {field: s, lens: text}\n")
    with pytest.raises(MappingError, match="no time zone"):
        Pair(load_local(local), load_vendor(vendor), zone="Mars/Base", phone_region=None)


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return pair(tmp_path_factory.mktemp("mapping"), schema=schema())


cells = st.one_of(
    st.none(),
    st.integers(-5, 10**11),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        [
            *(
                "欧阳娜娜",
                "e\u0301",
                "👨‍👩‍👧",
                "\x00",
                " a ",
                "a\r\nb",
                "１３８００１３８０００",
                "85212345678",
            ),
            *(
                "2024-11-03 01:30:00",
                "2024-03-10 02:30:00",
                "0000-00-00",
                "Lin@Example.TEST",
                "x" * 999,
            ),
        ]
    ),
)


@settings(max_examples=300, deadline=None)
@given(values=st.dictionaries(st.sampled_from(sorted(ROW)), cells))
def test_a_row_that_nobody_edits_is_settled_after_one_write(
    it: Pair, values: dict[str, Any]
) -> None:
    here = it.read_local(values)
    sent = it.write_remote(here, create=True)
    there = it.read_remote(sent.fields)
    left_out = {
        unit.name for unit in it.units if {f.canonical for f in sent.faults} & set(unit.fields)
    }
    for unit in it.units:
        if unit.push and unit.name not in left_out:
            for name in set(unit.fields) & set(here) & set(there):
                assert it.same(name, here[name], there[name])
    # What came back is written home: the row then says the same, and goes out the same.
    home = it.write_local(there)
    again = it.read_remote(it.write_remote(it.read_local(home.fields)).fields)
    # Only a consent may differ, and only be stricter: a column without a third value holds an
    # unknown one as a no.
    for name, value in again.items():
        stricter = it.strictness(name, value) > it.strictness(name, there[name])
        assert it.same(name, value, there[name]) or (name.startswith("consent.") and stricter)
