"""Claims: which link holds an identity value, so that no two records with it become two people.

A value is known by its blind index: a digest for each index key in use, the oldest key's first. Out
of a rotation there is one. During one there are two, each with a row of its own, and the rows of a
value are read and written as one: so whoever held it under the old key holds it under the new one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final

import sqlalchemy as sa

from connector.store.links import Link, by_ids
from connector.store.rows import many
from connector.store.tables import claim

Value = tuple[bytes, ...]
"""The digests of one identity value; see `privacy/blind.py`."""

BARE_BYTES: Final = 16
"""A digest under the first index key; later ones have the key's id in front."""
KID_BYTES: Final = 4
_PAGE: Final = 500


@dataclass(slots=True)
class Claim:
    """Who holds an identity value; see the table."""

    digest: bytes
    link: str
    rival: str | None
    contested: int


_INSERT = sa.insert(claim)
_bound = sa.bindparam
_CLAIMS = sa.select(claim.c.digest, claim.c.link, claim.c.rival, claim.c.contested).where(
    claim.c.connection == _bound("connection"),
    claim.c.kind == _bound("kind"),
    claim.c.digest.in_(_bound("digests", expanding=True)),
)


def get(
    tx: sa.Connection, connection: str, kind: str, values: Iterable[Value]
) -> dict[Value, Claim]:
    """The claims on these values, as far as there are any."""
    rows = _rows(tx, connection, kind, values)
    return {value: one for value, of in rows.items() if (one := together(of)) is not None}


def _rows(
    tx: sa.Connection, connection: str, kind: str, values: Iterable[Value]
) -> dict[Value, list[Claim]]:
    wanted = set(values)
    if not wanted:
        return {}
    asked = {"connection": connection, "kind": kind, "digests": list(chain.from_iterable(wanted))}
    known = {row[0]: Claim(*row) for row in tx.execute(_CLAIMS, asked)}
    if not known:  # as in most of a first read
        return {}
    return {v: of for v in wanted if (of := [known[d] for d in v if d in known])}


def together(rows: Sequence[Claim]) -> Claim | None:
    """The rows of one value, the oldest key's first, as one claim; nobody in them is forgotten.

    >>> old, new = Claim(b"o", "A", None, 0), Claim(b"n", "B", None, 0)
    >>> together([old, new])
    Claim(digest=b'o', link='A', rival=None, contested=1)
    >>> together([replace(old, rival="B"), new])
    Claim(digest=b'o', link='A', rival='B', contested=0)
    """
    if not rows:
        return None
    first, *others = rows
    found = replace(first)
    for other in others:
        strangers = {other.link, other.rival} - {found.link, found.rival, None}
        if other.link == found.link and found.rival is None and strangers:
            found.rival = other.rival
        elif strangers:
            found.contested = 1
        found.contested = max(found.contested, other.contested)
    return found


def stake(
    tx: sa.Connection,
    connection: str,
    kind: str,
    wanted: Mapping[str, Sequence[Value]],
    sides: Mapping[str, str],
) -> dict[Value, Claim]:
    """Claim values for links (link id → values) and return each value's claim as it now stands.

    The first comer holds it. A later comer of the other side becomes its rival; whoever comes
    after that, or from the same side, makes it contested. `sides` says for each link which half it
    is ("local" or "remote"; "both" for a whole one).
    """
    if not wanted:
        return {}
    rows = _rows(tx, connection, kind, chain.from_iterable(wanted.values()))
    known = {value: one for value, of in rows.items() if (one := together(of)) is not None}
    holders = by_ids(tx, {c.link for c in known.values()} - wanted.keys())
    for link_id, values in wanted.items():
        for value in values:
            held = known.get(value)
            if held is None:
                known[value] = Claim(value[0], link_id, None, 0)
            elif link_id not in (held.link, held.rival):
                holder = holders.get(held.link)
                holder_side = sides.get(held.link) or (_half(holder) if holder else "both")
                other = {holder_side, sides[link_id]} == {"local", "remote"}
                if other and held.rival is None:
                    held.rival = link_id
                else:
                    held.contested = 1
    _save(tx, connection, kind, rows, known)
    return known


def spread(tx: sa.Connection, connection: str, kind: str, values: Iterable[Value]) -> int:
    """Let what is claimed under one key be claimed under all; returns the number of new rows."""
    rows = _rows(tx, connection, kind, values)
    known = {value: one for value, of in rows.items() if (one := together(of)) is not None}
    return _save(tx, connection, kind, rows, known)


def _half(one: Link) -> str:
    if one.local_id is None:
        return "remote"
    return "local" if one.remote_id is None else "both"


def _save(
    tx: sa.Connection,
    connection: str,
    kind: str,
    rows: Mapping[Value, Sequence[Claim]],
    known: Mapping[Value, Claim],
) -> int:
    """Write each claim into the row of each of its digests; returns how many rows are new."""
    there = {row.digest: row for of in rows.values() for row in of}
    about = {"connection": connection, "kind": kind}
    new: list[dict[str, Any]] = []
    changed: list[Claim] = []
    for value, one in known.items():
        held = {"link": one.link, "rival": one.rival, "contested": one.contested}
        for digest in value:
            was = there.get(digest)
            if was is None:
                new.append({**about, "digest": digest, **held})
            elif (was.link, was.rival, was.contested) != (one.link, one.rival, one.contested):
                changed.append(Claim(digest, one.link, one.rival, one.contested))
    many(tx, _INSERT, new)
    _update(tx, about, changed)
    return len(new)


def _update(tx: sa.Connection, about: Mapping[str, str], rows: Sequence[Claim]) -> None:
    if rows:
        c = claim.c
        tx.execute(
            sa.update(claim)
            .where(
                c.connection == about["connection"],
                c.kind == about["kind"],
                c.digest == _bound("b_digest"),
            )
            .values(
                link=_bound("b_link"), rival=_bound("b_rival"), contested=_bound("b_contested")
            ),
            [
                {
                    "b_digest": r.digest,
                    "b_link": r.link,
                    "b_rival": r.rival,
                    "b_contested": r.contested,
                }
                for r in rows
            ],
        )


def keep(tx: sa.Connection, link_id: str, values: Collection[Value]) -> None:
    """A link's identity values changed: it lets go of those it no longer has."""
    held = list(chain.from_iterable(values))
    tx.execute(sa.delete(claim).where(claim.c.link == link_id, claim.c.digest.not_in(held)))


# --- by the key that made them --------------------------------------------------------------------
# `mark`: what the digests under a key begin with, nothing for the first; see `privacy/blind.py`.


def _under(mark: bytes) -> sa.ColumnElement[bool]:
    bare = sa.func.length(claim.c.digest) == BARE_BYTES
    if not mark:
        return bare
    return sa.and_(~bare, sa.func.substr(claim.c.digest, 1, KID_BYTES) == mark)


def count_by_mark(tx: sa.Connection) -> dict[bytes, int]:
    """Number of claims by what their digests begin with."""
    bare = sa.func.length(claim.c.digest) == BARE_BYTES
    mark: sa.ColumnElement[Any] = sa.case(
        (bare, sa.literal(b"", sa.LargeBinary)),
        else_=sa.func.substr(claim.c.digest, 1, KID_BYTES),
    )
    rows = tx.execute(sa.select(mark, sa.func.count()).group_by(mark)).all()
    return {bytes(one): count for one, count in rows}


def places(tx: sa.Connection, mark: bytes) -> list[tuple[str, str]]:
    """The connections and kinds that have claims of this mark."""
    c = claim.c
    query = sa.select(c.connection, c.kind).where(_under(mark)).distinct()
    return [(row[0], row[1]) for row in tx.execute(query.order_by(c.connection, c.kind))]


def held_under(
    tx: sa.Connection, connection: str, kind: str, mark: bytes, after: str
) -> list[tuple[str, list[Claim]]]:
    """The next page of links behind `after`, each with its claims of this mark, by id."""
    c = claim.c
    here = (c.connection == connection, c.kind == kind, _under(mark))
    page = sa.select(c.link).where(*here, c.link > after).distinct().order_by(c.link).limit(_PAGE)
    ids = list(tx.execute(page).scalars())
    columns = (c.digest, c.link, c.rival, c.contested)
    found: dict[str, list[Claim]] = {one: [] for one in ids}
    for row in tx.execute(sa.select(*columns).where(*here, c.link.in_(ids))):
        found[row.link].append(Claim(*row))
    return list(found.items())


def forget_under(tx: sa.Connection, mark: bytes) -> int:
    """Delete a page of the claims of this mark; returns how many."""
    c = claim.c
    some = tx.execute(sa.select(c.link).where(_under(mark)).limit(_PAGE)).scalars().all()
    return tx.execute(sa.delete(claim).where(_under(mark), c.link.in_(set(some)))).rowcount
