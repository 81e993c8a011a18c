"""Access tokens: one for all threads and processes, renewed before its end and once on refusal.

The vendor gives few tokens in ten minutes and ends older ones, so nobody fetches one for himself:
the sealed slot that all processes share is held open while one of them fetches.
"""

from __future__ import annotations

import hashlib
import re
import threading
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from connector.errors import (
    LoginRefusedError,
    RateLimitedError,
    RetryableError,
    SettingsError,
    UnknownOutcomeError,
    UnreachableError,
)
from connector.plugin import Host, SecretSlot, Session
from connector_zoho import facts
from connector_zoho.settings import ZohoSettings

SLOT: Final = "access_token"
_OPERATION: Final = "login"
_LAST_USE: Final = timedelta(seconds=60)
_FAULT_WAIT_S: Final = 30.0
_SAFE_CODE: Final = re.compile(r"[A-Za-z_ ]{1,40}")


class Tokens:
    """The access token of one login. Safe for threads."""

    def __init__(self, settings: ZohoSettings, host: Host, session: Session) -> None:
        self._settings = settings
        self._host = host
        self._session = session
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = datetime.min.replace(tzinfo=UTC)
        # A token fetched with other credentials may open another organisation.
        login = "\n".join(
            (
                settings.accounts_url,
                settings.client_id.get_secret_value(),
                settings.refresh_token.get_secret_value(),
            )
        )
        self._of = hashlib.sha256(login.encode()).hexdigest()[:32]

    def __repr__(self) -> str:
        return "<Tokens>"

    def get(self) -> str:
        """A token that lives some minutes more.

        Raises: LoginRefusedError, RateLimitedError, RetryableError, SettingsError.
        """
        with self._lock:
            if self._host.clock.now() >= self._renew_at:
                self._take(refused=None)
            return self._token

    def renew(self, refused: str) -> str:
        """Another token than the one the API refused, fetched unless somebody did so already."""
        with self._lock:
            if self._token == refused:
                self._take(refused)
            return self._token

    def _take(self, refused: str | None) -> None:
        with self._host.secret(SLOT) as slot:
            kept = self._kept(slot)
            now = self._host.clock.now()
            token, ends = kept.get("token"), datetime.fromtimestamp(kept.get("ends", 0), UTC)
            if token is None or token == refused:
                token, ends = self._fetch(slot, kept)
            elif now >= ends - facts.REFRESH_BEFORE_EXPIRY:
                try:
                    token, ends = self._fetch(slot, kept)
                except RetryableError:
                    if now >= ends - _LAST_USE:
                        raise
                    # The old one still has minutes to live: use them, and ask again soon.
                    self._token, self._renew_at = token, now + _LAST_USE
                    return
            self._token = token
            # A token whose whole life is shorter than our margin is used for half of it.
            self._renew_at = ends - min(facts.REFRESH_BEFORE_EXPIRY, (ends - now) / 2)

    def _kept(self, slot: SecretSlot) -> dict[str, Any]:
        value = slot.get()
        if value is None:
            return {}
        kept = orjson.loads(value)
        return kept if isinstance(kept, dict) and kept.get("of") == self._of else {}

    def _keep(self, slot: SecretSlot, life: timedelta, **what: Any) -> None:
        slot.put(orjson.dumps({**what, "of": self._of}), life)

    def _fetch(self, slot: SecretSlot, kept: dict[str, Any]) -> tuple[str, datetime]:
        settings, now = self._settings, self._host.clock.now()
        if (until := kept.get("throttled_until")) and now.timestamp() < until:
            raise _throttled(until - now.timestamp())
        form = {
            "grant_type": "refresh_token",
            "client_id": settings.client_id.get_secret_value(),
            "client_secret": settings.client_secret.get_secret_value(),
            "refresh_token": settings.refresh_token.get_secret_value(),
        }
        try:
            answer = self._session.request(
                "POST", settings.accounts_url + facts.TOKEN_PATH, form=form
            )
        except UnknownOutcomeError as error:
            # A token made and lost does no harm: nothing of ours was written.
            raise UnreachableError(error.sentence, operation=_OPERATION) from None
        told = _read(answer.body)
        token = told.get("access_token")
        if not isinstance(token, str) or not token:
            self._refuse(slot, kept, told, answer.status)
        self._check_domain(told.get("api_domain"))
        ends = now + _life(told)
        self._keep(slot, ends - now, token=token, ends=ends.timestamp())
        assert isinstance(token, str), "an answer without a token was refused above"
        return token, ends

    def _refuse(
        self, slot: SecretSlot, kept: dict[str, Any], told: dict[str, Any], status: int
    ) -> None:
        """Raise what an answer without a token means. Its HTTP status may well be 200."""
        error = told.get("error")
        code = error if isinstance(error, str) and _SAFE_CODE.fullmatch(error) else "unreadable"
        if code == facts.TOKEN_THROTTLED or status == 429:
            # Every further try prolongs it, so all processes are told to leave it alone.
            wait = facts.TOKEN_WINDOW
            until = self._host.clock.now() + wait
            self._keep(slot, wait, **{**kept, "throttled_until": until.timestamp()})
            raise _throttled(wait.total_seconds())
        if code == "unreadable" or code in facts.TOKEN_TRANSIENT or status >= 500:
            raise RetryableError(
                "The accounts server gave no token and no reason.",
                after_s=_FAULT_WAIT_S,
                operation=_OPERATION,
                code=code,
            )
        raise LoginRefusedError(
            f"The accounts server refuses this login ({code}).",
            hint="Check client id, secret and data centre, and connect anew for a refresh token.",
            operation=_OPERATION,
            code=code,
        )

    def _check_domain(self, told: object) -> None:
        ours = urlsplit(self._settings.api_url).netloc.lower()
        if isinstance(told, str) and (theirs := urlsplit(told).netloc.lower()) != ours:
            raise SettingsError(
                f"The login belongs to the API host {_host(theirs)}, the settings say {ours}.",
                hint="Set api_url to the host of the organisation's data centre.",
            )


def _read(body: bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}


def _life(told: dict[str, Any]) -> timedelta:
    """Read the token's life: seconds, or milliseconds when `expires_in_sec` stands beside it."""
    seconds = told.get(facts.EXPIRES_IN_SEC_KEY)
    if not isinstance(seconds, int | float):
        seconds = told.get("expires_in")
    if not isinstance(seconds, int | float) or not 0 < seconds <= 86_400:
        return facts.ACCESS_TOKEN_LIFE
    return timedelta(seconds=seconds)


def _throttled(wait_s: float) -> RateLimitedError:
    return RateLimitedError(
        "The accounts server gives no more tokens for now.", after_s=wait_s, operation=_OPERATION
    )


def _host(netloc: str) -> str:
    return netloc if re.fullmatch(r"[a-z0-9.:-]{1,200}", netloc) else "(unreadable)"
