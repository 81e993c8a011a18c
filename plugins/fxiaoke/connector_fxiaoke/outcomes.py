"""What became of one write, read from its answer and, where that is ambiguous, from the record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from connector.plugin import Gone, Op, Outcome, Reason, Ref, Result, Seen, Write
from connector_fxiaoke import facts, queries
from connector_fxiaoke.client import Answer

AT_LEAST: Final = "0"
"""The version of a record that we have just made. Its count is not told; none is lower, so a copy
of it that an index shows late is never taken for older than it is."""

_STATES: Final[Mapping[str, str]] = {
    "not_found": "The record is not there any more, or our user may not see it.",
    "gone": "The record was invalidated in the CRM.",
    "locked": "The record is locked in the CRM.",
    "under_review": "The record waits for an approval in the CRM.",
    "in_pool": "The record lies in a pool and belongs to nobody; somebody must claim it first.",
}


def state_of(op: Op, row: Mapping[str, Any] | None) -> str | None:
    """What in a record's own state refuses a write; None if nothing does.

    >>> state_of(Op.UPDATE, {"life_status": "normal", "lock_status": "1", "owner": ["1000"]})
    'locked'
    """
    if row is None:
        return "not_found"
    if row.get("life_status") == facts.INVALID or row.get("is_deleted") is True:
        return None if op in (Op.RESTORE, Op.PURGE) else "gone"
    if row.get("life_status") in facts.UNDER_REVIEW:
        return "under_review"
    if row.get("lock_status") == facts.LOCKED:
        return "locked"
    return "in_pool" if not row.get("owner") and _is_pooled(row) else None


def _is_pooled(row: Mapping[str, Any]) -> bool:
    return any(row.get(field) for field in facts.POOL_FIELDS)


def created(write: Write, answer: Answer) -> Result:
    """The new record's id stands beside `data` or in it; a success without one tells nothing."""
    told = answer.body.get("dataId") or answer.data.get("dataId") or answer.data.get("_id")
    if not queries.is_id(told):
        return unknown(write, "unreadable", "The CRM does not say which record it made.", answer)
    key = write.external_key or None
    seen = Seen(ref=Ref(str(told)), version=AT_LEAST, changed_at=None, fields={}, external_key=key)
    return Result(id=write.id, outcome=Outcome.APPLIED, seen=seen)


def applied(write: Write, seen: Seen | None = None) -> Result:
    """The answers to all other writes tell nothing of the record; `seen` is of a look behind it."""
    return Result(id=write.id, outcome=Outcome.APPLIED, seen=seen)


def refused(write: Write, answer: Answer, state: str | None = None) -> Result:
    """The record's state, where that explains it, else the vendor's code."""
    text = f"The CRM refuses the record ({answer.code})"
    if state is not None:
        text = _STATES[state]
    else:
        text = f"{text}: {answer.hint}." if answer.hint else f"{text}."
    reason = Reason(code=state or str(answer.code), text=text, trace=answer.trace or None)
    return Result(id=write.id, outcome=Outcome.REFUSED, reason=reason)


def unfit(write: Write, code: str, text: str, field: str) -> Result:
    """A value that its field cannot hold: nothing was sent."""
    reason = Reason(code=code, text=text, field=field)
    return Result(id=write.id, outcome=Outcome.REFUSED, reason=reason)


def unknown(write: Write, code: str, text: str, answer: Answer | None = None) -> Result:
    trace = None if answer is None else answer.trace or None
    reason = Reason(code=code, text=text, trace=trace)
    return Result(id=write.id, outcome=Outcome.UNKNOWN, reason=reason)


def postponed(write: Write, code: str, text: str, after_s: float | None) -> Result:
    after = None if after_s is None else timedelta(seconds=after_s)
    reason = Reason(code=code, text=text)
    return Result(id=write.id, outcome=Outcome.RETRY, reason=reason, after=after)


def is_as_wanted(op: Op, seen: Seen) -> bool:
    """Whether a record already is what a removal, a restoring or a purge wants it to be."""
    match op:
        case Op.REMOVE:
            return seen.gone in (Gone.EXPLICIT, Gone.NOT_FOUND)
        case Op.RESTORE:
            return seen.gone is None
        case Op.PURGE:
            return seen.gone is Gone.NOT_FOUND
    return False
