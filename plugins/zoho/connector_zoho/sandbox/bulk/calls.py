"""Which of the bulk calls a path is, and who may make it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from connector.sandbox.calls import Call
from connector_zoho import facts
from connector_zoho.sandbox.auth import Grant
from connector_zoho.sandbox.refusals import RefusedCall
from connector_zoho.sandbox.routes import Answer, Route

if TYPE_CHECKING:
    from connector_zoho.sandbox.app import SandboxApp

_READ: Final = re.compile(re.escape(facts.BULK_READ_PATH) + r"(?:/(\d+))?(/result)?")
_WRITE: Final = re.compile(re.escape(facts.BULK_WRITE_PATH) + r"(?:/(\d+))?")
_RESULT: Final = re.compile(r"/v2/crm/\d+/bulk-write/(\d+)/\1\.zip")


def route(app: SandboxApp, call: Call) -> Route | None:
    """The route of a bulk call; None for any other. Raises RefusedCall for a wrong method."""
    if call.path == facts.UPLOAD_PATH:
        return _only(call, "POST", Route("upload", lambda grant: _upload(app, call, grant)))
    if (match := _READ.fullmatch(call.path)) is not None:
        return _read(app, call, match[1], match[2] is not None)
    if (match := _WRITE.fullmatch(call.path)) is not None:
        return _write(app, call, match[1])
    if (match := _RESULT.fullmatch(call.path)) is not None:
        job = match[1]
        return _only(
            call, "GET", Route("bulk_write_result", lambda grant: app.bulk_writes.result(job))
        )
    return None


def _only(call: Call, method: str, route: Route) -> Route:
    if call.method != method:
        raise RefusedCall(
            "INVALID_REQUEST_METHOD", "The http request method type is not a valid one"
        )
    return route


def _upload(app: SandboxApp, call: Call, grant: Grant) -> Answer:
    app.accounts.need(grant, "ZohoFiles.files.ALL", "ZohoFiles.files.CREATE")
    return app.bulk_writes.upload(call)


def _read(app: SandboxApp, call: Call, job: str | None, result: bool) -> Route:
    def start(grant: Grant) -> Answer:
        app.accounts.need(grant, "ZohoCRM.bulk.READ", "ZohoCRM.bulk.ALL")
        asked = app.bulk_reads.asked(call, grant)
        app.accounts.need_module(grant, asked.module, "READ")
        return app.bulk_reads.start(asked, grant)

    def look(grant: Grant) -> Answer:
        app.accounts.need(grant, "ZohoCRM.bulk.READ", "ZohoCRM.bulk.ALL")
        return app.bulk_reads.result(job or "") if result else app.bulk_reads.state(job or "")

    if job is None:
        return _only(call, "POST", Route("bulk_read", start))
    return _only(call, "GET", Route("bulk_read_result" if result else "bulk_read_state", look))


def _write(app: SandboxApp, call: Call, job: str | None) -> Route:
    def start(grant: Grant) -> Answer:
        app.accounts.need(grant, "ZohoCRM.bulk.CREATE", "ZohoCRM.bulk.ALL")
        wanted = app.bulk_writes.wanted(call)
        for right in {"insert": ["CREATE"], "update": ["UPDATE"]}.get(
            wanted.operation, ["CREATE", "UPDATE"]
        ):
            app.accounts.need_module(grant, wanted.module, right)
        return app.bulk_writes.start(wanted, grant)

    def look(grant: Grant) -> Answer:
        app.accounts.need(grant, "ZohoCRM.bulk.READ", "ZohoCRM.bulk.ALL")
        return app.bulk_writes.state(job or "")

    if job is None:
        return _only(call, "POST", Route("bulk_write", start))
    return _only(call, "GET", Route("bulk_write_state", look))
