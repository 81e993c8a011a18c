"""What of a person stands in the state, and its end: links keep their place and lose all they tell.

Each statement goes by an index: erasing one person costs the same among many links as among few.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import sqlalchemy as sa

from connector.store import conflicts, intents, links
from connector.store.links import ERASED, Link
from connector.store.staged import LOCAL, Staged
from connector.store.tables import conflict, erasure, event, intent, link, staged

_AT_ONCE = 500
_SHOWN = [link.c[name] for name in Link.__dataclass_fields__]


def links_of_subjects(tx: sa.Connection, subjects: Iterable[str]) -> list[Link]:
    """All links of these people, dead ones too."""
    wanted = list(subjects)
    if not wanted:
        return []
    rows = tx.execute(sa.select(*_SHOWN).where(link.c.subject.in_(wanted)))
    return [Link(*row) for row in rows]


def links_of_records(
    tx: sa.Connection, connection: str, kind: str, side: str, records: Iterable[str]
) -> list[Link]:
    """All links of these records of one side, dead ones too."""
    wanted = list(records)
    if not wanted:
        return []
    column = link.c.local_id if side == LOCAL else link.c.remote_id
    rows = tx.execute(
        sa.select(*_SHOWN).where(
            link.c.connection == connection, link.c.kind == kind, column.in_(wanted)
        )
    )
    return [Link(*row) for row in rows]


def waiting_for(tx: sa.Connection, connection: str, names: Iterable[str]) -> list[Staged]:
    """Staged rows that wait for these parents (see `sync/references.py`)."""
    wanted = list(names)
    if not wanted:
        return []
    c = staged.c
    columns = [c[name] for name in Staged.__dataclass_fields__]
    query = sa.select(*columns).where(c.connection == connection, c.waits_for.in_(wanted))
    return [Staged(*row) for row in tx.execute(query)]


def sealed_documents(tx: sa.Connection, ids: Collection[str]) -> list[tuple[str, str, str, bytes]]:
    """Of these links: link, kind, the document's name and the sealed bytes of whatever intents,
    conflicts and events hold."""
    found: list[tuple[str, str, str, bytes]] = []
    for table, prefix, name in (
        (intent, "intent", intent.c.id),
        (conflict, "conflict", conflict.c.field),
        (event, "event", event.c.field),
    ):
        query = sa.select(table.c.link, table.c.kind, name, table.c.doc).where(
            table.c.link.in_(list(ids)), table.c.doc.is_not(None)
        )
        found += [(row[0], row[1], f"{prefix}/{row[2]}", row[3]) for row in tx.execute(query)]
    return found


def drop_rows(
    tx: sa.Connection, connection: str, kind: str, side: str, records: Iterable[str]
) -> None:
    """Forget what is staged of these records, letters too."""
    c = staged.c
    tx.execute(
        sa.delete(staged).where(
            c.connection == connection,
            c.kind == kind,
            c.side == side,
            c.record.in_(list(records)),
        )
    )


def erase(tx: sa.Connection, ids: Sequence[str]) -> None:
    """Let these links be erased: no id, no value, no digest is left, nor a claim of theirs."""
    for start in range(0, len(ids), _AT_ONCE):
        some = list(ids[start : start + _AT_ONCE])
        intents.drop(tx, some)
        conflicts.close_links(tx, some)
        links.release_claims(tx, some)
        tx.execute(sa.update(event).where(event.c.link.in_(some)).values(doc=None))
        tx.execute(sa.update(link).where(link.c.id.in_(some)).values(_BLANK))


_KEPT = ("id", "connection", "kind", "subject")
_BLANK = {
    **{name: None for name in Link.__dataclass_fields__ if name not in _KEPT},
    "state": ERASED,
    "epoch": 1,
}
"""The subject stays: it says nothing, and its key is what was destroyed."""


def remaining(tx: sa.Connection, ids: Collection[str]) -> int:
    """How many of these links still hold anything."""
    full = sa.or_(
        *(link.c[name].is_not(None) for name in ("local_id", "remote_id", "base", "external_key"))
    )
    query = sa.select(sa.func.count()).select_from(link).where(link.c.id.in_(list(ids)), full)
    return int(tx.execute(query).scalar_one())


# --- the copy of the ledger -----------------------------------------------------------------------


def marks(tx: sa.Connection) -> dict[str, str]:
    """How far each copied entry is, by its id."""
    rows = tx.execute(sa.select(erasure.c.id, erasure.c.mark))
    return {row.id: row.mark for row in rows}


def copies(tx: sa.Connection, ids: Iterable[str]) -> list[str]:
    """The copies of these entries."""
    query = sa.select(erasure.c.doc).where(erasure.c.id.in_(list(ids)))
    return list(tx.execute(query).scalars())


def keep_copy(tx: sa.Connection, entry_id: str, mark: str, doc: str) -> None:
    """Keep an entry's copy in place of an older one."""
    tx.execute(sa.delete(erasure).where(erasure.c.id == entry_id))
    tx.execute(sa.insert(erasure).values(id=entry_id, mark=mark, doc=doc))


def all_links(tx: sa.Connection, after: str, limit: int) -> list[Link]:
    """Links in id order behind `after`, whatever their state."""
    query = sa.select(*_SHOWN).where(link.c.id > after).order_by(link.c.id).limit(limit)
    return [Link(*row) for row in tx.execute(query)]


def all_staged(
    tx: sa.Connection, after: tuple[str, str, str, str], limit: int
) -> list[tuple[str, str, str, str]]:
    """Connection, kind, side and record of what is staged, in this order, behind `after`."""
    c = staged.c
    key = (c.connection, c.kind, c.side, c.record)
    query = sa.select(*key).where(sa.tuple_(*key) > sa.tuple_(*map(sa.literal, after)))
    return [tuple(row) for row in tx.execute(query.order_by(*key).limit(limit))]
