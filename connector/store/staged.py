"""Records seen and not yet decided, and those set aside with a reason (inbound letters)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from connector.plugin import version_key
from connector.store.links import UNCLAIMED
from connector.store.rows import many, parameters
from connector.store.tables import link, staged

LOCAL, REMOTE = "local", "remote"


@dataclass(slots=True)
class Staged:
    """One row of `staged`."""

    connection: str
    kind: str
    side: str
    record: str
    version: str = ""
    counter: int = 1
    payload: bytes | None = None
    gone: str | None = None
    origin: str | None = None
    observed_us: int | None = None
    attempts: int = 0
    not_before_us: int | None = None
    waits_for: str | None = None
    reason: str | None = None
    starts: int = 0


_PARAMETERS = parameters(Staged)
_BOUND = parameters(Staged, "b_")
_INSERT = sa.insert(staged)
_COLUMNS = [staged.c[f.name] for f in fields(Staged)]
_WHERE = tuple(
    staged.c[name] == sa.bindparam(f"b_{name}") for name in ("connection", "kind", "side", "record")
)
_STATE = ("version", "counter", "payload", "gone", "origin", "observed_us")
_MIND = ("attempts", "not_before_us", "waits_for", "reason")
_SAVED = (*_MIND, "gone", "payload", "origin", "starts")
_UPDATE = (
    sa.update(staged)
    .where(*_WHERE)
    .values({name: sa.bindparam(f"b_{name}") for name in (*_STATE, *_MIND)})
)
_DELETE = sa.delete(staged).where(
    *_WHERE,
    staged.c.counter == sa.bindparam("b_counter"),
)


def _ready(*, gone: bool) -> sa.Select[Any]:
    c, bound = staged.c, sa.bindparam
    return (
        sa.select(*_COLUMNS)
        .where(
            c.connection == bound("connection"),
            c.kind == bound("kind"),
            c.side == bound("side"),
            c.record > bound("after"),
            c.reason.is_(None),
            c.waits_for.is_(None),
            c.gone.is_not(None) if gone else c.gone.is_(None),
            sa.or_(c.not_before_us.is_(None), c.not_before_us <= bound("now")),
        )
        .order_by(c.record)
        .limit(bound("limit", type_=sa.Integer))
    )


def _unlinked() -> sa.Select[Any]:
    c, bound = staged.c, sa.bindparam
    known = sa.select(link.c.id).where(
        link.c.connection == c.connection, link.c.kind == c.kind, link.c.local_id == c.record
    )
    return (
        sa.select(*_COLUMNS)
        .where(
            c.connection == bound("connection"),
            c.kind == bound("kind"),
            c.side == LOCAL,
            c.record > bound("after"),
            ~sa.exists(known.correlate(staged)),
        )
        .order_by(c.record)
        .limit(bound("limit", type_=sa.Integer))
    )


_LOAD = sa.select(*_COLUMNS).where(
    staged.c.connection == sa.bindparam("connection"),
    staged.c.kind == sa.bindparam("kind"),
    staged.c.side == sa.bindparam("side"),
    staged.c.record.in_(sa.bindparam("records", expanding=True)),
)
_UNLINKED = _unlinked()
_READY = {gone: _ready(gone=gone) for gone in (True, False)}
_WAITING = (
    sa.select(staged.c.kind, staged.c.gone.is_not(None).label("gone"))
    .where(
        staged.c.connection == sa.bindparam("connection"),
        staged.c.reason.is_(None),
        staged.c.waits_for.is_(None),
    )
    .distinct()
)


_UNCLAIMED = {
    side: sa.select(staged.c.record)
    .join(
        link,
        sa.and_(
            link.c.connection == staged.c.connection,
            link.c.kind == staged.c.kind,
            (link.c.local_id if side == LOCAL else link.c.remote_id) == staged.c.record,
        ),
    )
    .where(
        staged.c.connection == sa.bindparam("connection"),
        staged.c.kind == sa.bindparam("kind"),
        staged.c.side == side,
        staged.c.gone.is_(None),
        staged.c.reason.is_(None),
        staged.c.waits_for.is_(None),
        link.c.evidence == UNCLAIMED,
    )
    for side in (LOCAL, REMOTE)
}


def unclaimed(tx: sa.Connection, connection: str, kind: str, side: str) -> set[str]:
    """The records of halves whose values nobody looked at yet; none but after runs that died."""
    asked = {"connection": connection, "kind": kind}
    return {row.record for row in tx.execute(_UNCLAIMED[side], asked)}


def load(
    tx: sa.Connection, connection: str, kind: str, side: str, records: Iterable[str]
) -> dict[str, Staged]:
    wanted = list(records)
    if not wanted:
        return {}
    asked = {"connection": connection, "kind": kind, "side": side, "records": wanted}
    return {row.record: Staged(*row) for row in tx.execute(_LOAD, asked)}


def stage(tx: sa.Connection, rows: Sequence[Staged]) -> None:
    """Upsert rows of one scope and side; a remote row replaces only an older or equal version.

    A row staged anew loses its reason, its waiting and its delay: it has news.
    """
    if not rows:
        return
    first = rows[0]
    latest: dict[str, Staged] = {}
    for row in rows:
        held = latest.get(row.record)
        if held is None or version_key(row.version) >= version_key(held.version):
            latest[row.record] = row
    known = load(tx, first.connection, first.kind, first.side, latest)
    inserts, updates = [], []
    for row in latest.values():
        old = known.get(row.record)
        if old is None:
            inserts.append(_PARAMETERS(row))
        elif row.version == "" or version_key(row.version) >= version_key(old.version):
            row.counter = old.counter + 1
            row.version = row.version or old.version
            row.origin = row.origin or old.origin
            updates.append(_BOUND(row))
    if inserts:
        many(tx, _INSERT, inserts)
    if updates:
        many(tx, _UPDATE, updates)


def mark(
    tx: sa.Connection, connections: Iterable[str], kind: str, keys: Mapping[str, str | None]
) -> None:
    """Mark rows of the shop, with their origins, for connections that this run may not hold.

    What a mark means for a connection is found out when it is taken: `unlinked` finds those
    without a link, and the others are decided as they are.
    """
    for connection in connections:
        stage(tx, [Staged(connection, kind, LOCAL, key, origin=told) for key, told in keys.items()])


def unlinked(tx: sa.Connection, connection: str, kind: str, after: str, limit: int) -> list[Staged]:
    """Marks of the shop's rows that no link of this connection knows, in record order."""
    asked = {"connection": connection, "kind": kind, "after": after, "limit": limit}
    return [Staged(*row) for row in tx.execute(_UNLINKED, asked)]


def parents_with_news(tx: sa.Connection, connection: str, parents: Iterable[str]) -> set[str]:
    """Of these links, those that have children whose rows in the shop are about to be decided."""
    wanted = list(parents)
    if not wanted:
        return set()
    c, child = staged.c, link.c
    rows = tx.execute(
        sa.select(child.parent)
        .join(
            staged,
            sa.and_(
                c.connection == child.connection,
                c.kind == child.kind,
                c.side == LOCAL,
                c.record == child.local_id,
            ),
        )
        .where(
            child.connection == connection,
            child.live.is_not(None),
            child.parent.in_(wanted),
            c.gone.is_(None),
            c.reason.is_(None),
            c.waits_for.is_(None),
        )
        .distinct()
    )
    return {row.parent for row in rows}


def stage_both(tx: sa.Connection, rows: Iterable[Staged]) -> None:
    """Upsert rows of one scope, of either side."""
    held = list(rows)
    for side in (LOCAL, REMOTE):
        stage(tx, [row for row in held if row.side == side])


def ready(
    tx: sa.Connection,
    connection: str,
    kind: str,
    side: str,
    *,
    gone: bool,
    after: str,
    limit: int,
    now_us: int,
) -> list[Staged]:
    """The next rows to decide, in record order behind `after`: not waiting, not a letter."""
    rows = tx.execute(
        _READY[gone],
        {
            "connection": connection,
            "kind": kind,
            "side": side,
            "after": after,
            "now": now_us,
            "limit": limit,
        },
    )
    return [Staged(*row) for row in rows]


def retry_letters(tx: sa.Connection, connection: str, kind: str, code: str) -> None:
    """Have rows that were set aside with a reason of this beginning decided anew."""
    c = staged.c
    tx.execute(
        sa.update(staged)
        .where(
            c.connection == connection,
            c.kind == kind,
            c.reason.startswith(f'{{"code": "{code}', autoescape=True),
        )
        .values(reason=None)
    )


def distrust(tx: sa.Connection, connection: str, kind: str, before_us: int) -> None:
    """Have remote rows that were seen before an instant read by id when they are decided."""
    c = staged.c
    tx.execute(
        sa.update(staged)
        .where(
            c.connection == connection,
            c.kind == kind,
            c.side == REMOTE,
            c.observed_us < before_us,
        )
        .values(payload=None)
    )


def settle(tx: sa.Connection, rows: Sequence[Staged]) -> None:
    """Remove rows that were decided, unless they were staged again since."""
    if rows:
        keys = ("connection", "kind", "side", "record", "counter")
        many(tx, _DELETE, [{f"b_{k}": getattr(row, k) for k in keys} for row in rows])


def save(tx: sa.Connection, rows: Sequence[Staged]) -> None:
    """Write reasons, delays and waiting back, unless the row was staged again since."""
    if rows:
        tx.execute(
            sa.update(staged)
            .where(*_WHERE, staged.c.counter == sa.bindparam("b_counter"))
            .values({name: sa.bindparam(f"b_{name}") for name in _SAVED}),
            [_BOUND(row) for row in rows],
        )


def wake(tx: sa.Connection, connection: str, parents: Sequence[str]) -> None:
    """Let the rows go on that waited for these parents."""
    if parents:
        tx.execute(
            sa.update(staged)
            .where(staged.c.connection == connection, staged.c.waits_for.in_(parents))
            .values(waits_for=None, reason=None, not_before_us=None)
        )


def waiting(tx: sa.Connection, connection: str) -> set[tuple[str, bool]]:
    """Kinds with rows that wait for a decision, and whether they are news of a removal."""
    rows = tx.execute(_WAITING, {"connection": connection})
    return {(row.kind, bool(row.gone)) for row in rows}


def count(tx: sa.Connection, connection: str, kind: str, *, gone: bool | None = None) -> int:
    """Rows that wait for a decision (letters and waiting children left out)."""
    c = staged.c
    query = (
        sa.select(sa.func.count())
        .select_from(staged)
        .where(
            c.connection == connection,
            c.kind == kind,
            c.reason.is_(None),
            c.waits_for.is_(None),
        )
    )
    if gone is not None:
        query = query.where(c.gone.is_not(None) if gone else c.gone.is_(None))
    return tx.execute(query).scalar_one()


def letters(tx: sa.Connection) -> list[Staged]:
    query = sa.select(*_COLUMNS).where(staged.c.reason.is_not(None)).order_by(*_COLUMNS[:4])
    return [Staged(*row) for row in tx.execute(query)]


def held(tx: sa.Connection, connection: str, kind: str, *, after: str, limit: int) -> list[Staged]:
    """Remote rows with content, letters too, in record order behind `after`."""
    c = staged.c
    rows = tx.execute(
        sa.select(*_COLUMNS)
        .where(
            c.connection == connection,
            c.kind == kind,
            c.side == REMOTE,
            c.record > after,
            c.payload.is_not(None),
        )
        .order_by(c.record)
        .limit(limit)
    )
    return [Staged(*row) for row in rows]


def payloads(tx: sa.Connection) -> Iterator[bytes]:
    """The sealed content of every staged row, one at a time."""
    rows = tx.execute(sa.select(staged.c.payload).where(staged.c.payload.is_not(None)))
    for row in rows:
        yield row.payload
