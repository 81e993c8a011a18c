"""Tokens of both generations, and whose rights a call has."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from connector.http.limits import Rate
from connector.sandbox.calls import Call
from connector.sandbox.window import Window
from connector_fxiaoke import facts
from connector_fxiaoke.sandbox.model import Organisation
from connector_fxiaoke.sandbox.refusals import Json, RefusedCall

APP_ID: Final = "FSAID_sandbox"
APP_SECRET: Final = "sandbox-app-secret"  # noqa: S105 - opens nothing but this sandbox
PERMANENT_CODE: Final = "sandbox-permanent-code"

_MISSING_APP: Final = 10001
_MISSING_CODE: Final = 10012
_BAD_APP: Final = 11001
_BAD_CODE: Final = 11013
_MISSING_USER: Final = 10010
_BAD_PARAMETER: Final = 15002


@dataclass(slots=True, frozen=True)
class Token:
    """A token. Times in epoch seconds."""

    value: str
    made: float
    expires: float


@dataclass(slots=True, frozen=True)
class Caller:
    """Who calls: the employee, and whether persons are told as FSUID."""

    user: Json
    open_ids: bool

    def numbers(self, org: Organisation) -> Mapping[str, str]:
        """Persons as this caller tells them to employees' numbers."""
        key = "open_id" if self.open_ids else "id"
        return {one[key]: one["id"] for one in org.employees.values()}


class Accounts:
    """The login of one organisation: a chain of tokens for each style."""

    def __init__(self, org: Organisation) -> None:
        self._org = org
        self._tokens: dict[str, list[Token]] = {"header": [], "legacy": []}
        self._calls = Window()

    # --- token calls ---

    def token(self, call: Call, told: Any, *, in_flight: int) -> Json:
        """Answer a token call; `in_flight`: how many others are being answered."""
        style = "header" if call.path == facts.TOKEN_PATH else "legacy"
        limits = self._org.limits
        if in_flight:
            code = int(self._org.switches["token_concurrency_code"])
            raise RefusedCall(code, "concurrent token calls are not allowed")
        rate = Rate(limits.tokens_per_window, int(facts.TOKEN_WINDOW.total_seconds()))
        if not self._calls.take(self._org.time.now(), rate):
            raise self._too_many()
        self._check(told if isinstance(told, dict) else {}, style)
        token = self._current(style)
        left = int(token.expires - self._org.time.now())
        if style == "header":
            return {
                "accessToken": token.value,
                "ea": self._org.ea,
                "expiresIn": left,
                "appId": APP_ID,
                "openUserId": self._org.corp_id,
            }
        return {
            "corpAccessToken": token.value,
            "corpId": self._org.corp_id,
            "expiresIn": left,
        }

    def _too_many(self) -> RefusedCall:
        return RefusedCall(
            int(self._org.switches["throttle_code"]), "interface call limit exceeded"
        )

    def _check(self, told: Mapping[str, Any], style: str) -> None:
        """Raise RefusedCall unless the credentials are the sandbox's own."""
        if not told.get("appId"):
            raise RefusedCall(_MISSING_APP, "appId is required")
        # probed: a missing and a wrong secret are told alike
        if not hmac.compare_digest(str(told.get("appSecret", "")), APP_SECRET):
            raise RefusedCall(facts.BAD_SECRET, "appSecret is illegal")
        if told["appId"] != APP_ID:
            raise RefusedCall(_BAD_APP, "appId is illegal")
        if not told.get("permanentCode"):
            raise RefusedCall(_MISSING_CODE, "permanentCode is required")
        if not hmac.compare_digest(str(told["permanentCode"]), PERMANENT_CODE):
            raise RefusedCall(_BAD_CODE, "permanentCode is illegal")
        if style == "header" and told.get("grantType") != facts.GRANT_TYPE:
            raise RefusedCall(_BAD_PARAMETER, "grantType is illegal")

    def _current(self, style: str) -> Token:
        """The newest token of a style; a new one once the newest is old enough."""
        now, limits = self._org.time.now(), self._org.limits
        kept = self._tokens[style] = [one for one in self._tokens[style] if one.expires > now]
        if not kept or now - kept[-1].made >= limits.token_renewed_after_s:
            value = f"{style[0].upper()}{self._org.rng.getrandbits(160):040X}"
            kept.append(Token(value, now, now + limits.token_life_s))
        return kept[-1]

    def expire(self) -> None:
        """End all tokens now."""
        for kept in self._tokens.values():
            kept.clear()

    # --- all other calls ---

    def caller(self, call: Call, body: Json) -> Caller:
        """Say who calls. Raises RefusedCall."""
        scheme, _, bearer = call.headers.get(facts.AUTHORIZATION_HEADER, "").partition(" ")
        in_header = scheme.lower() == "bearer" and bool(bearer)
        in_body = body.get("corpAccessToken")
        if in_header and in_body:
            code = int(self._org.switches["mixed_code"])
            raise RefusedCall(code, "two kinds of credentials in one request")
        if not in_header and not in_body:
            raise RefusedCall(facts.NO_CREDENTIALS, "corpAccessToken is required")
        if in_header:
            self._valid(bearer, "header")
            self._paired(call.headers.get(facts.ENTERPRISE_HEADER) == self._org.ea)
            user = self._user(call.headers.get(facts.USER_HEADER), "id")
            return Caller(user, open_ids=body.get("convertUserId") is True)
        self.corporation(body)
        return Caller(self._user(body.get("currentOpenUserId"), "open_id"), open_ids=True)

    def corporation(self, body: Json) -> None:
        """Check the legacy style's token and enterprise. Raises RefusedCall."""
        if not body.get("corpAccessToken"):
            raise RefusedCall(facts.NO_CREDENTIALS, "corpAccessToken is required")
        self._valid(str(body["corpAccessToken"]), "legacy")
        self._paired(body.get("corpId") == self._org.corp_id)

    def _valid(self, value: str, style: str) -> None:
        now = self._org.time.now()
        if not any(one.value == value and one.expires > now for one in self._tokens[style]):
            raise RefusedCall(facts.TOKEN_REFUSED, "corpAccessToken is missing or expired")

    def _paired(self, good: bool) -> None:
        if not good:
            code = int(self._org.switches["pairing_code"])
            raise RefusedCall(code, "the token is not this enterprise's")

    def _user(self, told: Any, key: str) -> Json:
        if not told:
            raise RefusedCall(_MISSING_USER, "openUserId is required")
        for one in self._org.employees.values():
            if one[key] == told:
                return one
        raise RefusedCall(int(self._org.switches["user_code"]), "openUserId is not found")
