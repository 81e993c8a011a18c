"""Open conflicts, a person's choices, and optional values the other side would not take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import sqlalchemy as sa

from connector.store.rows import many, parameters
from connector.store.tables import conflict

OPEN, CHOSEN, LEFT_OUT = "open", "chosen", "left_out"
RECORD = "*"
"""The `field` of a conflict about the whole record: one side is gone."""


@dataclass(slots=True)
class Conflict:
    """One row of `conflict`."""

    id: str
    connection: str
    kind: str
    link: str
    field: str
    doc: bytes | None
    rule: str
    state: str
    at_us: int
    open: int | None = 1
    who: str | None = None
    reason: str | None = None


_PARAMETERS = parameters(Conflict)
_COLUMNS = [conflict.c[f.name] for f in fields(Conflict)]
_INSERT = sa.insert(conflict)
_OF_LINKS = sa.select(*_COLUMNS).where(
    conflict.c.link.in_(sa.bindparam("links", expanding=True)), conflict.c.open == 1
)
_END_OPEN = sa.delete(conflict).where(
    conflict.c.link == sa.bindparam("b_link"),
    conflict.c.field == sa.bindparam("b_field"),
    conflict.c.open == 1,
)


def of_links(tx: sa.Connection, links: Iterable[str]) -> dict[str, dict[str, Conflict]]:
    """Open rows by link and field."""
    wanted = list(links)
    found: dict[str, dict[str, Conflict]] = {}
    if wanted:
        for row in tx.execute(_OF_LINKS, {"links": wanted}):
            one = Conflict(*row)
            found.setdefault(one.link, {})[one.field] = one
    return found


def put(tx: sa.Connection, rows: Sequence[Conflict]) -> None:
    """Store rows; an open one of the same link and field makes way for the latest values."""
    if rows:
        many(tx, _END_OPEN, [{"b_link": row.link, "b_field": row.field} for row in rows])
        many(tx, _INSERT, [_PARAMETERS(row) for row in rows])


def close(tx: sa.Connection, ids: Sequence[str]) -> None:
    """Remove rows that ended; the events keep what became of them."""
    if ids:
        tx.execute(sa.delete(conflict).where(conflict.c.id.in_(ids)))


def close_links(tx: sa.Connection, links: Sequence[str]) -> None:
    """A link died: its conflicts die with it."""
    if links:
        tx.execute(sa.delete(conflict).where(conflict.c.link.in_(links)))


def choose(tx: sa.Connection, conflict_id: str, side: str, who: str) -> Conflict | None:
    """Note which side a person chose; the next pass carries it out. None if it is not open."""
    tx.execute(
        sa.update(conflict)
        .where(conflict.c.id == conflict_id, conflict.c.state.in_([OPEN, CHOSEN]))
        .values(state=CHOSEN, rule=side, who=who)
    )
    return get(tx, conflict_id)


def get(tx: sa.Connection, conflict_id: str) -> Conflict | None:
    row = tx.execute(sa.select(*_COLUMNS).where(conflict.c.id == conflict_id)).first()
    return Conflict(*row) if row else None


def listed(tx: sa.Connection, *states: str) -> list[Conflict]:
    rows = tx.execute(
        sa.select(*_COLUMNS)
        .where(conflict.c.state.in_(states))
        .order_by(conflict.c.at_us, conflict.c.id)
    )
    return [Conflict(*row) for row in rows]


def count(tx: sa.Connection, *states: str) -> int:
    """Number of rows in these states, of all scopes."""
    return tx.execute(
        sa.select(sa.func.count()).select_from(conflict).where(conflict.c.state.in_(states))
    ).scalar_one()
