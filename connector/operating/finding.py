"""Which record a person means: by its place, or by an id of either side."""

from __future__ import annotations

from connector.app import Connector
from connector.errors import UsageError
from connector.operating.choosing import chosen
from connector.plugin import Kind
from connector.store import links
from connector.store.links import Link
from connector.store.staged import LOCAL, REMOTE


def find_links(
    connector: Connector,
    record: str,
    *,
    connection: str | None = None,
    kind: Kind | None = None,
) -> list[Link]:
    """The links of one record, one for each connection that knows it.

    `record` is `CONNECTION/KIND/ID`, or an id of the shop or of a vendor. Raises: UsageError if no
    record is known by it, or several are.
    """
    place = _place(connector, record)
    if place is not None:
        connection, kind, record = place
    pairs = chosen(
        connector,
        None if connection is None else [connection],
        None if kind is None else [kind],
    )
    found: dict[str, Link] = {}
    with connector.store.read() as tx:
        for name, one_kind in pairs:
            for side in (LOCAL, REMOTE):
                for link in links.by_side(tx, name, one_kind, side, [record]).values():
                    found.setdefault(link.id, link)
    if not found:
        raise UsageError(
            "No sync has seen a record of this id.",
            hint="Give CONNECTION/KIND/ID, or an id of the shop or of the vendor."
            " `crm-connector resync --ids` has the next sync look for it.",
        )
    if len({(link.kind, link.local_id) for link in found.values()}) > 1:
        places = sorted(
            f"{link.connection}/{link.kind}/{link.local_id or link.remote_id}"
            for link in found.values()
        )
        raise UsageError(
            "Several records have this id.", hint=f"Say which: {', '.join(dict.fromkeys(places))}."
        )
    return list(found.values())


def _place(connector: Connector, record: str) -> tuple[str, Kind, str] | None:
    """A record's place as `CONNECTION/KIND/ID`, if that is how it is written."""
    name, _, rest = record.partition("/")
    kind, _, id_ = rest.partition("/")
    if id_ and name in connector.settings.connections and kind in set(Kind):
        return name, Kind(kind), id_
    return None
