"""The vendor's language: addresses, credits, tokens and refusals of whole calls."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, BinaryIO, Final, TypedDict

from connector.errors import (
    ConnectorError,
    CursorExpiredError,
    InvalidError,
    LoginRefusedError,
    RateLimitedError,
    RetryableError,
    SchemaDriftError,
    UnknownOutcomeError,
)
from connector.http.answers import answered_at, json_object
from connector.plugin import AllowList, Host, Response, Session
from connector_zoho import facts
from connector_zoho.auth import Login
from connector_zoho.envelope import Answer
from connector_zoho.facts import Class
from connector_zoho.settings import ZohoSettings

_log = logging.getLogger(__name__)

BUDGET: Final = "api"
_EMPTY: Final = (204, 304)
_FIRST_PAUSE_S: Final = 2.0
_LONGEST_PAUSE_S: Final = 300.0
_CREDITS_PAUSE_S: Final = 3600.0
_FAULT_WAIT_S: Final = 5.0
_LATER_S: Final = 3600.0

NOT_ALLOWED: Final = frozenset(
    {
        "API_NOT_SUPPORTED",
        "AUTHENTICATION_FAILURE",
        "AUTHORIZATION_FAILED",
        "FEATURE_NOT_SUPPORTED",
        "NOT_ALLOWED",
        "NOT_SUPPORTED",
        "NO_PERMISSION",
        "OAUTH_SCOPE_MISMATCH",
        "STORAGE_SPACE_EXCEEDED",
    }
)
"""Codes that a person must heal in the organisation's settings, or in the login's scopes."""
WRONG_ADDRESS: Final = frozenset({"INVALID_MODULE", "INVALID_URL_PATTERN"})


class _About(TypedDict, total=False):
    """What every error about the vendor carries."""

    plugin: str
    operation: str
    code: str


class Client:
    """One login's way to the API. Safe for threads."""

    def __init__(self, settings: ZohoSettings, host: Host, *, plugin: str = "zoho") -> None:
        self._settings = settings
        self._host = host
        self._plugin = plugin
        self._session = host.session(
            AllowList(settings.origins, settings.allow_loopback), timeout_s=settings.timeout_s
        )
        self._files = host.session(
            AllowList(settings.file_origins, settings.allow_loopback),
            timeout_s=settings.bulk_timeout_s,
            pool=1,
        )
        self._tokens = Login(settings, host, self._session).tokens
        self._throttles = 0

    def close(self) -> None:
        self._session.close()
        self._files.close()

    def read(
        self,
        operation: str,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        cost: int = 1,
    ) -> Answer:
        """GET something. Raises: VendorError and its kin for everything that is no answer."""
        answer = self._call(operation, "GET", path, params, None, headers, cost, repeatable=True)
        return self._accepted(operation, answer)

    def query(self, text: str, rows: int) -> Answer:
        """Run a query of at most `rows` rows. Raises as `read`."""
        body = {"select_query": text}
        cost = facts.coql_credits(rows)
        # A query is a POST that changes nothing, so it may be repeated like any read.
        answer = self._call("query", "POST", facts.COQL_PATH, None, body, None, cost, True)
        return self._accepted("query", answer)

    def write(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        cost: int,
    ) -> Answer:
        """Send a write and return the answer, be it a refusal.

        Raises: UnknownOutcomeError if it may have landed; RetryableError if it surely did not.
        """
        return self._call(operation, method, path, params, body, headers, cost, repeatable=False)

    # --- files of bulk jobs ---

    def upload(self, path: str, headers: Mapping[str, str], content: bytes) -> Answer:
        """Send a file to the content host and return the answer, be it a refusal.

        A file without a job changes nothing, so it may be sent again. Raises as `read`.
        """
        how = {"headers": headers, "body": content}
        url = self._settings.upload_url + path
        return self._send("upload", "POST", url, self._files, cost=1, repeatable=True, how=how)

    def download(self, operation: str, url: str, into: BinaryIO, max_bytes: int) -> None:
        """Fetch a file `into` a private one. Raises as `read`; SettingsError for another host."""
        how: dict[str, Any] = {"into": into, "max_bytes": max_bytes}
        answer = self._send(operation, "GET", url, self._files, cost=1, repeatable=True, how=how)
        self._accepted(operation, answer)
        if answer.status != 200:
            raise self.error(operation, "", answer.status)

    # --- one call ---

    def _call(
        self,
        operation: str,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        cost: int,
        repeatable: bool,
    ) -> Answer:
        how = {"params": params, "json": body, "headers": headers}
        url = self._settings.api_url + path
        return self._send(
            operation, method, url, self._session, cost=cost, repeatable=repeatable, how=how
        )

    def _send(
        self,
        operation: str,
        method: str,
        url: str,
        session: Session,
        *,
        cost: int,
        repeatable: bool,
        how: Mapping[str, Any],
    ) -> Answer:
        """Spend, send with a token, understand; `how` is the rest of the session's request."""
        self._host.spend(BUDGET, cost, self._settings.rate)
        token = self._tokens.get()
        for attempt in (1, 2):
            heads = {
                **(how.get("headers") or {}),
                "Authorization": f"{facts.AUTH_SCHEME} {token.text}",
            }
            response = session.request(
                method, url, **{**how, "headers": heads}, repeatable=repeatable
            )
            if response.status == 200 and how.get("into") is not None:
                return Answer(200, answered_at(response) or self._host.clock.now(), {})
            answer = self._understand(operation, response, repeatable)
            if response.status != 401:
                return answer
            if facts.CODES.get(answer.refusal or "") is not Class.TOKEN:
                return answer
            if attempt == 1:
                # Refused at the door, so nothing was done and a write may be repeated too. Once:
                # a fresh token that is refused will not be mended by a third one.
                token = self._tokens.renew(token)
        return answer

    def _understand(self, operation: str, response: Response, repeatable: bool) -> Answer:
        if response.status == 429:
            raise self._throttled(operation, response)
        self._throttles = 0
        read_at = answered_at(response) or self._host.clock.now()
        if response.status in _EMPTY:
            return Answer(response.status, read_at, {})
        told = json_object(response.body)
        lost = RetryableError if repeatable else UnknownOutcomeError
        about: _About = {"plugin": self._plugin, "operation": operation}
        if told is None or 300 <= response.status < 400:
            raise lost(
                f"The answer to {operation} is unreadable (HTTP {response.status}).", **about
            )
        answer = Answer(response.status, read_at, told)
        if response.status >= 500 and not (answer.rows and not repeatable):
            code = answer.refusal or ""
            about["code"] = code
            raise lost(f"The vendor failed at {operation} ({code or response.status}).", **about)
        return answer

    def _throttled(self, operation: str, response: Response) -> RateLimitedError:
        """Tell all processes to leave the budget alone, longer with each refusal in a row."""
        wait_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**self._throttles)
        self._throttles = min(self._throttles + 1, 10)
        told = response.headers.get(facts.RETRY_AFTER_HEADER.lower(), "")
        if told.isascii() and told.isdigit() and len(told) < 6:
            wait_s = max(wait_s, float(told))
        if response.headers.get(facts.CREDITS_HEADER.lower(), "").strip() == "0":
            wait_s = _CREDITS_PAUSE_S
        self._host.pause(BUDGET, wait_s)
        _log.warning(
            "the vendor asks for a pause", extra={"operation": operation, "wait_s": wait_s}
        )
        return RateLimitedError(
            "The vendor's rate or the day's credits are spent.",
            after_s=wait_s,
            plugin=self._plugin,
            operation=operation,
        )

    def _accepted(self, operation: str, answer: Answer) -> Answer:
        code = answer.refusal
        if code is None and answer.status < 400:
            if all(isinstance(row, Mapping) for row in answer.rows):
                return answer
            raise RetryableError(
                f"The answer to {operation} holds something that is no record.",
                after_s=_FAULT_WAIT_S,
                plugin=self._plugin,
                operation=operation,
            )
        raise self.error(operation, code or "", answer.status)

    def error(self, operation: str, code: str, status: int) -> ConnectorError:
        """The error that a refused call is."""
        about: _About = {"plugin": self._plugin, "operation": operation, "code": code}
        said = f"The vendor refuses {operation} ({code or f'HTTP {status}'})"
        if code in NOT_ALLOWED:
            return LoginRefusedError(
                f"{said}.", hint="Check the login's scopes and its user's profile.", **about
            )
        if code in WRONG_ADDRESS:
            return SchemaDriftError(f"{said}.", hint="Check `object` in the mapping and api_url.")
        match facts.classify(code, status, item=False):
            case Class.RETRY:
                return RetryableError(f"{said}.", after_s=_FAULT_WAIT_S, **about)
            case Class.LATER:
                return RetryableError(f"{said}.", after_s=_LATER_S, **about)
            case Class.TOKEN:
                return LoginRefusedError(f"{said}, with a fresh token too.", **about)
            case Class.CURSOR:
                return CursorExpiredError(f"{said}: paging broke off.", **about)
        if status in (401, 403):
            return LoginRefusedError(f"{said}.", **about)
        return InvalidError(f"{said}.", **about)
