"""Access tokens: few, shared, renewed in time, and never in a loop."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import orjson
import pytest
import responses

from connector.errors import (
    ConnectorError,
    LoginRefusedError,
    RateLimitedError,
    RetryableError,
    SettingsError,
    UnreachableError,
)
from connector.http.tokens import SLOT
from connector.plugin import Outcome
from connector.testing.host import MemoryHost, Slot
from tests.racing import race
from tests.unit.rig import by_id
from tests.unit.zoho_rig import TARGETS, C, Rig, create


def test_one_token_serves_all_calls_threads_and_processes(rig: Rig) -> None:
    slots: dict[str, Slot] = {}
    remotes = [rig.open(host=MemoryHost(slots)) for _ in range(3)]
    race([partial(one.describe, C) for one in remotes * 3])
    assert rig.calls("token", "modules") == {"token": 1, "modules": 9}


def test_a_token_is_renewed_five_minutes_before_its_end(rig: Rig) -> None:
    remote = rig.open()
    assert remote.account
    rig.host.clock.moved = timedelta(minutes=54)
    remote.describe(C)
    assert rig.calls("token") == {"token": 1}
    rig.host.clock.moved = timedelta(minutes=56)
    remote.describe(C)
    assert rig.calls("token") == {"token": 2}


@pytest.mark.parametrize("code", ["INVALID_TOKEN", "INVALID_OAUTHTOKEN"])
def test_a_refused_token_is_renewed_once_and_the_call_repeated(rig: Rig, code: str) -> None:
    remote = rig.open()
    rig.sandbox.fault("error", operation="org", code=code, status=401)
    assert remote.account
    assert rig.calls("token", "org") == {"token": 2, "org": 2}


def test_a_write_whose_token_expired_is_repeated_because_nothing_was_done(rig: Rig) -> None:
    remote = rig.open()
    assert remote.account
    rig.sandbox.fault("expired_token", operation="insert")
    results = by_id(remote.write(C, [create("1"), create("2")]))
    assert {one.outcome for one in results.values()} == {Outcome.APPLIED}
    assert len(rig.sandbox.records("Contacts")) == 2
    assert rig.calls("token") == {"token": 2}


def test_a_token_refused_twice_ends_in_an_error_not_in_a_loop(rig: Rig) -> None:
    remote = rig.open()
    rig.sandbox.fault("expired_token", operation="org", count=50)
    with pytest.raises(LoginRefusedError, match="INVALID_TOKEN"):
        assert remote.account
    assert rig.calls("token", "org") == {"token": 2, "org": 2}


@pytest.mark.parametrize(
    "code", ["AUTHENTICATION_FAILURE", "OAUTH_SCOPE_MISMATCH", "NO_PERMISSION"]
)
def test_what_no_token_heals_is_refused_without_a_new_token(rig: Rig, code: str) -> None:
    remote = rig.open()
    rig.sandbox.fault("error", operation="org", code=code, status=401)
    with pytest.raises(LoginRefusedError, match=code):
        assert remote.account
    assert rig.calls("token", "org") == {"token": 1, "org": 1}


def test_another_process_that_renewed_already_spares_us_a_token(rig: Rig) -> None:
    slots: dict[str, Slot] = {}
    one, two = rig.open(host=MemoryHost(slots)), rig.open(host=MemoryHost(slots))
    assert one.account == two.account
    rig.sandbox.fault("expired_token", operation="modules", count=1)
    one.describe(C)
    rig.sandbox.fault("expired_token", operation="modules", count=1)
    two.describe(C)
    assert rig.calls("token") == {"token": 2}


def test_a_throttled_login_is_left_alone_for_ten_minutes_by_all(rig: Rig) -> None:
    rig.sandbox.limits(tokens_per_window=0)
    slots: dict[str, Slot] = {}
    for host in (MemoryHost(slots), MemoryHost(slots)):
        with pytest.raises(RateLimitedError) as caught:
            assert rig.open(host=host).account
        assert caught.value.after_s is not None and 590 < caught.value.after_s <= 600
    assert rig.calls("token") == {"token": 1}


def test_a_token_in_its_last_minutes_is_used_when_no_other_is_to_be_had(rig: Rig) -> None:
    remote = rig.open()
    assert remote.account
    rig.sandbox.limits(tokens_per_window=0)
    rig.host.clock.moved = timedelta(minutes=56)
    remote.describe(C)
    remote.describe(C)
    assert rig.calls("token") == {"token": 2}
    rig.host.clock.moved = timedelta(minutes=59, seconds=30)
    with pytest.raises(RateLimitedError):
        remote.describe(C)


def test_milliseconds_are_told_by_the_key_beside_them(rig: Rig) -> None:
    rig.sandbox.switch(expires_in="milliseconds")
    remote = rig.open()
    assert remote.account
    rig.host.clock.moved = timedelta(minutes=56)
    remote.describe(C)
    assert rig.calls("token") == {"token": 2}


def test_a_login_of_another_data_centre_names_both_hosts(rig: Rig) -> None:
    remote = rig.open(api_url="https://www.zohoapis.eu")
    with pytest.raises(SettingsError) as caught:
        assert remote.account
    port = rig.sandbox.url.rpartition(":")[2]
    assert f"127.0.0.1:{port}" in str(caught.value) and "www.zohoapis.eu" in str(caught.value)


@pytest.mark.parametrize(
    "more",
    [{"client_id": "1000.OTHER"}, {"client_secret": "other"}, {"refresh_token": "1000.other"}],
)
def test_wrong_credentials_are_a_refused_login_and_show_nowhere(
    rig: Rig, more: dict[str, Any]
) -> None:
    with pytest.raises(LoginRefusedError, match="invalid_c") as caught:
        assert rig.open(**more).account
    assert next(iter(more.values())) not in str(caught.value)
    assert rig.calls("token") == {"token": 1}


def test_a_token_cached_for_other_credentials_is_not_used(rig: Rig) -> None:
    assert rig.open().account
    with pytest.raises(LoginRefusedError):
        assert rig.open(refresh_token="1000.other").account


@pytest.mark.parametrize(
    ("fault", "how"),
    [("html", {}), ("html", {"status": 503}), ("empty", {}), ("truncated", {}), ("lost_after", {})],
)
def test_an_accounts_server_that_fails_is_retryable(
    rig: Rig, fault: str, how: dict[str, int]
) -> None:
    rig.sandbox.fault(fault, operation="token", **how)
    with pytest.raises(RetryableError) as caught:
        assert rig.open().account
    assert not isinstance(caught.value, RateLimitedError)


TABLE = [
    (200, {"error": "invalid_code"}, LoginRefusedError),
    (400, {"error": "invalid_client"}, LoginRefusedError),
    (200, {"error": "invalid_client_secret"}, LoginRefusedError),
    (200, {"error": "invalid_redirect_uri"}, LoginRefusedError),
    (200, {"error": "access_denied"}, LoginRefusedError),
    (200, {"error": "never_seen"}, LoginRefusedError),
    (200, {"error": "Access Denied", "error_description": "too many"}, RateLimitedError),
    (400, {"error": "Access Denied"}, RateLimitedError),
    (429, {"error": "x"}, RateLimitedError),
    (200, {"error": "general_error"}, RetryableError),
    (503, {"error": "invalid_code"}, RetryableError),
    (200, {}, RetryableError),
    (200, [], RetryableError),
    (200, {"access_token": ""}, RetryableError),
    (200, {"access_token": 5}, RetryableError),
    (200, {"error": "CNRY-1 <script>"}, RetryableError),
]


@pytest.mark.parametrize(("status", "body", "error"), TABLE)
def test_the_body_decides_what_an_answer_without_a_token_means(
    rig: Rig, status: int, body: object, error: type[ConnectorError]
) -> None:
    urls: dict[str, Any] = {"accounts_url": "https://accounts.test", "api_url": "https://api.test"}
    with responses.RequestsMock() as mock:
        mock.add("POST", "https://accounts.test/oauth/v2/token", orjson.dumps(body), status=status)
        remote = rig.open(TARGETS, upload_url="", **urls)
        with pytest.raises(ConnectorError) as caught:
            assert remote.account
    assert type(caught.value) is error
    assert "CNRY" not in str(caught.value)


def test_a_lost_token_answer_puts_writes_off(rig: Rig) -> None:
    rig.sandbox.fault("lost_after", operation="token")
    results = by_id(rig.open().write(C, [create("1")]))
    assert results["1"].outcome is Outcome.RETRY
    assert rig.sandbox.records("Contacts") == []


def test_the_login_travels_in_the_body_and_in_no_query(rig: Rig) -> None:
    assert rig.open().account
    [call] = rig.sandbox.requests("token")
    assert call["query"] == {}
    assert SLOT in rig.host.slots


def test_an_unreachable_accounts_server_is_unreachable(rig: Rig) -> None:
    with pytest.raises(UnreachableError):
        assert rig.open(accounts_url="http://127.0.0.1:1").account
