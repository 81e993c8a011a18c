"""A caller of the Fxiaoke sandbox in process, with a clock of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector_fxiaoke import facts
from connector_fxiaoke.sandbox.app import SandboxApp
from connector_fxiaoke.sandbox.auth import APP_ID, APP_SECRET, PERMANENT_CODE

from tests.sandbox.client import Ticker

ACCOUNT = "AccountObj"
CARD = "membership__c"
OPEN_ID = "FSUID_000000000000000000000000000003E8"
"""The integration employee, 1000, as the legacy style tells persons."""


@dataclass
class Answer:
    """An answer with its body read."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def code(self) -> int:
        return int(self.body["errorCode"])

    @property
    def text(self) -> str:
        return str(self.body["errorMessage"])

    @property
    def data(self) -> Any:
        return self.body["data"]

    @property
    def rows(self) -> list[Any]:
        rows: list[Any] = self.body["data"]["dataList"]
        return rows

    @property
    def names(self) -> list[str]:
        return [row["name"] for row in self.rows]

    @property
    def id(self) -> str:
        return str(self.body["dataId"])


class FxiaokeClient:
    """Calls the sandbox as a client of either generation would, token included."""

    def __init__(self, style: str = "header") -> None:
        self.clock = Ticker()
        self.app = SandboxApp(now=self.clock.now, sleep=self.clock.sleep)
        self.app.org.limits.rate_calls = None
        self.style = style
        self.me = "1000" if style == "header" else OPEN_ID
        self.login()

    def login(self) -> None:
        told = self.token(self.style).body
        self.headers: dict[str, str] = {}
        self.top: dict[str, Any] = {}
        if self.style == "header":
            self.headers = {
                "Authorization": f"Bearer {told['accessToken']}",
                "X-FS-EA": told["ea"],
                "X-FS-UserID": "1000",
            }
        else:
            self.top = {
                "corpAccessToken": told["corpAccessToken"],
                "corpId": told["corpId"],
                "currentOpenUserId": OPEN_ID,
            }

    def token(self, style: str = "header", **changed: Any) -> Answer:
        body = {"appId": APP_ID, "appSecret": APP_SECRET, "permanentCode": PERMANENT_CODE}
        if style == "header":
            return self.post(facts.TOKEN_PATH, {**body, "grantType": "app_secret", **changed})
        return self.post(facts.LEGACY_TOKEN_PATH, {**body, **changed})

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """Send exactly this."""
        raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        status, told, answer = self.app.handle("POST", path, {}, headers, raw)
        is_json = told.get("content-type", "").startswith("application/json")
        return Answer(status, told, json.loads(answer) if is_json else answer)

    def call(self, path: str, data: Any = None, /, **top: Any) -> Answer:
        """Send `data` with the credentials; `top` are flags beside it."""
        body = {**self.top, **top} if data is None else {**self.top, **top, "data": data}
        return self.post(path, body, self.headers)

    def act(self, object: str, action: str, data: Mapping[str, Any], /, **top: Any) -> Answer:
        """An action on an object's records, by the family that serves it."""
        path = facts.data_path(object, action)
        return self.call(path, {"dataObjectApiName": object, **data}, **top)

    def query(self, object: str, /, *filters: tuple[str, str, list[Any]], **info: Any) -> Answer:
        told = [{"field_name": f, "operator": o, "field_values": v} for f, o, v in filters]
        info.setdefault("orders", [{"fieldName": "_id", "isAsc": True}])
        return self.act(object, "query", {"search_query_info": {"filters": told, **info}})

    def get(self, object: str, ref: str, /, **top: Any) -> Answer:
        return self.act(object, "get", {"objectDataId": ref}, **top)

    def create(self, object: str, /, top: Mapping[str, Any] | None = None, **fields: Any) -> Answer:
        record = {"dataObjectApiName": object, "owner": [self.me], **fields}
        path = facts.data_path(object, "create")
        return self.call(path, {"object_data": record}, **(top or {}))

    def made(self, object: str = ACCOUNT, /, **fields: Any) -> str:
        """Create a record; its id."""
        answer = self.create(object, **{"name": "林", **fields})
        assert answer.code == 0, answer.body
        return answer.id

    def update(
        self, object: str, ref: str, /, top: Mapping[str, Any] | None = None, **fields: Any
    ) -> Answer:
        record = {"_id": ref, "dataObjectApiName": object, **fields}
        path = facts.data_path(object, "update")
        return self.call(path, {"object_data": record}, **(top or {}))

    def invalid(self, object: str, ref: str) -> Answer:
        return self.act(object, "invalid", {"object_data_id": ref})

    def admin(self, action: str, **asked: Any) -> Any:
        answer = self.post(f"/admin/{action}", asked)
        assert answer.status == 200, answer.body
        return answer.body["result"]

    def switch(self, **forms: str) -> None:
        self.admin("switch", **forms)
