"""Logging in, the newer and the older way, behind one class; and what a login puts on a call."""

from __future__ import annotations

from collections.abc import Mapping
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
from connector.plugin import Host, Response, Session
from connector_fxiaoke import facts
from connector_fxiaoke.envelope import code_of, trace_of, traced
from connector_fxiaoke.facts import Class
from connector_fxiaoke.settings import FxiaokeSettings

BUDGET: Final = "token"
_FAULT_WAIT_S: Final = 30.0
_LONGEST_LIFE_S: Final = 86_400


class Login:
    """One login. Safe for threads."""

    def __init__(self, settings: FxiaokeSettings, host: Host, session: Session) -> None:
        self._settings = settings
        self._host = host
        self._session = session
        self._header = settings.auth_style == "header"
        login = "\n".join(
            (
                settings.api_url,
                settings.auth_style,
                settings.app_id.get_secret_value(),
                settings.app_secret.get_secret_value(),
                settings.permanent_code.get_secret_value(),
            )
        )
        self._tokens = Tokens(host, login, self._fetch, facts.REFRESH_BEFORE_END)

    def __repr__(self) -> str:
        return "<Login>"

    def get(self) -> Token:
        """A token for the next call. Raises as `_fetch`."""
        return self._tokens.get()

    def renew(self, refused: Token) -> Token:
        """Another token than the refused one. Raises: LoginRefusedError if there is none.

        For most of its life a token is given out again and again: if the same one comes back, it
        is not old but withdrawn, and asking on would be a loop.
        """
        token = self._tokens.renew(refused)
        if token.text == refused.text:
            raise LoginRefusedError(
                "The CRM refuses its own token: the app's authorisation was withdrawn, or the user"
                " is not one of this tenant.",
                hint="Check the app's authorisation and user_id, then connect anew.",
                operation=LOGIN,
                code=str(facts.TOKEN_REFUSED),
            )
        return token

    @property
    def tenant(self) -> str:
        """The tenant's name for itself: `ea`, or `corpId` with the older login."""
        return self._tokens.get().more["tenant"]

    def dress(
        self, token: Token, body: Mapping[str, Any]
    ) -> tuple[dict[str, str], Mapping[str, Any]]:
        """The headers and the body of a call under this token. The two ways never mix."""
        tenant, person = token.more["tenant"], self._settings.user_id
        if self._header:
            headers = {
                facts.AUTHORIZATION_HEADER: f"Bearer {token.text}",
                facts.ENTERPRISE_HEADER: tenant,
                facts.USER_HEADER: person,
            }
            return headers, {**body, "convertUserId": True} if self._settings.open_ids else body
        identity = {"corpAccessToken": token.text, "corpId": tenant, "currentOpenUserId": person}
        return {}, {**body, **identity}

    def _fetch(self) -> Token:
        """Raises: LoginRefusedError, RateLimitedError, RetryableError, SettingsError."""
        settings = self._settings
        self._host.spend(BUDGET, 1, facts.TOKEN_RATE)
        body = {
            "appId": settings.app_id.get_secret_value(),
            "appSecret": settings.app_secret.get_secret_value(),
            "permanentCode": settings.permanent_code.get_secret_value(),
        }
        if self._header:
            body["grantType"] = facts.GRANT_TYPE
        path = facts.TOKEN_PATH if self._header else facts.LEGACY_TOKEN_PATH
        now = self._host.clock.now()
        trace = traced(self._host.rng)
        answer = ask(self._session, settings.api_url + path, params=trace, json=body)
        told = json_object(answer.body)
        if told is None or answer.status != 200:
            raise self._no_gateway(answer)
        text = told.get("accessToken" if self._header else "corpAccessToken")
        tenant = told.get("ea" if self._header else "corpId")
        if isinstance(tenant, int) and not isinstance(tenant, bool):
            tenant = str(tenant)
        code = code_of(told)
        if code != facts.OK or not isinstance(text, str) or not text or not isinstance(tenant, str):
            raise _refusal(told, code)
        return Token(text, now + _life(told), {"tenant": tenant})

    def _no_gateway(self, answer: Response) -> VendorError | SettingsError:
        """What an answer that is none of the gateway's means."""
        if answer.status >= 500 or (answer.status == 200 and not _is_page(answer)):
            return RetryableError(
                f"The CRM gave no readable token (HTTP {answer.status}).",
                after_s=_FAULT_WAIT_S,
                operation=LOGIN,
            )
        host = urlsplit(self._settings.api_url).netloc
        return SettingsError(
            f"{host} is no API host of the CRM: it answers a login with a web page or a redirect.",
            hint="Set api_url to the API host of the tenant's cloud, such as "
            f"{facts.CLOUDS['fxiaoke']}.",
        )


def _is_page(answer: Response) -> bool:
    kind = answer.headers.get("content-type", "").lower()
    return "html" in kind or answer.body.lstrip()[:1] == b"<"


def _refusal(told: Mapping[str, Any], code: int | None) -> VendorError:
    about = {"operation": LOGIN, "code": str(code), "trace": trace_of(told)}
    if code in (None, facts.OK):
        return RetryableError(
            "The CRM gave no token and no reason.", after_s=_FAULT_WAIT_S, **about
        )
    match facts.CODES.get(code or 0, Class.CONFIG):
        case Class.THROTTLE:
            wait_s = facts.TOKEN_WINDOW.total_seconds()
            return RateLimitedError(
                "The CRM gives no more tokens for now.", after_s=wait_s, **about
            )
        case Class.TRANSIENT | Class.AMBIGUOUS:
            return RetryableError(
                f"The CRM failed at the login ({code}).", after_s=_FAULT_WAIT_S, **about
            )
        case Class.QUOTA:
            wait_s = facts.QUOTA_PAUSE_S
            return RateLimitedError(
                f"The tenant's calls of the day are spent ({code}).", after_s=wait_s, **about
            )
    return LoginRefusedError(
        f"The CRM refuses this login ({code}).",
        hint="Check app_id, app_secret and permanent_code, that the app is in developer mode and"
        " bought calls, and that this machine's address is on its white list.",
        **about,
    )


def _life(told: Mapping[str, Any]) -> timedelta:
    """`expiresIn` is what is left of the token's life, in seconds."""
    text = str(told.get("expiresIn"))
    seconds = int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0
    if 0 < seconds <= _LONGEST_LIFE_S:
        return timedelta(seconds=seconds)
    # Unreadable: use it shortly and ask again; the same token comes back with what is left.
    return facts.REFRESH_BEFORE_END
