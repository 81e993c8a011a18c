"""What a bulk write's result table says of each row."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Final

from connector.errors import LoginRefusedError, RetryableError, VendorError
from connector.http.archive import only_table, private_file
from connector.http.tabletext import read_table
from connector.plugin import Op, Result, Write
from connector_zoho import outcomes
from connector_zoho.bulk.jobs import Jobs
from connector_zoho.values import read_id

_log = logging.getLogger(__name__)

_ERROR: Final = re.compile(r"([A-Z][A-Z_]{1,60})-([A-Za-z0-9_.,]{1,400})")
_DID: Final = {Op.CREATE: "ADDED", Op.UPDATE: "UPDATED"}
_HEADS: Final = {"status": "status", "record_id": "ref", "id": "ref", "errors": "errors"}
"""Heads of the last three columns, which two pages call differently."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One row's: what was done, the record's id, and (code, field) of each refusal."""

    status: str
    ref: str | None
    errors: tuple[tuple[str, str], ...] = ()

    @property
    def is_clear(self) -> bool:
        """Whether it says in full what was done, or why nothing was."""
        if self.status in _DID.values():
            return self.ref is not None
        return self.status == "SKIPPED" and bool(self.errors)

    def is_duplicate_of(self, field: str | None) -> bool:
        """Whether another record had the field's value already."""
        return any(code == "DUPLICATE_DATA" and field in names for code, names in self._named)

    @property
    def _named(self) -> list[tuple[str, list[str]]]:
        return [(code, names.split(",")) for code, names in self.errors]

    def result(self, write: Write, before: str) -> Result:
        """The same as a result. `before`: a version that is none too high for what was created."""
        if self.status == "SKIPPED":
            # of several, the one that says that another record stands in the way
            code, name = min(self.errors, key=lambda one: one[0] != "DUPLICATE_DATA")
            field = name.split(",")[0].removesuffix(".id")
            told = {"code": code, "status": "error", "details": {"api_name": field}}
            return outcomes.of_result(write, told, 200)
        if self.status != _DID[write.op]:
            return outcomes.unknown(write, "wrong_deed", "The CRM did something else than asked.")
        details = {"id": self.ref}
        if write.op is Op.CREATE:
            details["Modified_Time"] = before
        told = {"code": "SUCCESS", "status": "success", "details": details}
        return outcomes.of_result(write, told, 200)


def of_job(jobs: Jobs, job: str, url: str) -> dict[str, Verdict]:
    """Verdicts by what stands in the first column; {} if nobody can read them any more.

    Two rows of one mark say nothing about it. Raises: RetryableError, LoginRefusedError,
    SettingsError.
    """
    found: dict[str, Verdict] = {}
    twice: set[str] = set()
    try:
        with private_file() as archive:
            jobs.fetch_write(job, url, archive)
            with only_table(archive) as table:
                rows = read_table(table)
                heads = _heads(next(rows, []))
                for row in rows:
                    mark = row[0]
                    twice |= {mark} & found.keys()
                    found[mark] = _verdict(dict(zip(heads, row[-3:], strict=True)))
    except (RetryableError, LoginRefusedError):
        raise
    except VendorError as error:
        # What was read stands; the rest is looked for among the records.
        _log.warning("a bulk result is unreadable", extra={"job": job, "code": error.code})
    return {mark: one for mark, one in found.items() if mark not in twice}


def _heads(told: list[str]) -> list[str]:
    heads = [_HEADS.get(one.strip().lower(), "") for one in told[-3:]]
    if len(told) < 4 or sorted(heads) != ["errors", "ref", "status"]:
        raise VendorError("The result of a bulk write has other columns than are known.")
    return heads


def _verdict(told: dict[str, str]) -> Verdict:
    errors = tuple(
        (match[1], match[2])
        for one in told["errors"].split(":")
        if (match := _ERROR.fullmatch(one.strip())) is not None
    )
    return Verdict(told["status"].strip().upper(), read_id(told["ref"].strip()), errors)
