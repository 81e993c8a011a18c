"""One record as the state and the shop show it: what an explanation is made from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from connector.app import Connector
from connector.errors import SealError
from connector.local.contract import Row
from connector.mapping.translate import Pair
from connector.plugin import Kind, Ref, Seen
from connector.records import Canonical, discreet
from connector.store import conflicts, events, intents, links, scopes, staged
from connector.store.conflicts import Conflict
from connector.store.events import Event
from connector.store.intents import Intent
from connector.store.links import Link
from connector.store.staged import LOCAL, REMOTE, Staged
from connector.sync.decision import Parent
from connector.sync.documents import Base, unpack
from connector.sync.drift import schema_from
from connector.sync.gate import field_mark
from connector.sync.staging import open_staged


@discreet
@dataclass(slots=True)
class Look:
    """What is known of one link. `base` and `seen` are None where nothing is, or where the
    person's key does not open; `sealed` says that it was the key."""

    link: Link
    pair: Pair
    base: Base | None
    row: Row | None
    seen: Seen | None
    seen_from: str
    """"now" (asked for it), "staged" (read, not decided yet) or "base" (no news since)."""
    sealed: bool
    staged: list[Staged]
    intents: list[Intent]
    conflicts: dict[str, Conflict]
    events: list[Event]
    parents: dict[tuple[str, str], Parent]
    clashes: dict[str, dict[str, Canonical]]
    """Both sides' values and the base's of each open conflict, by its unit."""


def look(connector: Connector, link: Link, *, live: bool) -> Look:
    """Gather it all; `live` asks the vendor for the record by id.

    Raises: LocalError, and with `live` the vendor's errors.
    """
    kind = Kind(link.kind)
    with connector.store.read() as tx:
        scope = scopes.get(tx, link.connection, link.kind)
        rows = [
            row
            for side, record in ((LOCAL, link.local_id), (REMOTE, link.remote_id))
            if record is not None
            for row in staged.load(tx, link.connection, link.kind, side, [record]).values()
        ]
        writes = intents.of_link(tx, link.id)
        standing = conflicts.of_links(tx, [link.id]).get(link.id, {})
        told = events.of_link(tx, link.id)
    document = scope.schema_doc if scope is not None else None
    pair = connector.pair(
        link.connection,
        kind,
        schema_from(document) if document is not None else None,
        # asked for the keys only by a base that opened with them
        mark=lambda *told: field_mark(connector.vault, kind, *told),
    )
    found = Look(link, pair, None, None, None, "base", False, rows, writes, standing, told, {}, {})
    if link.local_id is not None:
        connector.local.observe(kind, pair.columns)
        found.row = connector.local.read(kind, [link.local_id]).get(link.local_id)
    _open(connector, found)
    if live and link.remote_id is not None:
        (found.seen,) = connector.remote(link.connection).fetch(kind, [Ref(link.remote_id)])
        found.seen_from = "now"
    found.parents = dict(_parents(connector, found))
    return found


def _open(connector: Connector, found: Look) -> None:
    """Open what is sealed, as far as keys are there."""
    link = found.link
    try:
        if link.base is not None and link.subject is not None:
            plain = connector.vault.open("base", link.kind, link.subject, link.id, link.base)
            found.base = Base.unpack(plain)
        for row in found.staged:
            if row.payload is not None:
                found.seen, found.seen_from = open_staged(connector.vault, row), "staged"
        for clash in found.conflicts.values():
            if clash.doc is not None and link.subject is not None:
                name = f"conflict/{clash.field}"
                found.clashes[clash.field] = unpack(
                    connector.vault.open(name, link.kind, link.subject, link.id, clash.doc)
                )
    except SealError:
        found.sealed = True


def _parents(connector: Connector, found: Look) -> Iterator[tuple[tuple[str, str], Parent]]:
    """The links of the records that its references point to."""
    pair, base = found.pair, found.base
    shown = {
        LOCAL: [found.row.values] if found.row is not None else [],
        REMOTE: [found.seen.fields] if found.seen is not None else [],
    }
    if base is not None:
        shown[LOCAL].append(base.local)
        shown[REMOTE].append(base.remote)
    with connector.store.read() as tx:
        for side, many in shown.items():
            read = pair.read_local if side == LOCAL else pair.read_remote
            named = {read(own).get(name) for own in many for name in pair.reference_fields}
            ids = {one for one in named if isinstance(one, str)}
            held = links.by_side(tx, found.link.connection, Kind.CUSTOMER, side, ids)
            for record, link in held.items():
                if link.live is not None:
                    yield (side, record), _parent(link)


def _parent(link: Link) -> Parent:
    return Parent(
        link.kind,
        link.id,
        link.local_id,
        link.remote_id,
        link.subject,
        ready=link.state == links.ACTIVE,
        blocked=False,
        gone=link.evidence,
    )
