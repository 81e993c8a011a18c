"""Bulk jobs in the vendor's language: start one, look at it, send and fetch its files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Final, TypeVar
from urllib.parse import urlsplit

from connector.errors import (
    CursorExpiredError,
    InvalidError,
    RetryableError,
    UnknownOutcomeError,
    UsageError,
    VendorError,
)
from connector.http.limits import parse_rate
from connector.plugin import Clock
from connector_zoho import facts
from connector_zoho.client import Client
from connector_zoho.envelope import Answer, code_of, details_of
from connector_zoho.settings import ZohoSettings
from connector_zoho.values import read_id

T = TypeVar("T")

MOST_BYTES: Final = 256 << 20
"""Of one zipped result."""
_FIRST_LOOK_S: Final = 2.0
_LONGEST_LOOK_S: Final = 60.0
_BOUNDARY: Final = "connector-0f8d2c71-table"
_GONE: Final = frozenset({"RESOURCE_NOT_FOUND", "INVALID_DATA", "EXPIRED_VALUE"})


@dataclass(frozen=True, slots=True)
class ReadResult:
    """What a finished read says of its result. `following` starts the next job; "" if none."""

    count: int
    more: bool
    following: str


@dataclass(frozen=True, slots=True)
class WriteEnd:
    """How a write job ended. `url` is where its verdicts are; None if it failed as a whole."""

    url: str | None


class Jobs:
    """Bulk jobs of one account. `org` tells the organisation's `zgid`."""

    def __init__(
        self, client: Client, settings: ZohoSettings, clock: Clock, org: Callable[[], str]
    ) -> None:
        self._client = client
        self._settings = settings
        self._clock = clock
        self._org = org

    def affords(self, operation: str) -> bool:
        """Whether the setting `rate` lets so many credits go at once as a start costs."""
        return parse_rate(self._settings.rate).burst >= facts.CREDITS[operation]

    @property
    def can_write(self) -> bool:
        """Whether the settings let a write job begin."""
        return bool(self._settings.upload_url) and self.affords("bulk_write")

    def need(self, operation: str) -> None:
        """Raises: UsageError if the settings do not let the job begin."""
        if operation == "bulk_write" and not self._settings.upload_url:
            raise UsageError("Bulk writes need `upload_url`, the content host.")
        if not self.affords(operation):
            raise UsageError(
                f"A bulk job costs {facts.CREDITS[operation]} credits at once, more than `rate` "
                "lets go.",
                hint="Read and write the ordinary way, or raise `rate` of the connection.",
            )

    def wait(self, look: Callable[[], T | None]) -> T:
        """Look until a job is done. Raises: RetryableError when `bulk_wait_s` is over."""
        waited, pause = 0.0, _FIRST_LOOK_S
        while True:
            found = look()
            if found is not None:
                return found
            if waited + pause > self._settings.bulk_wait_s:
                raise RetryableError(
                    "A bulk job is still under way at the vendor; run again later.",
                    after_s=_LONGEST_LOOK_S,
                )
            self._clock.sleep(pause)
            waited, pause = waited + pause, min(2 * pause, _LONGEST_LOOK_S)

    # --- reading ---

    def start_read(self, module: str, fields: Sequence[str]) -> tuple[str, datetime]:
        """Start reading all records; the job's id, and the vendor's clock."""
        query = {"module": {"api_name": module}, "fields": [*fields], "page": 1}
        return self._start_read(query)

    def read_on(self, following: str) -> tuple[str, datetime]:
        """Start reading what did not fit into the job before."""
        return self._start_read({"page_token": following})

    def _start_read(self, query: Mapping[str, Any]) -> tuple[str, datetime]:
        self.need("bulk_read")
        body = {"query": query, "file_type": "csv"}
        cost = facts.CREDITS["bulk_read"]
        try:
            answer = self._client.write(
                "bulk_read", "POST", facts.BULK_READ_PATH, body=body, cost=cost
            )
        except UnknownOutcomeError as error:
            # A read that nobody fetches does no harm; it costs its credits.
            raise RetryableError(f"{error.sentence} It may have begun for nothing.") from None
        job = read_id(details_of(answer.rows[0] if answer.rows else None).get("id"))
        if answer.status >= 400 or job is None:
            raise self._refusal("bulk_read", answer)
        return job, answer.read_at

    def read_state(self, job: str) -> ReadResult | None:
        """None while a read is under way. Raises: CursorExpiredError if it failed or is gone."""
        operation = "bulk_read_state"
        try:
            answer = self._client.read(operation, f"{facts.BULK_READ_PATH}/{job}")
        except InvalidError as error:
            if error.code not in _GONE:
                raise
            raise CursorExpiredError(
                "The vendor has forgotten a bulk read; it begins anew.", operation=operation
            ) from None
        told = answer.rows[0] if answer.rows and isinstance(answer.rows[0], Mapping) else {}
        if read_id(told.get("id")) != job:
            raise RetryableError("The vendor answered about another job than was asked for.")
        state = told.get("state")
        if state in facts.BULK_READ_FAILED:
            raise CursorExpiredError(
                "A bulk read failed at the vendor; it begins anew.", operation=operation
            )
        if state != facts.BULK_READ_DONE:
            return None
        result = told.get("result")
        about = result if isinstance(result, Mapping) else {}
        count, more = about.get("count"), about.get("more_records") is True
        following = about.get("next_page_token")
        if not isinstance(count, int):
            raise RetryableError("The vendor does not say how many records a bulk read found.")
        if more and not isinstance(following, str):
            raise RetryableError("The vendor does not say how a bulk read goes on.")
        return ReadResult(count, more, str(following) if more else "")

    def fetch_read(self, job: str, into: BinaryIO) -> None:
        """Fetch a read's archive. Raises: CursorExpiredError if it is there no more.

        The address that the vendor tells is not used: it is known from the job alone.
        """
        url = f"{self._settings.api_url}{facts.BULK_READ_PATH}/{job}/result"
        try:
            self._client.download("bulk_read_result", url, into, MOST_BYTES)
        except InvalidError as error:
            raise CursorExpiredError(
                "The result of a bulk read is gone; it begins anew.", code=error.code
            ) from None

    # --- writing ---

    def upload(self, archive: bytes) -> tuple[str, datetime]:
        """Send a zipped table; the file's id, and the vendor's clock."""
        head = (
            f"--{_BOUNDARY}\r\n"
            'Content-Disposition: form-data; name="file"; filename="records.zip"\r\n'
            "Content-Type: application/zip\r\n\r\n"
        )
        headers = {
            facts.FEATURE_HEADER: "bulk-write",
            facts.ORG_HEADER: self._org(),
            "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
        }
        content = head.encode() + archive + f"\r\n--{_BOUNDARY}--\r\n".encode()
        answer = self._client.upload(facts.UPLOAD_PATH, headers, content)
        file_id = read_id(details_of(answer.body).get("file_id"))
        if answer.status >= 400 or file_id is None:
            raise self._refusal("upload", answer)
        return file_id, answer.read_at

    def start_write(self, operation: str, resource: Mapping[str, Any]) -> str:
        """Start a write; the job's id. Raises: UnknownOutcomeError if it may have started."""
        body = {"operation": operation, "character_encoding": "UTF-8", "resource": [resource]}
        answer = self._client.write(
            "bulk_write", "POST", facts.BULK_WRITE_PATH, body=body, cost=facts.CREDITS["bulk_write"]
        )
        if answer.status >= 400:
            raise self._refusal("bulk_write", answer)
        job = read_id(details_of(answer.body).get("id"))
        if job is None:
            raise UnknownOutcomeError("The vendor does not say which bulk job it started.")
        return job

    def write_state(self, job: str) -> WriteEnd | None:
        """None while a write is under way. A job that the vendor forgot has ended silently."""
        try:
            answer = self._client.read("bulk_write_state", f"{facts.BULK_WRITE_PATH}/{job}")
        except InvalidError as error:
            if error.code not in _GONE:
                raise
            return WriteEnd(None)
        body = answer.body
        if read_id(body.get("id")) not in (job, None):
            raise RetryableError("The vendor answered about another job than was asked for.")
        state = body.get("status")
        if state in facts.BULK_WRITE_FAILED:
            return WriteEnd(None)
        if state != facts.BULK_WRITE_DONE:
            return None
        result = body.get("result")
        url = result.get("download_url") if isinstance(result, Mapping) else None
        return WriteEnd(url if isinstance(url, str) else None)

    def fetch_write(self, job: str, url: str, into: BinaryIO) -> None:
        """Fetch a write's verdicts. The address comes from the vendor: it must be of the known
        form and name this job, and its host must be one that the settings allow."""
        path = urlsplit(url).path
        known = re.fullmatch(rf"/v[0-9.]+/crm/[0-9]+/bulk-write/{job}/{job}\.zip", path)
        if known is None or urlsplit(url).query or urlsplit(url).fragment:
            raise VendorError("The vendor names an address for a bulk result that is none.")
        self._client.download("bulk_write_result", url, into, MOST_BYTES)

    def _refusal(self, operation: str, answer: Answer) -> Exception:
        told = answer.rows[0] if answer.rows else answer.body
        code = code_of(told) if isinstance(told, Mapping) else None
        return self._client.error(operation, code or "", answer.status)
