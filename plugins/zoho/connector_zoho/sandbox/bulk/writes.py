"""Bulk write: an uploaded table becomes a job, a job a verdict on each row. README: Bulk write."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass
from datetime import datetime
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from connector.sandbox.calls import Call
from connector_zoho import facts
from connector_zoho.sandbox.auth import Grant
from connector_zoho.sandbox.bulk.jobs import Job, Jobs
from connector_zoho.sandbox.model import Externals, Organisation
from connector_zoho.sandbox.objects import Module
from connector_zoho.sandbox.refusals import Json, RefusedCall
from connector_zoho.sandbox.schema import Field
from connector_zoho.sandbox.writes import Batch, Writes

_OPERATIONS: Final = ("insert", "update", "upsert")
_STATUS: Final = {"insert": "ADDED", "update": "UPDATED"}


@dataclass(frozen=True, slots=True)
class Column:
    """One mapped column of a file. `field` is None for the record's id."""

    name: str
    place: int
    field: Field | None
    format: str | None
    find_by: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one job writes."""

    operation: str
    module: Module
    columns: list[Column]
    rows: list[list[str]]
    find_by: str | None
    ignore_empty: bool


class BulkWrites:
    """Bulk writes of one organisation."""

    def __init__(self, org: Organisation) -> None:
        self._org = org
        self.jobs = Jobs(org)
        self._files: dict[str, tuple[str, list[list[str]]]] = {}
        self.base_url = ""

    # --- the file ---

    def upload(self, call: Call) -> tuple[int, Json]:
        """Take a file. Raises RefusedCall."""
        if call.headers.get(facts.FEATURE_HEADER) != "bulk-write":
            raise RefusedCall("NOT_SUPPORTED_FEATURE", "the feature is not supported")
        if call.headers.get(facts.ORG_HEADER.lower()) != self._org.zgid:
            raise RefusedCall("INVALID_DATA", "the organisation is not this one")
        if len(call.body) > facts.BULK_WRITE_BYTES + 10_000:
            raise RefusedCall("FILE_TOO_LARGE", "the file is too large", status=413)
        file_id = str(self._org.new_number())
        self._files[file_id] = _unpacked(_part(call))
        made = self._org.render(int(self._org.time.now()))
        return 200, {
            "status": "success",
            "code": "FILE_UPLOAD_SUCCESS",
            "message": "file uploaded.",
            "details": {"file_id": file_id, "created_time": made},
        }

    # --- the job ---

    def wanted(self, call: Call) -> Wanted:
        """Read and check a job's body against its file. Raises RefusedCall."""
        try:
            body = orjson.loads(call.body)
        except orjson.JSONDecodeError:
            raise RefusedCall("INVALID_REQUEST", "unable to parse the request body") from None
        operation = body.get("operation") if isinstance(body, dict) else None
        resource = body.get("resource") if isinstance(body, dict) else None
        if operation not in _OPERATIONS:
            raise RefusedCall("INVALID_DATA", "the operation is invalid", {"api_name": "operation"})
        if not isinstance(resource, list) or len(resource) != 1:
            raise RefusedCall("MISSING_REQUIRED_KEY", "resource", {"json_path": "$.resource"})
        told = resource[0]
        if not isinstance(told, dict) or told.get("type") != "data":
            raise RefusedCall("MISSING_REQUIRED_KEY", "type", {"json_path": "$.resource[0].type"})
        name, rows = self._files.get(str(told.get("file_id")), ("", []))
        if not rows:
            raise RefusedCall("INVALID_FILE_ID", "the file is not there")
        if told.get("file_names", [name]) != [name]:
            raise RefusedCall("FILE_NOT_FOUND", "the zip has no file of this name")
        named = told.get("module")
        module = self._org.module(str(named.get("api_name") if isinstance(named, dict) else ""))
        columns = _columns(module, told.get("field_mappings"), rows[0])
        find_by = told.get("find_by")
        if operation != "insert" and find_by is None:
            raise RefusedCall("MANDATORY_NOT_FOUND", "Required key find_by is not available")
        if find_by is not None and find_by != "id" and find_by not in module.unique:
            raise RefusedCall("INVALID_FIELD", "find_by is neither id nor unique")
        if len(rows) - 1 > self._org.limits.bulk_write_rows:
            raise RefusedCall("LIMIT_EXCEEDED", "too many records", {"api_name": "file_id"})
        mapped = {one.name for one in columns}
        mandatory = [one.name for one in module.fields.values() if one.mandatory]
        if operation != "update" and not set(mandatory) <= mapped:
            raise RefusedCall("MANDATORY_FIELDS_NOT_MAPPED", "a mandatory field is not mapped")
        ignore = told.get("ignore_empty", body.get("ignore_empty", False))
        return Wanted(operation, module, columns, rows, find_by, ignore is True)

    def start(self, wanted: Wanted, grant: Grant) -> tuple[int, Json]:
        """Take the job on: status and body of the answer."""
        about = {"operation": wanted.operation, "ignore_empty": wanted.ignore_empty}
        job = self.jobs.start(grant.user, about, lambda job: self._do(job, wanted, grant))
        user = {key: grant.user[key] for key in ("id", "name")}
        return 201, {
            "status": "success",
            "code": "SUCCESS",
            "message": "success",
            "details": {"id": job.id, "created_by": user},
        }

    def _do(self, job: Job, wanted: Wanted, grant: Grant) -> None:
        rows = wanted.rows[1:]
        if job.doomed:
            rows = rows[: len(rows) // 2] if job.half else []
        writes = Writes(self._org, grant, Externals(self._org, ""))
        items = [self._item(wanted, row) for row in rows]
        check = [wanted.find_by] if wanted.operation == "upsert" and wanted.find_by else []
        batch = Batch(items=items, workflows=False, check=check, unless_after=None)
        results = getattr(writes, wanted.operation)(wanted.module, batch)
        shown = sorted(wanted.columns, key=lambda one: one.place)[:3]
        heads = wanted.rows[0]
        id_head = self._org.switches["bulk_heads"]
        tail = ["STATUS", "RECORD_ID", "ERRORS"] if id_head != "ID" else ["ID", "Status", "Errors"]
        job.heads = [*(heads[one.place] for one in shown), *tail]
        for row, told in zip(rows, results, strict=True):
            status, ref, errors = _verdict(wanted, heads, told)
            last = [status, ref, errors] if id_head != "ID" else [ref, status, errors]
            job.rows.append([*(row[one.place] for one in shown), *last])
            job.result[status] = job.result.get(status, 0) + 1

    def _item(self, wanted: Wanted, row: list[str]) -> Json:
        item: Json = {}
        for column in wanted.columns:
            text = row[column.place]
            if column.field is None:
                item["id"] = text
            elif text or not wanted.ignore_empty:
                item[column.name] = self._value(column, column.field, text)
        if wanted.operation == "update" and wanted.find_by not in (None, "id"):
            holder = wanted.module.holder(str(wanted.find_by), item.get(str(wanted.find_by)))
            item["id"] = str(holder or 0)
        return item

    def _value(self, column: Column, field: Field, text: str) -> Any:
        """A cell as the value that an ordinary write would hold; what is none stays text."""
        if not text:
            return None
        match field.type:
            case "boolean":
                return {"true": True, "false": False}.get(text.lower(), text)
            case "integer":
                return int(text) if text.lstrip("-").isdigit() else text
            case "double" | "currency" | "percent":
                try:
                    return float(text)
                except ValueError:
                    return text
            case "multiselectpicklist":
                return text.split(facts.BULK_DELIMITER)
            case "lookup" | "ownerlookup" | "userlookup":
                return {"id": text} if column.find_by == "id" else text
            case "date" | "datetime" if column.format is None:
                return self._without_format(field.type, text)
        return text

    def _without_format(self, kind: str, text: str) -> Any:
        """A time in the form that is meant when none is said; by another page ISO 8601 will do."""
        form = "%m/%d/%Y" if kind == "date" else "%m/%d/%Y %H:%M:%S"
        try:
            at = datetime.strptime(text, form)  # noqa: DTZ007 - the organisation's zone follows
        except ValueError:
            return text if self._org.switches["bulk_times"] == "iso_too" else {"unread": text}
        if kind == "date":
            return at.date().isoformat()
        return at.replace(tzinfo=ZoneInfo(self._org.zone_name)).isoformat()

    # --- what became of it ---

    def state(self, told: str) -> tuple[int, Json]:
        """What became of a job: status and body of the answer, which no `data` is around."""
        job = self.jobs.get(told)
        state = self.jobs.state(job)
        file = {
            "status": state,
            "name": "records.csv",
            "added_count": job.result.get("ADDED", 0),
            "updated_count": job.result.get("UPDATED", 0),
            "skipped_count": job.result.get("SKIPPED", 0),
            "total_count": len(job.rows),
        }
        body: Json = {
            "status": state,
            "character_encoding": "UTF-8",
            "resource": [{"status": state, "type": "data", "code": state, "file": file}],
            "id": job.id,
            "created_by": {key: job.user[key] for key in ("id", "name")},
            "created_time": self._org.render(int(job.made)),
            **job.about,
        }
        if state == "COMPLETED":
            place = f"/v2/crm/{self._org.zgid}/bulk-write/{job.id}/{job.id}.zip"
            body["result"] = {"download_url": self.base_url + place}
        return 200, body

    def result(self, told: str) -> tuple[int, bytes]:
        """The verdicts of a finished job, zipped."""
        return 200, self.jobs.fetch(told, "Records-records.csv")


def _part(call: Call) -> bytes:
    """The file in a multipart body. Raises RefusedCall."""
    head = f"Content-Type: {call.headers.get('content-type', '')}\r\n\r\n".encode("latin-1")
    message = BytesParser(policy=HTTP).parsebytes(head + call.body)
    for part in message.iter_parts() if message.is_multipart() else ():
        if part.get_param("name", header="content-disposition") == "file":
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            return content
    raise RefusedCall("MANDATORY_NOT_FOUND", "required field not found", {"api_name": "file"})


def _unpacked(content: bytes) -> tuple[str, list[list[str]]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            [member] = archive.infolist()
            if not member.filename.endswith(".csv") or member.file_size > facts.BULK_WRITE_BYTES:
                raise ValueError
            text = archive.read(member).decode("utf-8")
            rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
            if not rows or any(len(row) != len(rows[0]) for row in rows):
                raise ValueError
    except (zipfile.BadZipFile, ValueError, csv.Error):
        raise RefusedCall("INVALID_FILE_FORMAT", "the file is not a zip of one CSV") from None
    if len(rows[0]) > facts.BULK_COLUMNS:
        raise RefusedCall("HEADER_LIMIT_EXCEEDED", "too many columns")
    return member.filename, rows


def _columns(module: Module, told: Any, heads: list[str]) -> list[Column]:
    if not isinstance(told, list) or not told:
        raise RefusedCall("MISSING_REQUIRED_KEY", "field_mappings")
    columns = []
    for one in told:
        name = one.get("api_name") if isinstance(one, dict) else None
        if not isinstance(name, str):
            raise RefusedCall("MISSING_REQUIRED_KEY", "api_name")
        place = one.get("index")
        if not isinstance(place, int) or not 0 <= place < len(heads):
            raise RefusedCall("COLUMN_INDEX_NOT_FOUND", "no such column", {"api_name": name})
        field = module.fields.get(name)
        if field is None or (field.read_only and name != "id"):
            raise RefusedCall("INVALID_FIELD", "the field is invalid", {"api_name": name})
        form = one.get("format")
        if form not in (None, facts.BULK_DATE, facts.BULK_DATETIME):
            raise RefusedCall("INVALID_FORMAT", "the format is invalid", {"api_name": name})
        own = None if name == "id" else field
        columns.append(Column(name, place, own, form, one.get("find_by")))
    return columns


def _verdict(wanted: Wanted, heads: list[str], told: Json) -> tuple[str, str, str]:
    """STATUS, RECORD_ID and ERRORS of one row."""
    if told["status"] == "success":
        did = told.get("action", wanted.operation)
        return _STATUS[did], told["details"]["id"], ""
    name = told["details"].get("api_name", "id")
    head = next((heads[one.place] for one in wanted.columns if one.name == name), name)
    return "SKIPPED", "", f"{told['code']}-{head}"
