"""What became of one write, read from the vendor's result for it or from the whole answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from connector.plugin import Op, Outcome, Reason, Ref, Result, Seen, Write
from connector_zoho import facts
from connector_zoho.envelope import code_of, details_of
from connector_zoho.facts import Class
from connector_zoho.values import read_id, version

LOCKED_WAIT: Final = timedelta(hours=1)
"""A lock, an approval, a review: things that people end."""
_THROTTLED_WAIT: Final = timedelta(seconds=30)
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")

_SENTENCES: Final[Mapping[str, tuple[str, str]]] = {
    "DUPLICATE_DATA": ("duplicate", "Another record has this value already."),
    "DUPLICATE_LINKING_DATA": ("duplicate", "The two records are joined already."),
    "MANDATORY_NOT_FOUND": ("required", "A mandatory field is empty."),
    "EXPECTED_FIELD_MISSING": ("required", "A field that goes with another one is missing."),
    "DEPENDENT_FIELD_MISSING": ("required", "A field that another one depends on is missing."),
    "ALREADY_MODIFIED": ("changed", "The record was changed meanwhile."),
    "RECORD_LOCKED": ("locked", "The record is locked in the CRM."),
    "NOT_APPROVED": ("locked", "The record waits for an approval in the CRM."),
    "NOT_REVIEWED": ("locked", "The record waits for a review in the CRM."),
    "RECORD_IN_BLUEPRINT": ("locked", "The record is in a process that governs this field."),
    "NO_PERMISSION": ("no_permission", "The login's user may not change this record."),
}
"""Vendor code to our code and a sentence without any value; the vendor's texts may hold some."""


def of_result(write: Write, told: Any, status: int) -> Result:
    """Judge one result object. `status` is the HTTP status it came with."""
    code = code_of(told) if isinstance(told, Mapping) else None
    if code is None or code == "UNREADABLE":
        return unknown(write, "unreadable", "The CRM's answer for this record is unreadable.")
    about = details_of(told)
    if code == facts.SUCCESS:
        return _applied(write, about)
    if status >= 500:
        # A vendor that breaks down in the middle of a batch may have done what it denies.
        return unknown(write, code.lower(), "The CRM failed at this record.")
    return _refused(write, code, about, status)


def of_call(write: Write, code: str, status: int) -> Result:
    """Judge one write of a batch that was refused as a whole: nothing of it was done."""
    match facts.classify(code, status, item=False):
        case Class.RETRY if status != 429 and code not in (
            "TOO_MANY_REQUESTS",
            "RATE_LIMIT_EXCEEDED",
        ):
            return unknown(write, code.lower(), "The CRM failed at this batch.")
        case Class.RETRY | Class.TOKEN:
            return retry(write, code.lower(), "The CRM puts this batch off.", _THROTTLED_WAIT)
        case Class.LATER:
            return retry(write, code.lower(), "The CRM puts this batch off.", LOCKED_WAIT)
    if code == "ALREADY_MODIFIED":  # 412 names one record at most, of however many were sent
        ours, text = _SENTENCES[code]
        return Result(id=write.id, outcome=Outcome.STALE, reason=Reason(code=ours, text=text))
    reason = Reason(code=code.lower(), text=f"The CRM refuses the whole batch ({code}).")
    return Result(id=write.id, outcome=Outcome.REFUSED, reason=reason)


def unknown(write: Write, code: str, text: str) -> Result:
    return Result(id=write.id, outcome=Outcome.UNKNOWN, reason=Reason(code=code, text=text))


def retry(write: Write, code: str, text: str, after: timedelta | None) -> Result:
    reason = Reason(code=code, text=text)
    return Result(id=write.id, outcome=Outcome.RETRY, reason=reason, after=after)


def _applied(write: Write, about: Mapping[str, Any]) -> Result:
    ref = read_id(about.get("id"))
    if ref is None or (write.ref is not None and ref != write.ref):
        return unknown(write, "wrong_record", "The CRM's answer speaks of another record.")
    if write.op not in (Op.CREATE, Op.UPDATE):
        return Result(id=write.id, outcome=Outcome.APPLIED)
    told = about.get("Modified_Time")
    mark, at = version(told) if isinstance(told, str) else ("", None)
    key = write.external_key or None
    seen = Seen(ref=Ref(ref), version=mark, changed_at=at, fields={}, external_key=key)
    return Result(id=write.id, outcome=Outcome.APPLIED, seen=seen)


def _refused(write: Write, code: str, about: Mapping[str, Any], status: int) -> Result:
    inner = list(_inner(about)) if code == "MULTIPLE_OR_MULTI_ERRORS" else []
    for one_code, one in inner:
        if one_code == "DUPLICATE_DATA":  # the one of several that says which record to join
            code, about = one_code, one
            break
    else:
        if inner:
            code, about = inner[0]
    ours, text = _SENTENCES.get(code, ("", ""))
    if code == "INVALID_DATA":
        ours, text = _invalid(about)
    reason = Reason(
        code=ours or code.lower(),
        text=text or f"The CRM refuses the record ({code}).",
        field=_field(about),
    )
    kind = facts.classify(code, status, item=True)
    if code == "ALREADY_MODIFIED":
        return Result(id=write.id, outcome=Outcome.STALE, reason=reason)
    if kind is Class.RETRY and (
        status == 429 or code in ("TOO_MANY_REQUESTS", "RATE_LIMIT_EXCEEDED")
    ):
        return Result(id=write.id, outcome=Outcome.RETRY, reason=reason, after=_THROTTLED_WAIT)
    if kind is Class.RETRY:
        return Result(id=write.id, outcome=Outcome.UNKNOWN, reason=reason)
    if kind in (Class.LATER, Class.TOKEN):
        return Result(id=write.id, outcome=Outcome.RETRY, reason=reason, after=LOCKED_WAIT)
    existing = None
    if code == "DUPLICATE_DATA":
        other = about.get("duplicate_record")
        existing = read_id(other.get("id") if isinstance(other, Mapping) else about.get("id"))
    return Result(
        id=write.id,
        outcome=Outcome.REFUSED,
        reason=reason,
        existing=None if existing is None else Ref(existing),
    )


def _inner(about: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    errors = about.get("errors")
    for one in errors if isinstance(errors, list) else []:
        code = code_of(one) if isinstance(one, Mapping) else None
        if code is not None:
            yield code, details_of(one)


def _invalid(about: Mapping[str, Any]) -> tuple[str, str]:
    """Say which of the many things INVALID_DATA means."""
    if "maximum_length" in about:
        return "too_long", "A value is longer than its field."
    if "supported_values" in about:
        return "not_an_option", "A value is none of its field's options."
    if "expected_data_type" in about:
        return "wrong_type", "A value is not of its field's type."
    if about.get("api_name") == "id":
        return "not_found", "The record is not there."
    return "invalid", "A value is not valid for its field."


def _field(about: Mapping[str, Any]) -> str | None:
    name = about.get("api_name")
    return name if isinstance(name, str) and _NAME.fullmatch(name) else None
