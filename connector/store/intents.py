"""Writes decided on, stored before they are sent; and those refused (outbound letters)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Final

import sqlalchemy as sa

from connector.store.rows import many, parameters
from connector.store.tables import intent

SENDING, UNKNOWN, LETTER = "sending", "unknown", "letter"
LOAD: Final = json.dumps(
    {"code": "load", "text": "it travels with many others in one job of the vendor's"}
)
"""The reason of an intent that is on its way in a load; see `sync/loads.py`."""


@dataclass(slots=True)
class Intent:
    """One row of `intent`. `open` is 1 until the row is removed."""

    id: str
    connection: str
    kind: str
    link: str
    side: str
    op: str
    doc: bytes | None
    state: str
    fence: int
    open: int | None = 1
    attempt: int = 1
    sent_us: int | None = None
    reason: str | None = None
    starts: int = 0

    @property
    def loaded(self) -> bool:
        """Whether it is on its way in a load."""
        return self.state == SENDING and self.reason == LOAD


_PARAMETERS = parameters(Intent)
_INSERT = sa.insert(intent)
_COLUMNS = [intent.c[f.name] for f in fields(Intent)]
_OPEN = intent.c.state.in_([SENDING, UNKNOWN])
_AMONG = intent.c.id.in_(sa.bindparam("ids", expanding=True))
_OF_LINKS = intent.c.link.in_(sa.bindparam("links", expanding=True))
_DROP_LETTERS = sa.delete(intent).where(sa.or_(_OF_LINKS, _AMONG), intent.c.state == LETTER)
_FINISH = sa.delete(intent).where(_AMONG)
_UNRESOLVED_LINKS = sa.select(intent.c.link).where(_OF_LINKS, _OPEN)
_UNRESOLVED = (
    sa.select(*_COLUMNS)
    .where(
        intent.c.connection == sa.bindparam("connection"),
        intent.c.kind == sa.bindparam("kind"),
        _OPEN,
    )
    .order_by(intent.c.id)
)


def put(tx: sa.Connection, rows: Sequence[Intent]) -> None:
    """Store intents about to be sent; an earlier letter of the same link and side makes way."""
    if not rows:
        return
    # (The id of a row's create is the same for another link of the same record.)
    same = {"links": [row.link for row in rows], "ids": [row.id for row in rows]}
    tx.execute(_DROP_LETTERS, same)
    many(tx, _INSERT, [_PARAMETERS(row) for row in rows])


def resend(tx: sa.Connection, ids: Sequence[str], fence: int, now_us: int) -> None:
    """Mark stored intents as being sent once more, now and by the holder of this fence."""
    if ids:
        tx.execute(
            sa.update(intent)
            .where(intent.c.id.in_(ids))
            .values(state=SENDING, attempt=intent.c.attempt + 1, fence=fence, sent_us=now_us)
        )


def not_sent(tx: sa.Connection, ids: Sequence[str]) -> None:
    """Take back that these were sent once more: what became of the sending before is unknown."""
    if ids:
        tx.execute(
            sa.update(intent)
            .where(intent.c.id.in_(ids))
            .values(state=UNKNOWN, attempt=intent.c.attempt - 1)
        )


def leaving(tx: sa.Connection, ids: Sequence[str], now_us: int) -> None:
    """Note the time right before the bytes leave: no earlier one bounds when they land."""
    if ids:
        tx.execute(sa.update(intent).where(intent.c.id.in_(ids)).values(sent_us=now_us))


def finish(tx: sa.Connection, ids: Sequence[str]) -> None:
    """Remove intents that ended; what they did is in their link and in the events."""
    if ids:
        tx.execute(_FINISH, {"ids": list(ids)})


def begin(tx: sa.Connection, ids: Sequence[str]) -> None:
    """Count that looking for these begins."""
    tx.execute(sa.update(intent).where(intent.c.id.in_(ids)).values(starts=intent.c.starts + 1))


def ended(tx: sa.Connection, ids: Sequence[str]) -> None:
    tx.execute(sa.update(intent).where(intent.c.id.in_(ids)).values(starts=0))


def drop(tx: sa.Connection, links: Sequence[str]) -> None:
    """Remove whatever intents these links have."""
    if links:
        tx.execute(sa.delete(intent).where(intent.c.link.in_(links)))


def mark(tx: sa.Connection, ids: Sequence[str], state: str, reason: str | None = None) -> None:
    if ids:
        tx.execute(sa.update(intent).where(intent.c.id.in_(ids)).values(state=state, reason=reason))


def forget_values(tx: sa.Connection, ids: Sequence[str]) -> None:
    """Keep of these letters that they are there and why, and not what was to be written."""
    if ids:
        tx.execute(sa.update(intent).where(intent.c.id.in_(ids)).values(doc=None))


def unresolved(tx: sa.Connection, connection: str, kind: str) -> list[Intent]:
    """Intents that were sent and whose outcome is not known."""
    rows = tx.execute(_UNRESOLVED, {"connection": connection, "kind": kind})
    return [Intent(*row) for row in rows]


def in_load(tx: sa.Connection, connection: str, kind: str) -> list[Intent]:
    """Intents of the scope's one load that have no result yet."""
    return [one for one in unresolved(tx, connection, kind) if one.loaded]


def creates_rows(tx: sa.Connection, connections: Sequence[str], kind: str) -> bool:
    """Whether any of these connections is making a row of the shop just now."""
    found = tx.execute(
        sa.select(intent.c.id)
        .where(
            intent.c.connection.in_(connections),
            intent.c.kind == kind,
            intent.c.side == "local",
            intent.c.op == "create",
            _OPEN,
        )
        .limit(1)
    )
    return found.first() is not None


def unresolved_links(tx: sa.Connection, links: Iterable[str]) -> set[str]:
    """Of these links, the ones that must not be planned before an intent of theirs has ended."""
    wanted = list(links)
    if not wanted:
        return set()
    return set(tx.execute(_UNRESOLVED_LINKS, {"links": wanted}).scalars())


def of_link(tx: sa.Connection, link: str) -> list[Intent]:
    """All of a link, whatever became of them: under way, without an answer, or letters."""
    rows = tx.execute(sa.select(*_COLUMNS).where(intent.c.link == link).order_by(intent.c.id))
    return [Intent(*row) for row in rows]


def letters(tx: sa.Connection) -> list[Intent]:
    rows = tx.execute(sa.select(*_COLUMNS).where(intent.c.state == LETTER).order_by(intent.c.id))
    return [Intent(*row) for row in rows]
