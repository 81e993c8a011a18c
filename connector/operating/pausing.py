"""Pausing a connection or one kind of it."""

from __future__ import annotations

from connector.app import Connector
from connector.errors import UsageError
from connector.plugin import Kind
from connector.store import scopes


def set_paused(
    connector: Connector, connection: str, kind: Kind | None, *, paused: bool
) -> dict[Kind, bool]:
    """Pause a connection's kinds (or the one), or let them go on; says for each whether it changed.

    A run that is at work goes on to its end. Raises: UsageError.
    """
    kinds = connector.kinds(connection)
    if kind is not None and kind not in kinds:
        raise UsageError(
            f"The connection {connection} has no kind {kind}.",
            hint=f"It has: {', '.join(kinds)}.",
        )
    chosen = [kind] if kind is not None else kinds
    return {
        one: scopes.set_paused(connector.store, connection, one, paused=paused) for one in chosen
    }
