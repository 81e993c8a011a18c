"""Links with their bases and tombstones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from connector.store.database import Store
from connector.store.rows import many, parameters
from connector.store.tables import claim, link, staged

PENDING, ACTIVE, OUT, GONE, MERGED, ERASED = (
    "pending",
    "active",
    "out_of_scope",
    "gone",
    "merged",
    "erased",
)
UNCLAIMED = "unclaimed"
"""The evidence of a half that nobody may find by its values yet: they were not looked at."""


@dataclass(slots=True)
class Link:
    """One row of `link`. Pending with one id only: a record whose other half is not known yet."""

    id: str
    connection: str
    kind: str
    local_id: str | None = None
    remote_id: str | None = None
    live: int | None = 1
    state: str = PENDING
    epoch: int = 1
    subject: str | None = None
    parent: str | None = None
    external_key: str | None = None
    local_digest: bytes | None = None
    remote_digest: bytes | None = None
    remote_version: str | None = None
    remote_observed_us: int | None = None
    base: bytes | None = None
    evidence: str | None = None
    keep_until_us: int | None = None
    listed_us: int | None = None
    """When the listing began in which the vendor last named it."""


_PARAMETERS = parameters(Link)
_INSERT = sa.insert(link)
_COLUMNS = [link.c[f.name] for f in fields(Link)]
_bound = sa.bindparam
_SCOPE = (link.c.connection == _bound("connection"), link.c.kind == _bound("kind"))
_RECORDS: sa.BindParameter[Any] = _bound("records", expanding=True)
_BY_LOCAL = sa.select(*_COLUMNS).where(*_SCOPE, link.c.local_id.in_(_RECORDS))
_BY_REMOTE = sa.select(*_COLUMNS).where(*_SCOPE, link.c.remote_id.in_(_RECORDS))
_BY_IDS = sa.select(*_COLUMNS).where(link.c.id.in_(_bound("ids", expanding=True)))
_WHOLE = (link.c.live == 1, link.c.local_id.is_not(None), link.c.remote_id.is_not(None))
_ANY_LIVE = sa.select(link.c.id).where(*_SCOPE, *_WHOLE).limit(1)
_CHANGING = [f.name for f in fields(Link) if f.name not in ("id", "connection", "kind")]
_BOUND = parameters(Link, "b_", ("id", *_CHANGING))
_SAVE_SUBJECT = (
    sa.update(link)
    .where(link.c.id == sa.bindparam("b_id"))
    .values(subject=sa.bindparam("b_subject"))
)
_SAVE = (
    sa.update(link)
    .where(link.c.id == sa.bindparam("b_id"))
    .values({name: sa.bindparam(f"b_{name}") for name in _CHANGING})
)


def by_ids(tx: sa.Connection, ids: Iterable[str]) -> dict[str, Link]:
    wanted = list(ids)
    rows = tx.execute(_BY_IDS, {"ids": wanted}) if wanted else ()
    return {row[0]: Link(*row) for row in rows}


def by_side(
    tx: sa.Connection, connection: str, kind: str, side: str, records: Iterable[str]
) -> dict[str, Link]:
    """Links of records of one side: the live one of each, else its newest tombstone."""
    wanted = list(records)
    if not wanted:
        return {}
    asked = {"connection": connection, "kind": kind, "records": wanted}
    rows = tx.execute(_BY_LOCAL if side == "local" else _BY_REMOTE, asked)
    found: dict[str, Link] = {}
    for row in rows:
        one = Link(*row)
        record = one.local_id if side == "local" else one.remote_id
        assert record is not None
        known = found.get(record)
        if known is None or (one.live or 0, one.epoch) > (known.live or 0, known.epoch):
            found[record] = one
    return found


def by_keys(
    tx: sa.Connection, connection: str, kind: str, keys: Iterable[str]
) -> dict[str, list[Link]]:
    """Links of the shop's rows by external key, tombstones too."""
    found: dict[str, list[Link]] = {}
    for one in _carrying(tx, connection, kind, keys, link.c.local_id.is_not(None)):
        found.setdefault(one.external_key or "", []).append(one)
    return found


def remote_halves(tx: sa.Connection, connection: str, kind: str, keys: Iterable[str]) -> list[Link]:
    """The vendor's records that carry one of these keys and belong to no row yet."""
    alone = (link.c.live.is_not(None), link.c.local_id.is_(None))
    return _carrying(tx, connection, kind, keys, *alone)


def _carrying(
    tx: sa.Connection,
    connection: str,
    kind: str,
    keys: Iterable[str],
    *more: sa.ColumnElement[bool],
) -> list[Link]:
    wanted = list(keys)
    if not wanted:
        return []
    c = link.c
    query = sa.select(*_COLUMNS).where(c.connection == connection, c.kind == kind, *more)
    return [Link(*row) for row in tx.execute(query.where(c.external_key.in_(wanted)))]


def after(
    tx: sa.Connection,
    connection: str,
    kind: str,
    last: str,
    limit: int,
    *,
    live: bool = True,
    remote_halves: bool = False,
) -> list[Link]:
    """Live links (or tombstones) in id order behind `last`, or only what no row belongs to yet."""
    c = link.c
    query = sa.select(*_COLUMNS).where(
        c.connection == connection,
        c.kind == kind,
        c.live.is_not(None) if live else c.live.is_(None),
        c.id > last,
    )
    if remote_halves:
        query = query.where(c.local_id.is_(None))
    return [Link(*row) for row in tx.execute(query.order_by(c.id).limit(limit))]


def batches(
    store: Store,
    connection: str,
    kind: str,
    size: int = 500,
    *,
    live: bool = True,
    remote_halves: bool = False,
) -> Iterator[list[Link]]:
    """As `after`, from the first to the last, each batch read in a transaction of its own."""
    last = ""
    while True:
        with store.read() as tx:
            found = after(tx, connection, kind, last, size, live=live, remote_halves=remote_halves)
        if not found:
            return
        last = found[-1].id
        yield found


def children(tx: sa.Connection, connection: str, subjects: Iterable[str]) -> list[Link]:
    """The live links of these people's records that are no customers."""
    wanted = list(subjects)
    if not wanted:
        return []
    c = link.c
    query = sa.select(*_COLUMNS).where(
        c.subject.in_(wanted),
        c.connection == connection,
        c.kind != "customer",
        c.live.is_not(None),
    )
    return [Link(*row) for row in tx.execute(query.order_by(c.kind, c.id))]


def over(tx: sa.Connection, connection: str, kind: str, now_us: int, limit: int) -> list[Link]:
    """Tombstones whose time is over."""
    c = link.c
    rows = tx.execute(
        sa.select(*_COLUMNS)
        .where(
            c.connection == connection,
            c.kind == kind,
            c.live.is_(None),
            c.keep_until_us < now_us,
        )
        .order_by(c.keep_until_us)
        .limit(limit)
    )
    return [Link(*row) for row in rows]


def subjects_of(
    tx: sa.Connection, kind: str, local_ids: Iterable[str], but: Collection[str] = ()
) -> dict[str, str]:
    """Whose the shop's rows are, as far as any connection's live link knows; `but`: not theirs."""
    wanted = list(local_ids)
    if not wanted:
        return {}
    rows = tx.execute(
        sa.select(link.c.local_id, link.c.subject).where(
            link.c.kind == kind,
            link.c.local_id.in_(wanted),
            link.c.live.is_not(None),
            link.c.subject.is_not(None),
            link.c.subject.not_in(but),
        )
    )
    return {row.local_id: row.subject for row in rows}


def listed(tx: sa.Connection, ids: Collection[str], began_us: int) -> None:
    """Note that a vendor's listing names the records of these links."""
    if ids:
        tx.execute(sa.update(link).where(link.c.id.in_(ids)).values(listed_us=began_us))


def unlisted(
    tx: sa.Connection, connection: str, kind: str, began_us: int, after: str, limit: int
) -> list[Link]:
    """Active links whose record a finished listing did not name, in id order behind `after`."""
    c = link.c
    rows = tx.execute(
        agreed(connection, kind)
        .where(sa.or_(c.listed_us.is_(None), c.listed_us < began_us), c.id > after)
        .limit(limit)
    )
    return [Link(*row) for row in rows]


def following(tx: sa.Connection, connection: str, kind: str, after: str, limit: int) -> list[Link]:
    """Active links in id order behind `after`."""
    rows = tx.execute(agreed(connection, kind).where(link.c.id > after).limit(limit))
    return [Link(*row) for row in rows]


def linked_rows(tx: sa.Connection, connection: str, kind: str, after: str, limit: int) -> list[str]:
    """The shop's rows that live links name, in the order of their text, behind `after`.

    An index holds all that is asked for: the links with their bases are not read.
    """
    c = link.c
    mine = (c.connection == connection, c.kind == kind, c.live == 1, c.local_id > after)
    query = sa.select(c.local_id).where(*mine).order_by(c.local_id).limit(limit)
    return list(tx.execute(query).scalars())


def echoing(tx: sa.Connection, connection: str, kind: str, limit: int) -> list[Link]:
    """Active links whose last write of ours was never seen at the vendor, in id order."""
    unseen = link.c.remote_observed_us == 0
    rows = tx.execute(agreed(connection, kind).where(unseen).limit(limit))
    return [Link(*row) for row in rows]


def agreed(connection: str, kind: str) -> sa.Select[Any]:
    """Whole links of a scope whose records both are there and agreed once, in their order."""
    c = link.c
    return (
        sa.select(*_COLUMNS)
        .where(
            c.connection == connection,
            c.kind == kind,
            c.live.is_not(None),
            c.state == ACTIVE,
            c.local_id.is_not(None),
            c.remote_id.is_not(None),
        )
        .order_by(c.id)
    )


def insert(tx: sa.Connection, rows: Sequence[Link]) -> None:
    if rows:
        many(tx, _INSERT, [_PARAMETERS(row) for row in rows])


def save(tx: sa.Connection, rows: Sequence[Link]) -> None:
    """Write whole rows back; ids stay."""
    if rows:
        many(tx, _SAVE, [_BOUND(row) for row in rows])


def save_subjects(tx: sa.Connection, rows: Sequence[Link]) -> None:
    """Note whose documents these links hold; nothing else of them has changed."""
    if rows:
        many(tx, _SAVE_SUBJECT, [{"b_id": row.id, "b_subject": row.subject} for row in rows])


def hand_over_dead(
    tx: sa.Connection, connection: str, kind: str, subjects: Mapping[str, str]
) -> None:
    """Let tombstones of these subjects be those of others: old one to new one."""
    mine = (link.c.connection == connection, link.c.kind == kind, link.c.live.is_(None))
    for old, new in subjects.items():
        tx.execute(sa.update(link).where(link.c.subject == old, *mine).values(subject=new))


def delete(tx: sa.Connection, ids: Sequence[str]) -> None:
    """Forget pending halves that never met a partner, with their claims."""
    if ids:
        tx.execute(sa.delete(link).where(link.c.id.in_(ids)))
        release_claims(tx, ids)


def forget(tx: sa.Connection, link_id: str) -> None:
    """Remove a half that became part of another link; its claims are handed over apart."""
    tx.execute(sa.delete(link).where(link.c.id == link_id))


def has_live(tx: sa.Connection, connection: str, kind: str) -> bool:
    """Whether the scope has any live link with both sides known."""
    return tx.execute(_ANY_LIVE, {"connection": connection, "kind": kind}).first() is not None


def count_live(tx: sa.Connection, connection: str, kind: str) -> int:
    """Number of live links with both sides known."""
    return tx.execute(
        sa.select(sa.func.count()).select_from(link).where(*_SCOPE, *_WHOLE),
        {"connection": connection, "kind": kind},
    ).scalar_one()


# --- claims, see `claims.py` ----------------------------------------------------------------------


def hand_over_claims(tx: sa.Connection, loser: str, winner: str) -> None:
    """Two halves became one link: what the loser held or contended for is the winner's."""
    c = claim.c
    tx.execute(sa.update(claim).where(c.link == loser).values(link=winner, rival=None))
    tx.execute(sa.update(claim).where(c.link == winner, c.rival == loser).values(rival=None))


def release_claims(tx: sa.Connection, ids: Sequence[str]) -> None:
    """A link died: its claims die with it. Whoever contended for one comes first now: a rival that
    is known holds it; of several nobody knows who, so all halves with news are claimed anew."""
    if not ids:
        return
    c = claim.c
    tx.execute(sa.update(claim).where(c.rival.in_(ids)).values(rival=None))
    free = sa.and_(c.link.in_(ids), c.contested == 0, c.rival.is_not(None))
    tx.execute(sa.update(claim).where(free).values(link=c.rival, rival=None))
    contested = sa.select(c.connection, c.kind).where(c.link.in_(ids), c.contested == 1)
    for connection, kind in tx.execute(contested.distinct()).all():
        _let_claim_anew(tx, connection, kind)
    tx.execute(sa.delete(claim).where(c.link.in_(ids)))


def _let_claim_anew(tx: sa.Connection, connection: str, kind: str) -> None:
    c, s = link.c, staged.c
    mine = (s.connection == connection, s.kind == kind)
    for side, own, other in (
        ("local", c.local_id, c.remote_id),
        ("remote", c.remote_id, c.local_id),
    ):
        news = sa.select(s.record).where(*mine, s.side == side)
        half = (c.connection == connection, c.kind == kind, c.live == 1, other.is_(None))
        tx.execute(sa.update(link).where(*half, own.in_(news)).values(evidence=UNCLAIMED))
