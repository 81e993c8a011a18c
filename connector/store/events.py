"""What was done and why: an append-only list without values, but for a loser's, sealed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from connector.store.rows import many, parameters
from connector.store.tables import event


@dataclass(slots=True)
class Event:
    """One thing that happened to a link (or a scope), and its cause."""

    at_us: int
    run: str
    connection: str
    kind: str
    cause: str
    link: str | None = None
    field: str | None = None
    doc: bytes | None = None
    note: str | None = None


_PARAMETERS = parameters(Event)
_INSERT = sa.insert(event)


def append(tx: sa.Connection, rows: Sequence[Event]) -> None:
    if rows:
        many(tx, _INSERT, [_PARAMETERS(row) for row in rows])


def of_link(tx: sa.Connection, link: str) -> list[Event]:
    c = event.c
    rows = tx.execute(
        sa.select(c.at_us, c.run, c.connection, c.kind, c.cause, c.link, c.field, c.doc, c.note)
        .where(c.link == link)
        .order_by(c.seq)
    )
    return [Event(*row) for row in rows]


def set_aside(tx: sa.Connection, links: Collection[str]) -> dict[str, int]:
    """When each of these links last became a letter, as far as events tell."""
    c = event.c
    rows = tx.execute(
        sa.select(c.link, sa.func.max(c.at_us))
        .where(c.link.in_(links), c.cause.startswith("letter:"))
        .group_by(c.link)
    )
    return {link: at_us for link, at_us in rows}
