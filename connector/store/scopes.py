"""Cursors and metadata of a scope; the shared rate budgets and secret slots of a connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import sqlalchemy as sa

from connector.store.database import Store, owner_is_dead
from connector.store.tables import scope


@dataclass(frozen=True, slots=True)
class Scope:
    """What is remembered of one (connection, kind) beside its lease."""

    connection: str
    kind: str
    account: str | None
    since_us: int | None
    resume: bytes | None
    listing: bytes | None
    fingerprint: str | None
    schema_doc: str | None
    schema_us: int | None
    mode: str
    not_before_us: int | None
    tat_us: int | None
    success_us: int | None
    doubt: str | None = None
    fields_doc: str | None = None


_COLUMNS = [scope.c[f.name] for f in fields(Scope)]
_GET = sa.select(*_COLUMNS).where(
    scope.c.connection == sa.bindparam("connection"), scope.c.kind == sa.bindparam("kind")
)


def get(tx: sa.Connection, connection: str, kind: str) -> Scope | None:
    row = tx.execute(_GET, {"connection": connection, "kind": kind}).first()
    return Scope(*row) if row else None


def update(tx: sa.Connection, connection: str, kind: str, **values: Any) -> None:
    bound = {f"b_{name}": value for name, value in values.items()}
    asked = {"its_connection": connection, "its_kind": kind, **bound}
    tx.execute(_setting(*sorted(values)), asked)


@cache
def _setting(*names: str) -> sa.Update:
    """The statement that changes these columns of a scope's row."""
    mine = (
        scope.c.connection == sa.bindparam("its_connection"),
        scope.c.kind == sa.bindparam("its_kind"),
    )
    bound: dict[str, Any] = {name: sa.bindparam(f"b_{name}") for name in names}
    return sa.update(scope).where(*mine).values(bound)


def advance(tx: sa.Connection, connection: str, kind: str, since_us: int, now_us: int) -> None:
    """A window was read to its end: move the watermark (never back) and forget `resume`."""
    row = get(tx, connection, kind)
    before = row.since_us if row else None
    update(
        tx,
        connection,
        kind,
        since_us=since_us if before is None else max(before, since_us),
        resume=None,
        success_us=now_us,
    )


def every(tx: sa.Connection) -> list[Scope]:
    rows = tx.execute(sa.select(*_COLUMNS).order_by(scope.c.connection, scope.c.kind))
    return [Scope(*row) for row in rows if not row.kind.startswith("*/")]


def beginning(tx: sa.Connection, prefix: str) -> list[Scope]:
    """The rows of all connections whose kind begins so."""
    rows = tx.execute(
        sa.select(*_COLUMNS)
        .where(scope.c.kind.startswith(prefix, autoescape=True))
        .order_by(scope.c.connection, scope.c.kind)
    )
    return [Scope(*row) for row in rows]


def doubt(tx: sa.Connection, why: str) -> None:
    """Let every scope write nothing before it is reconciled; an earlier reason stays."""
    tx.execute(
        sa.update(scope)
        .where(scope.c.connection != "local", scope.c.kind.not_like("*/%"), scope.c.doubt.is_(None))
        .values(doubt=why)
    )


def reserve(
    store: Store,
    connection: str,
    path: str,
    rate: str,
    longest_us: int,
    take: Callable[[int, int], tuple[int, int]],
) -> int | None:
    """Take from a rate budget; returns the µs to wait. None, with nothing taken, if that would be
    longer than `longest_us`.

    `take(tat_us, now_us)` is the pure arithmetic: it returns (new tat_us, wait_us). `rate` is kept
    for whoever looks at the budget.
    """
    kind = f"*/{path}"
    with store.write(None, "rate") as tx:
        store.ensure_scope(tx, connection, kind)
        row = get(tx, connection, kind)
        assert row is not None
        now = store.now_us(tx)
        start = max(now, row.not_before_us or 0)
        tat, wait = take(row.tat_us or 0, start)
        wait += start - now
        if wait > longest_us:
            return None
        update(tx, connection, kind, tat_us=tat, fingerprint=rate)
        return wait


def budgets(tx: sa.Connection) -> list[Scope]:
    """The rows of all rate budgets that were ever spent from; `fingerprint` is the rate."""
    c = scope.c
    rows = tx.execute(
        sa.select(*_COLUMNS)
        .where(c.kind.startswith("*/"), c.tat_us.is_not(None), c.fingerprint.is_not(None))
        .order_by(c.connection, c.kind)
    )
    return [Scope(*row) for row in rows]


# --- passes that ended well -----------------------------------------------------------------------

_ENDED = "*/pass/"


@dataclass(frozen=True, slots=True)
class Ended:
    """When the last pass without an error began and ended."""

    began_us: int
    ended_us: int


def note_pass(
    store: Store, tx: sa.Connection, connection: str, kind: str, began_us: int, ended_us: int
) -> None:
    """A pass ended without an error; it has a row of its own, as `success_us` is of reading."""
    store.ensure_scope(tx, connection, _ENDED + kind)
    update(tx, connection, _ENDED + kind, since_us=began_us, success_us=ended_us)


def ended_passes(tx: sa.Connection) -> dict[tuple[str, str], Ended]:
    """By connection and kind: the last pass that ended without an error."""
    c = scope.c
    rows = tx.execute(
        sa.select(c.connection, c.kind, c.since_us, c.success_us).where(
            c.kind.startswith(_ENDED), c.success_us.is_not(None)
        )
    )
    return {
        (row.connection, row.kind.removeprefix(_ENDED)): Ended(row.since_us, row.success_us)
        for row in rows
    }


def pause(store: Store, connection: str, path: str, until_us: int) -> None:
    kind = f"*/{path}"
    with store.write(None, "pause") as tx:
        store.ensure_scope(tx, connection, kind)
        update(tx, connection, kind, not_before_us=until_us)


# --- scopes that a person has paused --------------------------------------------------------------

PAUSED, NORMAL = "paused", "normal"
_PAUSES = "*/paused/"
"""A pause has a row of its own: it must outlive whatever else the scope's `mode` says."""


def set_paused(store: Store, connection: str, kind: str, *, paused: bool) -> bool:
    """Pause a scope or let it go on; says whether that changed anything."""
    with store.write(None, "pause scope") as tx:
        store.ensure_scope(tx, connection, kind)
        store.ensure_scope(tx, connection, _PAUSES + kind)
        known = get(tx, connection, _PAUSES + kind)
        mode = PAUSED if paused else NORMAL
        if known is None or known.mode != mode:
            update(tx, connection, _PAUSES + kind, mode=mode, since_us=store.now_us(tx))
    return known is not None and known.mode != mode


def paused(tx: sa.Connection) -> dict[tuple[str, str], int | None]:
    """The (connection, kind) pairs that are paused, and since when, as far as that is known."""
    c = scope.c
    rows = tx.execute(
        sa.select(c.connection, c.kind, c.since_us).where(
            c.kind.startswith(_PAUSES), c.mode == PAUSED
        )
    )
    return {(row.connection, row.kind.removeprefix(_PAUSES)): row.since_us for row in rows}


def is_leased(tx: sa.Connection, connection: str, kind: str, now_us: int) -> bool:
    """Whether a run holds the scope now."""
    c = scope.c
    end = tx.execute(
        sa.select(c.expires_us).where(c.connection == connection, c.kind == kind)
    ).scalar()
    return end is not None and end > now_us


@dataclass(frozen=True, slots=True)
class Held:
    """A lease as others see it."""

    connection: str
    kind: str
    holder: str
    fence: int


def held(tx: sa.Connection, now_us: int) -> set[Held]:
    """The leases that are held now, secret slots too."""
    c = scope.c
    rows = tx.execute(
        sa.select(c.connection, c.kind, c.holder, c.fence).where(
            c.holder.is_not(None), c.expires_us > now_us
        )
    )
    return {Held(*row) for row in rows if not owner_is_dead(row.holder)}
