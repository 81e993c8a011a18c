"""Checks of an installation, from its settings to each vendor's rights. Vendors are only read.

Each check is a `Check`; `examine` yields them in the order in which one depends on another, and
leaves out what cannot be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from connector import registry
from connector.app import Connector
from connector.doctor import installation, standing, vendors
from connector.doctor.check import Check, exit_of, failed
from connector.doctor.missing import MissingField
from connector.errors import ConnectorError
from connector.plugin import Clock

__all__ = ["Check", "MissingField", "examine", "exit_of"]


def examine(
    opened: Callable[[], Connector], clock: Clock, *, room: standing.Room = standing.free_bytes
) -> Iterator[Check]:
    """Look at everything. `opened` opens the connector, which is closed at the end.

    `room` says how many bytes a folder's disk has free. Raises nothing of ours; a bug of a
    plugin's passes through.
    """
    yield installation.program()
    try:
        connector = opened()
    except ConnectorError as error:
        yield failed("settings", error)
        yield from installation.plugins(())
        return
    settings = connector.settings
    yield Check("settings", "ok", f"The settings in {settings.folder} can be used.")
    yield from installation.plugins({one.plugin for one in settings.connections.values()})
    with connector:
        keys = list(installation.keys(connector))
        yield from keys
        state = list(installation.state(connector))
        yield from state
        yield from standing.room(connector, room)
        if any(check.state == "fail" for check in state):
            return
        yield from standing.clock_of_state(connector, clock)
        yield from installation.policy(connector)
        yield from installation.local(connector)
        if any(check.state == "fail" for check in keys):
            yield Check("connections", "warn", "Not looked at: they need the key ring.")
            return
        yield from standing.provider(connector)
        if not settings.connections:
            fix = "Add a [connections.NAME] table."
            yield Check("connections", "warn", "The settings name no connection.", fix)
        for name, one in settings.connections.items():
            if one.plugin not in registry.names():
                continue  # told above
            yield from vendors.look_at(connector, name, clock)
        yield from standing.runs(connector)
