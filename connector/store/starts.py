"""How often work on a staged row was begun and never ended; see `sync/attempts.py`."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from connector.store.staged import Staged
from connector.store.tables import staged

SUSPECT = 3
"""What was begun so often and never ended is worked on alone."""
KILLS = 99
"""The `starts` of what ended its process when it was worked on alone."""

_KILLERS = sa.select(staged.c.side, staged.c.record).where(
    staged.c.connection == sa.bindparam("connection"),
    staged.c.kind == sa.bindparam("kind"),
    staged.c.starts >= KILLS,
)


def begin(tx: sa.Connection, rows: Sequence[Staged]) -> None:
    """Count that work on these rows of one scope and side begins."""
    tx.execute(sa.update(staged).where(*_these(rows)).values(starts=staged.c.starts + 1))


def ended(tx: sa.Connection, rows: Sequence[Staged], *, whole: bool) -> None:
    """The work on these rows ended. `whole`: it was all there is to do with them, and they are not
    suspect; else they are as suspect as before."""
    c = staged.c
    where = (*_these(rows), c.starts > 0)
    tx.execute(sa.update(staged).where(*where).values(starts=0 if whole else c.starts - 1))


def _these(rows: Sequence[Staged]) -> tuple[sa.ColumnElement[bool], ...]:
    c, first = staged.c, rows[0]
    return (
        c.connection == first.connection,
        c.kind == first.kind,
        c.side == first.side,
        c.record.in_([row.record for row in rows]),
    )


def any_begun(tx: sa.Connection, connection: str, kind: str, *, gone: bool) -> bool:
    """Whether work on such a row of the scope was begun and is not known to have ended."""
    query = sa.select(staged.c.record).where(*_begun(connection, kind, gone))
    return tx.execute(query.limit(1)).first() is not None


def all_ended(tx: sa.Connection, connection: str, kind: str, *, gone: bool, whole: bool) -> None:
    """As `ended`, for all such rows of a scope; what was found to kill stays marked."""
    where = _begun(connection, kind, gone)
    tx.execute(sa.update(staged).where(*where).values(starts=0 if whole else staged.c.starts - 1))


def _begun(connection: str, kind: str, gone: bool) -> tuple[sa.ColumnElement[bool], ...]:
    c = staged.c
    news = c.gone.is_not(None) if gone else c.gone.is_(None)
    return (c.connection == connection, c.kind == kind, news, c.starts > 0, c.starts < KILLS)


def killers(tx: sa.Connection, connection: str, kind: str) -> frozenset[tuple[str, str]]:
    """Side and record of what was found to end whatever process works on it."""
    rows = tx.execute(_KILLERS, {"connection": connection, "kind": kind})
    return frozenset((row.side, row.record) for row in rows)
