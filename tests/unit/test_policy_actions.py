"""What is sent in place of a value: never all of it, whatever the value looks like."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.policy.actions import MASKS, change_of, scanned
from connector.policy.facts import facts_of
from connector.policy.places import country_of
from connector.records import Field, Value

TODAY = dt.date(2026, 11, 23)
TEXT = Field("text", "person.name")


@given(st.text(min_size=1, max_size=20))
def test_no_mask_shows_all_of_a_value(value: str) -> None:
    for name, (mask, _, _) in MASKS.items():
        masked = mask(value)
        assert masked != value or set(value) <= {"*"}, name
        assert "*" in masked, name


@given(st.text(alphabet="0123456789 +-", min_size=1, max_size=12))
def test_a_short_number_is_stars(value: str) -> None:
    digits = sum(sign.isdigit() for sign in value)
    if digits < 11:
        assert not any(sign.isdigit() for sign in MASKS["phone_keep3_4"][0](value))


def test_masks_of_what_they_are_for() -> None:
    assert MASKS.keys() == {"phone_keep3_4", "name_surname", "email_domain"}
    assert MASKS["phone_keep3_4"][0]("+8613800000007") == "138****0007"
    assert MASKS["name_surname"][0]("王伟") == "王*"
    assert MASKS["email_domain"][0]("lin@example.test") == "***@example.test"


@pytest.mark.parametrize(
    ("how", "name", "value", "sent"),
    [
        ("year", "birth_date", dt.date(1990, 7, 30), dt.date(1990, 1, 1)),
        ("age_band:10", "birth_date", dt.date(1990, 7, 30), "30-39"),
        ("postcode:3", "address.postcode", "310000", "310***"),
        ("postcode:3", "address.postcode", "31", "**"),
        ("region:province", "address.street", "文三路 1", None),
        ("region:province", "address.province", "浙江", "浙江"),
        ("year", "birth_date", "not a day", None),
    ],
)
def test_coarser_values(how: str, name: str, value: Value, sent: Value) -> None:
    def never(value: str) -> bytes:
        raise AssertionError

    assert change_of("generalise", how, TEXT, TODAY, never)(name, value) == sent


def test_a_pseudonym_is_the_same_for_the_same_and_fits_in_26_letters() -> None:
    make = change_of("hash", None, TEXT, TODAY, lambda value: (value * 16).encode()[:16])
    one = make("names.full", "王伟")
    assert isinstance(one, str) and len(one) == 26
    assert make("names.full", "王伟") == one != make("names.full", "李伟")
    assert make("names.full", None) is None


@pytest.mark.parametrize(
    "text",
    [
        "请打 138 0013 8000 或 +86-13800138000",
        "身份证 11010519491231002X",
        "ID 110105 19491231 002x",
        "写信到 li.wei＠example．test",
        "１３８００１３８０００",
    ],
)
def test_numbers_and_addresses_inside_a_text_are_masked(text: str) -> None:
    found = scanned(text, ("phone", "email", "cnid"))
    assert isinstance(found, str)
    assert "***" in found
    assert not any(sign.isdigit() for sign in found)
    assert "example" not in found


def test_a_text_without_any_stays_as_it_is() -> None:
    text = "等了 20 分钟，订单 4711，下次不来了"
    assert scanned(text, ("phone", "email", "cnid")) == text


# --- whose record it is ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("country", "born", "minor"),
    [
        ("中国", dt.date(2012, 11, 23), False),
        ("China", dt.date(2012, 11, 24), True),
        ("Germany", dt.date(2012, 11, 1), True),
        ("dk", dt.date(2013, 11, 1), False),
        (None, dt.date(2012, 11, 1), True),
        ("中国", None, True),
        ("中国", dt.date(2030, 1, 1), True),
    ],
)
def test_who_is_a_minor(country: str | None, born: dt.date | None, minor: bool) -> None:
    record: dict[str, Value] = {"address.country": country, "birth_date": born}
    assert facts_of(record, TODAY).minor is minor


def test_a_company_is_no_minor_and_a_vendors_yes_is_none() -> None:
    record: dict[str, Value] = {
        "type": "company",
        "consent.marketing.email": "granted",
        "consent.marketing.email.source": "vendor",
        "consent.marketing.sms": "granted",
    }
    found = facts_of(record, TODAY)
    assert not found.minor
    assert set(found.granted) == {"marketing.sms"}


def test_countries_as_people_write_them() -> None:
    written = ["中国", "中华人民共和国", "CHINA", "ｃｎ", " deutschland ", "Narnia", "", None, 86]
    assert [country_of(text) for text in written] == ["CN"] * 4 + ["DE"] + [None] * 4
