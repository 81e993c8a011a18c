"""README: Limits and credits."""

from __future__ import annotations

import pytest

from tests.sandbox.client import Client


@pytest.mark.parametrize("code", ["TOO_MANY_REQUESTS", "RATE_LIMIT_EXCEEDED"])
def test_too_many_calls_in_the_window_are_429(zoho: Client, code: str) -> None:
    zoho.admin("switch", throttle_code=code)
    zoho.admin("limits", rate_calls=2, rate_window_s=10)
    assert [zoho.get("org").status for _ in range(3)] == [200, 200, 429]
    refused = zoho.insert("Contacts", {"Last_Name": "Lin"})
    assert (refused.status, refused.code) == (429, code)
    assert zoho.admin("records", module="Contacts") == []
    zoho.clock.at += 10
    assert zoho.get("org").status == 200


def _cost(zoho: Client, method: str, path: str, body: object = None, **query: str) -> int:
    before = int(zoho.admin("credits"))
    zoho.call(method, path, body, **query)
    return int(zoho.admin("credits")) - before


@pytest.mark.parametrize(
    ("method", "path", "records", "query", "cost"),
    [
        ("GET", "org", 0, {}, 1),
        ("GET", "Contacts", 0, {"fields": "Email"}, 1),
        ("GET", "Contacts", 0, {"fields": "Email", "cvid": "7"}, 3),
        ("GET", "Contacts/deleted", 0, {}, 2),
        ("POST", "Contacts", 1, {}, 1),
        ("POST", "Contacts", 10, {}, 1),
        ("POST", "Contacts", 11, {}, 2),
        ("POST", "Contacts/upsert", 100, {}, 10),
    ],
)
def test_calls_cost_what_the_vendor_says(
    zoho: Client, method: str, path: str, records: int, query: dict[str, str], cost: int
) -> None:
    body = {"data": [{"Last_Name": "Lin"}] * records} if records else None
    assert _cost(zoho, method, path, body, **query) == cost


@pytest.mark.parametrize(("limit", "cost"), [(200, 1), (201, 2), (1000, 2), (1001, 3), (2000, 3)])
def test_a_query_costs_by_its_limit(zoho: Client, limit: int, cost: int) -> None:
    query = f"select Email from Contacts where id is not null limit {limit}"
    assert _cost(zoho, "POST", "coql", {"select_query": query}) == cost


def test_spent_credits_are_429_until_the_day_has_rolled_on(zoho: Client) -> None:
    zoho.admin("limits", credits=4)
    remaining = [zoho.get("org").headers.get("X-API-CREDITS-REMAINING") for _ in range(4)]
    assert remaining == [None, "2", "1", "0"]
    assert zoho.get("org").status == 429
    zoho.clock.at += 86_401
    zoho.token = zoho.refresh()["access_token"]
    assert zoho.get("org").status == 200


def test_calls_in_flight_have_their_most(zoho: Client) -> None:
    zoho.admin("limits", concurrency=2)
    zoho.app.in_flight = 2
    assert zoho.get("org").status == 200
    zoho.app.in_flight = 3
    assert zoho.get("org").status == 429


def test_heavy_calls_in_flight_have_their_own_most(zoho: Client) -> None:
    zoho.admin("limits", heavy_concurrency=1)
    zoho.app.heavy_in_flight = 1
    assert zoho.coql("select Email from Contacts where id is not null").status == 429
    assert zoho.get("Contacts", fields="Email", sort_by="Modified_Time").status == 429
    assert zoho.insert("Contacts", *[{"Last_Name": "Lin"}] * 11).status == 429
    assert zoho.get("Contacts", fields="Email").status == 204
    assert zoho.insert("Contacts", *[{"Last_Name": "Lin"}] * 10).status == 201
