"""A caller of the sandbox in process, with a clock of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from connector_zoho.sandbox.app import SandboxApp
from connector_zoho.sandbox.auth import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN

NOON = 1_769_832_000.0
"""2026-01-31T12:00:00+08:00 in epoch seconds."""


@dataclass
class Ticker:
    """A clock that goes only when it is told to, or when somebody sleeps."""

    at: float = NOON
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


@dataclass
class Answer:
    """An answer with its body read; `body` is None where there was none."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def rows(self) -> list[Any]:
        rows: list[Any] = self.body["data"]
        return rows

    @property
    def details(self) -> Any:
        """Of the refused call, or of the first record."""
        return (self.body["data"][0] if "data" in self.body else self.body)["details"]

    @property
    def code(self) -> str:
        """Of the refused call, or of the first record."""
        told = self.body["data"][0] if "data" in self.body else self.body
        return str(told["code"])

    @property
    def id(self) -> str:
        return str(self.details["id"])


class Client:
    """Calls the sandbox as a plugin would, token included."""

    def __init__(self) -> None:
        self.clock = Ticker()
        self.app = SandboxApp(now=self.clock.now, sleep=self.clock.sleep)
        self.token = str(self.refresh()["access_token"])

    def refresh(self, **changed: str) -> Any:
        return self.refreshed(**changed).body

    def refreshed(self, **changed: str) -> Answer:
        form = {
            "grant_type": "refresh_token",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "refresh_token": REFRESH_TOKEN,
            **changed,
        }
        return self._answer("POST", "/oauth/v2/token", {}, {}, urlencode(form).encode())

    def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
    ) -> Answer:
        status, told, raw = self.app.handle(method, path, query, headers, body)
        return Answer(status, told, json.loads(raw) if raw else None)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        /,
        **query: str,
    ) -> Answer:
        """`path` is what follows `/crm/v8/`."""
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        told = {"Authorization": f"Zoho-oauthtoken {self.token}", **(headers or {})}
        return self._answer(method, f"/crm/v8/{path}", query, told, raw)

    def get(self, path: str, headers: Mapping[str, str] | None = None, /, **query: str) -> Answer:
        return self.call("GET", path, None, headers, **query)

    def insert(self, module: str, *records: Any, **more: Any) -> Answer:
        return self.call("POST", module, {"data": list(records), **more})

    def update(self, module: str, ref: str, record: Any, **more: Any) -> Answer:
        return self.call("PUT", f"{module}/{ref}", {"data": [record], **more})

    def upsert(self, module: str, *records: Any, **more: Any) -> Answer:
        return self.call("POST", f"{module}/upsert", {"data": list(records), **more})

    def contact(self, **fields: Any) -> str:
        """Insert one contact, quietly; its id."""
        answer = self.insert("Contacts", {"Last_Name": "Lin", **fields}, trigger=[])
        assert answer.status == 201, answer.body
        return answer.id

    def coql(self, query: str) -> Answer:
        return self.call("POST", "coql", {"select_query": query})

    def admin(self, action: str, **asked: Any) -> Any:
        answer = self._answer("POST", f"/admin/{action}", {}, {}, json.dumps(asked).encode())
        assert answer.status == 200, answer.body
        return answer.body["result"]
