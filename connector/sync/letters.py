"""Letters: records, writes and values that were set aside, each with its reason, for a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from connector.store import conflicts, events, intents, links, staged
from connector.store.conflicts import LEFT_OUT, Conflict
from connector.store.intents import Intent
from connector.store.links import Link
from connector.store.staged import LOCAL, REMOTE, Staged
from connector.sync.documents import reason_of
from connector.sync.moments import moment


@dataclass(frozen=True, slots=True)
class Letter:
    """A record or write set aside, with the reason. `record` is its id on `side`."""

    id: str
    connection: str
    kind: str
    side: str
    record: str
    reason: str
    code: str
    field: str | None = None
    trace: str | None = None
    """The vendor's own name of the refused request."""
    attempts: int = 0
    since: str | None = None
    """When it was set aside; else when the record was seen or the write sent. ISO 8601, UTC."""


def letters_in(tx: sa.Connection) -> list[Letter]:
    """Inbound ones (staged records), outbound ones (writes), and values left out."""
    inbound, outbound = staged.letters(tx), intents.letters(tx)
    left = conflicts.listed(tx, LEFT_OUT)
    known = links.by_ids(tx, {*(i.link for i in outbound), *(c.link for c in left)})
    since = _set_aside(tx, inbound)
    found = [_inbound(row, since.get(_staged_id(row))) for row in inbound]
    found += [_outbound(one, known.get(one.link)) for one in outbound]
    return found + [_left_out(one, known.get(one.link)) for one in left]


def row_of(tx: sa.Connection, letter: Letter) -> Staged | None:
    """The staged row that a letter is; None if it is a write, or a value left out."""
    where = (letter.connection, letter.kind, letter.side, [letter.record])
    row = staged.load(tx, *where).get(letter.record)
    return row if row is not None and _staged_id(row) == letter.id else None


def link_of(tx: sa.Connection, letter: Letter) -> Link | None:
    """The link of a letter's record."""
    where = (letter.connection, letter.kind, letter.side, [letter.record])
    return links.by_side(tx, *where).get(letter.record)


def _staged_id(row: Staged) -> str:
    return f"{row.connection}/{row.kind}/{row.side}/{row.record}"


def _set_aside(tx: sa.Connection, rows: Sequence[Staged]) -> dict[str, int]:
    """When each inbound letter became one, by the letter's id, as far as events tell."""
    scopes: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        scopes.setdefault((row.connection, row.kind, row.side), []).append(row.record)
    of_letter = {
        f"{connection}/{kind}/{side}/{record}": link.id
        for (connection, kind, side), records in scopes.items()
        for record, link in links.by_side(tx, connection, kind, side, records).items()
    }
    times = events.set_aside(tx, of_letter.values()) if of_letter else {}
    return {letter: times[link] for letter, link in of_letter.items() if link in times}


def _inbound(row: Staged, since_us: int | None) -> Letter:
    reason = reason_of(row.reason or "{}")
    return Letter(
        _staged_id(row),
        row.connection,
        row.kind,
        row.side,
        row.record,
        reason.text,
        reason.code,
        reason.field,
        reason.trace,
        row.attempts,
        moment(since_us or row.observed_us),
    )


def _outbound(one: Intent, link: Link | None) -> Letter:
    reason = reason_of(one.reason or "{}")
    return Letter(
        one.id,
        one.connection,
        one.kind,
        *_place(link),
        reason.text,
        reason.code,
        reason.field,
        reason.trace,
        one.attempt,
        moment(one.sent_us),
    )


def _left_out(one: Conflict, link: Link | None) -> Letter:
    reason = reason_of(one.reason or "{}")
    text = f"{reason.text} (this field was left out, the rest went)"
    return Letter(
        one.id,
        one.connection,
        one.kind,
        *_place(link),
        text,
        reason.code,
        reason.field,
        reason.trace,
        since=moment(one.at_us),
    )


def _place(link: Link | None) -> tuple[str, str]:
    """Where a person finds the record: in the shop if it is there, else at the vendor."""
    if link is None:
        return LOCAL, ""
    return (LOCAL, link.local_id) if link.local_id is not None else (REMOTE, link.remote_id or "")
