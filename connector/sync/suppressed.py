"""The erased do not come back: asked of every record before it is staged, and before it is decided.

By id, by our key and by whose child it is, of every record; by identifying values too of those that
nobody here is linked to. A living person's linked record stays theirs, whatever value they come to
share with somebody who was erased.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import sqlalchemy as sa

from connector.local.contract import Row, RowState
from connector.plugin import Seen
from connector.privacy.suppression import Labelled
from connector.records import Canonical
from connector.store import events, links, staged
from connector.store.links import Link
from connector.store.staged import LOCAL, REMOTE, Staged
from connector.sync.ports import Ports
from connector.sync.scope import Scope


def row_label(kind: str) -> str:
    return f"{LOCAL}/{kind}"


def record_label(connection: str, kind: str) -> str:
    return f"{REMOTE}/{connection}/{kind}"


def key_label(connection: str, kind: str) -> str:
    """Of our key at the vendor."""
    return f"key/{connection}/{kind}"


_IDS = (f"{LOCAL}/", f"{REMOTE}/", "key/")


def suppressed_records(
    scope: Scope, seen: Sequence[Seen], known: Mapping[str, Link], *, look: bool = True
) -> set[str]:
    """Of these records of the vendor's, those that are an erased person's. `look`: into them."""
    suppression = scope.ports.vault.suppression
    if suppression.is_empty:
        return set()
    asked: dict[str, list[Labelled]] = {}
    for one in seen:
        labelled = [(record_label(scope.connection, scope.kind), str(one.ref))]
        if one.external_key:
            labelled.append((key_label(scope.connection, scope.kind), one.external_key))
        if look and one.gone is None:
            record = scope.pair.read_remote(one.fields)
            labelled += _parents(scope, REMOTE, record)
            if not _is_whole(known.get(one.ref)):
                labelled += scope.pair.identifiers(record)
        asked.setdefault(one.ref, []).extend(labelled)
    return set(suppression.hits(asked))


def suppressed_rows(
    scope: Scope,
    tx: sa.Connection,
    keys: Sequence[str],
    rows: Mapping[str, Row],
    known: Mapping[str, Link],
    *,
    look: bool = True,
) -> set[str]:
    """Of these rows of the shop's, those that are an erased person's."""
    suppression = scope.ports.vault.suppression
    if suppression.is_empty:
        return set()
    asked: dict[str, list[Labelled]] = {}
    for key in keys:
        asked[key] = [(row_label(scope.kind), key)]
        row = rows.get(key)
        if look and row is not None and row.state is RowState.LIVE:
            record = scope.pair.read_local(row.values)
            asked[key] += _parents(scope, LOCAL, record)
            if not _is_whole(known.get(key)):
                asked[key] += scope.pair.identifiers(record)
    hits = suppression.hits(asked)
    by_value = [key for key, of in hits.items() if not any(x.startswith(_IDS) for x in of)]
    # Linked elsewhere, the row is somebody's who lives on.
    theirs = links.subjects_of(tx, scope.kind, by_value)
    return hits.keys() - theirs.keys()


def suppressed_ids(ports: Ports, label: str, ids: Iterable[str]) -> set[str]:
    """Of these ids, those that an erased person's record had."""
    suppression = ports.vault.suppression
    if suppression.is_empty:
        return set()
    return set(suppression.hits({one: [(label, one)] for one in ids}))


def note_suppressed(scope: Scope, tx: sa.Connection, count: int) -> None:
    """Count records that were turned away, with one event for them all: nothing tells whose."""
    if count:
        scope.counts.suppressed += count
        events.append(tx, [scope.event(scope.store.now_us(tx), None, "suppressed")])


def turn_away(scope: Scope, some: Sequence[tuple[Link, Sequence[Staged]]]) -> None:
    """Forget what was staged of the erased, and halves that know nothing but their record."""
    if not some:
        return
    with scope.store.write(scope.lease, "suppress") as tx:
        for link, rows in some:
            staged.settle(tx, rows)
            if link.live is not None and not _is_whole(link):
                links.delete(tx, [link.id])
        note_suppressed(scope, tx, len(some))


def _is_whole(link: Link | None) -> bool:
    """Whether both sides of a living link are known."""
    return (
        link is not None
        and link.live is not None
        and link.local_id is not None
        and link.remote_id is not None
    )


def _parents(scope: Scope, side: str, record: Canonical) -> list[Labelled]:
    """Whose child the record says it is."""
    found = []
    for name, kind in scope.parent_kinds.items():
        raw = record.get(name)
        if isinstance(raw, str):
            label = row_label(kind) if side == LOCAL else record_label(scope.connection, kind)
            found.append((label, raw))
    return found


def which_cases(
    scope: Scope,
    found: Mapping[str, tuple[Link, Sequence[Staged]]],
    seen: Mapping[str, Seen],
    rows: Mapping[str, Row],
) -> Collection[str]:
    """Of links about to be decided, those whose record on either side is an erased person's."""
    if scope.ports.vault.suppression.is_empty:
        return ()
    by_key = {link.local_id: link for link, _ in found.values() if link.local_id is not None}
    by_ref = {link.remote_id: link for link, _ in found.values() if link.remote_id is not None}
    with scope.store.read() as tx:
        keys = suppressed_rows(scope, tx, list(by_key), rows, by_key)
    # A record that was not read is asked of by its id.
    refs = suppressed_ids(scope.ports, record_label(scope.connection, scope.kind), by_ref)
    refs |= suppressed_records(scope, list(seen.values()), by_ref)
    return {by_key[key].id for key in keys} | {by_ref[ref].id for ref in refs if ref in by_ref}
