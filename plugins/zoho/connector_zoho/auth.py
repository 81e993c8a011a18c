"""Logging in: what a refresh token is exchanged for, and what a refusal of it means."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from connector.errors import (
    LoginRefusedError,
    RateLimitedError,
    RetryableError,
    SettingsError,
    VendorError,
)
from connector.http.answers import json_object
from connector.http.tokens import LOGIN, Token, Tokens, ask
from connector.plugin import Host, Session
from connector_zoho import facts
from connector_zoho.settings import ZohoSettings

_FAULT_WAIT_S: Final = 30.0
_SAFE_CODE: Final = re.compile(r"[A-Za-z_ ]{1,40}")


class Login:
    """Fetches access tokens for one login; `tokens` shares them."""

    def __init__(self, settings: ZohoSettings, host: Host, session: Session) -> None:
        self._settings = settings
        self._host = host
        self._session = session
        login = "\n".join(
            (
                settings.accounts_url,
                settings.client_id.get_secret_value(),
                settings.refresh_token.get_secret_value(),
            )
        )
        self.tokens = Tokens(host, login, self._fetch, facts.REFRESH_BEFORE_EXPIRY)

    def __repr__(self) -> str:
        return "<Login>"

    def _fetch(self) -> Token:
        """Raises: LoginRefusedError, RateLimitedError, RetryableError, SettingsError."""
        settings, now = self._settings, self._host.clock.now()
        form = {
            "grant_type": "refresh_token",
            "client_id": settings.client_id.get_secret_value(),
            "client_secret": settings.client_secret.get_secret_value(),
            "refresh_token": settings.refresh_token.get_secret_value(),
        }
        answer = ask(self._session, settings.accounts_url + facts.TOKEN_PATH, form=form)
        told = json_object(answer.body) or {}
        token = told.get("access_token")
        if not isinstance(token, str) or not token:
            raise _refusal(told, answer.status)
        self._check_domain(told.get("api_domain"))
        return Token(token, now + _life(told))

    def _check_domain(self, told: object) -> None:
        ours = urlsplit(self._settings.api_url).netloc.lower()
        if isinstance(told, str) and (theirs := urlsplit(told).netloc.lower()) != ours:
            raise SettingsError(
                f"The login belongs to the API host {_host(theirs)}, the settings say {ours}.",
                hint="Set api_url to the host of the organisation's data centre.",
            )


def _refusal(told: dict[str, Any], status: int) -> VendorError:
    """What an answer without a token means. Its HTTP status may well be 200."""
    error = told.get("error")
    code = error if isinstance(error, str) and _SAFE_CODE.fullmatch(error) else "unreadable"
    if code == facts.TOKEN_THROTTLED or status == 429:
        return RateLimitedError(
            "The accounts server gives no more tokens for now.",
            after_s=facts.TOKEN_WINDOW.total_seconds(),
            operation=LOGIN,
        )
    if code == "unreadable" or code in facts.TOKEN_TRANSIENT or status >= 500:
        return RetryableError(
            "The accounts server gave no token and no reason.",
            after_s=_FAULT_WAIT_S,
            operation=LOGIN,
            code=code,
        )
    return LoginRefusedError(
        f"The accounts server refuses this login ({code}).",
        hint="Check client id, secret and data centre, and connect anew for a refresh token.",
        operation=LOGIN,
        code=code,
    )


def _life(told: dict[str, Any]) -> timedelta:
    """Read the token's life: seconds, or milliseconds when `expires_in_sec` stands beside it."""
    seconds = told.get(facts.EXPIRES_IN_SEC_KEY)
    if not isinstance(seconds, int | float):
        seconds = told.get("expires_in")
    if not isinstance(seconds, int | float) or not 0 < seconds <= 86_400:
        return facts.ACCESS_TOKEN_LIFE
    return timedelta(seconds=seconds)


def _host(netloc: str) -> str:
    return netloc if re.fullmatch(r"[a-z0-9.:-]{1,200}", netloc) else "(unreadable)"
