"""README: Login, Tokens."""

from __future__ import annotations

import pytest
from connector_zoho import facts

from tests.sandbox.client import Client


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_id": "1000.OTHER"}, "invalid_client"),
        ({"client_secret": "wrong"}, "invalid_client_secret"),
        ({"refresh_token": "1000.gone"}, "invalid_code"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_a_wrong_login_is_an_error_with_http_200(
    zoho: Client, changed: dict[str, str], error: str
) -> None:
    answer = zoho.refreshed(**changed)
    assert (answer.status, answer.body) == (200, {"error": error})


def test_a_refresh_gives_no_new_refresh_token_and_seconds(zoho: Client) -> None:
    told = zoho.refresh()
    assert "refresh_token" not in told
    assert told["expires_in"] == 3600
    assert told["api_domain"] == zoho.app.base_url


def test_the_old_key_makes_expires_in_milliseconds(zoho: Client) -> None:
    zoho.admin("switch", expires_in="milliseconds")
    told = zoho.refresh()
    assert (told["expires_in"], told["expires_in_sec"]) == (3_600_000, 3600)


def test_the_eleventh_token_in_ten_minutes_is_access_denied_with_http_200(zoho: Client) -> None:
    for _ in range(facts.TOKENS_PER_WINDOW - 1):
        assert "access_token" in zoho.refresh()
    refused = zoho.refreshed()
    assert (refused.status, refused.body["error"]) == (200, facts.TOKEN_THROTTLED)
    zoho.clock.at += 601
    assert "access_token" in zoho.refresh()


def test_hammering_prolongs_the_throttle(zoho: Client) -> None:
    for _ in range(9):
        zoho.refresh()
    zoho.clock.at += 300
    for _ in range(10):
        assert "error" in zoho.refresh()
    zoho.clock.at += 301
    assert "error" in zoho.refresh()


def test_the_throttle_may_come_with_http_400(zoho: Client) -> None:
    zoho.admin("switch", token_throttle_status="400")
    zoho.admin("limits", tokens_per_window=1)
    assert zoho.refreshed().status == 400


def test_the_sixteenth_token_ends_the_oldest(zoho: Client) -> None:
    zoho.admin("limits", tokens_per_window=100)
    for _ in range(facts.ACTIVE_ACCESS_TOKENS - 1):
        zoho.refresh()
    assert zoho.get("org").status == 200
    zoho.refresh()
    assert (zoho.get("org").status, zoho.get("org").code) == (401, "INVALID_TOKEN")


def test_an_access_token_ends_after_an_hour(zoho: Client) -> None:
    zoho.clock.at += 3599
    assert zoho.get("org").status == 200
    zoho.clock.at += 1
    assert zoho.get("org").code == "INVALID_TOKEN"


def test_a_revoked_refresh_token_takes_its_access_tokens_along(zoho: Client) -> None:
    zoho.admin("revoke", refresh_token="1000.sandbox.refresh")
    assert zoho.get("org").code == "INVALID_TOKEN"
    assert zoho.refresh()["error"] == "invalid_code"


def test_the_twenty_first_refresh_token_ends_the_first(zoho: Client) -> None:
    for place in range(facts.REFRESH_TOKENS):
        zoho.admin("grant", refresh_token=f"1000.more.{place}", scopes=["ZohoCRM.org.READ"])
    assert zoho.refresh()["error"] == "invalid_code"


@pytest.mark.parametrize("header", ["", "Bearer {}", "Zoho-oauthtoken", "{}"])
def test_a_malformed_header_is_authentication_failure(zoho: Client, header: str) -> None:
    told = {"Authorization": header.format(zoho.token)}
    answer = zoho.get("org", told)
    assert (answer.status, answer.code) == (401, "AUTHENTICATION_FAILURE")


def test_a_grant_code_works_once_and_brings_a_refresh_token(zoho: Client) -> None:
    zoho.admin("code", code="1000.code", scopes=["ZohoCRM.org.READ"])
    told = zoho.refresh(grant_type="authorization_code", code="1000.code")
    assert told["refresh_token"]
    assert zoho.refresh(refresh_token=told["refresh_token"])["scope"] == "ZohoCRM.org.READ"
    again = zoho.refresh(grant_type="authorization_code", code="1000.code")
    assert again["error"] == "invalid_code"


def test_a_grant_code_ends_after_three_minutes(zoho: Client) -> None:
    zoho.admin("code", code="1000.code", scopes=[])
    zoho.clock.at += 180
    told = zoho.refresh(grant_type="authorization_code", code="1000.code")
    assert told["error"] == "invalid_code"


def test_a_code_for_another_redirect_address_is_refused(zoho: Client) -> None:
    zoho.admin("code", code="1000.code", scopes=[])
    told = zoho.refresh(
        grant_type="authorization_code", code="1000.code", redirect_uri="https://x.example.test/"
    )
    assert told["error"] == "invalid_redirect_uri"


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        (["ZohoCRM.modules.ALL"], False),
        (["ZohoCRM.modules.ALL", "ZohoCRM.coql.READ"], True),
        (["ZohoCRM.coql.READ"], False),
    ],
)
def test_a_query_needs_its_own_scope_and_the_modules(
    zoho: Client, scopes: list[str], allowed: bool
) -> None:
    zoho.contact()
    zoho.admin("grant", refresh_token="1000.other", scopes=scopes)
    zoho.token = zoho.refresh(refresh_token="1000.other")["access_token"]
    answer = zoho.coql("select Last_Name from Contacts where id is not null")
    assert answer.status == (200 if allowed else 401)
    if not allowed:
        assert answer.code == "OAUTH_SCOPE_MISMATCH"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "Contacts"),
        ("PUT", "Contacts"),
        ("POST", "Contacts/upsert"),
        ("DELETE", "Contacts"),
        ("GET", "Memberships"),
        ("GET", "Contacts/search"),
        ("GET", "settings/fields"),
        ("GET", "org"),
        ("GET", "users"),
        ("DELETE", "settings/recycle_bin"),
    ],
)
def test_each_call_asks_for_its_scope(zoho: Client, method: str, path: str) -> None:
    zoho.admin("grant", refresh_token="1000.r", scopes=["ZohoCRM.modules.contacts.READ"])
    zoho.token = zoho.refresh(refresh_token="1000.r")["access_token"]
    assert zoho.get("Contacts", fields="Email").status == 204
    answer = zoho.call(method, path, {"data": [{}]}, fields="Name", module="Contacts", ids="1")
    assert (answer.status, answer.code) == (401, "OAUTH_SCOPE_MISMATCH")


def test_a_missing_scope_may_be_403(zoho: Client) -> None:
    zoho.admin("switch", scope_error_status="403")
    zoho.admin("grant", refresh_token="1000.r", scopes=[])
    zoho.token = zoho.refresh(refresh_token="1000.r")["access_token"]
    assert zoho.get("org").status == 403
