"""What an armed fault makes of a call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from connector.sandbox.calls import Call, Reply
from connector.sandbox.faults import Fault, spoil_line
from connector_fxiaoke import facts
from connector_fxiaoke.sandbox.objects import SHORT_STEP, row_id, row_number

if TYPE_CHECKING:
    from connector_fxiaoke.sandbox.app import Route, SandboxApp


def suffer(fault: Fault, call: Call, app: SandboxApp, route: Route) -> Reply:
    """Answer a call that an armed fault has struck."""

    def unserved(status: int, body: Any = None) -> Reply:
        return app.unserved(call, route.operation, status, body)

    def refused(code: int, text: str) -> Reply:
        return unserved(200, app.envelope(code, text))

    def served() -> Reply:
        return app.serve(call, route)

    spoiled = spoil_line(fault, served, unserved)
    if spoiled is not None:
        return spoiled
    code = int(fault.more.get("code", facts.SERVICE_EXCEPTION))
    text = str(fault.more.get("text", "an error was asked for"))
    match fault.name:
        case "error":
            return refused(code, text)
        case "error_although_applied":
            return replace(served(), body=orjson.dumps(app.envelope(code, text)))
        case "throttled":
            told = app.budget.throttled(fault.more.get("code"))
            return refused(told.number, told.text)
        case "quota":
            return refused(facts.QUOTA_USED_UP, "the quota of the day is used up")
        case "expired_token":
            return refused(facts.TOKEN_REFUSED, "corpAccessToken is missing or expired")
        case "late_stamp":
            app.org.stamp_back_s = float(fault.more.get("seconds", 1.0))
            try:
                return served()
            finally:
                app.org.stamp_back_s = 0.0
        case "repeated":
            last = app.last_page(route)
            return served() if last is None else replace(served(), body=last)
        case _:
            return _changed(served(), _CHANGES[fault.name])


def _changed(reply: Reply, change: Callable[[list[Any]], list[Any]]) -> Reply:
    """An answer with other rows; an answer with one row is a list of one."""
    body = orjson.loads(reply.body)
    data = body.get("data")
    if isinstance(data, dict) and isinstance(data.get("dataList"), list):
        data["dataList"] = change(data["dataList"])
    elif isinstance(data, list):
        body["data"] = change(data)
    elif isinstance(data, dict) and "_id" in data:
        body["data"] = change([data])[0]
    elif "dataId" in body:
        body["dataId"] = change([{"_id": body["dataId"]}])[0]["_id"]
    return replace(reply, body=orjson.dumps(body))


def _another(rows: list[Any]) -> list[Any]:
    for row in rows:
        number = row_number(row.get("_id"))
        if number is not None:
            row["_id"] = row_id(number + 1_000_000 * SHORT_STEP)
    return rows


_CHANGES: Final[dict[str, Callable[[list[Any]], list[Any]]]] = {
    "wrong_record": _another,
    "reordered": lambda rows: rows[::-1],
    "duplicated": lambda rows: [*rows, *rows[:1]],
}
