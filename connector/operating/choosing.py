"""Which connections and kinds a call is about."""

from __future__ import annotations

from collections.abc import Iterable

from connector.app import Connector
from connector.plugin import Kind


def chosen(
    connector: Connector, connections: Iterable[str] | None, kinds: Iterable[Kind] | None
) -> list[tuple[str, Kind]]:
    """The (connection, kind) pairs of these connections and kinds; None means all of them."""
    wanted = set(Kind) if kinds is None else set(kinds)
    names = connector.settings.connections if connections is None else connections
    return [(name, kind) for name in names for kind in connector.kinds(name) if kind in wanted]
