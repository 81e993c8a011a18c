"""What an armed fault makes of a call. README: Sandbox, faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from connector.sandbox.calls import Call, Reply
from connector.sandbox.faults import Fault, spoil_line
from connector_zoho import facts
from connector_zoho.sandbox.faults import error_body

if TYPE_CHECKING:
    from connector_zoho.sandbox.app import SandboxApp
    from connector_zoho.sandbox.routes import Route


def suffer(fault: Fault, call: Call, operation: str, app: SandboxApp, route: Route) -> Reply:
    """Answer a call that an armed fault has struck."""

    def refused(status: int, body: Any = None) -> Reply:
        return app.unserved(call, operation, status, body)

    def served() -> Reply:
        return app.serve(call, route)

    spoiled = spoil_line(fault, served, refused)
    if spoiled is not None:
        return spoiled
    match fault.name:
        case "error":
            return refused(*error_body(fault))
        case "half":
            return _half(fault, call, app)
        case "throttled":
            code = str(fault.more.get("code", app.org.switches["throttle_code"]))
            reply = refused(*error_body(Fault("error", more={"code": code, "status": 429})))
            if "retry_after" in fault.more:
                reply.headers[facts.RETRY_AFTER_HEADER.lower()] = str(fault.more["retry_after"])
            return reply
        case "expired_token":
            more = {"code": "INVALID_TOKEN", "status": 401}
            return refused(*error_body(Fault("error", more=more)))
        case "failed_job":
            app.bulk_reads.jobs.doom = app.bulk_writes.jobs.doom = fault.more
            return served()
        case "short_result":
            app.bulk_reads.jobs.short = app.bulk_writes.jobs.short = True
            return served()
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
    elif isinstance(body, dict) and "id" in body:  # a bulk write's state stands bare
        [body, *_] = change([body])
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
