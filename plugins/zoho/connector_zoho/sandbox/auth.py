"""Tokens: the accounts server's answers and limits, and what each token may do. README: Tokens."""

from __future__ import annotations

import hmac
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from connector.sandbox.calls import Call
from connector_zoho import facts
from connector_zoho.sandbox.model import INTEGRATION, Organisation
from connector_zoho.sandbox.objects import Module
from connector_zoho.sandbox.refusals import Json, RefusedCall

CLIENT_ID: Final = "1000.SANDBOXCLIENT"
CLIENT_SECRET: Final = "sandbox-client-secret"  # noqa: S105 - opens nothing but this sandbox
REFRESH_TOKEN: Final = "1000.sandbox.refresh"  # noqa: S105 - opens nothing but this sandbox
REDIRECT_URI: Final = "https://back-office.example.test/zoho"


@dataclass(slots=True)
class Grant:
    """A refresh token, with the access tokens made from it."""

    value: str
    scopes: frozenset[str]
    user: Json
    made: deque[float] = field(default_factory=deque)
    active: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Access:
    """An access token. `expires` in epoch seconds."""

    grant: Grant
    expires: float


class Accounts:
    """The accounts server of one organisation."""

    def __init__(self, org: Organisation) -> None:
        self._org = org
        self.base_url = "http://sandbox.invalid"
        self.client_id, self.client_secret = CLIENT_ID, CLIENT_SECRET
        self.grants: dict[str, Grant] = {}
        self.access: dict[str, Access] = {}
        self._codes: dict[str, tuple[float, frozenset[str]]] = {}
        self.add_grant(REFRESH_TOKEN, (*facts.SCOPES, *facts.BULK_SCOPES))

    def add_grant(self, value: str, scopes: Any, user: Json = INTEGRATION) -> Grant:
        """Let a refresh token be valid; beyond the most allowed, the first one ends."""
        if len(self.grants) >= facts.REFRESH_TOKENS:
            self.revoke(next(iter(self.grants)))
        grant = self.grants[value] = Grant(value, frozenset(scopes), user)
        return grant

    def add_code(self, value: str, scopes: Any) -> None:
        """Let a grant code be valid, once and for its few minutes."""
        life = facts.GRANT_CODE_LIFE.total_seconds()
        self._codes[value] = (self._org.time.now() + life, frozenset(scopes))

    def revoke(self, refresh_token: str) -> None:
        """End a refresh token and its access tokens. Raises KeyError."""
        for value in self.grants.pop(refresh_token).active:
            self.access.pop(value, None)

    def expire_access(self) -> None:
        """End all access tokens now."""
        self.access.clear()
        for grant in self.grants.values():
            grant.active.clear()

    def token(self, call: Call) -> tuple[int, Json]:
        """Answer the token call: HTTP status and body. Errors come with HTTP 200."""
        form = dict(parse_qsl(call.body.decode("utf-8", "replace"))) or dict(call.query)
        if not hmac.compare_digest(form.get("client_id", ""), self.client_id):
            return 200, {"error": "invalid_client"}
        if not hmac.compare_digest(form.get("client_secret", ""), self.client_secret):
            return 200, {"error": "invalid_client_secret"}
        kind = form.get("grant_type")
        if kind == "refresh_token":
            grant = self.grants.get(form.get("refresh_token", ""))
            if grant is None:
                return 200, {"error": "invalid_code"}
            return self._issue(grant, fresh=False)
        if kind == "authorization_code":
            return self._redeem(form)
        return 200, {"error": "unsupported_grant_type"}

    def _redeem(self, form: Mapping[str, str]) -> tuple[int, Json]:
        if form.get("redirect_uri") not in (None, REDIRECT_URI):
            return 200, {"error": "invalid_redirect_uri"}
        expires, scopes = self._codes.pop(form.get("code", ""), (0.0, frozenset[str]()))
        if expires <= self._org.time.now():
            return 200, {"error": "invalid_code"}
        return self._issue(self.add_grant(self._secret(), scopes), fresh=True)

    def _issue(self, grant: Grant, *, fresh: bool) -> tuple[int, Json]:
        now, limits = self._org.time.now(), self._org.limits
        while grant.made and grant.made[0] <= now - facts.TOKEN_WINDOW.total_seconds():
            grant.made.popleft()
        if len(grant.made) >= limits.tokens_per_window:
            # a refused try counts too: hammering prolongs the throttle
            grant.made.append(now)
            return int(self._org.switches["token_throttle_status"]), {
                "error": facts.TOKEN_THROTTLED,
                "error_description": "You have made too many requests continuously. "
                "Please try again after some time.",
                "status": "failure",
            }
        grant.made.append(now)
        if len(grant.active) >= limits.active_tokens:
            self.access.pop(grant.active.pop(0), None)
        value, life = self._secret(), limits.access_token_life_s
        grant.active.append(value)
        self.access[value] = Access(grant, now + life)
        answer: Json = {"access_token": value}
        if fresh:
            answer["refresh_token"] = grant.value
        answer |= {"api_domain": self.base_url, "token_type": "Bearer", "expires_in": int(life)}
        answer["scope"] = " ".join(sorted(grant.scopes))
        if self._org.switches["expires_in"] == "milliseconds":
            answer |= {"expires_in": int(life * 1000), "expires_in_sec": int(life)}
        return 200, answer

    def _secret(self) -> str:
        return f"1000.{self._org.rng.getrandbits(128):032x}.{self._org.rng.getrandbits(128):032x}"

    def holder(self, call: Call) -> Grant:
        """Say whose token the call carries. Raises RefusedCall 401."""
        told = call.headers.get("authorization", "")
        scheme, _, value = told.partition(" ")
        if scheme != facts.AUTH_SCHEME or not value:
            raise RefusedCall(facts.HEADER_REFUSED, "Authentication failed", status=401)
        access = self.access.get(value)
        if access is None or access.expires <= self._org.time.now():
            raise RefusedCall("INVALID_TOKEN", "invalid oauth token", status=401)
        return access.grant

    def need(self, grant: Grant, *alternatives: str) -> None:
        """Raise RefusedCall OAUTH_SCOPE_MISMATCH unless the token has one of the scopes."""
        if not grant.scopes.intersection(alternatives):
            raise RefusedCall(
                "OAUTH_SCOPE_MISMATCH",
                "invalid oauth scope to access this URL",
                status=int(self._org.switches["scope_error_status"]),
            )

    def need_module(self, grant: Grant, module: Module, right: str) -> None:
        """As above, for a right (READ, CREATE, UPDATE, DELETE) on one module's records."""
        names = {module.name, module.name.lower()} | ({"custom"} if module.custom else set())
        rights = {right, "ALL"} | ({"WRITE"} if right in ("CREATE", "UPDATE") else set())
        self.need(
            grant,
            "ZohoCRM.modules.ALL",
            *(f"ZohoCRM.modules.{name}.{one}" for name in names for one in rights),
        )

    def need_setting(self, grant: Grant, part: str, right: str = "READ") -> None:
        self.need(
            grant,
            "ZohoCRM.settings.ALL",
            f"ZohoCRM.settings.{part}.ALL",
            f"ZohoCRM.settings.{part}.{right}",
        )
