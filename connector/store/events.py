"""What was done and why: an append-only list without values, but for a loser's, sealed.

Each entry carries a keyed hash over its own content and the hash of the entry before, so that a
change of the list shows (see `docs/decisions/0028`). Of a loser's value its digest is hashed:
erasing the value later leaves the chain whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import sqlalchemy as sa

from connector.store.rows import many, parameters
from connector.store.tables import event, link, meta

CHAIN: Final = "chain"
"""The execution option of a writing connection that holds a function to its `Chain`."""
_PAGE: Final = 1000


class Chain(Protocol):
    """Makes the keyed hashes."""

    @property
    def kid(self) -> int: ...
    def mac(self, kid: int, seq: int, content: bytes) -> bytes: ...


Chained = Callable[[], Chain]


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
_LAST = "SELECT seq, mac FROM event ORDER BY seq DESC LIMIT 1"


def append(tx: sa.Connection, rows: Sequence[Event]) -> None:
    """Add entries at the end; the only way in. Writing transactions come one after the other, so
    the last entry is the last until this one commits."""
    if not rows:
        return
    last = tx.exec_driver_sql(_LAST).first()
    seq, before = (last[0], last[1]) if last is not None else (0, None)
    chained: Chained | None = tx.get_execution_options().get(CHAIN)
    entries = [{"seq": n, **_PARAMETERS(row)} for n, row in enumerate(rows, seq + 1)]
    if chained is not None:
        chain = chained()
        mac = bytes(before) if before is not None else start_of(tx, _unhashed(tx))
        kid = chain.kid
        for entry in entries:
            doc = entry["doc"]
            entry["kid"] = kid
            entry["doc_digest"] = None if doc is None else digest_of(doc)
            entry["mac"] = mac = chain.mac(kid, entry["seq"], mac + canonical(entry))
    many(tx, _INSERT, entries)


def canonical(entry: Any) -> bytes:
    """The bytes of an entry that are hashed; `entry` holds the table's columns by their names."""
    digest = entry["doc_digest"]
    told = [entry[name] for name in _HASHED]
    told.append(None if digest is None else bytes(digest).hex())
    return json.dumps(told, separators=(",", ":")).encode()


_HASHED: Final = tuple(
    column.name for column in event.columns if column.name not in ("doc", "doc_digest", "mac")
)


def digest_of(doc: bytes) -> bytes:
    """What is hashed in place of a sealed value: none of it can be guessed from it."""
    return hashlib.sha256(doc).digest()


def start_of(tx: sa.Connection, unhashed: int) -> bytes:
    """What stands before the first hashed entry: whose log it is, and how many entries are older
    than the chain."""
    store_id = tx.execute(sa.select(meta.c.value).where(meta.c.key == "store_id")).scalar()
    return hashlib.sha256(json.dumps([store_id, unhashed]).encode()).digest()


def _unhashed(tx: sa.Connection) -> int:
    return int(tx.execute(sa.select(sa.func.count()).select_from(event)).scalar_one())


def entries(tx: sa.Connection) -> Iterator[sa.RowMapping]:
    """All entries with all columns, in their order, a page at a time."""
    after: int | None = None
    while True:
        query = sa.select(event).order_by(event.c.seq).limit(_PAGE)
        rows = tx.execute(query if after is None else query.where(event.c.seq > after)).mappings()
        some = rows.all()
        yield from some
        if len(some) < _PAGE:
            return
        after = some[-1]["seq"]


def last_hash(tx: sa.Connection) -> tuple[int, bytes] | None:
    """Number and hash of the last entry, if it has one."""
    row = tx.exec_driver_sql(_LAST).first()
    return None if row is None or row[1] is None else (row[0], bytes(row[1]))


def last_us(tx: sa.Connection) -> int | None:
    """When the last entry was written, by the database's clock of then."""
    query = sa.select(event.c.at_us).order_by(event.c.seq.desc()).limit(1)
    found: int | None = tx.execute(query).scalar()
    return found


def hashes(tx: sa.Connection, numbers: Collection[int]) -> dict[int, bytes]:
    """The hashes of these entries, where they are there and have one."""
    c = event.c
    rows = tx.execute(sa.select(c.seq, c.mac).where(c.seq.in_(list(numbers)), c.mac.is_not(None)))
    return {seq: bytes(mac) for seq, mac in rows}


def of_link(tx: sa.Connection, link: str) -> list[Event]:
    c = event.c
    rows = tx.execute(
        sa.select(c.at_us, c.run, c.connection, c.kind, c.cause, c.link, c.field, c.doc, c.note)
        .where(c.link == link)
        .order_by(c.seq)
    )
    return [Event(*row) for row in rows]


def drop_values(
    tx: sa.Connection, links: Collection[str], fields: Collection[str] | None = None
) -> None:
    """Forget the losers' values of these fields of some links, or all; the chain stays whole."""
    c = event.c
    mine = [c.link.in_(list(links)), c.doc.is_not(None)]
    if fields is not None:
        mine.append(c.field.in_(list(fields)))
    tx.execute(sa.update(event).where(*mine).values(doc=None))


def set_aside(tx: sa.Connection, links: Collection[str]) -> dict[str, int]:
    """When each of these links last became a letter, as far as events tell."""
    c = event.c
    rows = tx.execute(
        sa.select(c.link, sa.func.max(c.at_us))
        .where(c.link.in_(links), c.cause.startswith("letter:"))
        .group_by(c.link)
    )
    return {link: at_us for link, at_us in rows}


def people(tx: sa.Connection, causes: Collection[str], since_us: int) -> set[str]:
    """The people of these events: their subjects, or the id of a link that has none."""
    c = event.c
    whose = sa.func.coalesce(link.c.subject, c.link, c.run)
    query = sa.select(whose).outerjoin_from(event, link, link.c.id == c.link).distinct()
    return set(tx.execute(query.where(c.cause.in_(causes), c.at_us >= since_us)).scalars())


@dataclass(frozen=True, slots=True)
class Told:
    """What writes told one connection of one person, all with the same note."""

    connection: str
    subject: str | None
    note: str
    first_us: int
    last_us: int
    writes: int


def told(tx: sa.Connection, causes: Collection[str], since_us: int) -> Iterator[Told]:
    """The writes to vendors that told them something, person by person in each connection."""
    c = event.c
    at = c.at_us
    query = (
        sa.select(
            c.connection, link.c.subject, c.note, sa.func.min(at), sa.func.max(at), sa.func.count()
        )
        .outerjoin_from(event, link, link.c.id == c.link)
        .where(c.cause.in_(causes), c.note.is_not(None), at >= since_us)
        .group_by(c.connection, link.c.subject, c.note)
        .order_by(c.connection, link.c.subject)
    )
    for row in tx.execute(query.execution_options(yield_per=_PAGE)):
        yield Told(*row)
