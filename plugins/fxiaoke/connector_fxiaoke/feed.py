"""What changed, and everything there is, read in the order of ids so that no record is skipped.

A window has a fixed lower bound and no upper end, and the reader walks through it by id. A record
that is edited meanwhile only gets a later time: it stays in the window, at its own place. What is
edited behind the reader was read before, and its edit is in the next window, which begins earlier.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from connector.errors import CursorExpiredError
from connector.plugin import Page, Ref
from connector_fxiaoke import queries
from connector_fxiaoke.records import Records

_PLACE: Final = re.compile(rb"([0-9]{0,15}):([A-Za-z0-9_-]{1,64})")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def changes(records: Records, since: datetime | None, resume: bytes | None) -> Iterator[Page]:
    """Yield what changed since then; all that is alive for None.

    Invalidated records come as gone where this tenant's queries show them. Raises:
    CursorExpiredError for a place that is none of ours.
    """
    whole, ms, last = since is None, None if since is None else _ms(since), ""
    if resume is not None:
        begun, last = _place(resume)
        # The window keeps the bound it began with: its first pages were read under that one.
        ms = None if begun is None or ms is None else min(begun, ms)
    for answer, rows, after in records.pages(queries.since(ms), last):
        seen = [records.seen(row) for row in rows]
        yield Page(
            seen=[one for one in seen if one.gone is None or not whole],
            resume=f"{'' if ms is None else ms}:{after}".encode() if after else None,
            read_at=answer.read_at,
        )


def listing(records: Records, after: Ref | None) -> Iterator[Page]:
    """Yield ids, versions and keys of all live records in id order, from the one behind `after`."""
    last = "" if after is None else queries.record_id(after)
    for answer, rows, following in records.pages([], last, bare=True):
        seen = [records.seen(row, bare=True) for row in rows]
        yield Page(
            seen=[one for one in seen if one.gone is None],
            resume=following.encode() or None,
            read_at=answer.read_at,
        )


def _ms(at: datetime) -> int:
    """Whole seconds: stamps of a tenant that cuts fractions off lie before the true instant."""
    return (at - _EPOCH) // timedelta(seconds=1) * 1000


def _place(resume: bytes) -> tuple[int | None, str]:
    match = _PLACE.fullmatch(resume)
    if match is None:
        raise CursorExpiredError("The place to go on from is unreadable; the window starts again.")
    return int(match[1]) if match[1] else None, match[2].decode()
