"""Fxiaoke's two generations of login, in the sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.fxiaoke_client import ACCOUNT, FxiaokeClient

STYLES = ("header", "legacy")
KEYS = {"header": "accessToken", "legacy": "corpAccessToken"}
OBJECTS = "/cgi/crm/v2/object/list"


def _value(fxiaoke: FxiaokeClient, style: str) -> str:
    return str(fxiaoke.token(style).body[KEYS[style]])


@pytest.mark.parametrize("style", STYLES)
def test_one_token_is_told_again_until_it_is_old_and_then_overlaps_with_the_next(
    style: str,
) -> None:
    fxiaoke = FxiaokeClient(style)
    first = fxiaoke.token(style).body
    assert first["expiresIn"] == 7200
    fxiaoke.clock.at += 6599
    again = fxiaoke.token(style).body
    assert (again[KEYS[style]], again["expiresIn"]) == (first[KEYS[style]], 601)
    fxiaoke.clock.at += 1
    second = fxiaoke.token(style).body
    assert second[KEYS[style]] != first[KEYS[style]]
    assert fxiaoke.call(OBJECTS).code == 0  # the old one goes on
    fxiaoke.clock.at += 599
    assert fxiaoke.call(OBJECTS).code == 0
    fxiaoke.clock.at += 1
    assert fxiaoke.call(OBJECTS).code == 20016
    assert _value(fxiaoke, style) == second[KEYS[style]]
    fxiaoke.login()
    assert fxiaoke.call(OBJECTS).code == 0


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"appId": ""}, 10001),
        ({"appId": "FSAID_other"}, 11001),
        ({"appSecret": "wrong"}, 10006),
        ({"appSecret": ""}, 10006),
        ({"permanentCode": ""}, 10012),
        ({"permanentCode": "wrong"}, 11013),
    ],
)
def test_bad_credentials_are_http_200_with_a_code(
    fxiaoke: FxiaokeClient, style: str, changed: dict[str, Any], code: int
) -> None:
    answer = fxiaoke.token(style, **changed)
    assert (answer.status, answer.code) == (200, code)
    assert KEYS[style] not in answer.body


def test_the_header_style_wants_its_grant_type(fxiaoke: FxiaokeClient) -> None:
    assert fxiaoke.token(grantType="password").code == 15002
    assert fxiaoke.post("/oauth2.0/token", b"").code == 12004


@pytest.mark.parametrize("code", ["30004", "14001"])
def test_the_eleventh_token_call_in_a_minute_is_refused(fxiaoke: FxiaokeClient, code: str) -> None:
    fxiaoke.switch(throttle_code=code)
    codes = [fxiaoke.token("legacy").code for _ in range(10)]  # one was made already
    assert codes == [0] * 9 + [int(code)]
    fxiaoke.clock.at += 60
    assert fxiaoke.token("legacy").code == 0


@pytest.mark.parametrize("code", ["14001", "30004", "-1"])
def test_token_calls_side_by_side_are_refused(fxiaoke: FxiaokeClient, code: str) -> None:
    fxiaoke.switch(token_concurrency_code=code)
    fxiaoke.app.heavy_in_flight = 1
    assert fxiaoke.token().code == int(code)
    fxiaoke.app.heavy_in_flight = 0
    assert fxiaoke.token().code == 0


@pytest.mark.parametrize("style", STYLES)
def test_no_credentials_and_bad_ones_differ(style: str) -> None:
    fxiaoke = FxiaokeClient(style)
    assert fxiaoke.post(OBJECTS, {}).code == 20017
    fxiaoke.headers["Authorization"] = "Bearer other"
    fxiaoke.top["corpAccessToken"] = "other"
    one = fxiaoke.headers if style == "header" else {}
    assert fxiaoke.post(OBJECTS, fxiaoke.top if style == "legacy" else {}, one).code == 20016


def test_a_token_of_one_style_opens_nothing_in_the_other(fxiaoke: FxiaokeClient) -> None:
    legacy = fxiaoke.token("legacy").body["corpAccessToken"]
    assert (
        fxiaoke.post(OBJECTS, {}, {**fxiaoke.headers, "Authorization": f"Bearer {legacy}"}).code
        == 20016
    )


@pytest.mark.parametrize("code", ["20016", "15002"])
def test_both_styles_in_one_request_are_refused(fxiaoke: FxiaokeClient, code: str) -> None:
    fxiaoke.switch(mixed_code=code)
    legacy = FxiaokeClient("legacy")
    told = fxiaoke.token("legacy").body
    body = {**legacy.top, "corpAccessToken": told["corpAccessToken"]}
    assert fxiaoke.post(OBJECTS, body).code == 0
    assert fxiaoke.post(OBJECTS, body, fxiaoke.headers).code == int(code)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("pairing", "user"), [("20016", "20012"), ("11014", "11008")])
def test_enterprise_and_user_must_fit_the_token(style: str, pairing: str, user: str) -> None:
    fxiaoke = FxiaokeClient(style)
    fxiaoke.switch(pairing_code=pairing, user_code=user)
    ea, person = (
        ("X-FS-EA", "X-FS-UserID") if style == "header" else ("corpId", "currentOpenUserId")
    )
    place = fxiaoke.headers if style == "header" else fxiaoke.top
    kept = dict(place)
    place[ea] = "other"
    assert fxiaoke.call(OBJECTS).code == int(pairing)
    place.update(kept)
    place[person] = "9999"
    assert fxiaoke.call(OBJECTS).code == int(user)
    del place[person]
    assert fxiaoke.call(OBJECTS).code == 10010


def test_persons_are_told_as_the_style_tells_them() -> None:
    header, legacy = FxiaokeClient("header"), FxiaokeClient("legacy")
    open_id = legacy.top["currentOpenUserId"]
    ref = header.made()
    assert header.get(ACCOUNT, ref).data["owner"] == ["1000"]
    assert header.get(ACCOUNT, ref, convertUserId=True).data["owner"] == [open_id]
    assert legacy.create(ACCOUNT, name="林", owner=["1000"]).code == 50009  # nobody here
    ref = legacy.made()
    assert legacy.get(ACCOUNT, ref).data["owner"] == [open_id]
    assert len(legacy.query(ACCOUNT, ("owner", "IN", [open_id])).rows) == 1
    assert len(header.query(ACCOUNT, ("owner", "IN", ["1000"])).rows) == 1
    assert header.query(ACCOUNT, ("owner", "IN", [open_id])).rows == []


def test_an_employee_is_found_by_mobile(fxiaoke: FxiaokeClient) -> None:
    legacy = FxiaokeClient("legacy")
    path = "/cgi/user/getByMobile"
    body = {name: legacy.top[name] for name in ("corpAccessToken", "corpId")}
    found = legacy.post(path, {**body, "mobile": "13900001000"}).body["empList"]
    assert [one["openUserId"] for one in found] == [legacy.top["currentOpenUserId"]]
    assert legacy.post(path, {**body, "mobile": "1"}).body["empList"] == []
    assert legacy.post(path, {"mobile": "1"}).code == 20017


def test_an_administrator_ends_all_tokens(fxiaoke: FxiaokeClient) -> None:
    fxiaoke.admin("expire_tokens")
    assert fxiaoke.call(OBJECTS).code == 20016
    fxiaoke.login()
    assert fxiaoke.call(OBJECTS).code == 0


def test_kept_calls_hold_no_secret() -> None:
    for style in STYLES:
        fxiaoke = FxiaokeClient(style)
        fxiaoke.made(name="林")
        told = str(fxiaoke.admin("requests"))
        value = _value(fxiaoke, style)
        assert "林" in told
        assert value not in told
        assert "sandbox-app-secret" not in told
