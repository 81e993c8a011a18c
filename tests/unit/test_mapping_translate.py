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
from tests.unit.mapping_rig import LOCAL, LOCAL_TIMED, ROW, VENDOR, pair, schema


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


def test_a_field_that_only_travels_one_way_is_not_written_the_other(tmp_path: Path) -> None:
    it = pair(tmp_path)
    values = {"source": "a", "segment": "b", "custom.shoe": "38", "company": "c"}
    assert it.write_remote(values).fields == {"Source": "a"}
    assert it.write_local(values).fields == {"segment": "b"}


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


def test_a_correction_reaches_what_the_shop_has_a_column_for(tmp_path: Path) -> None:
    ledger = "  rfm.monetary: {sum: {table: bills, column: paid, key: client}, lens: decimal}\n"
    found = pair(
        tmp_path, LOCAL_TIMED + ledger, VENDOR + "  rfm.monetary: {field: Sum, lens: decimal}\n"
    )
    asked = ["names.full", "names.family", "rfm.monetary", "company", "source"]
    assert found.correctable(asked) == {"names.full", "source"}
    assert found.correct_local({"source": "网店"}).fields == {"origin": "网店"}
