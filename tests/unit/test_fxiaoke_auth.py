"""Logging in to Fxiaoke: two generations, few calls, what is left of a token's life, no loop."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import orjson
import pytest
import responses
from connector_fxiaoke import facts
from connector_fxiaoke.sandbox.auth import APP_SECRET

from connector.errors import (
    ConnectorError,
    LoginRefusedError,
    RateLimitedError,
    RetryableError,
    SettingsError,
    UnreachableError,
)
from connector.plugin import Outcome
from connector.testing.host import MemoryHost, Slot
from tests.racing import race
from tests.unit.fxiaoke_rig import C, Rig, create
from tests.unit.rig import by_id

ME = f"FSUID_{1000:032X}"
LEGACY: dict[str, Any] = {"auth_style": "legacy", "user_id": ME, "owner": ME}
"""The older login, for the sandbox's first employee."""
API = "https://api.test"


def test_one_token_serves_all_calls_threads_and_processes(fx: Rig) -> None:
    slots: dict[str, Slot] = {}
    remotes = [fx.open(host=MemoryHost(slots)) for _ in range(3)]
    race([partial(one.describe, C) for one in remotes * 3])
    assert fx.calls("token", "describe") == {"token": 1, "describe": 9}


def test_the_account_is_the_tenants_name_and_costs_the_login_alone(fx: Rig) -> None:
    remote = fx.open()
    assert remote.account and remote.account == remote.account
    assert fx.sandbox.calls() == {"token": 1}


def test_what_is_left_of_a_tokens_life_counts_and_not_its_whole(fx: Rig) -> None:
    """A second process is given the same token, with 1200 s left of 7200."""
    fx.open().describe(C)
    fx.sandbox.now(advance=6000)
    late = MemoryHost()
    remote = fx.open(host=late)
    remote.describe(C)
    late.clock.moved = timedelta(seconds=590)
    fx.sandbox.now(advance=590)
    remote.describe(C)
    assert fx.calls("token") == {"token": 2}
    late.clock.moved = timedelta(seconds=610)
    fx.sandbox.now(advance=20)
    remote.describe(C)
    assert fx.calls("token") == {"token": 3}, "renewed when less than 600 s were left"


def test_a_renewed_token_is_another_one_and_lives_on(fx: Rig) -> None:
    remote = fx.open()
    remote.describe(C)
    for hours in range(1, 5):
        fx.host.clock.moved = timedelta(hours=hours)
        fx.sandbox.now(advance=3600)
        remote.describe(C)
    assert fx.calls("token") == {"token": 3}


def test_a_refused_token_is_renewed_once_and_the_call_repeated(fx: Rig) -> None:
    remote = fx.open()
    remote.describe(C)
    fx.sandbox.admin("expire_tokens")
    assert remote.describe(C).fields
    assert fx.calls("token", "describe") == {"token": 2, "describe": 3}


def test_a_write_whose_token_expired_is_repeated_because_nothing_was_done(fx: Rig) -> None:
    remote = fx.open()
    remote.describe(C)
    fx.sandbox.admin("expire_tokens")
    results = by_id(remote.write(C, [create("1"), create("2")]))
    assert {one.outcome for one in results.values()} == {Outcome.APPLIED}
    assert len(fx.sandbox.records("AccountObj")) == 2


def test_the_same_token_after_a_refusal_means_withdrawn_and_ends_the_run(fx: Rig) -> None:
    remote = fx.open()
    fx.sandbox.fault("expired_token", operation="describe", count=50)
    with pytest.raises(LoginRefusedError, match="withdrawn"):
        remote.describe(C)
    assert fx.calls("token", "describe") == {"token": 2, "describe": 1}


def test_a_new_token_that_is_refused_too_ends_in_an_error(fx: Rig) -> None:
    remote = fx.open()
    remote.describe(C)
    fx.sandbox.admin("expire_tokens")
    fx.sandbox.fault("expired_token", operation="describe", count=50)
    with pytest.raises(LoginRefusedError, match="20016"):
        remote.describe(C)
    assert fx.calls("token", "describe") == {"token": 2, "describe": 3}


def test_another_process_that_renewed_already_spares_us_a_token(fx: Rig) -> None:
    slots: dict[str, Slot] = {}
    one, two = fx.open(host=MemoryHost(slots)), fx.open(host=MemoryHost(slots))
    one.describe(C)
    two.describe(C)
    fx.sandbox.admin("expire_tokens")
    one.describe(C)
    two.describe(C)
    assert fx.calls("token") == {"token": 2}


def test_tokens_are_asked_for_below_the_vendors_limit(fx: Rig) -> None:
    assert fx.open().account
    assert fx.host.budgets == [("token", "8/60s")]


def test_a_throttled_login_is_left_alone_for_a_minute_by_all(fx: Rig) -> None:
    fx.sandbox.limits(tokens_per_window=0)
    slots: dict[str, Slot] = {}
    for host in (MemoryHost(slots), MemoryHost(slots)):
        with pytest.raises(RateLimitedError) as caught:
            assert fx.open(host=host).account
        assert caught.value.after_s is not None and 50 < caught.value.after_s <= 60
    assert fx.calls("token") == {"token": 1}


def test_the_newer_login_travels_in_headers_and_the_older_in_the_body(fx: Rig) -> None:
    fx.open().describe(C)
    [new] = fx.sandbox.requests("describe")
    assert {"x-fs-ea", "x-fs-userid"} <= set(new["headers"])
    assert "currentOpenUserId" not in new["body"]
    fx.open(host=MemoryHost(), **LEGACY).describe(C)
    old = fx.sandbox.requests("describe")[-1]
    assert not {"x-fs-ea", "x-fs-userid"} & set(old["headers"])
    assert orjson.loads(old["body"])["currentOpenUserId"].startswith("FSUID_")


def test_the_older_login_reads_and_writes(fx: Rig) -> None:
    remote = fx.open(**LEGACY)
    results = by_id(remote.write(C, [create("1")]))
    assert results["1"].outcome is Outcome.APPLIED
    [page] = remote.changes(C, None, None)
    assert [one.fields["name"] for one in page.seen] == ["N1"]


def test_every_call_carries_a_fresh_trace_id(fx: Rig) -> None:
    remote = fx.open()
    remote.describe(C)
    remote.describe(C)
    ids = [call["query"][facts.TRACE_PARAMETER] for call in fx.sandbox.requests("describe")]
    assert len(ids) == 2 and len(set(ids)) == 2
    assert {UUID(one).version for one in ids} == {4}


@pytest.mark.parametrize("switch", ["host", "unknown_path"])
def test_a_host_that_is_no_gateway_is_named(fx: Rig, switch: str) -> None:
    if switch == "host":
        fx.sandbox.switch(host="redirect")
    else:
        fx.sandbox.fault("html", operation="token")
    with pytest.raises(SettingsError, match=r"127\.0\.0\.1:\d+ is no API host") as caught:
        assert fx.open().account
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("field", ["app_id", "app_secret", "permanent_code"])
def test_wrong_credentials_are_a_refused_login_and_show_nowhere(fx: Rig, field: str) -> None:
    wrong: dict[str, Any] = {field: "not-the-right-one"}
    with pytest.raises(LoginRefusedError) as caught:
        assert fx.open(**wrong).account
    assert "not-the-right-one" not in str(caught.value)
    assert APP_SECRET not in repr(caught.value)


def test_a_token_cached_for_other_credentials_is_not_used(fx: Rig) -> None:
    assert fx.open().account
    with pytest.raises(LoginRefusedError):
        assert fx.open(app_secret="other").account


@pytest.mark.parametrize(
    ("fault", "how"), [("html", {"status": 503}), ("empty", {}), ("truncated", {})]
)
def test_a_gateway_that_fails_at_the_login_is_retryable(
    fx: Rig, fault: str, how: dict[str, int]
) -> None:
    fx.sandbox.fault(fault, operation="token", **how)
    with pytest.raises(RetryableError) as caught:
        assert fx.open().account
    assert not isinstance(caught.value, RateLimitedError)


def test_a_lost_token_answer_is_unreachable_for_writes_too(fx: Rig) -> None:
    fx.open().describe(C)
    remote = fx.open(host=MemoryHost())
    fx.sandbox.fault("lost_after", operation="token")
    with pytest.raises(UnreachableError):
        list(remote.write(C, [create("1")]))
    assert fx.sandbox.records("AccountObj") == []


def _codes() -> list[tuple[int, type[ConnectorError]]]:
    """What each code of the table means on a login, and some that are in no table."""
    special = {
        facts.Class.THROTTLE: RateLimitedError,
        facts.Class.QUOTA: RateLimitedError,
        facts.Class.TRANSIENT: RetryableError,
        facts.Class.AMBIGUOUS: RetryableError,
    }
    known = [
        (code, special.get(kind, LoginRefusedError))
        for code, kind in facts.CODES.items()
        if code != facts.OK
    ]
    return [*known, (99_999, LoginRefusedError)]


@pytest.mark.parametrize(("code", "error"), _codes())
def test_every_code_on_a_login_has_its_error(
    fx: Rig, code: int, error: type[ConnectorError]
) -> None:
    body = {"errorCode": code, "errorMessage": "secret 13800000000", "traceId": "E-O.x.1"}
    with responses.RequestsMock() as mock:
        mock.add("POST", API + facts.TOKEN_PATH, orjson.dumps(body))
        with pytest.raises(ConnectorError) as caught:
            assert fx.open(api_url=API).account
    assert type(caught.value) is error
    assert "13800000000" not in str(caught.value)


BODIES: list[tuple[object, type[ConnectorError] | None]] = [
    ({"errorCode": 0, "accessToken": "t", "ea": "acme", "expiresIn": 7084}, None),
    ({"errorCode": "0", "accessToken": "t", "ea": "acme", "expiresIn": "7084"}, None),
    ({"errorCode": 0, "accessToken": "t", "ea": "acme"}, None),
    ({"errorCode": 0, "accessToken": "", "ea": "acme", "expiresIn": 7084}, RetryableError),
    ({"errorCode": 0, "accessToken": "t", "expiresIn": 7084}, RetryableError),
    ({"accessToken": "t", "ea": "acme", "expiresIn": 7084}, RetryableError),
    ({}, RetryableError),
    ([], RetryableError),
]


@pytest.mark.parametrize(("body", "error"), BODIES)
def test_an_answer_is_a_token_only_if_it_is_whole(
    fx: Rig, body: object, error: type[ConnectorError] | None
) -> None:
    with responses.RequestsMock() as mock:
        mock.add("POST", API + facts.TOKEN_PATH, orjson.dumps(body))
        remote = fx.open(api_url=API)
        if error is None:
            assert remote.account == "acme"
        else:
            with pytest.raises(ConnectorError) as caught:
                assert remote.account
            assert type(caught.value) is error


def test_a_number_is_a_tenants_name_too_with_the_older_login(fx: Rig) -> None:
    body = {"errorCode": 0, "corpAccessToken": "t", "corpId": 7, "expiresIn": 7000}
    with responses.RequestsMock() as mock:
        mock.add("POST", API + facts.LEGACY_TOKEN_PATH, orjson.dumps(body))
        assert fx.open(api_url=API, **LEGACY).account == "7"
