"""Which connections and kinds a call is about."""

from __future__ import annotations

from collections.abc import Iterable

from connector.app import Connector
from connector.errors import UsageError
from connector.plugin import Kind
from connector.settings.local import KINDS_IN_ORDER


def kinds_of(connector: Connector, connection: str) -> list[Kind]:
    """A connection's kinds, parents first. Raises: UsageError if the settings do not name it."""
    known = connector.settings.connections
    if connection not in known:
        raise UsageError(
            "The settings have no such connection.",
            hint=f"There are: {', '.join(known) or 'none'}.",
        )
    return [kind for kind in KINDS_IN_ORDER if kind in known[connection].kinds]


def chosen(
    connector: Connector, connections: Iterable[str] | None, kinds: Iterable[Kind] | None
) -> list[tuple[str, Kind]]:
    """The (connection, kind) pairs of these connections and kinds; None means all of them."""
    wanted = set(Kind) if kinds is None else set(kinds)
    names = connector.settings.connections if connections is None else connections
    return [(name, kind) for name in names for kind in kinds_of(connector, name) if kind in wanted]
