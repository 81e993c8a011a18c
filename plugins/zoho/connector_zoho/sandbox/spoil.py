"""What an armed fault makes of a call. README: Sandbox, faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from connector_zoho import facts
from connector_zoho.sandbox.calls import Call, Reply
from connector_zoho.sandbox.faults import HTML, Fault, error_body

if TYPE_CHECKING:
    from connector_zoho.sandbox.app import Route, SandboxApp


def suffer(fault: Fault, call: Call, operation: str, app: SandboxApp, route: Route) -> Reply:
    """Answer a call that an armed fault has struck."""

    def refused(status: int, body: Any) -> Reply:
        reply = Reply.of(status, body)
        app.note(call, operation, status)
        return reply

    def served() -> Reply:
        return app.serve(call, route)

    seconds = float(fault.more.get("seconds", 1.0))
    match fault.name:
        case "error":
            return refused(*error_body(fault))
        case "lost_before":
            return replace(refused(0, None), drop=True)
        case "lost_after":
            return replace(served(), drop=True)
        case "half":
            return _half(fault, call, app)
        case "slow":
            reply = served()
            reply.delay_s += seconds
            return reply
        case "late":
            # the request is carried out only after the wait, when its sender may have given up
            return Reply(0, delay_s=seconds, late=served)
        case "truncated":
            reply = served()
            return replace(reply, cut=len(reply.body) // 2)
        case "html":
            return replace(
                refused(int(fault.more.get("status", 200)), None),
                body=HTML,
                headers={"content-type": "text/html;charset=UTF-8"},
            )
        case "empty":
            return replace(served(), body=b"")
        case "throttled":
            code = str(fault.more.get("code", app.org.switches["throttle_code"]))
            reply = refused(*error_body(Fault("error", more={"code": code, "status": 429})))
            if "retry_after" in fault.more:
                reply.headers[facts.RETRY_AFTER_HEADER.lower()] = str(fault.more["retry_after"])
            return reply
        case "expired_token":
            more = {"code": "INVALID_TOKEN", "status": 401}
            return refused(*error_body(Fault("error", more=more)))
        case "error_although_applied":
            served()
            return Reply.of(*error_body(fault))
        case _:
            return _changed(served(), _CHANGES[fault.name])


def _half(fault: Fault, call: Call, app: SandboxApp) -> Reply:
    """Carry out the first half of a batch, then fail: with an error, or `drop` the connection."""
    try:
        body = orjson.loads(call.body)
        body["data"] = body["data"][: max(1, len(body["data"]) // 2)]
        first = replace(call, body=orjson.dumps(body))
    except (orjson.JSONDecodeError, KeyError, TypeError):
        first = call
    if call.method == "DELETE" and "," in call.query.get("ids", ""):
        ids = call.query["ids"].split(",")
        first = replace(call, query={**call.query, "ids": ",".join(ids[: len(ids) // 2])})
    app.serve(first, app.route(first))
    if fault.more.get("drop"):
        return Reply(0, drop=True)
    return Reply.of(*error_body(fault))


def _changed(reply: Reply, change: Callable[[list[Any]], list[Any]]) -> Reply:
    if not reply.body:
        return reply
    body = orjson.loads(reply.body)
    if isinstance(body, dict) and isinstance(body.get("data"), list):
        body["data"] = change(body["data"])
    return replace(reply, body=orjson.dumps(body))


def _another(rows: list[Any]) -> list[Any]:
    def shift(told: Any) -> str:
        return str(int(told) + 1_000_000)

    for row in rows:
        if isinstance(row, dict) and "id" in row:
            row["id"] = shift(row["id"])
        elif isinstance(row, dict) and "id" in row.get("details", {}):
            row["details"]["id"] = shift(row["details"]["id"])
    return rows


_CHANGES: dict[str, Callable[[list[Any]], list[Any]]] = {
    "wrong_record": _another,
    "reordered": lambda rows: rows[::-1],
    "duplicated": lambda rows: [*rows, *rows[:1]],
}
