"""The example policies load as they are and say of three invented people what they say they do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import pytest

from connector.mapping.load import load_vendor, packaged
from connector.plugin import Kind
from connector.policy.compile import Ruling
from connector.policy.facts import facts_of
from connector.policy.load import ended, load
from connector.records import Value
from connector.sync.gate import compiled_for

FOLDER = Path(__file__).parents[2] / "examples" / "privacy"
TODAY = dt.date(2026, 11, 23)
FILES = ("cn-zoho-fxiaoke", "cn-zoho-eu", "both-ways")

WANG: Mapping[str, Value] = {
    "address.country": "中国",
    "birth_date": dt.date(1990, 7, 30),
    "consent.cross_border.any": "granted",
    "consent.marketing.email": "withdrawn",
}
"""A member in China who agreed to the transfer and wants no letters."""
LISE: Mapping[str, Value] = {
    "address.country": "France",
    "birth_date": dt.date(1985, 2, 1),
    "consent.marketing.email": "granted",
}
"""A customer in France who wants letters and was never asked about a transfer."""
MING: Mapping[str, Value] = {"address.country": "中国", "birth_date": dt.date(2013, 5, 1)}
"""Thirteen years old, in China."""


def rulings(
    file: str, person: Mapping[str, Value], kind: Kind, today: dt.date
) -> dict[str, Ruling]:
    policy = load(FOLDER / f"{file}.yaml", today=today, tenant="shop")
    unknown = policy.document.defaults.unknown_age == "treat_as_minor"
    facts = facts_of(person, today, unknown_is_minor=unknown)
    return {
        name: compiled_for(
            policy, name, load_vendor(packaged(there.plugin) / f"{kind}.yaml"), today
        ).ruling(facts)
        for name, there in policy.document.destinations.items()
    }


def told(file: str, person: Mapping[str, Value], kind: Kind = Kind.CUSTOMER) -> dict[str, Ruling]:
    return rulings(file, person, kind, TODAY)


def does(ruling: Ruling, *names: str) -> list[str]:
    return [ruling.fields[name].action for name in names]


@pytest.mark.parametrize("file", FILES)
def test_it_loads_and_nothing_of_it_has_ended(file: str) -> None:
    assert ended(load(FOLDER / f"{file}.yaml", today=TODAY), TODAY) == []


def test_at_home_everything_goes_but_what_needs_a_yes_or_a_birthday() -> None:
    found = told("cn-zoho-fxiaoke", WANG)
    fields = ("names.full", "phones.mobile", "emails.primary", "segment", "birth_date")
    assert does(found["zoho"], *fields) == ["allow", "allow", "allow", "drop_field", "allow"]
    assert does(found["fxiaoke"], *fields) == [
        "allow",
        "allow",
        "allow",
        "drop_field",
        "generalise",
    ]
    assert {one.block for one in told("cn-zoho-fxiaoke", LISE).values()} == {"no_transfer"}
    assert {one.block for one in told("cn-zoho-fxiaoke", MING).values()} == {"minor_no_guardian"}


def test_a_chinese_member_to_the_eu() -> None:
    found = told("cn-zoho-eu", WANG)["zoho-eu"]
    assert does(found, "emails.primary", "phones.mobile", "birth_date") == [
        "allow",
        "mask",
        "drop_field",
    ]
    assert found.fields["birth_date"].rules == ("transfer",)
    assert found.fields["phones.mobile"].rules == ("phone-abroad",)
    refused = {**WANG, "consent.cross_border.any": "denied"}
    assert told("cn-zoho-eu", refused)["zoho-eu"].block == "no_consent_abroad"
    assert told("cn-zoho-eu", LISE)["zoho-eu"].fields["phones.mobile"].action == "allow"
    assert told("cn-zoho-eu", MING)["zoho-eu"].block == "minor_no_guardian"


def test_the_day_after_the_transfer_ended_everything_stays_behind() -> None:
    last, after = dt.date(2027, 12, 31), dt.date(2028, 1, 1)
    assert rulings("cn-zoho-eu", WANG, Kind.CUSTOMER, last)["zoho-eu"].block is None
    assert rulings("cn-zoho-eu", WANG, Kind.CUSTOMER, after)["zoho-eu"].block == "no_transfer"


def test_feedback_of_a_thirteen_year_old_waits_for_the_guardian() -> None:
    assert told("cn-zoho-eu", MING, Kind.FEEDBACK)["zoho-eu"].block == "minor_no_guardian"
    allowed = {**MING, "consent.guardian.service": "granted", "consent.cross_border.any": "granted"}
    found = told("cn-zoho-eu", allowed, Kind.FEEDBACK)["zoho-eu"]
    assert found.block is None
    assert (found.fields["text"].action, found.fields["text"].how) == ("mask", "scan")
    member = told("cn-zoho-eu", allowed)["zoho-eu"]
    assert does(member, "emails.primary", "segment") == ["allow", "drop_field"]


def test_across_the_border_both_ways() -> None:
    wang, lise = told("both-ways", WANG), told("both-ways", LISE)
    assert does(wang["fxiaoke"], "names.full", "phones.mobile") == ["allow", "allow"]
    assert does(wang["zoho-eu"], "names.full", "phones.mobile") == ["hash", "drop_field"]
    assert does(lise["zoho-eu"], "names.full", "segment") == ["allow", "allow"]
    assert lise["fxiaoke"].block == "no_consent_abroad"
    agreed = told("both-ways", {**LISE, "consent.cross_border.any": "granted"})
    assert does(agreed["fxiaoke"], "names.full", "emails.primary") == ["hash", "allow"]
    assert {one.block for one in told("both-ways", MING).values()} == {"minor_no_guardian"}
