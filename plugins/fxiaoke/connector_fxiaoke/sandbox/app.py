"""The sandbox without a server: a request in, an answer out, with faults and budgets on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from connector.sandbox.app import App
from connector.sandbox.calls import Call, Reply
from connector.sandbox.faults import HTML
from connector.sandbox.watch import Watch
from connector_fxiaoke import facts
from connector_fxiaoke.sandbox import admin, metadata, spoil
from connector_fxiaoke.sandbox.auth import Accounts, Caller
from connector_fxiaoke.sandbox.budget import Budget
from connector_fxiaoke.sandbox.config import SWITCHES
from connector_fxiaoke.sandbox.faults import FAULTS
from connector_fxiaoke.sandbox.model import Organisation
from connector_fxiaoke.sandbox.objects import Table
from connector_fxiaoke.sandbox.reads import Reads
from connector_fxiaoke.sandbox.refusals import (
    Json,
    LockedRecord,
    RefusedCall,
    RefusedRecord,
    null_pointer,
)
from connector_fxiaoke.sandbox.writes import Writes

_ACTIONS: Final[Mapping[str, str]] = {
    "query": "query",
    "get": "fetch",
    "create": "insert",
    "update": "update",
    "invalid": "delete",
    "recover": "restore",
    "delete": "purge",
    "changeOwner": "change_owner",
}
"""Last part of a path in both families to the operation."""

_PATHS: Final[Mapping[str, tuple[str, str]]] = {
    **{f"{facts.PRESET}/{last}": (name, "preset") for last, name in _ACTIONS.items()},
    **{f"{facts.CUSTOM}/{last}": (name, "custom") for last, name in _ACTIONS.items()},
    facts.BATCH_INVALIDATE_PATH: ("delete_batch", "custom"),
    facts.FIND_SIMPLE_PATH: ("find_simple", "both"),
    facts.FIND_ONE_PATH: ("find_one", "both"),
    facts.CHOOSE_PATH: ("choose", "preset"),
    facts.RETURN_PATH: ("return", "preset"),
    facts.LOCK_PATH: ("lock", "both"),
    facts.UNLOCK_PATH: ("unlock", "both"),
    facts.OBJECTS_PATH: ("objects", ""),
    facts.DESCRIBE_PATH: ("describe", ""),
    facts.AREAS_PATH: ("areas", ""),
    facts.USER_BY_MOBILE_PATH: ("user_by_mobile", ""),
    facts.TOKEN_PATH: ("token", ""),
    facts.LEGACY_TOKEN_PATH: ("token", ""),
}
"""Path to the operation and the family of objects that it serves."""

OPERATIONS: Final = frozenset(name for name, _ in _PATHS.values())
_LISTS: Final = frozenset({"query", "find_simple"})
_SECRETS: Final = ("corpAccessToken", "appSecret", "permanentCode")


@dataclass(slots=True, frozen=True)
class Route:
    """What a call asks for. `object` is "" where it names none, or none that can be read."""

    operation: str
    family: str
    object: str
    body: Any


class SandboxApp(App):
    """One stand-in of the vendor."""

    noun = "object"
    actions = admin.ACTIONS
    forms = SWITCHES
    known_faults = FAULTS
    org: Organisation

    def begin(self) -> None:
        self.org = Organisation(self.clock, self._rng, self._definitions)
        self.watch = Watch(without_secrets)
        self.accounts = Accounts(self.org)
        self.budget = Budget(self.org)
        self._reads = Reads(self.org)
        self._pages: dict[tuple[str, str], bytes] = {}

    # --- one call ---

    def answer(self, call: Call) -> Reply:
        if self.switches["host"] == "redirect":
            return self.stamp(self._page(call, 302))
        known = _PATHS.get(call.path)
        if known is None or call.method != "POST":
            status = 405 if known is not None else int(self.switches["unknown_path"])
            return self.stamp(self._page(call, status))
        route = self._route(call, *known)
        fault = self.faults.strike(route.operation, route.object)
        if fault is not None:
            return self.stamp(spoil.suffer(fault, call, self, route))
        return self.stamp(self.serve(call, route))

    def _page(self, call: Call, status: int) -> Reply:
        reply = self.unserved(call, "unknown", status)
        reply.body = HTML
        reply.headers["content-type"] = "text/html;charset=UTF-8"
        if status == 302:
            reply.headers["location"] = f"{self.base_url}/login"
        return reply

    def _route(self, call: Call, operation: str, family: str) -> Route:
        try:
            body = orjson.loads(call.body)
        except orjson.JSONDecodeError:
            body = None
        return Route(operation, family, _object_of(operation, body), body)

    def last_page(self, route: Route) -> bytes | None:
        """What the list call before this one was answered, for the fault that repeats it."""
        return self._pages.get((route.operation, route.object))

    def envelope(self, code: int, text: str) -> Json:
        """What frames every answer."""
        good = code == facts.OK
        trace = f"E-O.{self.org.ea}.1000-{self.org.rng.getrandbits(128):032x}"
        return {
            "errorCode": code,
            "errorMessage": "OK" if good else text,
            "errorDescription": "success" if good else text,
            "traceId": trace,
        }

    def serve(self, call: Call, route: Route) -> Reply:
        """Answer one request as an honest vendor: HTTP 200, the code in the body."""
        try:
            told = self.envelope(facts.OK, "") | self._told(call, route)
        except RefusedCall as refused:
            told = self.envelope(refused.number, refused.text)
        except LockedRecord as refused:
            told = self.envelope(facts.SERVICE_EXCEPTION, refused.text)
        except RefusedRecord as refused:
            told = self.envelope(int(self.switches["business_code"]), refused.text)
        reply = Reply.of(200, told)
        reply.delay_s += self.limits.latency_s
        reply.heavy = route.operation == "token"
        if route.operation in _LISTS:
            self._pages[route.operation, route.object] = reply.body
        self.note(call, route.operation, reply.status)
        return reply

    def _told(self, call: Call, route: Route) -> Json:
        """What goes into the envelope. Raises RefusedCall, RefusedRecord."""
        if not call.body:
            raise RefusedCall(12004, "the body is empty")
        if route.operation == "token":
            return self.accounts.token(call, route.body, in_flight=self.heavy_in_flight)
        body = route.body
        if not isinstance(body, dict):
            raise RefusedCall(15002, "the body is not an object")
        if route.operation == "user_by_mobile":
            self.accounts.corporation(body)
            self.budget.spend(call.path)
            return metadata.user_by_mobile(self.org, body.get("mobile"))
        caller = self.accounts.caller(call, body)
        self.budget.spend(call.path)
        if not route.family:
            return self._meta(route.operation, body)
        if not isinstance(body.get("data"), dict):
            raise null_pointer()
        return self._act(route, self._table(route), body, caller)

    def _meta(self, operation: str, body: Json) -> Json:
        if operation == "objects":
            return metadata.objects(self.org)
        return metadata.describe(self.org, body) if operation == "describe" else metadata.areas()

    def _table(self, route: Route) -> Table:
        """The object, if the path serves it."""
        if not route.object:
            raise null_pointer()
        table = self.org.settled(route.object)
        if table is None or route.family not in ("both", "custom" if table.custom else "preset"):
            code = int(self.switches["wrong_family"])
            raise RefusedCall(code, f"对象[{route.object}]不支持该接口")
        return table

    def _act(self, route: Route, table: Table, body: Json, caller: Caller) -> Json:
        reads, writes = self._reads, Writes(self.org, caller)
        match route.operation:
            case "query":
                return reads.query(table, body, caller)
            case "find_simple":
                return reads.find_simple(table, body, caller)
            case "find_one":
                return reads.find_one(table, body, caller)
            case "fetch":
                return reads.get(table, body, caller)
            case "lock" | "unlock":
                return writes.lock(table, body, on=route.operation == "lock")
        acts: Mapping[str, Callable[[Table, Json], Json]] = {
            "insert": writes.create,
            "update": writes.update,
            "delete": writes.invalidate,
            "delete_batch": writes.batch_invalidate,
            "restore": writes.recover,
            "purge": writes.delete,
            "change_owner": writes.change_owner,
            "choose": writes.choose,
            "return": writes.give_back,
        }
        return acts[route.operation](table, body)


def _object_of(operation: str, body: Any) -> str:
    """The object that a body names: inside `object_data` when writing, `apiName` at pools."""
    data = body.get("data") if isinstance(body, dict) else None
    if operation == "describe" and isinstance(body, dict):
        inner = data.get("apiName") if isinstance(data, dict) else None
        return str(inner or body.get("apiName") or "")
    if not isinstance(data, dict):
        return ""
    if operation in ("insert", "update"):
        data = data.get("object_data")
        if not isinstance(data, dict):
            return ""
    name = data.get("apiName" if operation in ("choose", "return") else "dataObjectApiName")
    return name if isinstance(name, str) else ""


def without_secrets(body: bytes) -> bytes:
    """A kept body without the legacy style's token.

    >>> without_secrets(b'{"corpAccessToken":"T1","data":{}}')
    b'{"data":{}}'
    """
    if not any(name.encode() in body for name in _SECRETS):
        return body
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return b""
    if not isinstance(told, dict):
        return b""
    return orjson.dumps({name: value for name, value in told.items() if name not in _SECRETS})
