"""README: Search."""

from __future__ import annotations

import pytest

from tests.sandbox.client import Client


def _found(zoho: Client, **query: str) -> list[str]:
    answer = zoho.get("Contacts/search", **query)
    if answer.status == 204:
        return []
    assert answer.status == 200, answer.body
    return [row["Last_Name"] for row in answer.rows]


def test_one_of_four_parameters_is_needed(zoho: Client) -> None:
    answer = zoho.get("Contacts/search")
    assert answer.code == "EXPECTED_PARAM_MISSING"
    assert answer.details["param_names"] == ["criteria", "email", "phone", "word"]


@pytest.mark.parametrize(
    ("criteria", "names"),
    [
        ("(Last_Name:equals:Lin)", ["Linda", "Lin"]),
        ("(Last_Name:equals:LIN)", ["Linda", "Lin"]),
        ("(Last_Name:starts_with:Wa)", ["Wang"]),
        ("((Last_Name:starts_with:Lin)and(Email:equals:sales_team@example.test))", ["Lin"]),
        ("((Last_Name:starts_with:Wa)or(Last_Name:equals:Linda))", ["Linda", "Wang"]),
        ("(Last_Name:in:Wang,Linda)", ["Linda", "Wang"]),
        ("(Last_Name:not_equal:Lin)", ["Wang"]),
        ("(RFM_Recency:greater_than:1)", ["Linda", "Wang"]),
        ("(RFM_Recency:between:1,2)", ["Wang", "Lin"]),
        ("(First_Name:equals:a\\(b\\)\\,c)", ["Wang"]),
    ],
)
def test_equality_is_loose_and_late_hits_come_first(
    zoho: Client, criteria: str, names: list[str]
) -> None:
    zoho.contact(Email="sales-team@example.test", RFM_Recency=1)
    zoho.contact(Last_Name="Wang", RFM_Recency=2, First_Name="a(b),c")
    zoho.contact(Last_Name="Linda", RFM_Recency=3)
    assert _found(zoho, criteria=criteria) == names


@pytest.mark.parametrize(
    "criteria",
    [
        "Last_Name:equals:Lin",
        "(Last_Name:is:Lin)",
        "(Nowhere:equals:Lin)",
        "(Last_Name:equals:Lin",
        "((Last_Name:equals:Lin)nor(Last_Name:equals:Lin))",
        "(RFM_Recency:equals:many)",
    ],
)
def test_malformed_criteria_are_an_invalid_query(zoho: Client, criteria: str) -> None:
    assert zoho.get("Contacts/search", criteria=criteria).code == "INVALID_QUERY"


def test_a_value_of_one_character_is_refused(zoho: Client) -> None:
    assert zoho.get("Contacts/search", criteria="(Last_Name:equals:L)").code == "INVALID_DATA"
    assert zoho.get("Contacts/search", word="L").code == "INVALID_DATA"


@pytest.mark.parametrize("most", [10, 15])
def test_criteria_have_their_most(zoho: Client, most: int) -> None:
    zoho.admin("switch", search_criteria=str(most))
    one = "(Last_Name:equals:Lin)"
    for count, status in ((most, 204), (most + 1, 400)):
        criteria = "(" + "and".join([one] * count) + ")"
        assert zoho.get("Contacts/search", criteria=criteria).status == status


def test_a_hundred_and_one_values_are_too_many(zoho: Client) -> None:
    for count, status in ((100, 204), (101, 400)):
        criteria = f"(Last_Name:in:{','.join(['xx'] * count)})"
        assert zoho.get("Contacts/search", criteria=criteria).status == status


def test_search_ends_at_two_thousand(zoho: Client) -> None:
    assert zoho.get("Contacts/search", word="Lin", page="10").status == 204
    assert zoho.get("Contacts/search", word="Lin", page="11").code == "LIMIT_REACHED"


def test_the_first_parameter_wins(zoho: Client) -> None:
    zoho.contact(Email="lin@example.test")
    zoho.contact(Last_Name="Wang", Phone="555 0101")
    assert _found(zoho, phone="555 0101", email="lin@example.test") == ["Lin"]
    assert _found(zoho, phone="555 0101") == ["Wang"]
    assert _found(zoho, word="wan") == ["Wang"]
    assert _found(zoho, email="LIN@example") == ["Lin"]


def test_a_deletion_lags_in_search_too(zoho: Client) -> None:
    ref = zoho.contact()
    zoho.admin("limits", search_lag_s=60)
    zoho.call("DELETE", f"Contacts/{ref}")
    assert _found(zoho, word="Lin") == ["Lin"]
    zoho.clock.at += 60
    assert _found(zoho, word="Lin") == []


def test_counts_lag_as_search_does(zoho: Client) -> None:
    zoho.contact()
    zoho.admin("limits", search_lag_s=60)
    zoho.contact(Last_Name="Wang")
    assert zoho.get("Contacts/actions/count").body == {"count": 1}
    zoho.clock.at += 60
    assert zoho.get("Contacts/actions/count").body == {"count": 2}
    assert zoho.get("Contacts/actions/count", word="Wang").body == {"count": 1}
