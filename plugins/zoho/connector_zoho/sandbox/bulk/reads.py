"""Bulk read: a query becomes a job, a job a table. README: Bulk read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from connector.sandbox.calls import Call
from connector_zoho import facts
from connector_zoho.sandbox.auth import Grant
from connector_zoho.sandbox.bulk.jobs import Job, Jobs
from connector_zoho.sandbox.model import Organisation
from connector_zoho.sandbox.objects import Module
from connector_zoho.sandbox.refusals import Json, RefusedCall
from connector_zoho.sandbox.shapes import rows

_KEYS = {"module", "fields", "page", "page_token", "criteria", "cvid"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What one job reads."""

    module: Module
    fields: tuple[str, ...]
    page: int


class BulkReads:
    """Bulk reads of one organisation."""

    def __init__(self, org: Organisation) -> None:
        self._org = org
        self.jobs = Jobs(org)
        self._tokens: dict[str, tuple[float, str, Asked]] = {}

    def asked(self, call: Call, grant: Grant) -> Asked:
        """Read and check the body. Raises RefusedCall."""
        if not call.headers.get("content-type", "").startswith("application/json"):
            raise RefusedCall("MEDIA_TYPE_NOT_SUPPORTED", "Media type is not supported", status=415)
        try:
            body = orjson.loads(call.body)
        except orjson.JSONDecodeError:
            body = None
        query = body.get("query") if isinstance(body, dict) else None
        if not isinstance(query, dict) or body.get("file_type", "csv") != "csv":
            raise RefusedCall("REQUEST_BODY_NOT_SUPPORTED", "The request body is not supported")
        if set(query) - _KEYS:
            raise RefusedCall("REQUEST_BODY_NOT_SUPPORTED", "The request body is not supported")
        if "page_token" in query:
            return self._continued(query, grant)
        if "criteria" in query or query.get("cvid"):
            raise RefusedCall("CRITERIA_NOT_SUPPORTED", "The criteria is not supported here")
        told = query.get("module")
        module = self._org.module(str(told.get("api_name") if isinstance(told, dict) else ""))
        fields = query.get("fields") or list(module.fields)
        if not isinstance(fields, list) or len(fields) > facts.BULK_COLUMNS:
            raise RefusedCall("LIMIT_EXCEEDED", "too many fields", {"limit": facts.BULK_COLUMNS})
        for name in map(str, fields):
            if name not in module.fields:
                details = {"api_name": name, "module": module.name}
                raise RefusedCall("FIELD_NOT_AVAILABLE", "The field is not available", details)
        page = query.get("page", 1)
        if not isinstance(page, int) or not 1 <= page <= facts.BULK_READ_PAGES:
            raise RefusedCall("VALUE_NOT_SUPPORTED", "The page is not supported")
        return Asked(module, tuple(one for one in fields if one != "id"), page)

    def _continued(self, query: Json, grant: Grant) -> Asked:
        if set(query) != {"page_token"}:
            raise RefusedCall("AMBIGUITY_DURING_PROCESSING", "page_token stands alone")
        ends, user, asked = self._tokens.get(str(query["page_token"]), (0.0, "", None))
        if asked is None or user != grant.user["id"]:
            raise RefusedCall("INVALID_DATA", "the page token is invalid")
        if ends < self._org.time.now():
            raise RefusedCall("EXPIRED_VALUE", "the page token has expired")
        return asked

    def start(self, asked: Asked, grant: Grant) -> tuple[int, Json]:
        """Take the job on: status and body of the answer."""
        about: Json = {
            "module": {"api_name": asked.module.name},
            "fields": [*asked.fields],
            "page": asked.page,
        }
        job = self.jobs.start(grant.user, about, lambda job: self._do(job, asked))
        told = {**self._common(job), "state": "ADDED"}
        return 201, {
            "data": [
                {
                    "status": "success",
                    "code": "ADDED_SUCCESSFULLY",
                    "message": "Added successfully.",
                    "details": told,
                }
            ],
            "info": {},
        }

    def _do(self, job: Job, asked: Asked) -> None:
        """Look at what is there now. No order is promised: the newest come first here."""
        module, most = self._org.module(asked.module.name), self._org.limits.bulk_read_rows
        there = sorted(
            (one for one in module.feed.states.values() if one.number not in module.hidden),
            key=lambda one: -one.number,
        )
        part = there[(asked.page - 1) * most : asked.page * most]
        dotted = self._org.switches["bulk_lookup_head"] == "dotted"
        fields = [module.fields[name] for name in asked.fields if name in module.fields]
        job.heads = [
            "Id",
            *(f"{one.name}.id" if dotted and one.target else one.name for one in fields),
        ]
        unseen = {one.name for one in fields if _restricted(one.meta)}
        shown = rows(self._org, module, part, [one.name for one in fields])
        job.rows = [
            [row["id"], *("" if n.name in unseen else cell(row[n.name]) for n in fields)]
            for row in shown
        ]
        job.result = {
            "page": asked.page,
            "per_page": most,
            "count": len(part),
            "download_url": f"{facts.BULK_READ_PATH}/{job.id}/result",
            "more_records": len(there) > asked.page * most,
        }
        if job.result["more_records"]:
            token = f"{self._org.rng.getrandbits(128):032x}"
            ends = self._org.time.now() + facts.PAGE_TOKEN_LIFE.total_seconds()
            following = Asked(module, asked.fields, asked.page + 1)
            self._tokens[token] = (ends, job.user["id"], following)
            job.result["next_page_token"] = token

    def state(self, told: str) -> tuple[int, Json]:
        """What became of a job: status and body of the answer."""
        job = self.jobs.get(told)
        state = {"FAILED": "FAILURE"}.get(found := self.jobs.state(job), found)
        about: Json = {**self._common(job), "state": state, "query": job.about, "file_type": "csv"}
        if state == "COMPLETED":
            about["result"] = job.result
        return 200, {"data": [about]}

    def result(self, told: str) -> tuple[int, bytes]:
        """The table of a finished job, zipped."""
        return 200, self.jobs.fetch(told, f"{told}.csv")

    def _common(self, job: Job) -> Json:
        user = {key: job.user[key] for key in ("id", "name")}
        made = self._org.render(int(job.made))
        return {"id": job.id, "operation": "read", "created_by": user, "created_time": made}


def _restricted(meta: Json) -> bool:
    limits = (meta.get("private"), meta.get("hipaa_compliance"))
    return any(isinstance(one, dict) and one.get("restricted") is True for one in limits)


def cell(value: Any) -> str:
    """A stored value as text: ids of records and users, values of a list by semicolons.

    >>> cell(None), cell(True), cell(["A", "B"]), cell({"id": "41", "name": "Lin"}), cell(1.5)
    ('', 'true', 'A;B', '41', '1.5')
    """
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case list():
            return facts.BULK_DELIMITER.join(map(str, value))
        case dict():
            return str(value["id"])
    return str(value)
