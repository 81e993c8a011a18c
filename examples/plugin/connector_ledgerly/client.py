"""Ledgerly's language: paths, the key in a header, and what its answers mean as errors of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from connector.errors import (
    InvalidError,
    LoginRefusedError,
    NotFoundError,
    RateLimitedError,
    RetryableError,
    UnknownOutcomeError,
)
from connector.http.answers import json_object
from connector.plugin import AllowList, Host, Response
from connector_ledgerly.settings import LedgerlySettings

BUDGET: Final = "api"
"""Ledgerly counts all calls of an account together."""
LEFT_ALONE_S: Final = 30.0
"""How long to wait after a 429 or a fault that names no time."""


class Client:
    """One account's calls. Safe for threads."""

    def __init__(self, settings: LedgerlySettings, host: Host) -> None:
        self._settings, self._host = settings, host
        hosts = AllowList((settings.api_url,), settings.allow_loopback)
        self._session = host.session(hosts, timeout_s=settings.timeout_s)

    def close(self) -> None:
        self._session.close()

    def read(
        self, path: str, params: Mapping[str, str] | None = None, json: Any = None
    ) -> dict[str, Any]:
        """Ask for something. Raises: LoginRefusedError, RetryableError, RejectedError."""
        answer = self._send("GET" if json is None else "POST", path, params, json, repeatable=True)
        told = json_object(answer.body)
        if answer.status == 200 and told is not None:
            return told
        about = {"plugin": "ledgerly", "operation": path, "code": str(answer.status)}
        if answer.status == 404:
            raise NotFoundError("Ledgerly has no such object.", **about)
        if 400 <= answer.status < 500:
            raise InvalidError("Ledgerly does not understand the question.", **about)
        raise RetryableError("Ledgerly failed.", after_s=LEFT_ALONE_S, **about)

    def write(
        self, method: str, path: str, params: Mapping[str, str], json: Any
    ) -> tuple[int, dict[str, Any]]:
        """Do something: the status below 500, and what was told.

        Raises: LoginRefusedError and RetryableError, when surely nothing happened;
        UnknownOutcomeError, when it may have.
        """
        answer = self._send(method, path, params, json, repeatable=False)
        told = json_object(answer.body)
        if told is None or answer.status >= 500:
            raise UnknownOutcomeError("Ledgerly gave no answer that says what became of a write.")
        return answer.status, told

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        json: Any,
        *,
        repeatable: bool,
    ) -> Response:
        self._host.spend(BUDGET, 1, self._settings.rate)
        answer = self._session.request(
            method,
            f"{self._settings.api_url}/v1/{path}",
            params=params,
            json=json,
            headers={"Authorization": f"Bearer {self._settings.api_key.get_secret_value()}"},
            repeatable=repeatable,
        )
        about = {"plugin": "ledgerly", "operation": path, "code": str(answer.status)}
        if answer.status in (401, 403):
            raise LoginRefusedError(
                "Ledgerly does not take this key.", hint="Make one under Settings > Keys.", **about
            )
        if answer.status == 429:
            told = answer.headers.get("retry-after", "")
            wait_s = float(told) if told.isdecimal() else LEFT_ALONE_S
            self._host.pause(BUDGET, wait_s)
            raise RateLimitedError("Ledgerly's rate is spent.", after_s=wait_s, **about)
        return answer
